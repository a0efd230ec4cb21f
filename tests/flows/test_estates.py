"""The estates of real work through the real flows: what a correct run sends, compared row by row by their own script."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared import ESTATES, PROJECT

RUNS = {
    # The days between are those of tests/compliance/test_estates_pure.py.
    "fines": ("2006-01-01T00:00Z", "2006-12-31T00:00Z", "7d"),
    "helpdesk": ("2013-03-01T00:00Z", "2013-04-15T00:00Z", "6h"),
}


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", RUNS)
def test_run_estate_tells_what_a_correct_run_tells(name: str, tmp_path: Path) -> None:
    folder, (start, end, every) = ESTATES / name, RUNS[name]
    out = tmp_path / "got.jsonl"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    rules = PROJECT / "tests" / "estates" / f"{name}.yaml"
    command = [sys.executable, "-m", "vigil", "run-estate", str(folder), "--rules", str(rules)]
    command += ["--from", start, "--to", end, "--every", every, "--out", str(out), "--quiet"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=580)
    assert ran.returncode == 0, ran.stderr[-3000:]
    script = [
        sys.executable,
        str(ESTATES / "compare.py"),
        str(folder / "expected.jsonl"),
        str(out),
    ]
    compared = subprocess.run(script, capture_output=True, text=True)
    assert compared.returncode == 0, compared.stdout

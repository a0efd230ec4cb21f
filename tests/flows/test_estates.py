"""The estates of real work through the real flows: what a correct run sends, compared row by row by their own script.

tests/compliance/test_estates_pure.py plays all of their ticks with the core alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from tests.shared import ESTATES, PROJECT

RUNS = [
    pytest.param("helpdesk", "2013-03-01T00:00+00:00", "2013-03-05T06:00+00:00", "6h", id="helpdesk"),
    pytest.param(
        *("fines", "2006-01-01T00:00+00:00", "2006-12-31T00:00+00:00", "7d"),
        marks=pytest.mark.soak,
        id="fines-soak",
    ),
    pytest.param(
        *("helpdesk", "2013-03-01T00:00+00:00", "2013-03-16T00:00+00:00", "6h"),
        marks=pytest.mark.soak,
        id="helpdesk-soak",
    ),
]


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "start", "end", "every"), RUNS)
def test_run_estate_tells_what_a_correct_run_tells(
    prefect_url: str, tmp_path: Path, name: str, start: str, end: str, every: str
) -> None:
    folder = ESTATES / name
    out, expected = tmp_path / "got.jsonl", tmp_path / "expected.jsonl"
    expected.write_text("\n".join(until(folder / "expected.jsonl", datetime.fromisoformat(end))))
    environment = {**os.environ, "PREFECT_API_URL": prefect_url}
    rules = PROJECT / "tests" / "estates" / f"{name}.yaml"
    command = [sys.executable, "-m", "vigil", "run-estate", str(folder), "--rules", str(rules)]
    command += ["--from", start, "--to", end, "--every", every, "--out", str(out), "--quiet"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=580)
    assert ran.returncode == 0, ran.stderr[-3000:]
    script = [sys.executable, str(ESTATES / "compare.py"), str(expected), str(out)]
    compared = subprocess.run(script, capture_output=True, text=True)
    assert compared.returncode == 0, compared.stdout


def until(expected: Path, end: datetime) -> list[str]:
    """The expected rows up to `end`. A row that may come until later may have come by then."""
    rows = [json.loads(line) for line in expected.read_text().splitlines()]
    begun = [row for row in rows if datetime.fromisoformat(row.get("fire_at") or row["after"]) <= end]
    late = [row for row in begun if "until" in row and datetime.fromisoformat(row["until"]) > end]
    assert len(begun) - len(late) > 30, "most of the rows are left to be met"
    return [json.dumps(row | ({"optional": True} if row in late else {})) for row in begun]

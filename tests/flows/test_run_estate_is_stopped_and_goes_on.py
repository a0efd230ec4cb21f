"""`vigil run-estate` in a pipe says how far it is, ends cleanly by SIGTERM, and goes on after its last tick with its ledger."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.shared import PROJECT
from tests.support.wild import START, Wild

PROGRESS = re.compile(r"(\d+) of 4 ticks: ")


@pytest.mark.slow
def test_a_run_that_was_terminated_says_how_to_go_on_and_goes_on(prefect_url: str, tmp_path: Path) -> None:
    Wild(3, workspaces=5, days=2).save(tmp_path / "estate")
    environment = {**os.environ, "PREFECT_API_URL": prefect_url}
    command = [sys.executable, "-m", "vigil", "run-estate", str(tmp_path / "estate"), "--every", "12h"]
    command += [
        "--rules",
        str(PROJECT / "tests" / "estates" / "wild.yaml"),
        "--out",
        str(tmp_path / "out.jsonl"),
    ]
    command += ["--from", START.isoformat(), "--to", (START + timedelta(hours=36)).isoformat()]
    command += ["--ledger", f"sqlite:///{tmp_path}/ledger.sqlite"]

    def run() -> subprocess.Popen[str]:
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)

    with run() as first:
        assert first.stderr is not None
        while not (at := PROGRESS.search(first.stderr.readline())):
            assert first.poll() is None
        assert at[1] == "1"
        first.send_signal(signal.SIGTERM)
        rest = first.stderr.read()
    assert first.returncode == 128 + signal.SIGTERM, rest
    assert "the same command goes on after the last tick" in rest and "Traceback" not in rest
    assert not (tmp_path / "out.jsonl").exists()
    with run() as second:
        assert second.stderr is not None
        said = second.stderr.read()
    assert second.returncode == 0, said
    ticks = [int(done) for done in PROGRESS.findall(said)]
    assert ticks[0] > 1 and ticks[-1] == 4, said
    assert (tmp_path / "out.jsonl").read_text()

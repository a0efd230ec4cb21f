"""`vigil test`: what it prints and how it exits, as a script sees it."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.shared import PROJECT
from tests.timeline.players import APPROVAL, GOOD
from vigil.timeline.command import play_timelines as run


def here(folder: Path, timelines: str) -> tuple[int, str]:
    """In this process: without `--mutate` and `--coverage`, which fork."""
    suite_files(folder, timelines)
    console = Console(width=200, file=io.StringIO(), record=True)
    with contextlib.chdir(folder):
        code = run(Path(), PROJECT / "templates", console)
    return code, console.export_text()


def there(folder: Path, timelines: str, *more: str) -> tuple[int, str]:
    """As a script runs it."""
    suite_files(folder, timelines)
    command = [sys.executable, "-c", "from vigil.cli.app import main; main()", "test", ".", *more]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=250, check=False)
    return done.returncode, done.stdout + done.stderr


def suite_files(folder: Path, timelines: str) -> None:
    (folder / "pack.yaml").write_text(APPROVAL)
    (folder / "pack.timeline.yaml").write_text(timelines)


def test_all_as_expected_is_0_and_one_line(tmp_path: Path) -> None:
    code, said = here(tmp_path, GOOD)
    assert code == 0
    assert "1 passed: 1 timeline over 1 rule, 2 steps, 1 notice as expected" in said


def test_a_failure_is_1_and_names_file_and_line(tmp_path: Path) -> None:
    code, said = here(tmp_path, GOOD.replace("expect: {ada: approval}", ""))
    assert code == 1
    assert "pack.timeline.yaml:7  a notice that nobody expected, Mon 2026-03-02 09:00" in said
    assert ">   7 |   - at: 09:00" in said
    assert "why      the step" in said


def test_a_refused_file_is_2(tmp_path: Path) -> None:
    code, said = there(tmp_path, GOOD.replace("to: ada", "to: adam"))
    assert code == 2
    assert 'pack.timeline.yaml:8:55  unknown person or group "adam"' in said


def test_a_missed_gate_is_1_and_names_what_was_not_noticed(tmp_path: Path) -> None:
    code, said = there(tmp_path, GOOD, "--mutate", "--coverage")
    assert code == 1
    assert "pack.yaml:6  approval: the filter title of step_assigned left out" in said
    assert "the gate is 90%" in said
    assert "pack.yaml:8  approval: nobody was told as role owner" in said


def test_nothing_is_changed_while_the_timelines_fail(tmp_path: Path) -> None:
    code, said = there(tmp_path, GOOD.replace("expect: {ada: approval}", ""), "--mutate")
    assert code == 1
    assert "No rule was changed" in said


@pytest.mark.parametrize("command", ["vigil.timeline.command", "vigil.cli.validate"])
def test_what_rules_are_tested_and_checked_with_is_quick_to_load(command: str) -> None:
    """The database, the clients and Prefect take longer to load than two hundred rules take to test (docs/decisions/0011)."""
    slow = "{'sqlalchemy', 'httpx', 'aiohttp', 'firebase_admin', 'google', 'icalendar', 'prefect', 'fastapi', 'uvicorn'}"
    code = f"import sys, vigil.cli.app, {command}; print(sorted({slow} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert done.stdout.strip() == "[]"

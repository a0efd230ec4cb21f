"""The doctor says that the last run of a deployment crashed, and that a run of the ledger has not ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from vigil.ledger import Ledger
from vigil.ledger.observed import runs
from vigil.service.doctor import ledger
from vigil.service.doctor.health import CheckState
from vigil.service.doctor.runs import Crashed, Underway, underway

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SAID = "It gave no sign of life for four minutes: its worker is gone. Nothing is lost."
CRASHED = Crashed("watch/melodic-jaguar", NOW - timedelta(minutes=5), SAID)


def test_a_deployment_whose_last_run_crashed_is_a_warning_with_its_reason() -> None:
    check = underway([], NOW, [CRASHED])
    assert check.state is CheckState.WARN
    assert check.saw == (
        "watch/melodic-jaguar, the last of its deployment, crashed at 2026-03-02 08:55 UTC: "
        "It gave no sign of life for four minutes: its worker is gone"
    )
    assert "the next run reads and delivers" in check.do


def test_a_run_that_looks_dead_now_comes_before_one_that_crashed() -> None:
    silent = Underway("watch/b", "Running", True, NOW - timedelta(hours=1), NOW - timedelta(hours=1))
    check = underway([silent], NOW, [CRASHED])
    assert check.state is CheckState.FAIL and "watch/b is Running" in check.saw


def test_a_watch_that_was_killed_is_not_said_to_have_ended(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    opened = Ledger.open(url)
    with opened.write() as connection:
        runs.begin(connection, "watch", NOW, NOW)
    opened.close()
    last = ledger.examine(url, NOW, "default")[-1]
    assert last.saw == "run 1, begun 2026-03-02 09:00 UTC, has not ended"

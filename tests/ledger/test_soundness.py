"""A ledger that does not agree with itself is seen, whatever disagrees; a sound one has no fault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from vigil.compliance import facts as f
from vigil.compliance.notices import NoticeState
from vigil.ledger import Ledger, watermarks
from vigil.ledger.maintenance import integrity
from vigil.ledger.observed import observations, runs
from vigil.ledger.outbox import queue
from vigil.ledger.values import Entry, RunState
from vigil.ledger.watermarks import Watermark, WatermarkName

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def kept(ledger: Ledger) -> Ledger:
    """Six workspaces, each seen twice, and one notice."""
    for n, status in enumerate("ab"):
        with ledger.write() as connection:
            some = [
                f.Workspace(i, "Case", f"Case {i}", NOON, NOON, {"Case.status": status}) for i in range(1, 7)
            ]
            observations.record(connection, some, NOON + n * DAY, 1)
    with ledger.write() as connection:
        watermarks.set_watermark(connection, WatermarkName.EVALUATED, Watermark(12, NOON + DAY))
        queue.enqueue(connection, [Entry("r", 1, "o", "", "ada", NOON, NoticeState.QUEUED)], NOON, 1)
    return ledger


def faults(ledger: Ledger) -> list[str]:
    with ledger.read() as connection:
        index, end, count = integrity.newest(connection, ("", ""), 100)
        assert (end, count) == (("", ""), 6)
        return [f"{x.where}: {x.what}" for x in (*index, *integrity.whole(connection, NOON + DAY))]


def spoil(ledger: Ledger, statement: str) -> None:
    with ledger.write() as connection:
        assert connection.execute(text(statement)).rowcount


def test_a_sound_ledger_has_no_fault(kept: Ledger) -> None:
    assert faults(kept) == []


def test_the_scan_of_the_index_goes_slice_by_slice_and_begins_anew(kept: Ledger) -> None:
    after, seen = ("", ""), 0
    for _ in range(3):
        with kept.read() as connection:
            _, after, count = integrity.newest(connection, after, 2)
            seen += count
    with kept.read() as connection:
        _, after, count = integrity.newest(connection, after, 2)
    assert (seen, count, after) == (6, 0, ("", ""))


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        (
            "UPDATE newest SET seq = 1 WHERE subject = '1'",
            "newest workspace 1: points at observation 1, the newest is 7",
        ),
        (
            "UPDATE newest SET hash = NULL WHERE subject = '2'",
            "newest workspace 2: its hash is not that of observation 8",
        ),
        (
            "UPDATE observation SET body = replace(body, 'Case 3', 'Case X') WHERE subject = '3'",
            "newest workspace 3: the body of observation 9 does not have the hash",
        ),
        (
            "DELETE FROM observation WHERE seq = 10",
            "newest workspace 4: points at observation 10, the newest is 4",
        ),
        (
            "UPDATE position SET seq = 99 WHERE name = 'evaluated'",
            "position evaluated: has taken in observation 99",
        ),
        ("UPDATE notice SET due_at = NULL", "outbox: 1 notice is queued and never due"),
        (
            "INSERT INTO attempt (notice, device, started_at, ended_at, outcome, code, name)"
            " VALUES (77, 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00', 'accepted', '', '')",
            "attempts: 1 belong to no notice",
        ),
    ],
)
def test_each_disagreement_is_named(kept: Ledger, statement: str, where: str) -> None:
    spoil(kept, statement)
    found = faults(kept)
    assert len(found) == 1 and found[0].startswith(where), found


def test_a_watermark_in_the_future_and_a_run_that_never_ended_are_named(kept: Ledger) -> None:
    with kept.write() as connection:
        watermarks.set_watermark(connection, WatermarkName.SCAN, Watermark(at=NOON + 3 * DAY))
        runs.begin(connection, "watch", NOON, NOON - 2 * DAY)
    assert [x.partition(":")[0] for x in faults(kept)] == ["position scan", "runs"]


def covered(ledger: Ledger, *windows: tuple[datetime, datetime]) -> None:
    """Runs that evaluated these windows. The last of them was killed before it had an account."""
    for n, (after, until) in enumerate(windows, start=1):
        with ledger.write() as connection:
            run = runs.begin(connection, "watch", until, until)
            runs.cover(connection, run, after, until)
            if n < len(windows):
                runs.end(connection, run, RunState.DONE, {"numbers": {}}, until)


def test_a_chain_of_windows_has_no_fault_and_a_hole_in_it_is_named(kept: Ledger) -> None:
    covered(kept, (NOON, NOON), (NOON, NOON + DAY / 4), (NOON + DAY / 4, NOON + DAY / 2))
    assert faults(kept) == []
    covered(kept, (NOON + DAY / 2 + timedelta(hours=1), NOON + DAY))
    said = "evaluated from 2026-03-04 01:00 UTC on, those before it up to 2026-03-04 00:00 UTC"
    assert faults(kept) == [f"run 4: {said}"]


@pytest.mark.parametrize(
    "windows",
    [
        [(NOON, NOON + DAY / 4), (NOON, NOON + DAY / 3), (NOON + DAY / 4, NOON + DAY / 2)],
        [(NOON, NOON + DAY / 2), (NOON + DAY / 4, NOON + DAY / 4), (NOON + DAY / 4, NOON + DAY)],
        [(NOON + DAY / 4, NOON + DAY / 4), (NOON, NOON + DAY / 3), (NOON + DAY / 3, NOON + DAY / 2)],
    ],
    ids=["two runs at once", "a clock that was set back", "a run that was overtaken by the next one"],
)
def test_windows_that_overlap_leave_no_hole(kept: Ledger, windows: list[tuple[datetime, datetime]]) -> None:
    covered(kept, *windows)
    assert faults(kept) == []


def test_a_lost_unique_key_is_named(kept: Ledger, kind: str) -> None:
    if kind == "sqlite":
        with kept.write() as connection:
            sql = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'notice'")).scalar_one()
            without = sql.replace(
                "CONSTRAINT uq_notice_once UNIQUE (workspace, rule, occurrence, step, person)", "CHECK (1)"
            )
            assert without != sql
            connection.execute(text("DROP TABLE notice"))
            connection.execute(text(without))
    else:
        with kept.write() as connection:
            connection.execute(text("ALTER TABLE notice DROP CONSTRAINT uq_notice_once"))
    assert [x.partition(":")[0] for x in faults(kept)] == ["table notice"]


def test_hints_are_commands_for_an_administrator(kept: Ledger) -> None:
    with kept.read() as connection:
        hints = integrity.upkeep_hints(connection)
    assert all("ANALYZE" in hint or "VACUUM" in hint for hint in hints)

"""A ledger of each earlier schema goes on: nothing of it is lost, and what was open in it is told exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import orjson
import pytest

from tests.support.open_rows import (
    DAY,
    HOUR,
    MESSAGES,
    NOW,
    NUMBERS,
    OCCURRENCES,
    POSITIONS,
    ROWS,
    deliver,
    expected,
    fill,
    notice,
    received,
)
from tests.support.postgres import DATABASES, server
from tests.support.schemas import Earlier, contents, revisions
from vigil.compliance.evaluation.results import DIGESTED
from vigil.compliance.notices import NoticeState
from vigil.compliance.notify.guards import GuardWhy
from vigil.compliance.occurrence import Occurrence
from vigil.compliance.quiet_hours import QuietSpan
from vigil.ledger import Ledger, watermarks
from vigil.ledger.notice_message import EMPTY_MESSAGE, NoticeMessage
from vigil.ledger.observed import folders, rule_state, scan_cursors
from vigil.ledger.observed.folders import KnownFolder
from vigil.ledger.outbox import digests, guard_holds, queue
from vigil.ledger.outbox.sent_history import occurrences
from vigil.ledger.watermarks import Listed, Scan, WatermarkName, list_of, watermark
from vigil.sandbox.fcm.local import LocalFcm

OLDEST, *BETWEEN, _, _ = revisions()
CASES = [
    pytest.param(
        (kind, revision),
        marks=pytest.mark.soak if kind == "postgresql" and revision in BETWEEN else (),
        id=f"{kind}-{revision}",
    )
    for kind in DATABASES
    for revision in revisions()
]
"""On PostgreSQL, CI goes the whole way from the oldest, and from the newest two."""


@pytest.fixture(params=CASES)
def url_and_revision(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    kind, revision = request.param
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.sqlite'}", revision
        return
    with server().database("template1") as url:
        yield url, revision


@pytest.fixture
def earlier(url_and_revision: tuple[str, str]) -> Iterator[Earlier]:
    made = Earlier(*url_and_revision)
    fill(made)
    yield made
    made.close()


def test_an_upgrade_leaves_every_row_as_it_was_and_finds_what_waits(earlier: Earlier) -> None:
    with earlier.engine.connect() as connection:
        before = contents(connection, earlier.tables)
    assert all(before.values()), "a table without a row proves nothing"
    ledger = Ledger.open(url_of(earlier))
    with ledger.read() as connection:
        assert contents(connection, earlier.tables) == before
        assert guard_holds.count(connection, "r", [1], GuardWhy.HELD).notices == 1
        assert rule_state.due_workspaces(connection, NOW, ["r"]) == {1}
        assert watermarks.watermark(connection, WatermarkName.EVALUATED).at == NOW - HOUR
    with ledger.write() as connection:
        waiting = digests.of_people(connection, ["ben"], DIGESTED, NOW)
    assert [p.id for p in waiting["ben"]] == [NUMBERS["late, for the digest"], NUMBERS["grouped"]]
    ledger.close()


def test_what_an_earlier_program_stored_is_read_as_it_was_meant(earlier: Earlier) -> None:
    ledger = Ledger.open(url_of(earlier))
    with ledger.read() as connection:
        rows = {r["workspace"]: r for r in queue.rows(connection)}
        sent = occurrences(connection, "r", NUMBERS.values())
        evaluated, scan = watermarks.evaluated(connection), watermark(connection, WatermarkName.SCAN)
        listed, looked = watermark(connection, list_of("Contract")), scan_cursors.looked_through(connection)
    assert {NoticeState(r.state) for r in ROWS.values()} == set(NoticeState)
    for name, row in ROWS.items():
        kept, stored = rows[NUMBERS[name]], notice(name, row)
        assert kept["state"] is NoticeState(row.state)
        assert kept["message"] == NoticeMessage.from_json(stored["message"])
        if name in MESSAGES:
            assert kept["message"].to_json() == stored["message"]
        assert str(Occurrence.parse(kept["occurrence"])) == stored["occurrence"]
    said = rows[NUMBERS["told"]]["message"]
    assert (said.ttl, said.zone, said.channels) == (86400, "Europe/Berlin", ("email", "push"))
    assert (said.quiet, said.mail["title"]) == (QuietSpan(time(20), time(8)), "<b>T</b>")
    assert rows[NUMBERS["unroutable"]]["message"].lacks == ("role owner is empty",)
    assert rows[NUMBERS["refused"]]["message"] == EMPTY_MESSAGE
    assert {o for some in sent.values() for o in some} == {
        "2026-03-31",
        *(OCCURRENCES[name] for name in OCCURRENCES if ROWS[name].state in ("sent", "queued")),
    }
    assert orjson.dumps(evaluated.plain()).decode() == POSITIONS["evaluated"]
    assert (Scan.of(scan.data).parts, Listed.of(listed.data).workspaces) == ({"steps"}, 7)
    assert looked == {"document": datetime(2026, 3, 1, 8, tzinfo=UTC)}
    ledger.close()


def test_what_was_open_is_told_once_when_it_is_due_and_nothing_else_is(
    earlier: Earlier, fcm: LocalFcm
) -> None:
    ledger = Ledger.open(url_of(earlier))
    for at in (timedelta(0), HOUR, DAY, 2 * DAY):
        deliver(ledger, fcm, NOW + at)
        assert received(fcm) == expected(at)
    with ledger.read() as connection:
        states = {r["workspace"]: r["state"] for r in queue.rows(connection)}
    assert {n for n, state in states.items() if state == "queued"} == set()
    assert {
        name for name, row in ROWS.items() if row.told is not None and states[NUMBERS[name]] != "sent"
    } == set()
    ledger.close()


def url_of(earlier: Earlier) -> str:
    return earlier.engine.url.render_as_string(hide_password=False)


def test_folders_that_observations_of_workspaces_had_stay_known(earlier: Earlier) -> None:
    """Until revision 0010 a folder was a pair in its workspace: id, and number of items."""
    if "newest" not in earlier.tables or "folder" in earlier.tables:
        pytest.skip("this schema has no such workspaces")
    body = '{"attrs":{},"folders":[[81,2],[82,0]],"id":9}'
    rows = [(90, 9, body), (91, 10, '{"attrs":{},"folders":[],"id":10}')]
    earlier.put(
        "observation",
        [
            {"seq": seq, "kind": "workspace", "subject": str(w), "workspace": w, "seen_at": NOW, "body": text}
            for seq, w, text in rows
        ],
    )
    earlier.put(
        "newest",
        [
            {
                "kind": "workspace",
                "subject": str(w),
                "workspace": w,
                "seq": seq,
                "hash": b"1",
                "checked_at": NOW,
            }
            for seq, w, _ in rows
        ],
    )
    ledger = Ledger.open(url_of(earlier))
    with ledger.read() as connection:
        assert folders.known(connection, [81, 82, 83]) == {
            81: KnownFolder(81, 9, 2, None),
            82: KnownFolder(82, 9, 0, None),
        }
        assert folders.after(connection, 81, 10) == [KnownFolder(82, 9, 0, None)]
    with ledger.write() as connection:
        folders.keep(connection, [9], {9: [KnownFolder(83, 9, 1, NOW)]})
        assert folders.known(connection, [81, 82, 83]) == {83: KnownFolder(83, 9, 1, NOW)}
    ledger.close()

"""A row that was queued for later is not due before, whatever held it meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vigil.compliance.notices import NoticeState
from vigil.compliance.notify.guards import GuardWhy
from vigil.ledger import Ledger
from vigil.ledger.outbox import guard_holds, leases, queue
from vigil.ledger.values import Entry

AT = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
MORNING = AT + timedelta(hours=9)


def entry(person: str, state: NoticeState = NoticeState.QUEUED, due_at: datetime | None = MORNING) -> Entry:
    return Entry(
        "renewal",
        1,
        "o",
        "",
        person,
        AT,
        state,
        GuardWhy.HELD.value if state == NoticeState.SUPPRESSED else "",
        due_at=due_at,
    )


def due(ledger: Ledger) -> dict[str, datetime | None]:
    with ledger.read() as connection:
        return {r["person"]: r["due_at"] for r in queue.rows(connection)}


def test_it_is_claimed_when_the_quiet_ends_and_not_before(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite")
    with ledger.write() as connection:
        queue.enqueue(connection, [entry("ada"), entry("bob", due_at=None)], AT, 1)
    hold = timedelta(minutes=5)
    with ledger.write() as connection:
        assert [c.person for c in leases.claim(connection, "w", MORNING - timedelta(seconds=1), hold, 9)] == [
            "bob"
        ]
        assert [c.person for c in leases.claim(connection, "w2", MORNING, hold, 9) if c.person == "ada"] == [
            "ada"
        ]
    ledger.close()


@pytest.mark.parametrize(
    ("released", "expected"),
    [(AT + timedelta(hours=1), MORNING), (MORNING + timedelta(hours=1), MORNING + timedelta(hours=1))],
)
def test_a_guard_that_lets_it_go_does_not_wake_anybody(
    tmp_path: Path, released: datetime, expected: datetime
) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite")
    with ledger.write() as connection:
        queue.enqueue(
            connection,
            [entry("ada", NoticeState.SUPPRESSED), entry("bob", NoticeState.SUPPRESSED, None)],
            AT,
            1,
        )
        assert guard_holds.release(connection, "renewal", 1, GuardWhy.HELD, released, 2) == 2
    assert due(ledger) == {"ada": expected, "bob": released}
    ledger.close()

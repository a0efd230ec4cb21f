"""Notices that wait for a digest, on both databases: found by person, explained once, parked again after a guard let them go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vigil.compliance.evaluation.results import Why
from vigil.compliance.notices import NoticeState
from vigil.ledger import Ledger
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.outbox import digests, leases, queue
from vigil.ledger.values import Entry

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WAITS, LATE = Why.GROUPED, Why.LATE_DIGEST
REASONS = frozenset({WAITS, LATE})


def put(
    ledger: Ledger,
    person: str,
    occurrence: str,
    state: NoticeState,
    reason: str,
    at: datetime = NOON,
    mark: str = "",
) -> None:
    message = NoticeMessage(title=f'say "digest": {occurrence}', ttl=3600, digest=mark)
    with ledger.write() as connection:
        queue.enqueue(connection, [Entry("r", 7, occurrence, "", person, at, state, reason, message)], at, 1)


def reasons(ledger: Ledger) -> dict[str, tuple[str, str]]:
    with ledger.read() as connection:
        return {r["occurrence"]: (r["state"], r["reason"]) for r in queue.rows(connection)}


def test_what_waits_is_found_by_person_up_to_an_instant_in_order(ledger: Ledger) -> None:
    put(ledger, "bob", "1", NoticeState.SUPPRESSED, WAITS)
    put(ledger, "ada", "2", NoticeState.SUPPRESSED, LATE)
    put(ledger, "ada", "3", NoticeState.SUPPRESSED, WAITS, NOON + HOUR)
    put(ledger, "ada", "4", NoticeState.SUPPRESSED, "the person did it")
    put(ledger, "", "5", NoticeState.SUPPRESSED, WAITS)  # nobody's
    put(ledger, "eve", "6", NoticeState.QUEUED, "")
    with ledger.write() as connection:
        assert digests.people(connection, REASONS, NOON) == ["ada", "bob"]
        found = digests.of_people(connection, ["ada", "bob", "eve"], REASONS, NOON)
        later = digests.of_people(connection, ["ada"], REASONS, NOON + HOUR)
    assert {p: [x.occurrence for x in some] for p, some in found.items()} == {"ada": ["2"], "bob": ["1"]}
    assert [x.occurrence for x in later["ada"]] == ["2", "3"]
    assert later["ada"][0].expires_at == NOON + HOUR and later["ada"][0].as_of == NOON


def test_a_row_is_explained_once_and_waits_no_more(ledger: Ledger) -> None:
    put(ledger, "ada", "1", NoticeState.SUPPRESSED, WAITS)
    put(ledger, "ada", "2", NoticeState.QUEUED, "")
    with ledger.write() as connection:
        ids = [r["id"] for r in queue.rows(connection)]
        assert digests.put_into(connection, ids, 9) == 1, "a row that is on its way was touched"
        assert digests.people(connection, REASONS, NOON) == []
    assert reasons(ledger) == {"1": ("suppressed", "in digest 9"), "2": ("queued", "")}


def test_only_what_was_meant_for_the_digest_is_parked(ledger: Ledger) -> None:
    """The words of a notice may look like the mark: a title is written by anybody."""
    put(ledger, "ada", "meant", NoticeState.QUEUED, "", mark=WAITS)
    put(ledger, "ada", "late", NoticeState.QUEUED, "", mark=LATE)
    put(ledger, "ada", "not meant", NoticeState.QUEUED, "")
    put(ledger, "ada", NoticeState.SENT, NoticeState.SENT, "", mark=WAITS)
    with ledger.write() as connection:
        assert digests.park(connection, 2) == 0, "another run's"
        assert digests.park(connection, 1) == 2
        assert digests.park(connection, 1) == 0
    assert reasons(ledger) == {
        "meant": ("suppressed", WAITS), "late": ("suppressed", LATE), "not meant": ("queued", ""), "sent": ("sent", ""),
    }  # fmt: skip
    with ledger.read() as connection:
        assert leases.next_due(connection) == NOON, "what is parked is not due"


def test_a_notice_is_found_by_its_key(ledger: Ledger) -> None:
    put(ledger, "ada", "1", NoticeState.QUEUED, "")
    with ledger.read() as connection:
        (row,) = queue.rows(connection)
        assert digests.number_of(connection, ("r", 7, "1", "", "ada")) == row["id"]

"""What reconciliation looks for, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vigil.compliance.notices import NoticeState
from vigil.ledger import Ledger
from vigil.ledger.outbox import audits, leases, queue
from vigil.ledger.outbox.audits import LatestNotice
from vigil.ledger.outbox.leases import Settled, Tried
from vigil.ledger.people import device_stats, devices
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.values import Entry

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
LEASE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def queued(
    ledger: Ledger,
    occurrence: str,
    person: str = "ada",
    state: NoticeState = NoticeState.QUEUED,
    at: datetime = NOON,
) -> int:
    with ledger.write() as connection:
        queue.enqueue(connection, [Entry("r", 7, occurrence, "", person, at, state)], at, 1)
        return int(queue.rows(connection)[-1]["id"])


def attempt(ledger: Ledger, number: int, outcome: str, state: NoticeState, code: str = "RESET") -> None:
    with ledger.write() as connection:
        leases.claim(connection, "w", NOON, LEASE, 10)
        tried = Tried(number, 1, NOON, NOON, outcome, None, code)
        due = NOON if state == NoticeState.QUEUED else None
        assert leases.settle(connection, "w", [tried], [Settled(number, state, "", due, NOON)]) == 1


def test_a_notice_whose_time_for_trying_is_over_is_found_with_its_last_attempt(ledger: Ledger) -> None:
    number = queued(ledger, "a")
    attempt(ledger, number, "retry", NoticeState.QUEUED, "UNAVAILABLE")
    attempt(ledger, number, "unknown", NoticeState.QUEUED)
    with ledger.read() as connection:
        assert audits.given_up_by_now(connection, NOON - HOUR, NOON) == []
        (found,) = audits.given_up_by_now(connection, NOON, NOON + 2 * HOUR)
    assert (found.id, found.person, found.last) == (number, "ada", "unknown RESET")


def test_one_that_was_never_tried_or_that_a_worker_holds_is_left_alone(ledger: Ledger) -> None:
    queued(ledger, "never", "bob")
    held = queued(ledger, "held")
    attempt(ledger, held, "unknown", NoticeState.QUEUED)
    with ledger.write() as connection:
        leases.claim(connection, "w", NOON, LEASE, 10)
        assert audits.given_up_by_now(connection, NOON, NOON) == []
        assert audits.give_up(connection, {held: "expired"}, NOON) == 0
        assert audits.give_up(connection, {held: "expired"}, NOON + HOUR) == 1
    with ledger.read() as connection:
        assert {r["person"]: r["state"] for r in queue.rows(connection)} == {
            "ada": "failed",
            "bob": "queued",
        }


def test_sent_without_an_accepted_attempt_is_found(ledger: Ledger) -> None:
    good, bad = queued(ledger, "good"), 0
    attempt(ledger, good, "accepted", NoticeState.SENT, "")
    bad = queued(ledger, "bad")
    attempt(ledger, bad, "unknown", NoticeState.SENT)
    with ledger.read() as connection:
        found, looked_at = audits.unproven(connection, None)
        assert ([u.id for u in found], looked_at) == ([bad], 2)
        assert audits.unproven(connection, NOON) == ([], 0), "what was forgotten is not looked at"


def test_people_are_unreachable_from_the_first_notice_after_their_last_device(ledger: Ledger) -> None:
    with ledger.write() as connection:
        devices.register(connection, [NewDevice(p, f"{p}-1", "ios") for p in ("bob", "eve")], NOON - 9 * DAY)
        (bob,) = devices.of_people(connection, ["bob"])["bob"]
        devices.retire(connection, [bob.id], "UNREGISTERED", NOON - 3 * DAY)
    queued(ledger, "1", "ada", NoticeState.NO_DEVICE, NOON - 8 * DAY)
    queued(ledger, "2", "ada", NoticeState.NO_DEVICE, NOON)
    queued(ledger, "3", "bob", NoticeState.NO_DEVICE, NOON - 9 * DAY)  # before he had one
    queued(ledger, "4", "bob", NoticeState.NO_DEVICE, NOON - 2 * DAY)
    queued(ledger, "5", "eve", NoticeState.NO_DEVICE, NOON - 9 * DAY)
    with ledger.read() as connection:
        week = audits.unreachable(connection, NOON - 7 * DAY)
        day = audits.unreachable(connection, NOON - DAY)
        retired = audits.retired_since(connection, NOON - 7 * DAY)
    assert [(u.person, u.notices, u.since) for u in week] == [("ada", 2, NOON - 8 * DAY)]
    assert [(u.person, u.notices, u.since) for u in day] == [
        ("ada", 2, NOON - 8 * DAY), ("bob", 1, NOON - 2 * DAY),
    ]  # fmt: skip
    assert retired == {"UNREGISTERED": [bob.id]}


def test_what_was_said_of_a_workspace_since_when(ledger: Ledger) -> None:
    queued(ledger, "1", "ada", NoticeState.SENT, NOON)
    queued(ledger, "2", "ada", NoticeState.SENT, NOON + HOUR)
    queued(ledger, "3", "bob", NoticeState.SENT, NOON - DAY)
    queued(ledger, "4", "eve", NoticeState.NO_DEVICE, NOON)
    with ledger.read() as connection:
        assert audits.said_about(connection, [7, 8], NOON) == [
            LatestNotice("ada", 7, NoticeState.SENT, NOON + HOUR),
            LatestNotice("eve", 7, NoticeState.NO_DEVICE, NOON),
        ]
        assert audits.said_about(connection, [8], NOON) == []


def test_the_registry_is_counted_by_platform_and_by_age(ledger: Ledger) -> None:
    with ledger.write() as connection:
        for person, days in (("ada", 0), ("bob", 31), ("eve", 271)):
            device = NewDevice(person, f"{person}-1", "android")
            devices.register(connection, [device], NOON - days * DAY)
        devices.register(connection, [NewDevice("ada", "a@example.org", "email", "email")], NOON - 400 * DAY)
        counted = device_stats.take(connection, NOON)
    assert dict(counted.in_use) == {"android": 3, "email": 1} and counted.people == 3
    assert (len(counted.stale), len(counted.refused)) == (1, 1)

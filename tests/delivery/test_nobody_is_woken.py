"""Whatever makes a row due at night, its person hears of it in the morning, once: the worker looks at each row that it claims."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta

import pytest

from tests.support.delivery_bench import DeliveryBench
from tests.support.samples import T0, entry, words
from vigil.compliance.notices import NoticeState
from vigil.compliance.notify.guards import GuardWhy
from vigil.compliance.quiet_hours import QuietSpan
from vigil.ledger.outbox import guard_holds, queue
from vigil.ledger.people import preferences
from vigil.ledger.people.preferences import Preferences
from vigil.ledger.values import Entry

NIGHT = T0.replace(hour=22, minute=30)
MORNING = (T0 + timedelta(days=1)).replace(hour=7)
ASLEEP = Preferences(quiet_from=time(22), quiet_to=time(7), zone="UTC")


def asks(bench: DeliveryBench, wanted: Preferences = ASLEEP, login: str = "ada") -> None:
    with bench.ledger.write() as connection:
        preferences.keep(connection, login, wanted, bench.now)


def queued_by_day(bench: DeliveryBench) -> None:
    """Nobody delivered until it was night."""
    bench.queue()


def queued_at_night(bench: DeliveryBench) -> None:
    """A backfill's approval and a digest queue rows that are due at once."""
    bench.now = NIGHT
    bench.queue()


def released_by_a_guard(bench: DeliveryBench) -> None:
    bench.queue(entry(state=NoticeState.SUPPRESSED, reason=GuardWhy.HELD.value))
    with bench.ledger.write() as connection:
        assert guard_holds.release(connection, "contract-renewal", 1, GuardWhy.HELD, NIGHT, 2) == 1


def queued_once_more(bench: DeliveryBench) -> None:
    """As an approved backfill asks of what failed."""
    failed = entry(state="failed", reason="expired: UNAVAILABLE")
    bench.queue(failed)
    with bench.ledger.write() as connection:
        assert queue.requeue(connection, [failed.key], NIGHT, 2) == 1


WAYS: list[Callable[[DeliveryBench], None]] = [
    queued_by_day,
    queued_at_night,
    released_by_a_guard,
    queued_once_more,
]


@pytest.mark.parametrize("becomes_due", WAYS)
async def test_what_becomes_due_at_night_is_said_in_the_morning(
    bench: DeliveryBench, becomes_due: Callable[[DeliveryBench], None]
) -> None:
    asks(bench)
    becomes_due(bench)
    bench.now = NIGHT
    assert (await bench.deliver()).rows == {"queued": 1}
    row = bench.row
    assert (row["state"], row["due_at"], row["tries"], row["lease_until"], row["first_tried_at"]) == (
        "queued",
        MORNING,
        0,
        None,
        None,
    )
    assert not (await bench.deliver()).any, "it is not claimed again before it is due"
    bench.now = bench.fcm.now = MORNING
    assert (await bench.deliver()).rows == {"sent": 1}
    assert len(bench.received("ada", "android")) == len(bench.attempts()) == 1


async def test_what_was_held_back_unsent_in_the_evening_is_not_sent_at_night(bench: DeliveryBench) -> None:
    """A device's rate, a slowed project or a refused credential hold a row back without a try."""
    asks(bench)
    bench.now = NIGHT - timedelta(minutes=45)
    bench.queue(entry(1), entry(2))
    assert (await bench.deliver(device_per_minute=1)).attempts == {"accepted": 1, "retry": 1}
    bench.now = NIGHT
    assert (await bench.deliver()).rows == {"queued": 1}
    assert len(bench.received("ada", "android")) == 1


async def test_what_was_tried_before_the_night_goes_on_within_its_hour(bench: DeliveryBench) -> None:
    asks(bench)
    bench.now = NIGHT.replace(hour=21, minute=59)
    bench.queue()
    bench.fcm.faults.add("reset_after", times=1)
    assert (await bench.deliver()).attempts == {"unknown": 1}
    bench.later(minutes=2)
    assert (await bench.deliver()).rows == {"sent": 1}
    assert len(bench.shows("ada", "android")) == 1


async def test_the_night_does_not_use_up_the_time_to_live(bench: DeliveryBench) -> None:
    asks(bench)
    bench.queue(entry(message=words("k", ttl=15 * 3600)))  # until 23:00
    bench.now = NIGHT
    await bench.deliver()
    assert bench.row["expires_at"] == MORNING + timedelta(minutes=30)
    bench.now = bench.fcm.now = MORNING + timedelta(minutes=30)
    await bench.deliver()
    assert bench.states() == [("failed", "expired")]


async def test_what_has_expired_is_not_kept_for_the_morning(bench: DeliveryBench) -> None:
    asks(bench)
    bench.queue(entry(message=words("k", ttl=3600)))
    bench.now = NIGHT
    await bench.deliver()
    assert bench.states() == [("failed", "expired")]


async def test_the_hours_are_those_of_the_persons_own_day(bench: DeliveryBench) -> None:
    asks(bench, Preferences(quiet_from=time(22), quiet_to=time(7)))
    bench.queue(
        entry(1, message=words("a", zone="America/New_York")),  # where it is 17:30
        entry(2, message=words("b", zone="Asia/Tokyo")),  # where it is 7:30
        entry(3, message=words("c", zone="Europe/Berlin")),  # where it is 23:30
        entry(4, message=words("d", zone="Nowhere/Atall")),  # by the site's clocks
    )
    bench.now = NIGHT
    await bench.deliver()
    assert [r["workspace"] for r in bench.rows() if r["state"] == "queued"] == [3, 4]
    assert bench.rows()[2]["due_at"] == MORNING - timedelta(hours=1)


async def test_the_rules_own_quiet_hours_count_and_keep_nobody_else_waiting(bench: DeliveryBench) -> None:
    quiet = words("a", zone="UTC", quiet=QuietSpan(time(20), time(8)))
    urgent = Entry("alarm", 1, "now", "", "ada", T0, NoticeState.QUEUED, "", words("b", zone="UTC"))
    bench.queue(entry(1, message=quiet), urgent)
    bench.now = NIGHT
    assert (await bench.deliver()).rows == {"queued": 1, "sent": 1}
    assert [r["state"] for r in bench.rows()] == ["queued", "sent"]
    assert bench.rows()[0]["due_at"] == MORNING.replace(hour=8)


async def test_the_order_for_a_person_and_subject_outlasts_the_night(bench: DeliveryBench) -> None:
    asks(bench)
    bench.queue(entry(1, message=words("open", title="It is late")))
    bench.now = NIGHT
    await bench.deliver()
    bench.queue(entry(1, occurrence="o:resolved", message=words("closed", title="It is done")))
    await bench.deliver()
    bench.now = bench.fcm.now = MORNING
    await bench.deliver()
    assert [s.title for s in bench.received("ada", "android")] == ["It is late", "It is done"]


async def test_who_changes_the_hours_is_obeyed_at_once(bench: DeliveryBench) -> None:
    bench.queue()
    asks(bench)
    bench.now = NIGHT
    assert (await bench.deliver()).rows == {"queued": 1}
    asks(bench, Preferences(), "ada")
    bench.now = bench.fcm.now = MORNING
    assert (await bench.deliver()).rows == {"sent": 1}

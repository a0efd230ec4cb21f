"""Whatever makes a row due at night, its person hears of it in the morning, once: the worker looks at each row that it claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.post_office import PostOffice, opened
from tests.support.postgres import DATABASES
from tests.support.samples import T0, entry, words
from vigil.compliance.quiet import Span
from vigil.ledger import outbox, people, trips
from vigil.ledger.outbox import Entry
from vigil.ledger.people import Preferences
from vigil.sandbox.fcm_local import LocalFcm

NIGHT = T0.replace(hour=22, minute=30)
MORNING = (T0 + timedelta(days=1)).replace(hour=7)
ASLEEP = Preferences(quiet_from=time(22), quiet_to=time(7), zone="UTC")


@pytest.fixture(params=DATABASES)
def office(
    request: pytest.FixtureRequest, tmp_path: Path, fcm: LocalFcm, settings: Any
) -> Iterator[PostOffice]:
    with opened(request.param, tmp_path, fcm, settings, "ada") as made:
        yield made


def asks(office: PostOffice, wanted: Preferences = ASLEEP, login: str = "ada") -> None:
    with office.ledger.write() as connection:
        people.keep(connection, login, wanted, office.now)


def queued_by_day(office: PostOffice) -> None:
    """Nobody delivered until it was night."""
    office.queue()


def queued_at_night(office: PostOffice) -> None:
    """A backfill's approval and a digest queue rows that are due at once."""
    office.now = NIGHT
    office.queue()


def released_by_a_guard(office: PostOffice) -> None:
    office.queue(entry(state="suppressed", reason="held"))
    with office.ledger.write() as connection:
        assert trips.release(connection, "contract-renewal", 1, "held", NIGHT, 2) == 1


def queued_once_more(office: PostOffice) -> None:
    """As an approved backfill asks of what failed."""
    failed = entry(state="failed", reason="expired: UNAVAILABLE")
    office.queue(failed)
    with office.ledger.write() as connection:
        assert outbox.requeue(connection, [failed.key], NIGHT, 2) == 1


WAYS: list[Callable[[PostOffice], None]] = [
    queued_by_day,
    queued_at_night,
    released_by_a_guard,
    queued_once_more,
]


@pytest.mark.parametrize("becomes_due", WAYS)
async def test_what_becomes_due_at_night_is_said_in_the_morning(
    office: PostOffice, becomes_due: Callable[[PostOffice], None]
) -> None:
    asks(office)
    becomes_due(office)
    office.now = NIGHT
    assert (await office.deliver()).rows == {"queued": 1}
    row = office.row
    assert (row["state"], row["due_at"], row["tries"], row["lease_until"], row["first_tried_at"]) == (
        "queued",
        MORNING,
        0,
        None,
        None,
    )
    assert not (await office.deliver()).any, "it is not claimed again before it is due"
    office.now = office.fcm.now = MORNING
    assert (await office.deliver()).rows == {"sent": 1}
    assert len(office.received("ada", "android")) == len(office.attempts()) == 1


async def test_what_was_held_back_unsent_in_the_evening_is_not_sent_at_night(office: PostOffice) -> None:
    """A device's rate, a slowed project or a refused credential hold a row back without a try."""
    asks(office)
    office.now = NIGHT - timedelta(minutes=45)
    office.queue(entry(1), entry(2))
    assert (await office.deliver(device_per_minute=1)).attempts == {"accepted": 1, "retry": 1}
    office.now = NIGHT
    assert (await office.deliver()).rows == {"queued": 1}
    assert len(office.received("ada", "android")) == 1


async def test_what_was_tried_before_the_night_goes_on_within_its_hour(office: PostOffice) -> None:
    asks(office)
    office.now = NIGHT.replace(hour=21, minute=59)
    office.queue()
    office.fcm.faults.add("reset_after", times=1)
    assert (await office.deliver()).attempts == {"unknown": 1}
    office.later(minutes=2)
    assert (await office.deliver()).rows == {"sent": 1}
    assert len(office.shows("ada", "android")) == 1


async def test_the_night_does_not_use_up_the_time_to_live(office: PostOffice) -> None:
    asks(office)
    office.queue(entry(message=words("k", ttl=15 * 3600)))  # until 23:00
    office.now = NIGHT
    await office.deliver()
    assert office.row["expires_at"] == MORNING + timedelta(minutes=30)
    office.now = office.fcm.now = MORNING + timedelta(minutes=30)
    await office.deliver()
    assert office.states() == [("failed", "expired")]


async def test_what_has_expired_is_not_kept_for_the_morning(office: PostOffice) -> None:
    asks(office)
    office.queue(entry(message=words("k", ttl=3600)))
    office.now = NIGHT
    await office.deliver()
    assert office.states() == [("failed", "expired")]


async def test_the_hours_are_those_of_the_persons_own_day(office: PostOffice) -> None:
    asks(office, Preferences(quiet_from=time(22), quiet_to=time(7)))
    office.queue(
        entry(1, message=words("a", zone="America/New_York")),  # where it is 17:30
        entry(2, message=words("b", zone="Asia/Tokyo")),  # where it is 7:30
        entry(3, message=words("c", zone="Europe/Berlin")),  # where it is 23:30
        entry(4, message=words("d", zone="Nowhere/Atall")),  # by the site's clocks
    )
    office.now = NIGHT
    await office.deliver()
    assert [r["workspace"] for r in office.rows() if r["state"] == "queued"] == [3, 4]
    assert office.rows()[2]["due_at"] == MORNING - timedelta(hours=1)


async def test_the_rules_own_quiet_hours_count_and_keep_nobody_else_waiting(office: PostOffice) -> None:
    quiet = words("a", zone="UTC", quiet=Span(time(20), time(8)))
    urgent = Entry("alarm", 1, "now", "", "ada", T0, "queued", "", words("b", zone="UTC"))
    office.queue(entry(1, message=quiet), urgent)
    office.now = NIGHT
    assert (await office.deliver()).rows == {"queued": 1, "sent": 1}
    assert [r["state"] for r in office.rows()] == ["queued", "sent"]
    assert office.rows()[0]["due_at"] == MORNING.replace(hour=8)


async def test_the_order_for_a_person_and_subject_outlasts_the_night(office: PostOffice) -> None:
    asks(office)
    office.queue(entry(1, message=words("open", title="It is late")))
    office.now = NIGHT
    await office.deliver()
    office.queue(entry(1, occurrence="o:resolved", message=words("closed", title="It is done")))
    await office.deliver()
    office.now = office.fcm.now = MORNING
    await office.deliver()
    assert [s.title for s in office.received("ada", "android")] == ["It is late", "It is done"]


async def test_who_changes_the_hours_is_obeyed_at_once(office: PostOffice) -> None:
    office.queue()
    asks(office)
    office.now = NIGHT
    assert (await office.deliver()).rows == {"queued": 1}
    asks(office, Preferences(), "ada")
    office.now = office.fcm.now = MORNING
    assert (await office.deliver()).rows == {"sent": 1}

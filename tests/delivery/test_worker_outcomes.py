"""What becomes of a row after each answer of FCM, over HTTP and through the ledger, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest

from tests.delivery.mail_server import Inbox, serving
from tests.delivery.mail_server import settings as smtp
from tests.support.post_office import PLATFORMS, PostOffice, opened
from tests.support.postgres import DATABASES
from tests.support.samples import MINUTE, T0, entry, words
from vigil.compliance.verdicts import Why
from vigil.delivery.codes import EXPIRED, WORDLESS
from vigil.delivery.errors import CredentialRefused
from vigil.delivery.fcm_http import FcmHttp
from vigil.delivery.settings import FcmSettings
from vigil.delivery.transport import Outgoing, Sent
from vigil.delivery.worker import Worker
from vigil.ledger import devices, mailboxes, outbox
from vigil.ledger.devices import NewDevice
from vigil.ledger.notice_message import NoticeMessage
from vigil.sandbox.fcm_local import LocalFcm


@pytest.fixture(params=DATABASES)
def office(
    request: pytest.FixtureRequest, tmp_path: Path, fcm: LocalFcm, settings: Callable[..., FcmSettings]
) -> Iterator[PostOffice]:
    with opened(request.param, tmp_path, fcm, settings) as made:
        yield made


async def test_a_notice_is_shown_on_every_device_of_its_person(office: PostOffice) -> None:
    office.person("ada")
    office.person("bert", "android")
    office.queue()
    done = await office.deliver()
    assert (done.rows, done.attempts, done.lost) == ({"sent": 1}, {"accepted": 3}, 0)
    assert office.states() == [("sent", "")]
    assert office.attempts() == [("accepted", "")] * 3
    for platform in PLATFORMS:
        [seen] = office.shows("ada", platform)
        assert seen.title == "Contract ends on 31 March"
        assert seen.data["event_id"] == office.row["message"].key
    assert office.received("bert", "android") == ()


async def test_every_attempt_is_a_row_with_the_name_that_fcm_gave(office: PostOffice) -> None:
    office.person("ada", "android")
    office.queue()
    await office.deliver()
    with office.ledger.read() as connection:
        [attempt] = outbox.attempts(connection, [office.row["id"]])[office.row["id"]]
        assert outbox.sent_without_proof(connection, 1) == 0
    [seen] = office.received("ada", "android")
    assert (attempt["name"], attempt["status"]) == (seen.name, 200)
    assert attempt["started_at"] == attempt["ended_at"] == T0


async def test_a_second_worker_finds_nothing_to_do(office: PostOffice) -> None:
    office.person("ada", "android")
    office.queue()
    await office.deliver()
    assert not (await office.deliver()).any
    assert len(office.received("ada", "android")) == 1


async def test_a_person_without_a_device_is_named(office: PostOffice) -> None:
    office.queue()
    await office.deliver()
    assert office.states() == [("no_device", Why.NO_DEVICE.value)]
    assert office.attempts() == []


async def test_a_device_that_fcm_no_longer_knows_is_pruned_and_the_others_are_told(
    office: PostOffice,
) -> None:
    office.person("ada")
    office.fcm.devices.unregister("tok-ada-ios")
    office.queue()
    await office.deliver()
    assert office.states() == [("sent", "")]
    assert sorted(office.attempts()) == [("accepted", ""), ("accepted", ""), ("rejected", "UNREGISTERED")]
    assert office.in_use("ada") == ["android", "web"]
    office.queue(entry(2))
    await office.deliver()
    assert len(office.attempts()) == 5, "it is not asked again"


async def test_when_every_device_is_gone_the_row_says_so(office: PostOffice) -> None:
    office.person("ada", "android")
    office.fcm.devices.unregister("tok-ada-android")
    office.queue()
    await office.deliver()
    assert office.states() == [("failed", "UNREGISTERED")]
    assert office.in_use("ada") == []


async def test_a_device_that_registered_again_while_it_was_sent_to_stays(office: PostOffice) -> None:
    office.person("ada", "android")
    office.fcm.devices.unregister("tok-ada-android")
    office.queue()
    with office.ledger.write() as connection:  # the app did so a minute from now, by the worker's clock
        devices.register(connection, [NewDevice("ada", "tok-ada-android", "android")], T0 + MINUTE)
    await office.deliver()
    assert office.in_use("ada") == ["android"]


async def test_a_message_that_fcm_refuses_is_not_tried_again(office: PostOffice) -> None:
    office.person("ada", "android")
    office.fcm.faults.add("invalid")
    office.queue()
    await office.deliver()
    assert office.states() == [("failed", "INVALID_ARGUMENT")]
    assert office.in_use("ada") == ["android"], "the message is at fault, not the device"


async def test_a_poison_message_costs_its_batch_nothing(office: PostOffice) -> None:
    office.person("ada", "android")
    office.queue(
        entry(1), entry(2, message=words("k", link="no link")), entry(3, message=NoticeMessage()), entry(4)
    )
    office.fcm.faults.add("invalid", match={"event_id": "k"})
    await office.deliver()
    assert [s for s, _ in office.states()] == ["sent", "failed", "failed", "sent"]
    assert office.states()[2] == ("failed", WORDLESS)


async def test_what_may_be_tried_again_is_tried_when_it_is_due_and_not_before(office: PostOffice) -> None:
    office.person("ada", "android")
    office.fcm.faults.add("unavailable", times=2)
    office.queue()
    await office.deliver()
    row = office.row
    assert (row["state"], row["tries"], row["first_tried_at"]) == ("queued", 1, T0)
    assert timedelta(seconds=10) <= row["due_at"] - T0 <= timedelta(seconds=15)
    assert not (await office.deliver()).any
    office.later(seconds=15)
    await office.deliver()
    assert timedelta(seconds=20) <= office.row["due_at"] - office.now <= timedelta(seconds=30)
    office.later(seconds=30)
    await office.deliver()
    assert office.states() == [("sent", "")]
    assert office.attempts() == [("retry", "UNAVAILABLE")] * 2 + [("accepted", "")]


async def test_fcm_is_not_asked_again_before_it_said_so_by_any_device(office: PostOffice) -> None:
    office.person("ada", "android", "web")
    office.fcm.faults.add("unavailable", match={"platform": "web"}, times=1, retry_after=120)
    office.fcm.faults.add("internal", match={"platform": "android"}, times=1)
    office.queue()
    await office.deliver()
    assert office.row["due_at"] >= T0 + timedelta(seconds=120)


async def test_one_device_accepts_and_the_other_is_tried_alone(office: PostOffice) -> None:
    office.person("ada")
    office.fcm.faults.add("internal", match={"platform": "web"}, times=1)
    office.queue()
    await office.deliver()
    assert office.states() == [("queued", "FCM answered 500 INTERNAL: Internal error encountered")]
    office.later(minutes=1)
    await office.deliver()
    assert office.states() == [("sent", "")]
    assert [len(office.received("ada", p)) for p in PLATFORMS] == [1, 1, 1]
    assert sorted(office.attempts()) == [("accepted", "")] * 3 + [("retry", "INTERNAL")]


@pytest.mark.parametrize("fault", ["reset_after", "malformed", "nameless"])
async def test_an_unknown_outcome_is_sent_again_and_seen_once(office: PostOffice, fault: str) -> None:
    office.person("ada")
    office.fcm.faults.add(fault, times=3)
    office.queue()
    await office.deliver()
    assert [o for o, _ in office.attempts()] == ["unknown"] * 3
    office.later(minutes=1)
    await office.deliver()
    assert office.states() == [("sent", "")]
    for platform in PLATFORMS:
        assert len(office.received("ada", platform)) == 2, "it did arrive twice"
        assert len(office.shows("ada", platform)) == 1, "and is seen once"


async def until_done(office: PostOffice) -> int:
    """Deliver at each instant that something is due. Returns the seconds that passed."""
    for _ in range(50):
        await office.deliver()
        if office.row["state"] != "queued":
            break
        office.later(seconds=(office.row["due_at"] - office.now).total_seconds())
    return int((office.now - T0).total_seconds())


async def test_it_is_given_up_an_hour_after_the_first_try(office: PostOffice) -> None:
    office.person("ada", "android")
    office.fcm.faults.add("unavailable")
    office.queue()
    office.later(minutes=30)  # lying in the outbox is no try
    passed = await until_done(office)
    assert office.states() == [("failed", "expired: UNAVAILABLE")]
    assert 45 * 60 <= passed - 30 * 60 <= 60 * 60
    assert len(office.attempts()) == office.row["tries"] >= 7


async def test_it_is_given_up_at_the_end_of_its_time_to_live_if_that_is_sooner(office: PostOffice) -> None:
    office.person("ada", "android")
    office.fcm.faults.add("internal")
    office.queue(entry(1, message=words("k", ttl=120)))
    assert await until_done(office) <= 120
    assert office.states() == [("failed", "expired: INTERNAL")]


async def test_giving_up_one_device_does_not_unsay_what_another_has_shown(office: PostOffice) -> None:
    office.person("ada", "android", "web")
    office.fcm.faults.add("unavailable", match={"platform": "web"})
    office.queue()
    await until_done(office)
    assert office.states() == [("sent", "")]
    assert len(office.received("ada", "android")) == 1


async def test_what_is_past_its_time_is_not_sent(office: PostOffice) -> None:
    office.person("ada", "android")
    office.queue(entry(1, message=words("k", ttl=3600)))
    office.later(hours=1)
    await office.deliver()
    assert office.states() == [("failed", EXPIRED)]
    assert office.attempts() == []


async def test_the_time_to_live_that_is_left_is_what_the_push_service_is_told(office: PostOffice) -> None:
    office.person("ada", "android")
    office.fcm.devices.offline("tok-ada-android")
    office.queue(entry(1, message=words("k", ttl=3600)))
    office.later(minutes=40)
    await office.deliver()
    office.later(minutes=21)
    office.fcm.devices.online("tok-ada-android")
    assert office.shows("ada", "android") == (), "shown an hour and a minute after it was said"


async def test_what_the_transport_only_held_back_was_not_tried(office: PostOffice) -> None:
    office.person("ada", "android")
    office.queue(*(entry(n) for n in range(4)))
    done = await office.deliver(device_per_minute=2)
    assert done.attempts == {"accepted": 2, "retry": 2}
    assert office.attempts() == [("accepted", "")] * 2
    waiting = [r for r in office.rows() if r["state"] == "queued"]
    assert [(r["tries"], r["first_tried_at"]) for r in waiting] == [(0, None)] * 2
    office.later(minutes=5)
    await office.deliver(device_per_minute=2)
    assert {s for s, _ in office.states()} == {"sent"}


async def test_holding_back_does_not_use_up_the_hour(office: PostOffice) -> None:
    office.person("ada", "android")
    office.queue(*(entry(n) for n in range(3)))
    for sent in (1, 2, 3):  # one goes out each time, the others are held back for another hour
        await office.deliver(device_per_minute=1)
        assert [s for s, _ in office.states()].count("sent") == sent
        office.later(minutes=61)
    assert office.attempts() == [("accepted", "")] * 3


async def test_a_later_notice_never_overtakes_an_earlier_one_about_the_same_workspace(
    office: PostOffice,
) -> None:
    office.person("ada", "android")
    finding, resolved = (entry(1, occurrence=o, message=words(o, title=o)) for o in ("finding", "resolved"))
    office.queue(finding, resolved)
    office.fcm.faults.add("internal", match={"event_id": "finding"}, times=2)
    for _ in range(4):
        await office.deliver()
        office.later(minutes=1)
    assert [s.title for s in office.received("ada", "android")] == ["finding", "resolved"]


async def test_a_lease_is_renewed_for_as_long_as_fcm_takes(office: PostOffice) -> None:
    office.person("ada", "android")
    office.queue()
    office.fcm.now = None  # leases here are measured by the machine's own time
    office.fcm.faults.add("slow", seconds=2.5)

    def clock() -> datetime:
        return datetime.now(UTC)

    async with FcmHttp(office.settings()) as transport:
        first, second = (
            Worker(office.ledger, transport, clock, lease=timedelta(seconds=0.9)) for _ in range(2)
        )
        sending = asyncio.create_task(first.deliver())
        looked = 0
        while not sending.done():
            await asyncio.sleep(0.05)
            if office.row["state"] == "queued" and office.row["lease_owner"] is not None:
                assert not (await second.deliver()).any
                looked += 1
        assert (await sending).rows == {"sent": 1}
    assert looked > 5
    assert len(office.received("ada", "android")) == 1


async def test_a_lost_lease_is_said_and_the_attempts_are_kept(office: PostOffice) -> None:
    office.person("ada", "android")
    office.queue()
    async with FcmHttp(office.settings(), now=office.clock) as transport:
        taking = Interrupted(transport, lambda: office.take_over())
        done = await Worker(office.ledger, taking, office.clock).deliver()
    assert done.lost == 1
    assert office.row["lease_owner"] == "thief"
    assert office.attempts() == [("accepted", "")]


class Interrupted:
    """The real transport, with something that happens between FCM's answer and the worker's next step."""

    def __init__(self, transport: FcmHttp, happens: Callable[[], None]) -> None:
        self._transport, self._happens = transport, happens

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        sent = await self._transport.send(batch)
        self._happens()
        return sent

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


async def test_a_refused_credential_is_named_and_nothing_is_lost(office: PostOffice) -> None:
    office.person("ada", "android")
    office.queue(*(entry(n) for n in range(5)))
    office.fcm.faults.add("permission_denied", skip=2)
    with pytest.raises(CredentialRefused, match=r"was refused: HTTP 403"):
        await office.deliver(concurrency=1)
    assert [s for s, _ in office.states()] == ["sent", "sent", "queued", "queued", "queued"]
    rest = office.rows()[2:]
    assert [r["lease_owner"] for r in rest] == [None] * 3
    assert [r["tries"] for r in rest] == [1, 0, 0], (
        "one was asked for and refused, two were not asked for at all"
    )
    office.fcm.faults.clear()
    office.later(minutes=1)
    await office.deliver()
    assert {s for s, _ in office.states()} == {"sent"}
    assert len(office.received("ada", "android")) == 5


async def test_a_credential_of_one_platform_stops_no_other(office: PostOffice) -> None:
    office.person("ada", "android", "ios")
    office.person("bert", "android")
    office.queue(*(entry(n, person=p) for n in range(6) for p in ("ada", "bert")))
    office.fcm.faults.add("third_party_auth", match={"platform": "ios"})
    with pytest.raises(CredentialRefused, match=r"APNs authentication key"):
        await office.deliver(limit=4)
    assert len(office.received("bert", "android")) == 6
    assert len(office.received("ada", "android")) == 6
    assert [s for s, _ in office.states()] == ["queued", "sent"] * 6


async def test_batches_that_are_held_back_whole_do_not_end_the_delivery_of_others(office: PostOffice) -> None:
    office.person("ada", "ios")
    office.person("bert", "android")
    office.queue(*(entry(n, person="ada") for n in range(6)), entry(6, person="bert"))
    office.fcm.faults.add("third_party_auth", match={"platform": "ios"})
    with pytest.raises(CredentialRefused, match=r"APNs authentication key"):
        await office.deliver(limit=2)
    assert len(office.received("bert", "android")) == 1
    assert [s for s, _ in office.states()] == ["queued"] * 6 + ["sent"]


async def test_nothing_that_is_said_or_where_to_is_in_the_log(
    office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    office.person("ada")
    office.queue()
    office.fcm.faults.add("malformed", times=1)
    with caplog.at_level("DEBUG"):
        await office.deliver()
    for secret in ("tok-ada-android", "Supply of paper"):
        assert secret not in caplog.text


async def test_a_mailbox_is_used_in_the_same_run_when_every_device_is_gone(office: PostOffice) -> None:
    office.person("ada", "android")
    with office.ledger.write() as connection:
        mailboxes.keep(connection, {"ada": "ada@example.org"}, T0)
    office.fcm.devices.unregister("tok-ada-android")
    office.queue(entry(1, message=words("k", channels=("push", "email"))))
    inbox = Inbox()
    async with serving(inbox) as port:
        office.mail = smtp(port)
        await office.deliver()
    assert office.states() == [("sent", "")]
    [(_, mail)] = inbox.received
    assert mail["Subject"] == "Contract ends on 31 March"
    assert [o for o, _ in office.attempts()] == ["rejected", "accepted"]


async def test_a_person_with_a_device_gets_no_mail_beside_it(office: PostOffice) -> None:
    office.person("ada", "android")
    with office.ledger.write() as connection:
        mailboxes.keep(connection, {"ada": "ada@example.org"}, T0)
    office.queue(entry(1, message=words("k", channels=("push", "email"))))
    inbox = Inbox()
    async with serving(inbox) as port:
        office.mail = smtp(port)
        await office.deliver()
    assert inbox.received == []
    assert len(office.shows("ada", "android")) == 1

"""What becomes of a row after each answer of FCM, over HTTP and through the ledger, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest

from tests.support.delivery_bench import PLATFORMS, DeliveryBench, opened
from tests.support.mail_server import Inbox, serving
from tests.support.mail_server import settings as smtp
from tests.support.postgres import DATABASES
from tests.support.samples import MINUTE, T0, entry, words
from vigil.compliance.evaluation.results import Why
from vigil.delivery.codes import EXPIRED, WORDLESS
from vigil.delivery.errors import CredentialRefused
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.push.settings import FcmSettings
from vigil.delivery.transport import Outgoing, Sent
from vigil.delivery.worker import Worker
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.outbox import queue
from vigil.ledger.people import devices, mailboxes
from vigil.ledger.people.devices import NewDevice
from vigil.sandbox.fcm.local import LocalFcm


@pytest.fixture(params=DATABASES)
def bench(
    request: pytest.FixtureRequest, tmp_path: Path, fcm: LocalFcm, settings: Callable[..., FcmSettings]
) -> Iterator[DeliveryBench]:
    with opened(request.param, tmp_path, fcm, settings) as made:
        yield made


async def test_a_notice_is_shown_on_every_device_of_its_person(bench: DeliveryBench) -> None:
    bench.person("ada")
    bench.person("bert", "android")
    bench.queue()
    done = await bench.deliver()
    assert (done.rows, done.attempts, done.lost) == ({"sent": 1}, {"accepted": 3}, 0)
    assert bench.states() == [("sent", "")]
    assert bench.attempts() == [("accepted", "")] * 3
    for platform in PLATFORMS:
        [seen] = bench.shows("ada", platform)
        assert seen.title == "Contract ends on 31 March"
        assert seen.data["event_id"] == bench.row["message"].key
    assert bench.received("bert", "android") == ()


async def test_every_attempt_is_a_row_with_the_name_that_fcm_gave(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.queue()
    await bench.deliver()
    with bench.ledger.read() as connection:
        [attempt] = queue.attempts(connection, [bench.row["id"]])[bench.row["id"]]
        assert queue.sent_without_proof(connection, 1) == 0
    [seen] = bench.received("ada", "android")
    assert (attempt["name"], attempt["status"]) == (seen.name, 200)
    assert attempt["started_at"] == attempt["ended_at"] == T0


async def test_a_second_worker_finds_nothing_to_do(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.queue()
    await bench.deliver()
    assert not (await bench.deliver()).any
    assert len(bench.received("ada", "android")) == 1


async def test_a_person_without_a_device_is_named(bench: DeliveryBench) -> None:
    bench.queue()
    await bench.deliver()
    assert bench.states() == [("no_device", Why.NO_DEVICE.value)]
    assert bench.attempts() == []


async def test_a_device_that_fcm_no_longer_knows_is_pruned_and_the_others_are_told(
    bench: DeliveryBench,
) -> None:
    bench.person("ada")
    bench.fcm.devices.unregister("tok-ada-ios")
    bench.queue()
    await bench.deliver()
    assert bench.states() == [("sent", "")]
    assert sorted(bench.attempts()) == [("accepted", ""), ("accepted", ""), ("rejected", "UNREGISTERED")]
    assert bench.in_use("ada") == ["android", "web"]
    bench.queue(entry(2))
    await bench.deliver()
    assert len(bench.attempts()) == 5, "it is not asked again"


async def test_when_every_device_is_gone_the_row_says_so(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.fcm.devices.unregister("tok-ada-android")
    bench.queue()
    await bench.deliver()
    assert bench.states() == [("failed", "UNREGISTERED")]
    assert bench.in_use("ada") == []


async def test_a_device_that_registered_again_while_it_was_sent_to_stays(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.fcm.devices.unregister("tok-ada-android")
    bench.queue()
    with bench.ledger.write() as connection:  # the app did so a minute from now, by the worker's clock
        devices.register(connection, [NewDevice("ada", "tok-ada-android", "android")], T0 + MINUTE)
    await bench.deliver()
    assert bench.in_use("ada") == ["android"]


async def test_a_message_that_fcm_refuses_is_not_tried_again(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.fcm.faults.add("invalid")
    bench.queue()
    await bench.deliver()
    assert bench.states() == [("failed", "INVALID_ARGUMENT")]
    assert bench.in_use("ada") == ["android"], "the message is at fault, not the device"


async def test_an_invalid_message_costs_its_batch_nothing(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.queue(
        entry(1), entry(2, message=words("k", link="no link")), entry(3, message=NoticeMessage()), entry(4)
    )
    bench.fcm.faults.add("invalid", match={"event_id": "k"})
    await bench.deliver()
    assert [s for s, _ in bench.states()] == ["sent", "failed", "failed", "sent"]
    assert bench.states()[2] == ("failed", WORDLESS)


async def test_what_may_be_tried_again_is_tried_when_it_is_due_and_not_before(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.fcm.faults.add("unavailable", times=2)
    bench.queue()
    await bench.deliver()
    row = bench.row
    assert (row["state"], row["tries"], row["first_tried_at"]) == ("queued", 1, T0)
    assert timedelta(seconds=10) <= row["due_at"] - T0 <= timedelta(seconds=15)
    assert not (await bench.deliver()).any
    bench.later(seconds=15)
    await bench.deliver()
    assert timedelta(seconds=20) <= bench.row["due_at"] - bench.now <= timedelta(seconds=30)
    bench.later(seconds=30)
    await bench.deliver()
    assert bench.states() == [("sent", "")]
    assert bench.attempts() == [("retry", "UNAVAILABLE")] * 2 + [("accepted", "")]


async def test_fcm_is_not_asked_again_before_it_said_so_by_any_device(bench: DeliveryBench) -> None:
    bench.person("ada", "android", "web")
    bench.fcm.faults.add("unavailable", match={"platform": "web"}, times=1, retry_after=120)
    bench.fcm.faults.add("internal", match={"platform": "android"}, times=1)
    bench.queue()
    await bench.deliver()
    assert bench.row["due_at"] >= T0 + timedelta(seconds=120)


async def test_one_device_accepts_and_the_other_is_tried_alone(bench: DeliveryBench) -> None:
    bench.person("ada")
    bench.fcm.faults.add("internal", match={"platform": "web"}, times=1)
    bench.queue()
    await bench.deliver()
    assert bench.states() == [("queued", "FCM answered 500 INTERNAL: Internal error encountered")]
    bench.later(minutes=1)
    await bench.deliver()
    assert bench.states() == [("sent", "")]
    assert [len(bench.received("ada", p)) for p in PLATFORMS] == [1, 1, 1]
    assert sorted(bench.attempts()) == [("accepted", "")] * 3 + [("retry", "INTERNAL")]


@pytest.mark.parametrize("fault", ["reset_after", "malformed", "nameless"])
async def test_an_unknown_outcome_is_sent_again_and_seen_once(bench: DeliveryBench, fault: str) -> None:
    bench.person("ada")
    bench.fcm.faults.add(fault, times=3)
    bench.queue()
    await bench.deliver()
    assert [o for o, _ in bench.attempts()] == ["unknown"] * 3
    bench.later(minutes=1)
    await bench.deliver()
    assert bench.states() == [("sent", "")]
    for platform in PLATFORMS:
        assert len(bench.received("ada", platform)) == 2, "it did arrive twice"
        assert len(bench.shows("ada", platform)) == 1, "and is seen once"


async def until_done(bench: DeliveryBench) -> int:
    """Deliver at each instant that something is due. Returns the seconds that passed."""
    for _ in range(50):
        await bench.deliver()
        if bench.row["state"] != "queued":
            break
        bench.later(seconds=(bench.row["due_at"] - bench.now).total_seconds())
    return int((bench.now - T0).total_seconds())


async def test_it_is_given_up_an_hour_after_the_first_try(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.fcm.faults.add("unavailable")
    bench.queue()
    bench.later(minutes=30)  # lying in the outbox is no try
    passed = await until_done(bench)
    assert bench.states() == [("failed", "expired: UNAVAILABLE")]
    assert 45 * 60 <= passed - 30 * 60 <= 60 * 60
    assert len(bench.attempts()) == bench.row["tries"] >= 7


async def test_it_is_given_up_at_the_end_of_its_time_to_live_if_that_is_sooner(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.fcm.faults.add("internal")
    bench.queue(entry(1, message=words("k", ttl=120)))
    assert await until_done(bench) <= 120
    assert bench.states() == [("failed", "expired: INTERNAL")]


async def test_giving_up_one_device_does_not_unsay_what_another_has_shown(bench: DeliveryBench) -> None:
    bench.person("ada", "android", "web")
    bench.fcm.faults.add("unavailable", match={"platform": "web"})
    bench.queue()
    await until_done(bench)
    assert bench.states() == [("sent", "")]
    assert len(bench.received("ada", "android")) == 1


async def test_what_is_past_its_time_is_not_sent(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.queue(entry(1, message=words("k", ttl=3600)))
    bench.later(hours=1)
    await bench.deliver()
    assert bench.states() == [("failed", EXPIRED)]
    assert bench.attempts() == []


async def test_the_time_to_live_that_is_left_is_what_the_push_service_is_told(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.fcm.devices.offline("tok-ada-android")
    bench.queue(entry(1, message=words("k", ttl=3600)))
    bench.later(minutes=40)
    await bench.deliver()
    bench.later(minutes=21)
    bench.fcm.devices.online("tok-ada-android")
    assert bench.shows("ada", "android") == (), "shown an hour and a minute after it was said"


async def test_what_the_transport_only_held_back_was_not_tried(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.queue(*(entry(n) for n in range(4)))
    done = await bench.deliver(device_per_minute=2)
    assert done.attempts == {"accepted": 2, "retry": 2}
    assert bench.attempts() == [("accepted", "")] * 2
    waiting = [r for r in bench.rows() if r["state"] == "queued"]
    assert [(r["tries"], r["first_tried_at"]) for r in waiting] == [(0, None)] * 2
    bench.later(minutes=5)
    await bench.deliver(device_per_minute=2)
    assert {s for s, _ in bench.states()} == {"sent"}


async def test_holding_back_does_not_use_up_the_hour(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.queue(*(entry(n) for n in range(3)))
    for sent in (1, 2, 3):  # one goes out each time, the others are held back for another hour
        await bench.deliver(device_per_minute=1)
        assert [s for s, _ in bench.states()].count("sent") == sent
        bench.later(minutes=61)
    assert bench.attempts() == [("accepted", "")] * 3


async def test_a_later_notice_never_overtakes_an_earlier_one_about_the_same_workspace(
    bench: DeliveryBench,
) -> None:
    bench.person("ada", "android")
    finding, resolved = (entry(1, occurrence=o, message=words(o, title=o)) for o in ("finding", "resolved"))
    bench.queue(finding, resolved)
    bench.fcm.faults.add("internal", match={"event_id": "finding"}, times=2)
    for _ in range(4):
        await bench.deliver()
        bench.later(minutes=1)
    assert [s.title for s in bench.received("ada", "android")] == ["finding", "resolved"]


async def test_a_lease_is_renewed_for_as_long_as_fcm_takes(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.queue()
    bench.fcm.now = None  # leases here are measured by the machine's own time
    bench.fcm.faults.add("slow", seconds=2.5)

    def clock() -> datetime:
        return datetime.now(UTC)

    async with FcmHttp(bench.settings()) as transport:
        first, second = (
            Worker(bench.ledger, transport, clock, lease=timedelta(seconds=0.9)) for _ in range(2)
        )
        sending = asyncio.create_task(first.deliver())
        looked = 0
        while not sending.done():
            await asyncio.sleep(0.05)
            if bench.row["state"] == "queued" and bench.row["lease_owner"] is not None:
                assert not (await second.deliver()).any
                looked += 1
        assert (await sending).rows == {"sent": 1}
    assert looked > 5
    assert len(bench.received("ada", "android")) == 1


async def test_a_lost_lease_is_said_and_the_attempts_are_kept(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.queue()
    async with FcmHttp(bench.settings(), now=bench.clock) as transport:
        taking = Interrupted(transport, lambda: bench.take_over())
        done = await Worker(bench.ledger, taking, bench.clock).deliver()
    assert done.lost == 1
    assert bench.row["lease_owner"] == "thief"
    assert bench.attempts() == [("accepted", "")]


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


async def test_a_refused_credential_is_named_and_nothing_is_lost(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    bench.queue(*(entry(n) for n in range(5)))
    bench.fcm.faults.add("permission_denied", skip=2)
    with pytest.raises(CredentialRefused, match=r"was refused: HTTP 403"):
        await bench.deliver(concurrency=1)
    assert [s for s, _ in bench.states()] == ["sent", "sent", "queued", "queued", "queued"]
    rest = bench.rows()[2:]
    assert [r["lease_owner"] for r in rest] == [None] * 3
    assert [r["tries"] for r in rest] == [1, 0, 0], (
        "one was asked for and refused, two were not asked for at all"
    )
    bench.fcm.faults.clear()
    bench.later(minutes=1)
    await bench.deliver()
    assert {s for s, _ in bench.states()} == {"sent"}
    assert len(bench.received("ada", "android")) == 5


async def test_a_credential_of_one_platform_stops_no_other(bench: DeliveryBench) -> None:
    bench.person("ada", "android", "ios")
    bench.person("bert", "android")
    bench.queue(*(entry(n, person=p) for n in range(6) for p in ("ada", "bert")))
    bench.fcm.faults.add("third_party_auth", match={"platform": "ios"})
    with pytest.raises(CredentialRefused, match=r"APNs authentication key"):
        await bench.deliver(limit=4)
    assert len(bench.received("bert", "android")) == 6
    assert len(bench.received("ada", "android")) == 6
    assert [s for s, _ in bench.states()] == ["queued", "sent"] * 6


async def test_batches_that_are_held_back_whole_do_not_end_the_delivery_of_others(
    bench: DeliveryBench,
) -> None:
    bench.person("ada", "ios")
    bench.person("bert", "android")
    bench.queue(*(entry(n, person="ada") for n in range(6)), entry(6, person="bert"))
    bench.fcm.faults.add("third_party_auth", match={"platform": "ios"})
    with pytest.raises(CredentialRefused, match=r"APNs authentication key"):
        await bench.deliver(limit=2)
    assert len(bench.received("bert", "android")) == 1
    assert [s for s, _ in bench.states()] == ["queued"] * 6 + ["sent"]


async def test_nothing_that_is_said_or_where_to_is_in_the_log(
    bench: DeliveryBench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.person("ada")
    bench.queue()
    bench.fcm.faults.add("malformed", times=1)
    with caplog.at_level("DEBUG"):
        await bench.deliver()
    for secret in ("tok-ada-android", "Supply of paper"):
        assert secret not in caplog.text


async def test_a_mailbox_is_used_in_the_same_run_when_every_device_is_gone(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    with bench.ledger.write() as connection:
        mailboxes.keep(connection, {"ada": "ada@example.org"}, T0)
    bench.fcm.devices.unregister("tok-ada-android")
    bench.queue(entry(1, message=words("k", channels=("push", "email"))))
    inbox = Inbox()
    async with serving(inbox) as port:
        bench.mail = smtp(port)
        await bench.deliver()
    assert bench.states() == [("sent", "")]
    [(_, mail)] = inbox.received
    assert mail["Subject"] == "Contract ends on 31 March"
    assert [o for o, _ in bench.attempts()] == ["rejected", "accepted"]


async def test_a_person_with_a_device_gets_no_mail_beside_it(bench: DeliveryBench) -> None:
    bench.person("ada", "android")
    with bench.ledger.write() as connection:
        mailboxes.keep(connection, {"ada": "ada@example.org"}, T0)
    bench.queue(entry(1, message=words("k", channels=("push", "email"))))
    inbox = Inbox()
    async with serving(inbox) as port:
        bench.mail = smtp(port)
        await bench.deliver()
    assert inbox.received == []
    assert len(bench.shows("ada", "android")) == 1

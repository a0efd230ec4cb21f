"""The worker with webhooks: rows and attempts as a push has them, beside devices and mailboxes of others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import time, timedelta
from pathlib import Path

import pytest

from tests.support.delivery_bench import DeliveryBench, opened
from tests.support.mail_server import Inbox, serving
from tests.support.mail_server import settings as smtp
from tests.support.samples import T0, entry, words
from tests.support.webhooks import OLD, hook, post_to
from tests.support.webhooks import settings as hooks
from vigil.compliance.notices import NoticeState
from vigil.delivery.push.settings import FcmSettings
from vigil.delivery.webhook.post import idempotency_key
from vigil.delivery.webhook.transport import FAILURES
from vigil.ledger.people import device_stats, devices, mailboxes, preferences, topics
from vigil.ledger.people.preferences import Preferences
from vigil.ledger.values import Entry
from vigil.sandbox.fcm.local import LocalFcm
from vigil.sandbox.webhooks import LocalReceiver, Reply
from vigil.service.why import about_person

EVERY = ("push", "email", "webhook")
LEGAL = "group:legal"


@pytest.fixture
def receiver() -> Iterator[LocalReceiver]:
    with LocalReceiver([OLD]) as running:
        yield running


@pytest.fixture
def bench(
    tmp_path: Path, fcm: LocalFcm, settings: Callable[..., FcmSettings], receiver: LocalReceiver
) -> Iterator[DeliveryBench]:
    """A post bench that can post to webhooks; the group legal has one at /legal."""
    with opened("sqlite", tmp_path, fcm, settings) as made:
        made.webhooks = hooks()
        register(made, LEGAL, f"{receiver.url}/legal")
        yield made


def register(bench: DeliveryBench, person: str, url: str) -> None:
    with bench.ledger.write() as connection:
        devices.register(connection, [hook(person, url)], bench.now)


def notice(n: int = 1, person: str = LEGAL, **changes: object) -> Entry:
    row = entry(n, person=person)
    message = words(row.message.key, channels=EVERY, **changes)
    return entry(n, person=person, message=message)


async def test_a_group_gets_one_post_and_its_row_is_sent(
    bench: DeliveryBench, receiver: LocalReceiver
) -> None:
    bench.queue(notice())
    done = await bench.deliver()
    assert done.rows == {NoticeState.SENT: 1}
    assert bench.attempts() == [("accepted", "")]
    [shown] = receiver.shown["/legal"].values()
    assert (shown["recipient"], shown["workspace"], shown["notice"]) == (LEGAL, 1, bench.row["id"])
    [told] = about_person(bench.ledger, LEGAL).told
    assert [(a.outcome, a.device) for a in told.attempts] == [("accepted", "group:legal's webhook")]


@pytest.mark.parametrize(
    ("answer", "attempts", "cause"),
    [
        (Reply(503, {"Retry-After": "30"}), ("retry", "WEBHOOK_503"), "the webhook receiver answered 503"),
        (Reply(429, {"Retry-After": "30"}), ("retry", "WEBHOOK_429"), "the webhook receiver answered 429"),
        (Reply(502, takes=True), ("unknown", "WEBHOOK_502"), "the webhook receiver answered 502"),
        (Reply(0, takes=True), ("unknown", "RESET"), "the connection to the webhook receiver was cut"),
    ],
)
async def test_what_may_have_been_taken_comes_again_with_its_key_and_is_shown_once(
    bench: DeliveryBench, receiver: LocalReceiver, answer: Reply, attempts: tuple[str, str], cause: str
) -> None:
    receiver.answers["/legal"] = [answer]
    bench.queue(notice())
    assert (await bench.deliver()).rows == {NoticeState.QUEUED: 1}
    assert bench.row["reason"] == cause
    if answer.headers:
        bench.later(seconds=29)
        assert not (await bench.deliver()).any, "Retry-After is obeyed"
    bench.later(minutes=1)
    assert (await bench.deliver()).rows == {NoticeState.SENT: 1}
    assert bench.attempts() == [attempts, ("accepted", "")]
    assert len({p.headers["webhook-id"] for p in receiver.posts}) == 1
    assert [len(receiver.posts), len(receiver.shown["/legal"])] == [2, 1]


async def test_a_receiver_that_is_down_for_an_hour_gets_no_more_of_it(
    bench: DeliveryBench, receiver: LocalReceiver
) -> None:
    receiver.answers["/legal"] = [Reply(500)] * 20
    bench.queue(notice())
    for _ in range(8):
        await bench.deliver()
        bench.later(minutes=16)
    assert bench.states() == [("failed", "expired: WEBHOOK_500")]
    bench.queue(notice(2))
    receiver.answers["/legal"].clear()
    await bench.deliver()
    assert bench.states()[1] == ("sent", "")


async def test_a_refusal_ends_a_notice_and_leaves_the_address_in_use(
    bench: DeliveryBench, receiver: LocalReceiver
) -> None:
    receiver.answers["/legal"] = [Reply(403)]
    bench.queue(notice())
    await bench.deliver()
    assert (bench.states(), bench.in_use(LEGAL)) == ([("failed", "WEBHOOK_403")], ["webhook"])


async def test_gone_retires_the_address_and_a_person_is_told_on_the_next_channel(
    bench: DeliveryBench, receiver: LocalReceiver
) -> None:
    bench.person("ada", "android")
    register(bench, "ada", f"{receiver.url}/ada")
    receiver.answers["/ada"], receiver.answers["/legal"] = [Reply(410)], [Reply(410)]
    first = words("of-ada", channels=("webhook", "push"))
    bench.queue(entry(1, message=first), notice(2))
    await bench.deliver()
    assert (bench.in_use("ada"), bench.in_use(LEGAL)) == (["android"], [])
    assert bench.states() == [("sent", ""), ("failed", "WEBHOOK_410")]
    assert len(bench.shows("ada", "android")) == 1


async def test_in_one_batch_some_get_a_push_some_a_mail_and_some_a_post(
    bench: DeliveryBench, receiver: LocalReceiver
) -> None:
    bench.person("ada", "android", "ios")
    register(bench, "ada", f"{receiver.url}/ada")
    register(bench, "cleo", f"{receiver.url}/cleo")
    with bench.ledger.write() as connection:
        mailboxes.keep(connection, {"bob": "bob@example.org"}, bench.now)
    inbox = Inbox()
    async with serving(inbox) as port:
        bench.mail = smtp(port)
        bench.queue(*(notice(n, who) for n, who in enumerate(("ada", "bob", "cleo", LEGAL), start=1)))
        done = await bench.deliver()
    assert (done.rows, done.attempts["accepted"]) == ({NoticeState.SENT: 4}, 5)
    assert [len(bench.shows("ada", p)) for p in ("android", "ios")] == [1, 1]
    assert [to for to, _ in inbox.received] == ["bob@example.org"]
    assert sorted(path for path, some in receiver.shown.items() if some) == ["/cleo", "/legal"]


@pytest.mark.parametrize("mail", [True, False])
async def test_an_address_whose_channel_the_site_has_no_more_is_rejected(
    bench: DeliveryBench, mail: bool
) -> None:
    inbox = Inbox()
    async with serving(inbox) as port:
        bench.webhooks, bench.mail = None, smtp(port) if mail else None
        bench.queue(notice())
        await bench.deliver()
    assert bench.states() == [("failed", "INVALID_ADDRESS")]


async def test_what_was_held_beside_a_dead_host_had_no_first_try(
    bench: DeliveryBench, receiver: LocalReceiver
) -> None:
    receiver.answers["/legal"] = [Reply(0)] * FAILURES
    bench.queue(*(notice(n) for n in range(1, 9)))
    await bench.deliver()
    rows = bench.rows()
    assert Counter(r["reason"] for r in rows) == {
        "the connection to the webhook receiver was cut": FAILURES,
        "the webhook receiver did not answer a moment ago, and was not asked again": 8 - FAILURES,
    }
    held = [r for r in rows if "not asked" in r["reason"]]
    assert {(r["state"], r["first_tried_at"], r["tries"]) for r in held} == {("queued", None, 0)}
    assert (len(receiver.posts), len(bench.attempts())) == (FAILURES, FAILURES)
    bench.later(minutes=1)
    assert (await bench.deliver()).rows == {NoticeState.SENT: 8}


async def test_quiet_hours_of_a_person_hold_a_post_back(
    bench: DeliveryBench, receiver: LocalReceiver
) -> None:
    register(bench, "cleo", f"{receiver.url}/cleo")
    with bench.ledger.write() as connection:
        preferences.keep(connection, "cleo", Preferences(time(7), time(9), zone="UTC"), bench.now)
    bench.queue(notice(1, "cleo"), notice(2))
    await bench.deliver()
    assert [p.path for p in receiver.posts] == ["/legal"]
    assert bench.now == T0, "it is 8:00"
    bench.later(hours=1)
    await bench.deliver()
    assert [p.path for p in receiver.posts] == ["/legal", "/cleo"]


async def test_two_workers_that_send_one_row_show_it_once(
    bench: DeliveryBench, receiver: LocalReceiver
) -> None:
    receiver.answers["/legal"] = [Reply(200, delay=0.3)]
    bench.queue(notice())
    first = asyncio.create_task(bench.deliver())
    assert await asyncio.to_thread(receiver.arrived.wait, 20)
    bench.now += timedelta(minutes=5)  # its lease is over
    await asyncio.gather(first, bench.deliver(seed=1))
    assert len(receiver.shown["/legal"]) == 1
    assert bench.states() == [("sent", "")]
    assert {p.headers["webhook-id"] for p in receiver.posts} == set(receiver.shown["/legal"])


def test_no_webhook_ages_and_none_has_a_topic(bench: DeliveryBench, receiver: LocalReceiver) -> None:
    bench.person("ada", "android")
    register(bench, "ada", f"{receiver.url}/ada")
    with bench.ledger.write() as connection:
        topics.join(connection, "news", ["ada", LEGAL], bench.now)
        [change] = topics.outstanding(connection)
        found = device_stats.take(connection, bench.now + device_stats.REFUSED)
    assert list(change.addresses.values()) == ["tok-ada-android"]
    assert (found.in_use, len(found.refused), found.stale) == ({"android": 1, "webhook": 2}, 1, ())


def test_the_idempotency_key_is_the_replace_key_where_that_fits() -> None:
    key = "0123456789abcdef0123456789abcd"
    assert idempotency_key(post_to("https://x.example/", key=key)) == key

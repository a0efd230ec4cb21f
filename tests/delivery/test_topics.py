"""People have topics, and FCM's subscriptions follow their devices: over HTTP against the simulator, on both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.delivery_bench import DeliveryBench
from tests.support.postgres import DATABASES, fresh
from tests.support.samples import T0, entry
from vigil.compliance.facts import User
from vigil.delivery.errors import CredentialRefused, TopicsUnavailable
from vigil.delivery.push.settings import TOPICS, FcmSettings
from vigil.delivery.push.topics import TopicClient, TopicOutcome, topic_name
from vigil.ledger import Ledger
from vigil.ledger.engine import open_engine
from vigil.ledger.observed import observations
from vigil.ledger.people import devices, registrations, topics
from vigil.ledger.people.devices import NewDevice
from vigil.sandbox.fcm.local import LocalFcm
from vigil.service.subscriptions import send_changes


class Topics(DeliveryBench):
    """A delivery bench with what subscribes."""

    async def sync(self) -> Counter[TopicOutcome]:
        async with TopicClient(self.settings()) as client:
            return await send_changes(self.ledger, client, self.clock)

    def join(self, topic: str, *people: str) -> int:
        with self.ledger.write() as connection:
            return topics.join(connection, topic, people, self.now)

    def leave(self, topic: str, *people: str) -> int:
        with self.ledger.write() as connection:
            return topics.leave(connection, people, topic)

    def members(self, topic: str) -> set[str]:
        """The addresses that FCM has subscribed."""
        return set(self.fcm.app.topics.members(topic))

    def numbers(self, login: str) -> dict[str, int]:
        with self.ledger.read() as connection:
            return {d.address: d.id for d in devices.of_people(connection, [login]).get(login, ())}

    def every(self) -> dict[str, topics.Topic]:
        with self.ledger.read() as connection:
            return {t.name: t for t in topics.every(connection)}


@pytest.fixture(params=DATABASES)
async def bench(
    request: pytest.FixtureRequest, tmp_path: Path, fcm: LocalFcm, settings: Callable[..., FcmSettings]
) -> AsyncIterator[Topics]:
    with fresh(request.param, tmp_path) as url:
        ledger = Ledger(open_engine(url))
        made = Topics(ledger, fcm, settings)
        made.person("ada", "android", "ios")
        made.person("bob", "web")
        yield made
        ledger.close()


async def test_every_device_of_whoever_has_a_topic_is_subscribed_once(bench: Topics) -> None:
    assert bench.join("legal", "ada", "bob") == 2
    assert await bench.sync() == {"subscribed": 3}
    assert bench.members("legal") == {"tok-ada-android", "tok-ada-ios", "tok-bob-web"}
    asked = bench.fcm.app.requests["topics"]
    assert asked == 1, "all of them in one request"
    assert await bench.sync() == {}
    assert bench.join("legal", "ada") == 0
    assert bench.fcm.app.requests["topics"] == asked, "what FCM knows it is not told again"
    assert bench.every()["legal"] == topics.Topic("legal", ("ada", "bob"), 3, 0, {})


async def test_who_leaves_is_unsubscribed_and_nobody_else(bench: Topics) -> None:
    bench.join("legal", "ada", "bob")
    bench.join("news", "ada")
    await bench.sync()
    assert bench.leave("legal", "ada") == 1
    assert bench.every()["legal"].waiting == 2
    assert await bench.sync() == {"unsubscribed": 2}
    assert bench.members("legal") == {"tok-bob-web"}
    assert bench.members("news") == {"tok-ada-android", "tok-ada-ios"}


async def test_an_app_with_a_new_address_is_subscribed_and_the_old_address_is_not(bench: Topics) -> None:
    bench.join("legal", "ada")
    await bench.sync()
    id = bench.numbers("ada")["tok-ada-android"]
    bench.fcm.devices.add("tok-new", "android", owner="ada")
    with bench.ledger.write() as connection:
        made = registrations.replace(connection, "ada", id, NewDevice("ada", "tok-new", "android"), T0)
    assert made is not None and made.id != id
    assert await bench.sync() == {"subscribed": 1, "unsubscribed": 1}
    assert bench.members("legal") == {"tok-new", "tok-ada-ios"}


async def test_a_device_unregistered_or_unknown_to_fcm_is_unsubscribed(
    bench: Topics,
) -> None:
    bench.join("legal", "ada")
    await bench.sync()
    with bench.ledger.write() as connection:
        assert registrations.retire(connection, "ada", bench.numbers("ada")["tok-ada-ios"], T0)
    bench.fcm.devices.get("tok-ada-android").registered = False  # type: ignore[union-attr]
    bench.queue(entry(1))
    await bench.deliver()
    assert bench.in_use("ada") == [], "the worker pruned it"
    assert await bench.sync() == {"unsubscribed": 2}
    assert bench.every()["legal"].subscribed == 0
    assert await bench.sync() == {}


async def test_a_device_that_changes_hands_leaves_the_topics_of_its_first_person(bench: Topics) -> None:
    bench.join("legal", "bob")
    await bench.sync()
    with bench.ledger.write() as connection:
        devices.register(connection, [NewDevice("ada", "tok-bob-web", "web")], T0)
    assert await bench.sync() == {"unsubscribed": 1}
    assert bench.members("legal") == set()


async def test_a_deleted_account_has_no_topics(bench: Topics) -> None:
    bench.join("legal", "ada", "bob")
    await bench.sync()
    with bench.ledger.write() as connection:
        observations.record(connection, [User("ada", 7, "Ada", deleted=True), User("bob", 8, "Bob")], T0)
    assert await bench.sync() == {"unsubscribed": 2}
    assert bench.every()["legal"].people == ("bob",)


async def test_what_fcm_refuses_has_a_word_and_is_asked_again_when_its_app_was_there(bench: Topics) -> None:
    with bench.ledger.write() as connection:
        devices.register(connection, [NewDevice("ada", "tok-unknown", "android")], T0)
    bench.join("legal", "ada")
    assert await bench.sync() == {"subscribed": 2, "refused: NOT_FOUND": 1}
    assert bench.every()["legal"] == topics.Topic("legal", ("ada",), 2, 0, {"NOT_FOUND": 1})
    assert await bench.sync() == {}
    bench.fcm.devices.add("tok-unknown", "android", owner="ada")
    bench.later(hours=1)
    with bench.ledger.write() as connection:
        devices.register(connection, [NewDevice("ada", "tok-unknown", "android")], bench.now)
    assert await bench.sync() == {"subscribed": 1}


async def test_more_than_a_thousand_devices_go_in_several_requests(bench: Topics) -> None:
    many = [NewDevice(f"p{n}", f"tok-p{n}", "android") for n in range(1001)]
    for d in many:
        bench.fcm.devices.add(d.address, d.platform, owner=d.person)
    with bench.ledger.write() as connection:
        devices.register(connection, many, T0)
    bench.join("legal", *(d.person for d in many))
    assert await bench.sync() == {"subscribed": 1001}
    assert bench.fcm.app.requests["topics"] == 2
    assert len(bench.members("legal")) == 1001


@pytest.mark.parametrize(
    "fault", ["unavailable", "internal", "quota", "reset_before", "reset_after", "nameless"]
)
async def test_what_could_not_be_told_is_told_by_the_next_one(bench: Topics, fault: str) -> None:
    bench.join("legal", "ada")
    bench.fcm.faults.add(fault, at="topics", times=1)
    if fault == "nameless":  # an answer that cannot be read
        assert await bench.sync() == {"told again later": 2}
    else:
        with pytest.raises(TopicsUnavailable):
            await bench.sync()
        assert bench.every()["legal"].waiting == 2
    await bench.sync()
    assert bench.members("legal") == {"tok-ada-android", "tok-ada-ios"}
    assert bench.every()["legal"].waiting == 0


async def test_a_refused_token_is_fetched_anew_once_and_then_the_credential_is_named(bench: Topics) -> None:
    bench.join("legal", "ada")
    bench.fcm.faults.add("unauthenticated", at="topics", times=1)
    assert await bench.sync() == {"subscribed": 2}
    bench.leave("legal", "ada")
    bench.fcm.faults.add("unauthenticated", at="topics", times=2)
    with pytest.raises(CredentialRefused, match=r"service account .*HTTP 401"):
        await bench.sync()


async def test_no_address_is_in_what_is_shown_or_said(bench: Topics, caplog: Any) -> None:
    bench.join("legal", "ada")
    with bench.ledger.read() as connection:
        [change] = topics.outstanding(connection)
    bench.fcm.faults.add("unavailable", at="topics")
    with pytest.raises(TopicsUnavailable) as failed:
        await bench.sync()
    assert "tok-" not in repr(change) + str(failed.value) + caplog.text


@pytest.mark.parametrize("name", ["", "/topics/", "two words", "a/b", "ä", "x" * 901])
def test_names_that_fcm_would_refuse_are_refused_before(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a topic"):
        topic_name(name)


def test_a_name_may_come_with_its_prefix() -> None:
    assert topic_name("/topics/legal-2026.q1~a%b") == "legal-2026.q1~a%b"


def test_the_topic_service_stands_beside_fcm_and_the_simulator_is_both() -> None:
    account = {"type": "service_account"}
    assert FcmSettings("demo", account).topics_url == TOPICS
    assert FcmSettings("demo", account, "http://127.0.0.1:9").topics_url == "http://127.0.0.1:9"


async def test_a_device_refreshed_under_the_same_address_is_not_told_again(bench: Topics) -> None:
    bench.join("legal", "ada")
    await bench.sync()
    bench.now = T0 + timedelta(days=1)
    with bench.ledger.write() as connection:
        devices.register(connection, [NewDevice("ada", "tok-ada-ios", "ios")], bench.now)
    assert await bench.sync() == {}

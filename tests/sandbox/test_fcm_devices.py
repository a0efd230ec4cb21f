"""Virtual devices: the replace rules of each platform, the offline queue, time to live."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vigil.sandbox.fcm.devices import Devices

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def devices(clock: Clock) -> Devices:
    made = Devices(clock)
    for platform in ("android", "ios", "web"):
        made.add(platform, platform, owner="ada")
    return made


def keyed(platform: str, key: str, body: str = "first", **android: str) -> dict[str, Any]:
    """A notice with the platform's own replace key and no other."""
    part: Mapping[str, dict[str, Any]] = {
        "android": {"android": {"notification": {"tag": key}, **android}},
        "ios": {"apns": {"headers": {"apns-collapse-id": key}}},
        "web": {"webpush": {"headers": {"Topic": key}, "notification": {"tag": key}}},
    }
    return {"notification": {"title": "T", "body": body}, **part[platform]}


def give(devices: Devices, token: str, message: dict[str, Any], name: str = "m") -> None:
    device = devices.get(token)
    assert device is not None
    devices.receive(device, message, name)


def bodies(devices: Devices, token: str) -> list[str]:
    return [shown.body for shown in devices.show(token)]


@pytest.mark.parametrize("platform", ["android", "ios", "web"])
def test_the_same_key_replaces_and_another_does_not(devices: Devices, platform: str) -> None:
    give(devices, platform, keyed(platform, "a", "first"))
    give(devices, platform, keyed(platform, "b", "other"))
    give(devices, platform, keyed(platform, "a", "second"))
    assert bodies(devices, platform) == ["other", "second"]
    assert [r.body for r in devices.received(platform)] == ["first", "other", "second"]


@pytest.mark.parametrize("platform", ["android", "ios", "web"])
def test_the_key_of_another_platform_replaces_nothing(devices: Devices, platform: str) -> None:
    for other in {"android", "ios", "web"} - {platform}:
        give(devices, platform, keyed(other, "a"))
        give(devices, platform, keyed(other, "a"))
    assert len(devices.show(platform)) == 4


@pytest.mark.parametrize("platform", ["android", "ios", "web"])
def test_a_message_of_data_alone_is_the_applications_and_goes_by_its_event_id(
    devices: Devices, platform: str
) -> None:
    for body in ("first", "second"):
        give(
            devices,
            platform,
            {"data": {"event_id": "row-1", "title": "T", "body": body, "link": "https://x"}},
        )
    [shown] = devices.show(platform)
    assert (shown.title, shown.body, shown.link, shown.key) == ("T", "second", "https://x", "row-1")


def test_an_event_id_does_not_replace_what_the_system_shows(devices: Devices) -> None:
    message = {"notification": {"title": "T"}, "data": {"event_id": "row-1"}}
    give(devices, "android", message)
    give(devices, "android", message)
    assert len(devices.show("android")) == 2


@pytest.mark.parametrize("platform", ["android", "ios", "web"])
def test_a_platforms_own_text_comes_before_the_common_one(devices: Devices, platform: str) -> None:
    own = {"title": "own", "body": "own body"}
    parts: dict[str, dict[str, Any]] = {
        "android": {"android": {"notification": own}},
        "ios": {"apns": {"payload": {"aps": {"alert": own}}}},
        "web": {"webpush": {"notification": own}},
    }
    give(devices, platform, {"notification": {"title": "T", "body": "B"}, **parts[platform]})
    [shown] = devices.show(platform)
    assert (shown.title, shown.body) == ("own", "own body")


def test_a_web_link_comes_before_that_of_the_data(devices: Devices) -> None:
    message = keyed("web", "a") | {"data": {"link": "http://data"}}
    give(devices, "web", message)
    message["webpush"]["fcm_options"] = {"link": "https://own"}
    give(devices, "web", message)
    assert [s.link for s in devices.received("web")] == ["http://data", "https://own"]


@pytest.mark.parametrize("platform", ["android", "ios", "web"])
def test_an_offline_device_gets_what_has_not_expired(devices: Devices, clock: Clock, platform: str) -> None:
    def with_ttl(key: str, seconds: int) -> dict[str, Any]:
        message = keyed(platform, key, body=key)
        if platform == "android":
            message["android"]["ttl"] = f"{seconds}s"
        elif platform == "ios":
            at = int((clock.now + timedelta(seconds=seconds)).timestamp()) if seconds else 0
            message["apns"]["headers"]["apns-expiration"] = str(at)
        else:
            message["webpush"]["headers"]["TTL"] = str(seconds)
        return message

    devices.offline(platform)
    for key, seconds in (("now or never", 0), ("minute", 60), ("hour", 3_600)):
        give(devices, platform, with_ttl(key, seconds))
    assert devices.show(platform) == ()
    clock.now += timedelta(minutes=5)
    devices.online(platform)
    assert bodies(devices, platform) == ["hour"]
    assert devices.received(platform)[0].received_at == clock.now
    give(devices, platform, with_ttl("online", 0))
    assert bodies(devices, platform) == ["hour", "online"]


def test_four_weeks_are_the_end_when_nothing_is_said(devices: Devices, clock: Clock) -> None:
    for platform in ("android", "ios", "web"):
        devices.offline(platform)
        give(devices, platform, keyed(platform, "a"))
        clock.now += timedelta(days=28)
        devices.online(platform)
        assert devices.show(platform) == ()


def test_a_collapse_key_keeps_the_last_while_offline_and_four_keys_a_device(devices: Devices) -> None:
    devices.offline("android")
    for number in range(6):
        give(
            devices,
            "android",
            keyed("android", f"tag-{number}", f"body-{number}", collapse_key=f"k{number % 5}"),
        )
    give(devices, "android", keyed("android", "tag-9", "last of k4", collapse_key="k4"))
    devices.online("android")
    assert bodies(devices, "android") == ["body-2", "body-3", "body-5", "last of k4"]


def test_a_collapse_key_replaces_nothing_on_a_device_that_is_online(devices: Devices) -> None:
    for _ in range(2):
        give(devices, "android", {"notification": {"title": "T"}, "android": {"collapse_key": "k"}})
    assert len(devices.show("android")) == 2


def test_above_a_hundred_waiting_without_a_key_all_of_them_are_lost(devices: Devices) -> None:
    devices.offline("android")
    for number in range(100):
        give(devices, "android", keyed("android", f"tag-{number}"))
    devices.online("android")
    assert len(devices.show("android")) == 100
    devices.offline("android")
    for number in range(101):
        give(devices, "android", keyed("android", f"later-{number}"))
    devices.online("android")
    assert len(devices.show("android")) == 100


def test_a_web_topic_replaces_while_offline(devices: Devices) -> None:
    devices.offline("web")
    give(devices, "web", keyed("web", "a", "first"))
    give(devices, "web", keyed("web", "a", "second"))
    devices.online("web")
    assert [s.body for s in devices.received("web")] == ["second"]


def test_what_was_swiped_away_is_gone_from_the_screen_and_stays_on_record(devices: Devices) -> None:
    give(devices, "ios", keyed("ios", "a"))
    devices.dismiss("ios")
    assert devices.show("ios") == ()
    assert len(devices.received("ios")) == 1


def test_the_json_says_what_each_device_shows_and_received(devices: Devices) -> None:
    give(devices, "android", keyed("android", "a", "first") | {"data": {"link": "https://x"}}, "name-1")
    give(devices, "android", keyed("android", "a", "second"), "name-2")
    android, ios, _ = devices.to_json()["devices"]
    assert {k: android[k] for k in ("token", "platform", "owner", "online", "registered", "waiting")} == {
        "token": "android", "platform": "android", "owner": "ada", "online": True, "registered": True, "waiting": 0,
    }  # fmt: skip
    assert [s["body"] for s in android["shows"]] == ["second"]
    assert android["received"][0] == {
        "title": "T", "body": "first", "link": "https://x", "key": "a", "data": {"link": "https://x"},
        "received_at": "2026-03-02T08:00:00+00:00", "name": "name-1",
    }  # fmt: skip
    assert ios["shows"] == []


def test_an_unknown_platform_is_refused_with_those_that_are_known(devices: Devices) -> None:
    with pytest.raises(ValueError, match="android, ios, web"):
        devices.add("x", "fridge")

"""One message that cannot be sent never keeps the others from being sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.delivery.conftest import Settings
from tests.support.outgoing import message
from vigil.delivery.push.admin_sdk import FcmAdmin
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.sandbox.fcm.local import LocalFcm

POISON: list[tuple[dict[str, Any], str]] = [
    ({"token": ""}, "INVALID_ADDRESS"),
    ({"address_kind": "pigeon"}, "INVALID_ADDRESS"),
    ({"address_kind": "topic", "token": "/topics/all"}, "INVALID_ADDRESS"),
    ({"platform": "fridge"}, "INVALID_PLATFORM"),
    ({"severity": "urgent"}, "INVALID_SEVERITY"),
    ({"data": {"from": "x"}}, "INVALID_DATA"),
    ({"data": {"gcm.x": "x"}}, "INVALID_DATA"),
    ({"data": {"count": 3}}, "INVALID_DATA"),
    ({"data": {"blob": "x" * 5_000}}, "PAYLOAD_TOO_LARGE"),
    ({"title": "half a surrogate \ud83d"}, "INVALID_TEXT"),
    ({"body": "half a surrogate \ud83d" * 900}, "INVALID_TEXT"),
    ({"link": "https://x/\ud83d"}, "INVALID_LINK"),
    ({"link": "javascript:alert(1)"}, "INVALID_LINK"),
    ({"key": "\ud83d"}, "INVALID_TEXT"),
    ({"ttl": None}, "INVALID_MESSAGE"),
    ({"link": None}, "INVALID_MESSAGE"),
]


@pytest.mark.parametrize("transport_class", [FcmHttp, FcmAdmin])
async def test_each_kind_of_invalid_message_is_rejected_by_name_and_the_rest_arrives(
    fcm: LocalFcm, settings: Settings, transport_class: type[FcmHttp]
) -> None:
    batch = []
    for number, (changes, _) in enumerate(POISON):
        batch.append(message(**{"token": "tok-android"} | changes))
        batch.append(message("tok-ios", key=f"good-{number}"))
    async with transport_class(settings()) as transport:
        sent = await transport.send(batch)
    assert [(s.outcome, s.code) for s in sent[::2]] == [("rejected", code) for _, code in POISON]
    assert {s.outcome for s in sent[1::2]} == {"accepted"}
    assert len(fcm.devices.show("tok-ios")) == len(POISON)
    assert fcm.app.requests["send"] == len(POISON), "poison never left the house"


async def test_a_device_that_always_fails_does_not_slow_the_others(fcm: LocalFcm, settings: Settings) -> None:
    fcm.devices.add("broken", "android")
    fcm.faults.add("reset_before", match={"token": "broken"})
    batch = [message("broken" if n % 10 == 0 else "tok-web", key=f"row-{n}") for n in range(200)]
    async with FcmHttp(settings(concurrency=8)) as transport:
        sent = await transport.send(batch)
    assert [s.outcome for s in sent] == ["unknown" if n % 10 == 0 else "accepted" for n in range(200)]


async def test_nothing_to_send_is_nothing_sent(fcm: LocalFcm, settings: Settings) -> None:
    async with FcmHttp(settings()) as transport:
        assert await transport.send([]) == []


@pytest.mark.parametrize("ttl", [timedelta(seconds=-5), timedelta(0), timedelta(days=400)])
async def test_a_time_to_live_outside_the_limits_is_brought_within_them(
    fcm: LocalFcm, settings: Settings, ttl: timedelta
) -> None:
    async with FcmHttp(settings()) as transport:
        sent = await transport.send([message(f"tok-{p}", ttl=ttl) for p in ("android", "ios", "web")])
    assert {s.outcome for s in sent} == {"accepted"}

"""A message that may have arrived is sent again with the same key, and the person sees one notice."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.delivery.conftest import Settings
from tests.support.outgoing import message
from vigil.delivery.push.admin_sdk import FcmAdmin
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.retry import next_try
from vigil.sandbox.fcm.local import LocalFcm

LONG_KEY = "contract-renewal:4711:" + "ü" * 80 + ":ada"


@pytest.mark.parametrize("transport_class", [FcmHttp, FcmAdmin])
@pytest.mark.parametrize("fault", ["reset_after", "malformed", "nameless"])
@pytest.mark.parametrize("platform", ["android", "ios", "web"])
@pytest.mark.parametrize("key", ["row-1", LONG_KEY], ids=["short key", "long key"])
async def test_one_notice_is_seen(
    fcm: LocalFcm, settings: Settings, transport_class: type[FcmHttp], fault: str, platform: str, key: str
) -> None:
    fcm.faults.add(fault, times=1)
    token = f"tok-{platform}"
    async with transport_class(settings()) as transport:
        [first] = await transport.send([message(token, key=key)])
        assert first.outcome == "unknown"
        now = datetime.now(UTC)
        due = next_try(now, 1, first, now, random.Random(0))
        assert isinstance(due, datetime) and due >= now + timedelta(seconds=10)
        [second] = await transport.send([message(token, key=key)])
    assert second.outcome == "accepted"
    assert len(fcm.devices.received(token)) == 2, "it did arrive twice"
    [seen] = fcm.devices.show(token)
    assert seen.name == second.name
    assert seen.data["event_id"] == key


@pytest.mark.parametrize("platform", ["android", "ios", "web"])
async def test_one_notice_is_seen_when_the_device_was_offline_meanwhile(
    fcm: LocalFcm, settings: Settings, platform: str
) -> None:
    token = f"tok-{platform}"
    fcm.devices.offline(token)
    fcm.faults.add("reset_after", times=1)
    async with FcmHttp(settings()) as transport:
        await transport.send([message(token)])
        await transport.send([message(token)])
    assert fcm.devices.show(token) == ()
    fcm.devices.online(token)
    assert len(fcm.devices.show(token)) == 1


@pytest.mark.parametrize("platform", ["android", "ios", "web"])
async def test_two_rows_stay_two_notices(fcm: LocalFcm, settings: Settings, platform: str) -> None:
    async with FcmHttp(settings()) as transport:
        await transport.send([message(f"tok-{platform}", key=key) for key in ("row-1", "row-2", LONG_KEY)])
    assert len(fcm.devices.show(f"tok-{platform}")) == 3

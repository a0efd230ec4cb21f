"""firebase-admin's send_each as the second transport: the same outcomes, none lost, no retry of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.delivery.conftest import Settings
from tests.support.outgoing import message
from vigil.delivery.errors import CredentialRefused
from vigil.delivery.push.admin_sdk import FcmAdmin
from vigil.sandbox.fcm.local import LocalFcm


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "invalid"}, ("rejected", 400, "INVALID_ARGUMENT", None)),
        ({"kind": "apns_410"}, ("rejected", 400, "APNS_410", None)),
        ({"kind": "sender_mismatch"}, ("rejected", 403, "SENDER_ID_MISMATCH", None)),
        ({"kind": "unregistered"}, ("rejected", 404, "UNREGISTERED", None)),
        ({"kind": "quota", "retry_after": 30}, ("retry", 429, "QUOTA_EXCEEDED", 30.0)),
        ({"kind": "internal"}, ("retry", 500, "INTERNAL", None)),
        ({"kind": "unavailable", "retry_after": 12}, ("retry", 503, "UNAVAILABLE", 12.0)),
        ({"kind": "reset_after"}, ("unknown", None, "RESET", None)),
        ({"kind": "malformed"}, ("unknown", 200, "UNREADABLE", None)),
        ({"kind": "nameless"}, ("unknown", 200, "UNREADABLE", None)),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else None,
)
async def test_each_answer_has_the_outcome_of_the_table(
    fcm: LocalFcm, settings: Settings, fault: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    fcm.faults.apply({"add": [fault | {"times": 1, "match": {"title": "bad"}}]})
    async with FcmAdmin(settings()) as transport:
        bad, good = await transport.send([message(title="bad"), message("tok-web")])
    assert (bad.outcome, bad.status, bad.code, bad.retry_after) == expected
    assert good.outcome == "accepted"
    assert fcm.app.requests["send"] == 2, "firebase-admin did not retry by itself"


async def test_a_message_that_firebase_admin_refuses_does_not_stop_its_batch(
    fcm: LocalFcm, settings: Settings
) -> None:
    batch = [message("tok-android"), message("tok-ios", data={"google.x": "1"}), message("tok-web")]
    async with FcmAdmin(settings()) as transport:
        sent = await transport.send(batch)
    assert [s.outcome for s in sent] == ["accepted", "rejected", "accepted"]
    assert sent[1].code == "INVALID_DATA"


async def test_a_late_answer_and_a_refused_connection_are_told_apart(
    fcm: LocalFcm, settings: Settings
) -> None:
    fcm.faults.add("slow", seconds=3)
    async with FcmAdmin(settings(timeout=0.3)) as transport:
        [late] = await transport.send([message()])
    assert (late.outcome, late.code) == ("unknown", "TIMEOUT")
    async with FcmAdmin(settings(endpoint="http://127.0.0.1:9")) as transport:
        [refused] = await transport.send([message()])
    assert (refused.outcome, refused.code) == ("retry", "CONNECT")


async def test_a_refused_account_is_named_and_nothing_counts_as_sent(
    fcm: LocalFcm, settings: Settings
) -> None:
    account = settings().service_account_info
    assert isinstance(account, dict)
    async with FcmAdmin(settings(service_account_info=account | {"client_email": "who@else"})) as transport:
        with pytest.raises(CredentialRefused, match="service account who@else") as refused:
            await transport.send([message()])
    [held] = refused.value.sent
    assert (held.outcome, held.attempted) == ("retry", False)
    assert fcm.app.requests["send"] == 0


def test_two_event_loops_one_after_another_each_have_an_app_of_their_own(
    fcm: LocalFcm, settings: Settings
) -> None:
    async def once(key: str) -> str:
        async with FcmAdmin(settings()) as transport:
            [sent] = await transport.send([message(key=key)])
        return sent.outcome

    assert [asyncio.run(once("a")), asyncio.run(once("b"))] == ["accepted", "accepted"]
    assert len(fcm.devices.show("tok-android")) == 2

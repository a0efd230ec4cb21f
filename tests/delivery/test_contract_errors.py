"""Each row of the contract's table of errors, over real HTTP. docs/contracts/fcm.md#errors"""

from __future__ import annotations

from typing import Any

import pytest

from tests.delivery.conftest import Settings
from tests.support.outgoing import message
from tests.support.tokens import revoke_all
from vigil.delivery.errors import CredentialRefused
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.push.settings import FcmSettings
from vigil.delivery.transport import Sent
from vigil.sandbox.fcm.local import LocalFcm


async def one(settings: FcmSettings, **changes: Any) -> Sent:
    async with FcmHttp(settings) as transport:
        [sent] = await transport.send([message(**changes)])
    return sent


async def test_an_accepted_message_has_its_name_and_is_shown_once(fcm: LocalFcm, settings: Settings) -> None:
    sent = await one(settings())
    assert (sent.outcome, sent.status, sent.code) == ("accepted", 200, "")
    [shown] = fcm.devices.show("tok-android")
    assert shown.name == sent.name
    assert (shown.title, shown.link) == (message().title, message().link)


@pytest.mark.parametrize(
    ("fault", "expected", "prune"),
    [
        ({"kind": "invalid"}, ("rejected", 400, "INVALID_ARGUMENT", None), False),
        ({"kind": "apns_410"}, ("rejected", 400, "APNS_410", None), True),
        ({"kind": "sender_mismatch"}, ("rejected", 403, "SENDER_ID_MISMATCH", None), False),
        ({"kind": "unregistered"}, ("rejected", 404, "UNREGISTERED", None), True),
        ({"kind": "quota", "retry_after": 30}, ("retry", 429, "QUOTA_EXCEEDED", 30.0), False),
        ({"kind": "quota"}, ("retry", 429, "QUOTA_EXCEEDED", None), False),
        ({"kind": "internal"}, ("retry", 500, "INTERNAL", None), False),
        ({"kind": "unavailable", "retry_after": 12}, ("retry", 503, "UNAVAILABLE", 12.0), False),
        ({"kind": "unavailable"}, ("retry", 503, "UNAVAILABLE", None), False),
        ({"kind": "html"}, ("unknown", 502, "HTTP_502", None), False),
        ({"kind": "reset_before"}, ("unknown", None, "RESET", None), False),
        ({"kind": "reset_after"}, ("unknown", None, "RESET", None), False),
        ({"kind": "malformed"}, ("unknown", 200, "UNREADABLE", None), False),
        ({"kind": "nameless"}, ("unknown", 200, "UNREADABLE", None), False),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else None,
)
async def test_each_answer_has_the_outcome_of_the_table(
    fcm: LocalFcm, settings: Settings, fault: dict[str, Any], expected: tuple[Any, ...], prune: bool
) -> None:
    fcm.faults.apply({"add": [fault | {"times": 1}]})
    sent = await one(settings())
    assert (sent.outcome, sent.status, sent.code, sent.retry_after) == expected
    assert sent.prune is prune
    assert fcm.app.requests["send"] == 1, "no retry of our own below the outbox"


async def test_a_late_answer_is_unknown_although_the_message_was_accepted(
    fcm: LocalFcm, settings: Settings
) -> None:
    fcm.faults.add("slow", seconds=3)
    sent = await one(settings(timeout=0.3))
    assert (sent.outcome, sent.status, sent.code) == ("unknown", None, "TIMEOUT")
    assert len(fcm.devices.received("tok-android")) == 1


async def test_a_refused_connection_was_not_sent_and_is_a_plain_retry(
    settings: Settings, fcm: LocalFcm
) -> None:
    async with FcmHttp(settings(endpoint="http://127.0.0.1:9")) as transport:
        [sent] = await transport.send([message()])
    assert (sent.outcome, sent.status, sent.code) == ("retry", None, "CONNECT")


async def test_a_token_that_never_was_one_is_unregistered(fcm: LocalFcm, settings: Settings) -> None:
    sent = await one(settings(), token="never-seen")
    assert (sent.outcome, sent.code, sent.prune) == ("rejected", "UNREGISTERED", True)


async def test_a_revoked_access_token_is_refreshed_once_and_the_message_goes(
    fcm: LocalFcm, settings: Settings
) -> None:
    async with FcmHttp(settings()) as transport:
        await transport.send([message()])
        revoke_all(fcm)
        sent = await transport.send([message(key=f"row-{n}") for n in range(200)])
    assert {s.outcome for s in sent} == {"accepted"}
    assert fcm.app.tokens.count == 2, "one refresh for however many 401s"


async def test_a_credential_that_stays_refused_stops_the_sender_and_is_named(
    fcm: LocalFcm, settings: Settings
) -> None:
    fcm.faults.add("unauthenticated")
    async with FcmHttp(settings(concurrency=4)) as transport:
        with pytest.raises(CredentialRefused, match=r"service account vigil@demo\.iam") as refused:
            await transport.send([message(key=f"row-{n}") for n in range(50)])
    assert [s.outcome for s in refused.value.sent] == ["retry"] * 50
    assert fcm.app.requests["send"] <= 16, "the rest was held back, not tried"
    assert sum(not s.attempted for s in refused.value.sent) >= 42


async def test_a_third_party_credential_stops_its_platform_only(fcm: LocalFcm, settings: Settings) -> None:
    fcm.faults.add("third_party_auth", match={"platform": "ios"})
    batch = [
        message(f"tok-{platform}", key=f"{platform}-{n}") for n in range(20) for platform in ("ios", "web")
    ]
    async with FcmHttp(settings(concurrency=2)) as transport:
        with pytest.raises(
            CredentialRefused, match="APNs authentication key of Firebase project demo"
        ) as refused:
            await transport.send(batch)
        outcomes = {(m.platform, s.outcome) for m, s in zip(batch, refused.value.sent, strict=True)}
        assert outcomes == {("ios", "retry"), ("web", "accepted")}
        [later] = await transport.send([message("tok-android")])
    assert later.outcome == "accepted"


async def test_a_switched_off_api_is_not_taken_for_a_bad_device(fcm: LocalFcm, settings: Settings) -> None:
    fcm.faults.add("permission_denied")
    async with FcmHttp(settings()) as transport:
        with pytest.raises(CredentialRefused, match="FCM API is enabled") as refused:
            await transport.send([message()])
    assert not refused.value.sent[0].prune
    assert refused.value.sent[0].outcome == "retry"

"""FCM, or what stands before it, quotes the request: neither the access token nor the device's address is in what is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.outgoing import message
from vigil.delivery.errors import CredentialRefused
from vigil.delivery.push.admin_sdk import FcmAdmin
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.push.settings import FcmSettings
from vigil.delivery.transport import Sent
from vigil.redaction import MARK
from vigil.sandbox.fcm.local import LocalFcm

ADDRESS = "d3vice-address-that-is-long-enough"


async def send(transport: Any) -> Sent:
    async with transport:
        try:
            (sent,) = await transport.send([message(ADDRESS)])
        except CredentialRefused as refused:
            (sent,) = refused.sent
            assert ADDRESS not in str(refused)
    return sent


@pytest.mark.parametrize("status", [400, 401, 403, 500])
@pytest.mark.parametrize("transport", [FcmHttp, FcmAdmin])
async def test_what_an_answer_quotes_is_not_kept(
    fcm: LocalFcm, settings: Callable[..., FcmSettings], transport: type, status: int
) -> None:
    fcm.faults.add("echo", status=status)
    sent = await send(transport(settings()))
    assert MARK in sent.detail, "nothing was quoted: the test proves nothing"
    assert ADDRESS[:8] not in repr(sent) and "ya29." not in repr(sent)


@pytest.mark.parametrize("status", [400, 500])
async def test_what_the_token_endpoint_quotes_is_not_kept(
    fcm: LocalFcm, settings: Callable[..., FcmSettings], status: int
) -> None:
    fcm.faults.add("echo", at="token", status=status)
    sent = await send(FcmHttp(settings()))
    assert sent.detail and "eyJ" not in sent.detail

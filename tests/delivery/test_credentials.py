"""Access tokens: ahead of expiry, one fetch at a time, never in a log, and errors that say which account."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from pydantic import SecretStr

from tests.delivery.conftest import Settings
from tests.support.outgoing import message
from vigil.delivery.errors import BadServiceAccount, CredentialRefused, CredentialUnavailable
from vigil.delivery.push.credentials import Credential
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.sandbox.fcm.local import LocalFcm


async def test_many_that_ask_at_once_fetch_one_token(fcm: LocalFcm, settings: Settings) -> None:
    credential = Credential(settings())
    bearers = set(await asyncio.gather(*[credential.bearer() for _ in range(100)]))
    assert len(bearers) == 1 and fcm.app.tokens.count == 1
    [bearer] = bearers
    assert set(await asyncio.gather(*[credential.renew(bearer) for _ in range(100)])) != bearers
    assert fcm.app.tokens.count == 2
    await credential.close()


async def test_a_token_that_soon_ends_is_replaced_while_it_still_serves(
    fcm: LocalFcm, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = Credential(settings())
    first = await credential.bearer()
    monkeypatch.setattr("vigil.delivery.push.credentials.AHEAD", timedelta(hours=2))  # an hour is "soon" now
    assert await credential.bearer() == first, "nobody waits for the new one"
    async with asyncio.timeout(30):
        while await credential.bearer() == first:  # noqa: ASYNC110 - the credential tells nobody that it was renewed
            await asyncio.sleep(0.01)
    await credential.close()


async def test_a_token_endpoint_that_is_down_is_asked_once_and_nothing_is_sent(
    fcm: LocalFcm, settings: Settings
) -> None:
    account = settings().service_account_info
    assert isinstance(account, dict)
    dead = settings(service_account_info=account | {"token_uri": "http://127.0.0.1:9/token"})
    async with FcmHttp(dead) as transport:
        sent = await transport.send([message(key=f"row-{n}") for n in range(20)])
    assert {(s.outcome, s.code, s.attempted) for s in sent} == {("retry", "HELD_CREDENTIAL", False)}
    with pytest.raises(CredentialUnavailable, match=r"service account vigil@demo"):
        await Credential(dead).bearer()


async def test_a_refused_account_stops_the_sender_and_is_named(fcm: LocalFcm, settings: Settings) -> None:
    account = settings().service_account_info
    assert isinstance(account, dict)
    other = settings(service_account_info=account | {"client_email": "who@else"})
    async with FcmHttp(other) as transport:
        with pytest.raises(CredentialRefused, match="service account who@else was refused: invalid_grant"):
            await transport.send([message(key=f"row-{n}") for n in range(50)])
    assert fcm.app.requests["token"] == 1


@pytest.mark.parametrize("wrap", [SecretStr, str], ids=["SecretStr", "text"])
async def test_the_account_may_come_as_text_or_as_a_secret(
    fcm: LocalFcm, settings: Settings, wrap: Callable[[str], object]
) -> None:
    async with FcmHttp(settings(service_account_info=wrap(fcm.account.read_text()))) as transport:
        [sent] = await transport.send([message()])
    assert sent.outcome == "accepted"


@pytest.mark.parametrize(
    ("account", "says"),
    [
        ("{not json", "is not JSON"),
        ("[]", "not a JSON object"),
        ({"type": "service_account"}, "lacks project_id, private_key, client_email, token_uri"),
    ],
)
def test_an_account_that_cannot_be_used_is_refused_with_what_is_wrong(
    settings: Settings, account: object, says: str
) -> None:
    with pytest.raises(BadServiceAccount, match=says):
        Credential(settings(service_account_info=account))


def test_a_broken_key_is_refused_without_being_quoted(settings: Settings) -> None:
    account = settings().service_account_info
    assert isinstance(account, dict)
    with pytest.raises(BadServiceAccount, match=r"private key of vigil@demo") as wrong:
        Credential(settings(service_account_info=account | {"private_key": "-----BEGIN SECRET-----"}))
    assert "BEGIN SECRET" not in str(wrong.value)


async def test_neither_tokens_nor_addresses_nor_keys_reach_a_log(
    fcm: LocalFcm, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fcm.faults.add("reset_after", times=1)
    made = settings()
    async with FcmHttp(made) as transport:
        await transport.send([message(), message("tok-nobody")])
        bearer = await transport._credential.bearer()
    text = caplog.text + repr(made)
    assert "tok-android" not in text and "tok-nobody" not in text
    assert bearer.removeprefix("Bearer ") not in text
    assert "PRIVATE KEY" not in text


def test_an_access_token_never_goes_in_the_clear(settings: Settings) -> None:
    with pytest.raises(ValueError, match="https only"):
        settings(endpoint="http://fcm.example.org")
    with pytest.raises(ValueError, match="at least 10 s"):
        settings(endpoint="https://fcm.example.org", timeout=5)

"""The way to Firebase: a certificate authority of one's own, and a proxy in between. TLS and the proxy are real, on loopback."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import trustme

from tests.support.connect_proxy import connect_proxy
from tests.support.outgoing import message
from vigil.delivery.codes import HELD_CREDENTIAL
from vigil.delivery.errors import CredentialUnavailable, TopicsUnavailable
from vigil.delivery.push.admin_sdk import FcmAdmin
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.push.settings import FcmSettings
from vigil.delivery.push.topics import TopicClient
from vigil.delivery.transport import Sent
from vigil.sandbox.fcm.local import LocalFcm, Tls


class Secure:
    """The simulator behind TLS, with a certificate of an authority that nobody knows but by `ca`."""

    def __init__(self, fcm: LocalFcm, ca: str) -> None:
        self.fcm, self.ca = fcm, ca

    @property
    def place(self) -> str:
        return self.fcm.url.removeprefix("https://")

    def settings(self, **changes: Any) -> FcmSettings:
        account = orjson.loads(self.fcm.account.read_bytes())
        usual = {"project": self.fcm.project, "service_account_info": account, "endpoint": self.fcm.url}
        return FcmSettings(**usual | {"ca_file": self.ca} | changes)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    authority, folder = trustme.CA(), tmp_path / "tls"
    folder.mkdir()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    with LocalFcm(folder, tls=Tls(str(folder / "cert.pem"), str(folder / "key.pem"))) as fcm:
        fcm.devices.add("tok-android", "android", owner="ada")
        yield Secure(fcm, str(folder / "ca.pem"))


Send = Callable[[FcmSettings], Awaitable[Sent]]


async def by_http(settings: FcmSettings) -> Sent:
    async with FcmHttp(settings) as transport:
        return (await transport.send([message()]))[0]


async def by_admin(settings: FcmSettings) -> Sent:
    async with FcmAdmin(settings) as transport:
        return (await transport.send([message()]))[0]


BOTH = pytest.mark.parametrize("send", [by_http, by_admin])


def nobody_listens() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@BOTH
async def test_a_certificate_authority_of_ones_own_is_trusted_when_it_is_named(
    secure: Secure, send: Send
) -> None:
    assert (await send(secure.settings())).outcome == "accepted"
    assert len(secure.fcm.devices.show("tok-android")) == 1


@BOTH
async def test_an_unknown_certificate_is_never_accepted(secure: Secure, send: Send) -> None:
    sent = await send(secure.settings(ca_file=None))
    assert (sent.outcome, sent.code) == ("retry", HELD_CREDENTIAL), "no token is asked for, and nothing sent"
    assert not secure.fcm.app.requests


async def test_an_unknown_certificate_of_fcm_itself_is_named(
    secure: Secure, fcm: LocalFcm, settings: Callable[..., FcmSettings]
) -> None:
    """The token comes from elsewhere, as Google's does."""
    sent = await by_http(settings(endpoint=secure.fcm.url))
    assert (sent.outcome, sent.code) == ("retry", "CERTIFICATE")
    assert fcm.app.requests["token"] == 1
    assert not secure.fcm.app.requests


@BOTH
async def test_tokens_and_messages_go_through_the_proxy_that_is_set(secure: Secure, send: Send) -> None:
    async with connect_proxy() as proxy:
        assert (await send(secure.settings(proxy=proxy.url))).outcome == "accepted"
    assert proxy.seen == [secure.place] * 2, "one tunnel for the token, one for the message"
    assert len(secure.fcm.devices.show("tok-android")) == 1


@BOTH
async def test_a_proxy_with_a_login_is_given_it(secure: Secure, send: Send) -> None:
    async with connect_proxy("vigil:s3cret") as proxy:
        url = proxy.url.replace("//", "//vigil:s3cret@")
        assert (await send(secure.settings(proxy=url))).outcome == "accepted"
    assert (len(proxy.seen), proxy.turned_away) == (2, 0)


@BOTH
async def test_a_proxy_that_turns_us_away_costs_a_retry_and_shows_no_password(
    secure: Secure, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect_proxy("vigil:s3cret") as proxy:
        sent = await send(secure.settings(proxy=proxy.url.replace("//", "//vigil:wr0ng@")))
    assert sent.outcome == "retry"
    assert proxy.turned_away and not secure.fcm.app.requests
    assert "wr0ng" not in repr(sent) + caplog.text


async def test_a_proxy_that_turns_only_the_message_away_is_named(
    secure: Secure, settings: Callable[..., FcmSettings]
) -> None:
    async with connect_proxy("vigil:s3cret") as proxy, FcmHttp(secure.settings()) as ready:
        bearer = await ready._credential.bearer()
        async with FcmHttp(secure.settings(proxy=proxy.url)) as transport:
            reading = await transport._exchange("tok-android", b"{}", bearer)
    assert not isinstance(reading, str)
    assert (reading.outcome, reading.code) == ("retry", "PROXY")


@BOTH
async def test_a_proxy_that_is_away_costs_a_retry(secure: Secure, send: Send) -> None:
    sent = await send(secure.settings(proxy=nobody_listens()))
    assert sent.outcome == "retry"
    assert not secure.fcm.app.requests


@BOTH
async def test_the_environment_sets_no_proxy_and_no_authority_behind_ones_back(
    secure: Secure, send: Send, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(other))
    assert (await send(secure.settings())).outcome == "accepted"


async def test_topics_go_the_same_way(secure: Secure) -> None:
    async with connect_proxy() as proxy, TopicClient(secure.settings(proxy=proxy.url)) as client:
        assert await client.change("legal", ["tok-android"], add=True) == [""]
    assert proxy.seen == [secure.place] * 2
    assert secure.fcm.app.topics.members("legal") == ("tok-android",)
    async with TopicClient(secure.settings(ca_file=None)) as client:
        with pytest.raises(CredentialUnavailable):
            await client.change("legal", ["tok-android"], add=True)
    async with TopicClient(secure.settings()) as ready:
        await ready._credential.bearer()
        ready._settings = secure.settings(endpoint=nobody_listens())
        with pytest.raises(TopicsUnavailable, match="cannot be reached"):
            await ready.change("legal", ["tok-android"], add=True)

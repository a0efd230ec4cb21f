"""A server that quotes what it was asked, ticket and password among it, tells them to nobody through Vigil."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ecm.conftest import Server
from vigil.ecm import EcmError
from vigil.ecm.settings import ClientCredentials
from vigil.redaction import MARK

ECHOES = ("echo", "echo_html", "echo_text")
PASSWORD = "a-wrong-password-for-vigil"


async def failure(server: Server, endpoint: str, what: str, **settings: Any) -> EcmError:
    """The error of a call while an endpoint quotes what it is asked."""
    server.fault(endpoint, what, times=100)
    with pytest.raises(EcmError) as caught:
        async with server.client(retries=0, **settings) as client:
            await client.get("/v2/nodes/1001")
    return caught.value


@pytest.mark.parametrize("echo", ECHOES)
async def test_a_ticket_that_is_quoted_is_not_told(
    server: Server, echo: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.fault("GET /v2/nodes/{id}", echo, times=100)
    async with server.client(retries=0) as client:
        with pytest.raises(EcmError) as caught:
            await client.get("/v2/nodes/1001")
        ticket = (await client._tickets.current()).value
    said = f"{caught.value} {caught.value.message} {caplog.text}"
    assert ticket not in said and ticket[:8] not in said
    assert "otcsticket" in said and MARK in said, "nothing was quoted: the test proves nothing"


@pytest.mark.parametrize("echo", ECHOES)
async def test_a_password_that_is_quoted_is_not_told(server: Server, echo: str) -> None:
    found = await failure(server, "POST /v1/auth", echo, password=PASSWORD)
    assert PASSWORD not in f"{found!r} {found.message}" and MARK in found.message


@pytest.mark.parametrize("echo", ECHOES)
async def test_a_secret_of_otds_that_is_quoted_is_not_told(server: Server, echo: str) -> None:
    url = server.sandbox.ecm_url.removesuffix("/cs/cs") + "/otdsws/oauth2/token"
    found = await failure(server, "*token", echo, otds=ClientCredentials(url, "vigil", PASSWORD))
    assert PASSWORD not in f"{found!r} {found.message}" and MARK in found.message


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("asked", ["POST /otdsws/v1/authentication/credentials", "GET /v1/auth"])
async def test_a_login_of_a_user_at_otds_that_is_quoted_is_not_told(
    server: Server, echo: str, asked: str, caplog: pytest.LogCaptureFixture
) -> None:
    """OTDS quotes the JSON with the password, Extended ECM the header with the ticket of OTDS."""
    url = server.sandbox.ecm_url.removesuffix("/cs/cs") + "/otdsws/v1/authentication/credentials"
    password = PASSWORD if asked.startswith("POST") else "vigil"
    found = await failure(server, asked, echo, otds_login=url, password=password)
    said = f"{found!r} {found.message} {caplog.text}"
    assert PASSWORD not in said and "otds-" not in said and MARK in found.message


async def test_the_password_of_a_proxy_that_is_away_is_not_told(server: Server) -> None:
    found = await failure(server, "none", "echo", proxy=f"http://vigil:{PASSWORD}@127.0.0.1:9")
    assert PASSWORD not in f"{found!r} {found.__cause__!r}"
    assert "no answer: connection refused" in str(found)

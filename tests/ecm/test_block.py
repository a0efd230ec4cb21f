"""The connection as a Prefect block: what its form refuses, what it opens, and what it never shows."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from blocks.ecm import ExtendedEcm
from tests.ecm import contracts
from tests.ecm.conftest import Server

LOGIN: dict[str, Any] = {"username": "vigil", "password": SecretStr("vigil")}


def otds(token_url: str, client: str, secret: str) -> dict[str, Any]:
    return {"otds_url": token_url, "otds_client": client, "otds_secret": SecretStr(secret)}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "exactly one login is needed, and none is given"),
        ({**LOGIN, "zone": "Europe/Berlim"}, "is no IANA time zone"),
        ({**LOGIN, "retries": -1}, "retries"),
        ({**LOGIN, "requests_per_second": 0}, "requests_per_second"),
    ],
)
def test_what_cannot_work_is_refused_by_the_form(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ExtendedEcm(url="https://ecm.example.org/cs/cs", **given)


async def test_two_logins_at_once_are_refused_and_an_otds_client_alone_opens_it(server: Server) -> None:
    base = server.sandbox.ecm_url.removesuffix("/cs/cs")
    client = otds(f"{base}/otdsws/oauth2/token", "vigil", "vigil")
    with pytest.raises(ValidationError, match="two are given"):
        ExtendedEcm(url=server.sandbox.ecm_url, **client, **LOGIN)
    block = ExtendedEcm(url=server.sandbox.ecm_url, **client, zone=contracts.ZONE)
    async with block.client() as opened:
        found = await opened.get("/v2/nodes/1001")
    assert found["results"]["data"]["properties"]["id"] == 1001


async def test_a_user_with_an_address_of_otds_logs_in_there(server: Server) -> None:
    url = server.sandbox.ecm_url.removesuffix("/cs/cs") + "/otdsws/v1/authentication/credentials"
    block = ExtendedEcm(url=server.sandbox.ecm_url, **LOGIN, otds_login=url, zone=contracts.ZONE)
    async with block.client() as opened:
        await opened.get("/v2/nodes/1001")
    assert server.asked("POST /otdsws/v1/authentication/credentials") == 1
    assert server.asked("POST /v1/auth") == 0


def test_every_setting_of_the_client_can_be_set_in_the_form() -> None:
    block = ExtendedEcm(
        url="https://ecm.example.org/cs/cs", **LOGIN, timeout=5, total_timeout=20, retries=2, overlap=120,
        concurrency=4, requests_per_second=10, ca="/etc/ca.pem", proxy=SecretStr("http://u:p@proxy:3128"),
    )  # fmt: skip
    made = block.settings()
    assert (made.timeout, made.total_timeout, made.retries, made.overlap.seconds) == (5, 20, 2, 120)
    assert (made.concurrency, made.requests_per_second, made.ca) == (4, 10, "/etc/ca.pem")
    assert made.proxy == "http://u:p@proxy:3128"


def test_no_secret_shows() -> None:
    block = ExtendedEcm(
        url="https://ecm.example.org/cs/cs",
        **otds("https://otds.example.org/t", "a", "hidden-1"),
        proxy=SecretStr("http://u:hidden-2@proxy:3128"),
    )
    shown = repr(block) + str(block) + block.model_dump_json() + repr(block.settings())
    assert "hidden-" not in shown

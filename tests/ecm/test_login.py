"""Tickets: adopted, renewed once, and never shown."""

from __future__ import annotations

import asyncio
import json
import re
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from tests.ecm.conftest import Server
from tests.ecm.doubles import Answer
from vigil.ecm import Client, ClientCredentials, Refused, Settings
from vigil.ecm.errors import CallRefused, Malformed
from vigil.ecm.paging import walk
from vigil.ecm.parse import node_id
from vigil.recording.exchanges import observed

LIST = "/v2/businessworkspaces"


async def test_many_calls_that_find_their_ticket_dead_cause_one_login(server: Server) -> None:
    async with server.client() as client:
        await client.get("/v2/nodes/1001")
        server.sandbox.faults(revoke_tickets=True)
        server.mark()
        answers = await asyncio.gather(*(client.get(f"/v2/nodes/{number}") for number in range(1001, 1061)))
    assert len(answers) == 60
    assert server.asked("POST /v1/auth") == 1
    assert server.asked("GET /v1/auth") == 1, "one call finds out for all that the ticket is dead"


async def test_tickets_that_die_again_and_again_never_fail_a_call(server: Server) -> None:
    server.quirks(tickets_revoked=60)
    async with server.client(concurrency=8) as client:
        answers = await asyncio.gather(*(client.get(f"/v2/nodes/{number}") for number in range(1001, 1201)))
    assert len(answers) == 200
    assert 2 <= client.logins <= 6


async def test_a_rotated_ticket_is_adopted(server: Server) -> None:
    """Each ticket dies after eight uses; whoever takes the new one that comes after five never notices."""
    server.quirks(ticket_rotates=5, ticket_expires=8)
    async with server.client() as client:
        for number in range(1001, 1061):
            await client.get(f"/v2/nodes/{number}")
    assert client.logins == 1
    assert client.requests == 61


async def test_a_ticket_that_dies_in_the_middle_of_a_page_walk_loses_no_row(server: Server) -> None:
    server.quirks(ticket_rotates=0, ticket_expires=3)
    found: list[int] = []
    async with server.client() as client:
        params: dict[str, str | int | Sequence[str]] = {
            "where_workspace_type_id": 1,
            "expanded_view": "true",
            "sort": "desc_modify_date",
        }
        async for page in walk(client, LIST, params, key=node_id, limit=20):
            found += [node_id(row) for row in page.rows]
    assert sorted(found) == list(range(1001, 1241))
    assert len(found) == len(set(found)) == 240
    assert client.logins >= 4


async def test_a_wrong_password_is_tried_once_however_many_calls_need_it(server: Server) -> None:
    async with server.client(password="wrong") as client:
        results = await asyncio.gather(
            *(client.get("/v2/nodes/1001") for _ in range(30)), return_exceptions=True
        )
    assert all(isinstance(one, Refused) for one in results)
    assert server.asked("POST /v1/auth") == 1
    assert "wrong" not in str(results[0])


async def test_otds_client_credentials_log_in_without_a_password(server: Server) -> None:
    host = server.sandbox.ecm_url.removesuffix("/cs/cs")
    otds = ClientCredentials(f"{host}/otdsws/oauth2/token", "vigil", "vigil")
    async with server.client(otds=otds) as client:
        answer = await client.get("/v2/nodes/1001")
    assert answer["results"]["data"]["properties"]["id"] == 1001
    assert server.asked("POST /v1/auth") == 0
    assert server.asked("POST /otdsws/oauth2/token") == 1


async def test_a_refused_otds_client_is_refused_in_words(server: Server) -> None:
    host = server.sandbox.ecm_url.removesuffix("/cs/cs")
    otds = ClientCredentials(f"{host}/otdsws/oauth2/token", "vigil", "not the secret")
    async with server.client(otds=otds) as client:
        with pytest.raises(Refused, match=r"/otdsws/oauth2/token.*OTDS client"):
            await client.get("/v2/nodes/1001")


def credentials_of(server: Server) -> str:
    return server.sandbox.ecm_url.removesuffix("/cs/cs") + "/otdsws/v1/authentication/credentials"


async def test_a_user_logs_in_at_otds_where_the_connection_says_so(server: Server) -> None:
    async with server.client(otds_login=credentials_of(server)) as client:
        await asyncio.gather(*(client.get(f"/v2/nodes/{number}") for number in range(1001, 1020)))
        server.sandbox.faults(revoke_tickets=True)
        answer = await client.get("/v2/nodes/1001")
    assert answer["results"]["data"]["properties"]["id"] == 1001
    assert server.asked("POST /v1/auth") == 0, "Extended ECM gets no password"
    assert server.asked("POST /otdsws/v1/authentication/credentials") == client.logins == 2


@pytest.mark.parametrize("settings", [{"password": "a-wrong-password"}, {"username": "nobody"}])
async def test_a_user_whom_otds_refuses_is_tried_once(server: Server, settings: dict[str, Any]) -> None:
    async with server.client(otds_login=credentials_of(server), **settings) as client:
        calls = (client.get("/v2/nodes/1001") for _ in range(30))
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(one, Refused) for one in results)
    assert "/otdsws/v1/authentication/credentials" in str(results[0])
    assert "a-wrong-password" not in str(results[0])
    assert server.asked("POST /otdsws/v1/authentication/credentials") == 1


async def test_otds_is_sent_json_and_its_ticket_is_changed_for_one_of_extended_ecm(
    double: Callable[[Answer], Client],
) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.path.startswith("/otdsws/"):
            return httpx.Response(200, json={"token": None, "ticket": "of-otds"})
        return httpx.Response(200, json={"results": {}}, headers={"OTCSTicket": "of-ecm"})

    async with double(answer) as client:
        url = "http://otds.test/otdsws/v1/authentication/credentials"
        client._tickets._settings = Settings("http://ecm.test/cs/cs", "v@p", 'p"w&x=1', otds_login=url)
        await client.get("/v2/nodes/1")
    assert [(r.method, r.url.path) for r in asked] == [
        ("POST", "/otdsws/v1/authentication/credentials"),
        ("GET", "/cs/cs/api/v1/auth"),
        ("GET", "/cs/cs/api/v2/nodes/1"),
    ]
    assert json.loads(asked[0].content) == {"userName": "v@p", "password": 'p"w&x=1'}
    assert asked[0].headers["content-type"] == "application/json"
    assert asked[1].headers["OTDSTicket"] == "of-otds"
    assert asked[2].headers["OTCSTicket"] == "of-ecm"


@pytest.mark.parametrize(
    "login",
    [
        {"username": "vigil"},
        {"username": "vigil", "otds_login": "http://proxy.test/api/otdsws/v1/authentication/credentials"},
        {"otds": ClientCredentials("http://proxy.test/api/otdsws/oauth2/token", "c", "s")},
    ],
    ids=lambda login: "-".join(login),
)
async def test_who_observes_what_is_asked_hears_of_no_login(
    double: Callable[[Answer], Client], login: dict[str, Any]
) -> None:
    """A recording is written from what is heard; OTDS may stand behind any address."""

    def answer(request: httpx.Request) -> httpx.Response:
        given = {"ticket": "t", "access_token": "a", "results": {}}
        return httpx.Response(200, json=given, headers={"OTCSTicket": "of-ecm"})

    heard: list[str] = []
    async with double(answer) as client:
        client._tickets._settings = Settings("http://ecm.test/cs/cs", **login)
        with observed(lambda exchange: heard.append(exchange.url)):
            await client.get("/v2/nodes/1")
    assert heard == ["http://ecm.test/cs/cs/api/v2/nodes/1"]


@pytest.mark.parametrize("answer", [{"ticket": None}, {"ticket": ""}, {"token": "x"}, {"ticket": ["x"]}])
async def test_otds_that_gives_no_ticket_is_said_in_words(
    double: Callable[[Answer], Client], answer: dict[str, object]
) -> None:
    async with double(lambda request: httpx.Response(200, json=answer)) as client:
        url = "http://otds.test/otdsws/v1/authentication/credentials"
        client._tickets._settings = Settings("http://ecm.test/cs/cs", "vigil", "vigil", otds_login=url)
        with pytest.raises(Malformed, match=r"credentials.*no ticket given"):
            await client.get("/v2/nodes/1")


async def test_no_error_and_no_repr_shows_a_password_a_secret_or_a_ticket(server: Server) -> None:
    async with server.client() as client:
        ticket = (await client._tickets.current()).value
        with pytest.raises(Exception) as failed:
            await client.get("/v2/nodes/99", {"name": "something private"})
    said = "".join(traceback.format_exception(failed.value)) + repr(client._tickets._current)
    assert ticket not in said
    assert "something private" not in str(failed.value)
    settings = Settings("http://x/cs", "vigil", "hush", proxy="http://me:hush@proxy:1")
    otds = Settings("http://x/cs", otds=ClientCredentials("http://y", "client", "hush"))
    assert "hush" not in repr(settings) + repr(otds)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"username": ""}, "either username and password, or otds"),
        (
            {"otds": ClientCredentials("http://y", "c", "s"), "otds_login": "http://y"},
            "otds_login is for a username",
        ),
        ({"username": "a", "zone": "Europe/Berlun"}, "no IANA time zone"),
        ({"username": "a", "concurrency": 0}, "concurrency must be 1 or more"),
        ({"username": "a", "requests_per_second": 0}, "requests_per_second must be more than 0"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings("http://host/cs/cs", **given)  # type: ignore[arg-type]


async def test_credentials_that_are_refused_with_400_are_refused_and_no_missing_node(server: Server) -> None:
    server.fault("POST /v1/auth", "400", times=9)
    async with server.client() as client:
        with pytest.raises(Refused):
            await client.get("/v2/nodes/1001")
    assert server.asked("POST /v1/auth") == 1


async def test_a_fresh_ticket_that_another_node_does_not_know_yet_is_tried_once_more(server: Server) -> None:
    server.quirks(ticket_refused_once=True)
    async with server.client() as client:
        await client.get("/v2/nodes/1001")
        await client.get("/v2/nodes/1002")
    assert client.logins == 1
    assert server.asked("POST /v1/auth") == 1


async def test_a_domain_is_sent_where_the_connection_has_one(server: Server) -> None:
    server.quirks(domains=True)
    async with server.client(domain="world") as client:
        assert await client.get("/v2/nodes/1001")


class Balancer:
    """Two nodes behind a load balancer that keeps a client on one by a cookie. Each knows its own tickets only."""

    def __init__(self) -> None:
        self.turns = 0
        self.strays = 0
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        sent = re.search(r"node=(\d)", request.headers.get("cookie", ""))
        self.turns += sent is None
        node = sent[1] if sent else str(self.turns % 2)
        if request.url.path == "/otdsws/oauth2/token":
            return httpx.Response(200, json={"access_token": "a"})
        if request.url.path.endswith("/v1/auth"):
            given = {"set-cookie": f"node={node}; Path=/", "OTCSTicket": f"ticket-{node}"}
            return httpx.Response(200, json={"ticket": f"ticket-{node}"}, headers=given)
        if request.headers.get("OTCSTicket") != f"ticket-{node}":
            self.strays += 1
            return httpx.Response(401, json={"error": "Authentication Required"})
        return httpx.Response(200, json={"results": {}})


async def test_cookies_of_a_load_balancer_are_kept_by_every_connection(
    double: Callable[[Answer], Client],
) -> None:
    nodes = Balancer()
    async with double(nodes) as client:
        await asyncio.gather(*(client.get(f"/v2/nodes/{number}") for number in range(40)))
    assert nodes.strays == 0
    assert client.logins == 1


async def test_otds_s_token_is_changed_for_a_ticket_that_comes_in_a_header(
    double: Callable[[Answer], Client],
) -> None:
    nodes = Balancer()
    async with double(nodes) as client:
        client._tickets._settings = Settings(
            "http://ecm.test/cs/cs", otds=ClientCredentials("http://ecm.test/otdsws/oauth2/token", "c", "s")
        )
        await client.get("/v2/nodes/1")
    assert [request.url.path for request in nodes.asked[:2]] == ["/otdsws/oauth2/token", "/cs/cs/api/v1/auth"]
    assert nodes.asked[1].headers["authorization"] == "Bearer a"


class Refusing:
    """A server that refuses the calls of `path`, while the tickets of its logins work for all others, or for none."""

    def __init__(self, path: str, refusal: httpx.Response, *, dead: bool = False) -> None:
        self.path, self.refusal, self.dead = path, refusal, dead
        self.asked: list[str] = []
        self.logins = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("/v1/auth"):
            self.logins += 1
            return httpx.Response(200, json={"ticket": f"ticket-{self.logins}"})
        self.asked.append(request.url.path.partition("/api")[2])
        if self.dead or self.path in request.url.path:
            return httpx.Response(self.refusal.status_code, content=self.refusal.content)
        return httpx.Response(200, json={"results": {}})


REFUSALS = (
    httpx.Response(401, json={"error": "Authentication Required"}),
    httpx.Response(403, text="<html><title>Forbidden</title></html>"),
)


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_call_that_is_refused_alone_costs_no_login_and_no_other_call(
    double: Callable[..., Client], refusal: httpx.Response
) -> None:
    server = Refusing("/audit", refusal)
    async with double(server, concurrency=4) as client:
        calls = [f"/v2/nodes/{n}{part}" for n in range(30) for part in ("", "/audit")]
        results = await asyncio.gather(*(client.get(path) for path in calls), return_exceptions=True)
    refused = [one for one in results if isinstance(one, BaseException)]
    assert [type(one) for one in refused] == [CallRefused] * 30
    assert {one["results"] == {} for one in results if isinstance(one, dict)} == {True}
    assert server.logins == 1
    assert server.asked.count("/v1/auth") <= 30


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_first_call_that_is_refused_alone_does_not_end_the_run(
    double: Callable[[Answer], Client], refusal: httpx.Response
) -> None:
    server = Refusing("/v2/search", refusal)
    async with double(server) as client:
        with pytest.raises(CallRefused, match="/v2/search"):
            await client.post("/v2/search", {"where": "OTSubType: 144"})
        assert await client.get("/v2/nodes/1")
    assert server.logins == 1


async def test_tickets_that_no_call_takes_end_the_run_with_few_logins(double: Callable[..., Client]) -> None:
    server = Refusing("", REFUSALS[0], dead=True)
    async with double(server, concurrency=8) as client:
        calls = (client.get(f"/v2/nodes/{n}") for n in range(60))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(one) for one in results} == {Refused}
        asked = len(server.asked)
        with pytest.raises(Refused):
            await client.get("/v2/nodes/1")
    assert len(server.asked) == asked, "nothing is asked any more"
    assert server.logins <= 3


async def test_a_proxy_that_forbids_every_call_ends_the_run(double: Callable[[Answer], Client]) -> None:
    server = Refusing("", REFUSALS[1], dead=True)
    async with double(server) as client:
        with pytest.raises(Refused, match="Forbidden"):
            await client.get("/v2/nodes/1")
    assert server.logins == 1


async def test_a_ping_shows_nothing_about_a_ticket(double: Callable[[Answer], Client]) -> None:
    """A server without `GET /v1/auth` that refuses everything but the ping: no call has shown that the login works."""
    refusing = Refusing("/v2/", REFUSALS[0])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and request.url.path.endswith("/v1/auth"):
            return httpx.Response(400, json={"error": "The REST API URL could not be found"})
        return refusing(request)

    async with double(answer) as client:
        await client.get("/v1/ping")
        with pytest.raises(Refused):
            await client.get("/v2/nodes/1")

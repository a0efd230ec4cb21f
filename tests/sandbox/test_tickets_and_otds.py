"""Logging in by password and by OTDS client credentials."""

from __future__ import annotations

import base64
import http.client
import json
from urllib.parse import urlencode, urlsplit

import pytest

from tests.sandbox.conftest import Start
from tests.support.small_estate import Answer, Draft, Ecm, Running


@pytest.fixture
def running(draft: Draft, start: Start) -> Running:
    draft.case()
    ready = start(draft)
    ready.at("2024-01-02T00:00:00Z")
    return ready


def token(running: Running, form: dict[str, str], **headers: str) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(running.sandbox.control).netloc, timeout=10)
    sent = {"content-type": "application/x-www-form-urlencoded", **headers}
    connection.request("POST", "/otdsws/oauth2/token", urlencode(form), sent)
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())


def test_without_a_ticket_or_with_a_wrong_one_everything_is_401(running: Running) -> None:
    assert Ecm(running.sandbox, "no-such-ticket").status("/v2/nodes/100") == 401
    assert running.ecm.call("GET", "/v2/nodes/100", OTCSTicket="").status == 401


def test_a_wrong_password_and_an_unknown_user_are_401(running: Running) -> None:
    for form in ({"username": "vigil", "password": "x"}, {"username": "nobody", "password": "nobody"}):
        answer = running.ecm.call("POST", "/v1/auth", form)
        assert answer.status == 401 and answer.json["error"]


def test_client_credentials_give_a_token_and_the_token_a_ticket_in_a_header(running: Running) -> None:
    grant = {"grant_type": "client_credentials", "client_id": "vigil", "client_secret": "vigil"}
    answer = token(running, grant).json
    assert answer["token_type"] == "Bearer" and answer["expires_in"] > 0
    login = running.ecm.call(
        "GET", "/v1/auth", OTCSTicket="", Authorization=f"Bearer {answer['access_token']}"
    )
    assert login.status == 200 and login.json["data"]["name"] == "vigil"
    assert Ecm(running.sandbox, str(login.headers["OTCSTicket"])).status("/v2/nodes/100") == 200


def test_client_credentials_may_come_as_basic_authorization(running: Running) -> None:
    basic = base64.b64encode(b"vigil:vigil").decode()
    answer = token(running, {"grant_type": "client_credentials"}, Authorization=f"Basic {basic}")
    assert answer.status == 200 and answer.json["access_token"]


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        (
            {"grant_type": "client_credentials", "client_id": "vigil", "client_secret": "x"},
            401,
            "invalid_client",
        ),
        (
            {"grant_type": "password", "client_id": "vigil", "client_secret": "vigil"},
            400,
            "unsupported_grant_type",
        ),
    ],
)
def test_otds_refuses(running: Running, form: dict[str, str], status: int, error: str) -> None:
    answer = token(running, form)
    assert (answer.status, answer.json["error"]) == (status, error)


def test_a_bearer_token_that_otds_never_gave_is_401(running: Running) -> None:
    assert running.ecm.call("GET", "/v1/auth", OTCSTicket="", Authorization="Bearer x").status == 401


@pytest.mark.parametrize(("form", "missing"), [({}, "username"), ({"username": "vigil"}, "password")])
def test_a_login_without_an_argument_is_500(running: Running, form: dict[str, str], missing: str) -> None:
    answer = running.ecm.call("POST", "/v1/auth", form)
    assert (answer.status, answer.json["error"]) == (500, f"Argument {missing} is required")


def test_a_domain_is_refused_where_domains_are_off(running: Running) -> None:
    form = {"username": "vigil", "password": "vigil", "domain": "corp"}
    answer = running.ecm.call("POST", "/v1/auth", form)
    assert (answer.status, answer.json["error"]) == (401, "Unable to login. Domain support is disabled")
    running.set(domains=True)
    assert running.ecm.call("POST", "/v1/auth", form).status == 200
    assert running.ecm.get("/v1/serverinfo")["server"]["domain_access_enabled"] is True


def test_an_otds_ticket_for_a_name_and_a_password_gives_a_ticket(running: Running) -> None:
    def credentials(password: str) -> Answer:
        connection = http.client.HTTPConnection(urlsplit(running.sandbox.control).netloc, timeout=10)
        body = json.dumps({"userName": "vigil", "password": password})
        sent = {"content-type": "application/json"}
        connection.request("POST", "/otdsws/v1/authentication/credentials", body, sent)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    assert credentials("x").status == 401
    held = credentials("vigil").json["ticket"]
    login = running.ecm.call("GET", "/v1/auth", OTCSTicket="", OTDSTicket=held)
    assert Ecm(running.sandbox, str(login.headers["OTCSTicket"])).status("/v2/nodes/100") == 200


def test_ping_needs_no_ticket_and_server_info_tells_the_clock_and_no_zone(running: Running) -> None:
    assert running.ecm.call("GET", "/v1/ping", OTCSTicket="").status == 200
    told = running.ecm.get("/v1/serverinfo")
    assert (told["server"]["version"], told["server"]["current_date"]) == ("23.3", "2024-01-02T01:00:00")
    assert told["sessions"]["session_timeout"] == 7_200_000
    assert "Europe" not in json.dumps(told)
    running.set(server_version="16.2.999", time_zone_offset=True)
    told = running.ecm.get("/v1/serverinfo")
    assert told["server"]["time_zone_offset_enabled"] is True and "sessions" not in told


def test_a_ticket_is_nowhere_in_an_answer_but_the_login_s(running: Running) -> None:
    for path in ("/v2/nodes/100", "/v1/serverinfo", "/v2/nodes/7"):
        answer = running.ecm.call("GET", path)
        assert running.ecm.ticket.encode() not in answer.body
    assert running.ecm.ticket not in json.dumps(running.sandbox.requests())

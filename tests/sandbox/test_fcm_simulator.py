"""The FCM simulator over real HTTP, by a client that knows nothing of Vigil. docs/contracts/fcm.md"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import orjson
import pytest

from tests.support.tokens import revoke_all
from vigil.sandbox.fcm.local import LocalFcm
from vigil.sandbox.fcm.oauth import GRANT, account_key

MESSAGING = "https://www.googleapis.com/auth/firebase.messaging"


class Client:
    """One keep-alive connection, as `curl` would use it."""

    def __init__(self, fcm: LocalFcm) -> None:
        self.fcm = fcm
        self.account = orjson.loads(fcm.account.read_bytes())
        self.headers: dict[str, str] = {}
        self._connection = http.client.HTTPConnection(urlsplit(fcm.url).netloc, timeout=10)

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any, Any]:
        self._connection.request(method, path, body, self.headers | headers)
        answer = self._connection.getresponse()
        text = answer.read()
        try:
            return answer.status, orjson.loads(text), answer.headers
        except orjson.JSONDecodeError:
            return answer.status, text, answer.headers

    def token(self, **claims: Any) -> tuple[int, Any]:
        now = int(time.time())
        standard = {
            "iss": self.account["client_email"],
            "aud": f"{self.fcm.url}/token",
            "iat": now,
            "exp": now + 3_600,
        }
        assertion = jwt.encode(standard | {"scope": MESSAGING} | claims, self.account["private_key"], "RS256")
        form = urlencode({"grant_type": GRANT, "assertion": assertion}).encode()
        return self.call("POST", "/token", form)[:2]

    def login(self, **claims: Any) -> None:
        status, answer = self.token(**claims)
        assert status == 200, answer
        self.headers = {"Authorization": f"Bearer {answer['access_token']}"}

    def send(self, message: Any = None, project: str = "demo", **rest: Any) -> tuple[int, Any]:
        whole = {"token": "tok", "notification": {"title": "T"}} if message is None else message
        body = orjson.dumps({"message": whole, **rest})
        return self.call("POST", f"/v1/projects/{project}/messages:send", body)[:2]


@pytest.fixture
def fcm(tmp_path: Path) -> Iterator[LocalFcm]:
    with LocalFcm(tmp_path) as running:
        running.devices.add("tok", "android", owner="ada")
        yield running


@pytest.fixture
def client(fcm: LocalFcm) -> Client:
    made = Client(fcm)
    made.login()
    return made


def code(answer: Any) -> str:
    [found] = [d["errorCode"] for d in answer["error"]["details"] if "errorCode" in d]
    return str(found)


def test_a_send_is_answered_with_the_messages_name_and_arrives(fcm: LocalFcm, client: Client) -> None:
    status, answer = client.send()
    assert status == 200
    assert answer["name"].startswith("projects/demo/messages/")
    [shown] = fcm.devices.show("tok")
    assert (shown.title, shown.name) == ("T", answer["name"])


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"aud": "https://elsewhere/token"}, "invalid_grant"),
        ({"exp": 1_000_000_000, "iat": 999_999_000}, "invalid_grant"),
        ({"exp": 9_000_000_000}, "invalid_grant"),
        ({"iss": "someone@else"}, "invalid_grant"),
        ({"scope": ""}, "invalid_scope"),
    ],
)
def test_an_assertion_that_is_wrong_anywhere_gets_no_token(
    client: Client, claims: dict[str, Any], error: str
) -> None:
    status, answer = client.token(**claims)
    assert (status, answer["error"]) == (400, error)


def test_an_assertion_by_another_key_gets_no_token(fcm: LocalFcm, client: Client, tmp_path: Path) -> None:
    account_key.cache_clear()
    other = LocalFcm(tmp_path)  # writes a new account of the same name, with another key
    client.account = orjson.loads(other.account.read_bytes())
    assert client.token()[1]["error"] == "invalid_grant"
    other._socket.close()


def test_the_account_file_is_for_its_owner_only(fcm: LocalFcm) -> None:
    assert fcm.account.stat().st_mode & 0o077 == 0


def test_without_a_token_or_with_a_revoked_one_it_is_401(fcm: LocalFcm, client: Client) -> None:
    revoke_all(fcm)
    status, answer = client.send()
    assert (status, answer["error"]["status"]) == (401, "UNAUTHENTICATED")
    client.headers = {}
    assert client.send()[0] == 401


def test_a_token_without_the_messaging_scope_is_403(client: Client) -> None:
    client.login(scope="https://www.googleapis.com/auth/datastore")
    assert client.send()[0] == 403


def test_another_project_is_403(client: Client) -> None:
    assert client.send(project="other")[0] == 403


NOTICE = {"title": "T"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"notification": NOTICE}, "Exactly one of"),
    ({"token": "tok", "topic": "t"}, "Exactly one of"),
    ({"topic": "/topics/t"}, "Topic name"),
    ({"token": "tok", "nonsense": 1}, "nonsense"),
    ({"token": "tok", "notification": {"title": 7}}, "message.notification.title"),
    ({"token": "tok", "notification": {"titel": "x"}}, "titel"),
    ({"token": "tok", "data": {"a": 1}}, "message.data[a]"),
    ({"token": "tok", "data": {"from": "x"}}, "from"),
    ({"token": "tok", "data": {"google.x": "x"}}, "google.x"),
    ({"token": "tok", "data": {"gcm.x": "x"}}, "gcm.x"),
    ({"token": "tok", "android": {"ttl": "2419201s"}}, "ttl"),
    ({"token": "tok", "android": {"ttl": "-1s"}}, "ttl"),
    ({"token": "tok", "android": {"ttl": "1h"}}, "duration"),
    ({"token": "tok", "android": {"priority": "urgent"}}, "priority"),
    ({"token": "tok", "apns": {"headers": {"apns-collapse-id": "x" * 65}}}, "64 bytes"),
    ({"token": "tok", "apns": {"headers": {"apns-priority": "7"}}}, "apns-priority"),
    ({"token": "tok", "apns": {"headers": {"apns-expiration": "soon"}}}, "apns-expiration"),
    ({"token": "tok", "apns": {"payload": {"aps": {"interruption-level": "loud"}}}}, "interruption-level"),
    ({"token": "tok", "webpush": {"headers": {"Topic": "x" * 33}}}, "32 characters"),
    ({"token": "tok", "webpush": {"headers": {"Topic": "a b"}}}, "base64"),
    ({"token": "tok", "webpush": {"headers": {"Urgency": "now"}}}, "Urgency"),
    ({"token": "tok", "webpush": {"headers": {"TTL": "2419201"}}}, "TTL"),
    ({"token": "tok", "webpush": {"fcm_options": {"link": "http://x"}}}, "HTTPS"),
    ({"token": "not a token"}, "not a valid FCM registration token"),
    ({"token": "tok", "data": {"a": "x" * 4_100}}, "too big"),
    ({"topic": "t", "data": {"a": "x" * 2_060}}, "too big"),
]


@pytest.mark.parametrize(("message", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_what_the_contract_forbids_is_400_and_says_what(
    fcm: LocalFcm, client: Client, message: dict[str, Any], says: str
) -> None:
    status, answer = client.send(message)
    assert (status, answer["error"]["status"], code(answer)) == (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert says in answer["error"]["message"]
    assert fcm.devices.received("tok") == ()


def test_a_payload_of_exactly_the_limit_passes(client: Client) -> None:
    def payload(size: int) -> dict[str, Any]:
        return {"token": "tok", "data": {"a": "x" * size}}

    sizes = [size for size in range(4_000, 4_100) if client.send(payload(size))[0] == 200]
    assert sizes == list(range(4_000, sizes[-1] + 1)) and sizes[-1] < 4_096


def test_bodies_that_are_no_message_are_400_and_not_a_crash(client: Client) -> None:
    for body in (
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"{}",
        b'{"message": []}',
        b'{"message": {"token": "tok", "data": []}}',
    ):
        status, answer, _ = client.call("POST", "/v1/projects/demo/messages:send", body)
        assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT"), body


def test_validate_only_checks_everything_and_delivers_nothing(fcm: LocalFcm, client: Client) -> None:
    assert client.send(validate_only=True)[0] == 200
    assert client.send({"token": "nobody"}, validate_only=True)[0] == 404
    assert fcm.devices.received("tok") == ()


def test_a_removed_app_and_an_unknown_token_are_unregistered(fcm: LocalFcm, client: Client) -> None:
    fcm.devices.unregister("tok")
    for message in ({"token": "tok"}, {"token": "nobody"}):
        status, answer = client.send(message)
        assert (status, answer["error"]["status"], code(answer)) == (404, "NOT_FOUND", "UNREGISTERED")
    fcm.devices.add("tok", "android")
    assert client.send()[0] == 200


def test_a_device_may_be_another_projects_or_gone_for_apple(fcm: LocalFcm, client: Client) -> None:
    fcm.devices.refuse("tok", "SENDER_ID_MISMATCH")
    status, answer = client.send()
    assert (status, code(answer)) == (403, "SENDER_ID_MISMATCH")
    fcm.devices.refuse("tok", "APNS_410")
    status, answer = client.send()
    assert status == 400
    assert {"statusCode": 410, "reason": "Unregistered"}.items() <= answer["error"]["details"][1].items()
    fcm.devices.refuse("tok", None)
    assert client.send()[0] == 200


def test_an_installation_id_is_an_address_too(fcm: LocalFcm, client: Client) -> None:
    assert client.send({"fid": "tok", "notification": NOTICE})[0] == 200
    assert len(fcm.devices.show("tok")) == 1


def test_topics_have_partial_results_and_reach_their_members(fcm: LocalFcm, client: Client) -> None:
    fcm.devices.add("tok-2", "web")
    client.headers["access_token_auth"] = "true"
    asked = orjson.dumps({"to": "/topics/legal", "registration_tokens": ["tok", "nobody", "tok-2", ""]})
    status, answer, _ = client.call("POST", "/iid/v1:batchAdd", asked)
    assert (status, answer["results"]) == (
        200,
        [{}, {"error": "NOT_FOUND"}, {}, {"error": "INVALID_ARGUMENT"}],
    )
    assert client.send({"topic": "legal", "notification": NOTICE})[0] == 200
    assert [len(fcm.devices.show(t)) for t in ("tok", "tok-2")] == [1, 1]
    client.call(
        "POST", "/iid/v1:batchRemove", orjson.dumps({"to": "/topics/legal", "registration_tokens": ["tok"]})
    )
    client.send({"topic": "legal", "notification": NOTICE})
    assert [len(fcm.devices.show(t)) for t in ("tok", "tok-2")] == [1, 2]
    too_many = orjson.dumps({"to": "/topics/legal", "registration_tokens": ["tok"] * 1_001})
    assert client.call("POST", "/iid/v1:batchAdd", too_many)[0] == 400


@pytest.mark.parametrize(
    ("condition", "reaches"),
    [
        ("'a' in topics && 'b' in topics", ["both"]),
        ("'a' in topics || 'b' in topics", ["only-a", "both"]),
        ("'a' in topics && !('b' in topics)", ["only-a"]),
        ("('c' in topics || 'a' in topics) && 'b' in topics", ["both"]),
    ],
)
def test_a_condition_reaches_those_for_whom_it_holds(
    fcm: LocalFcm, client: Client, condition: str, reaches: list[str]
) -> None:
    for token, topics in (("only-a", ("a",)), ("both", ("a", "b"))):
        fcm.devices.add(token, "ios")
        for topic in topics:
            fcm.app.topics.subscribe(token, topic)
    assert client.send({"condition": condition, "notification": NOTICE})[0] == 200
    assert [t for t in ("only-a", "both") if fcm.devices.show(t)] == reaches


@pytest.mark.parametrize(
    "condition", ["'a' in topics &&", "a in topics", "()", "'a' in topics 'b' in topics", "!"]
)
def test_a_condition_that_cannot_be_read_is_400(client: Client, condition: str) -> None:
    assert client.send({"condition": condition, "notification": NOTICE})[0] == 400


def test_a_script_of_faults_is_obeyed_in_order_and_reports_what_fired(fcm: LocalFcm, client: Client) -> None:
    fcm.devices.add("other", "ios", owner="bob")
    fcm.faults.apply(
        {
            "add": [
                {"kind": "quota", "retry_after": 30, "times": 1, "skip": 1, "match": {"owner": "ada"}},
                {"kind": "internal", "match": {"platform": "ios"}},
            ]
        }
    )
    statuses = [
        client.send({"token": t, "notification": NOTICE})[0] for t in ("tok", "other", "tok", "tok", "other")
    ]
    assert statuses == [200, 500, 429, 200, 500]
    assert [f["fired"] for f in fcm.faults.to_json()["faults"]] == [1, 2]
    fcm.faults.apply({"clear": True})
    assert client.send({"token": "other", "notification": NOTICE})[0] == 200


def test_fault_rates_are_the_same_for_the_same_seed(fcm: LocalFcm, client: Client) -> None:
    def run(seed: int) -> list[int]:
        fcm.faults.apply({"clear": True, "seed": seed, "add": [{"kind": "unavailable", "rate": 0.3}]})
        return [client.send()[0] for _ in range(60)]

    first = run(7)
    assert first == run(7) != run(8)
    assert 5 <= first.count(503) <= 35


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ({"add": [{"kind": "meteor"}]}, "kind 'meteor' is unknown: allowed are quota, internal"),
        ({"add": [{"kind": "quota", "tiems": 3}]}, "tiems"),
        ({"add": [{"kind": "quota", "match": {"colour": "red"}}]}, "colour"),
        ({"add": [{"kind": "quota", "rate": 30}]}, "between 0 and 1"),
        ({"quotas": {"device_per_second": 1}}, "device_per_second"),
        ({"ad": []}, "'ad'"),
    ],
)
def test_a_wrong_script_is_refused_with_the_key_and_changes_nothing(
    fcm: LocalFcm, script: dict[str, Any], says: str
) -> None:
    fcm.faults.add("internal")
    before = fcm.faults.to_json()
    with pytest.raises(ValueError, match=says):
        fcm.faults.apply({"clear": True} | script)
    assert fcm.faults.to_json() == before


@pytest.mark.parametrize(("kind", "accepted"), [("reset_before", 0), ("reset_after", 1)])
def test_a_reset_cuts_the_connection_before_or_after_the_message_is_accepted(
    fcm: LocalFcm, client: Client, kind: str, accepted: int
) -> None:
    fcm.faults.add(kind, times=1)
    with pytest.raises(ConnectionResetError):
        client.send()
    assert len(fcm.devices.received("tok")) == accepted
    assert Client(fcm).token()[0] == 200, "the server is well"


def test_quotas_of_a_device_and_of_the_project_say_whose_they_are(fcm: LocalFcm, client: Client) -> None:
    fcm.devices.add("other", "ios")
    fcm.faults.apply({"quotas": {"device_per_minute": 2, "project_per_minute": 4}})
    answers = [
        client.send({"token": t, "notification": NOTICE})
        for t in ("tok", "tok", "tok", "other", "other", "other")
    ]
    assert [status for status, _ in answers] == [200, 200, 429, 200, 200, 429]
    subjects = [a["error"]["details"][1]["violations"][0]["subject"] for s, a in answers if s == 429]
    assert subjects == ["device:tok", "project:demo"]
    _, _, headers = client.call("POST", "/v1/projects/demo/messages:send", b'{"message": {"token": "tok"}}')
    assert 50 <= int(headers["Retry-After"]) <= 60


def test_look_ups_of_google_auth_are_answered_and_the_rest_is_404(fcm: LocalFcm, client: Client) -> None:
    path = "/v1/projects/-/serviceAccounts/x@y/allowedLocations"
    assert client.call("GET", path)[1]["encodedLocations"] == "0x0"
    assert client.call("GET", "/nothing")[0] == 404
    assert client.call("GET", "/v1/projects/demo/messages:send")[0] == 404
    assert dict(fcm.app.requests) == {"token": 1, "allowedLocations": 1, "other": 1, "send": 1}

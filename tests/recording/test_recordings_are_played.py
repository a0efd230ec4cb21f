"""The folder of a recording, and the server that plays it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from vigil.errors import BadRequest
from vigil.recording.exchanges import Exchange, observed, tell
from vigil.recording.folder import Manifest, Recorder, Recording, Request
from vigil.recording.scrub import Scrubber
from vigil.recording.words import Words
from vigil.sandbox.recorded import TICKET, RecordedEcm

API = "https://ecm.zeta.example/cs/cs/api"
DATE = "Tue, 01 Dec 2026 08:00:00 GMT"
HEADERS = {"date": DATE, "content-type": "application/json", "otcsticket": "s3cret", "set-cookie": "node=7"}


def exchange(path: str, body: object, status: int = 200, form: dict[str, str] | None = None) -> Exchange:
    return Exchange(
        "POST" if form else "GET", f"{API}{path}", form, status, HEADERS, json.dumps(body).encode()
    )


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path, Scrubber(Words(b"a key of this test")))


def client(folder: Path, unknown: list[str]) -> httpx.AsyncClient:
    app = RecordedEcm(Recording(folder), unknown.append)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox/cs/cs/api")


async def test_answers_come_in_their_order_and_then_the_last_again(
    tmp_path: Path, recorder: Recorder
) -> None:
    for number in (1, 1, 2, 3):
        recorder.keep(exchange("/v2/nodes/7?fields=properties", {"n": number}))
    async with client(tmp_path, []) as ecm:
        came = [(await ecm.get("/v2/nodes/7?fields=properties")).json()["n"] for _ in range(6)]
    assert came == [1, 1, 2, 3, 3, 3]
    assert (recorder.kept, recorder.requests) == (4, 1)


async def test_a_request_is_the_same_whatever_the_order_of_its_names(
    tmp_path: Path, recorder: Recorder
) -> None:
    recorder.keep(exchange("/v2/nodes?page=2&limit=1&limit=0", {"n": 1}))
    recorder.keep(exchange("/v2/nodes/list", {"n": 2}, form={"body": '{"ids": [1, 2]}'}))
    async with client(tmp_path, []) as ecm:
        assert (await ecm.get("/v2/nodes?limit=1&limit=0&page=2")).status_code == 200
        assert (await ecm.get("/v2/nodes?limit=0&limit=1&page=2")).status_code == 400, (
            "values of one name have an order"
        )
        assert (await ecm.post("/v2/nodes/list", data={"body": '{"ids":[1,2]}'})).json() == {"n": 2}


async def test_statuses_dates_and_texts_that_are_no_json_come_back(
    tmp_path: Path, recorder: Recorder
) -> None:
    recorder.keep(
        Exchange(
            "GET", f"{API}/v2/search", None, 500, HEADERS | {"content-type": "text/html"}, b"<p>Error</p>"
        )
    )
    async with client(tmp_path, []) as ecm:
        answer = await ecm.get("/v2/search")
    assert (answer.status_code, answer.text, answer.headers["date"]) == (500, "<p>Error</p>", DATE)
    assert answer.headers["content-type"] == "text/html"


async def test_an_unknown_request_is_refused_and_listed_and_any_login_let_in(
    tmp_path: Path, recorder: Recorder
) -> None:
    recorder.keep(exchange("/v2/nodes/7", {}))
    unknown: list[str] = []
    async with client(tmp_path, unknown) as ecm:
        login = await ecm.post("/v1/auth", data={"username": "who", "password": "ever"})
        assert login.json() == {"ticket": TICKET}
        for _ in range(2):
            refused = await ecm.get("/v2/nodes/8?limit=1")
        assert refused.status_code == 400
        assert refused.json() == {"error": "The REST API URL could not be found in the mappings registry"}
        said = (await ecm.get("http://sandbox/sandbox/requests")).json()
    assert unknown == ["not recorded: GET /v2/nodes/8?limit=1"]
    assert said == {"ecm": {"total": 2, "unknown": {"GET /v2/nodes/8?limit=1": 2}}}


def test_logins_and_headers_with_tickets_are_not_written(tmp_path: Path, recorder: Recorder) -> None:
    recorder.keep(exchange("/v1/auth", {"ticket": "s3cret"}, form={"username": "ada", "password": "pass1"}))
    recorder.keep(exchange("/v2/nodes/7", {"x": "node=7"}))
    token = Exchange(
        "POST", "https://otds.zeta.example/otdsws/oauth2/token", {"client_secret": "pass1"}, 200, {}, b"{}"
    )
    recorder.keep(token)
    (file,) = tmp_path.rglob("*.json")
    written = file.read_text()
    assert not any(secret in written for secret in ("s3cret", "pass1", "node=7", "zeta", "ada"))
    assert json.loads(written)["answers"][0]["headers"] == {"date": DATE, "content-type": "application/json"}


def test_observers_hear_of_exchanges_in_their_block_alone() -> None:
    heard: list[str] = []
    tell("GET", "/before", None, 200, {}, b"")
    with observed(lambda exchange: heard.append(exchange.url)):
        tell("GET", "/inside", None, 200, {}, b"")
    tell("GET", "/after", None, 200, {}, b"")
    assert heard == ["/inside"]


def test_the_folder_of_a_call_has_no_ids(recorder: Recorder) -> None:
    assert Request("GET", "/v2/nodes/71/audit", [], []).place == "GET-v2-nodes-id-audit"
    assert Request("GET", "/v2/nodes/7/audit", [], []).place == "GET-v2-nodes-id-audit"


def test_a_folder_without_a_recording_is_refused_and_so_is_another_format(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="holds no recording"):
        Manifest.read(tmp_path)
    made = Manifest(key="k", vigil="1", zone="UTC", expiry="a.b", format=2)
    made.write(tmp_path)
    with pytest.raises(BadRequest, match="has the format 2"):
        Manifest.read(tmp_path)

"""`python -m vigil.sandbox --log-requests FILE`: each request to Extended ECM is a line, without passwords."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx

from tests.support.small_estate import Draft
from vigil.sandbox.process import SandboxProcess
from vigil.sandbox.request_log import LoggedRequest, from_file

DAY = datetime(2024, 1, 2, tzinfo=UTC)
OTDS = "/otdsws/v1/authentication/credentials"
JSON = {"content-type": "application/json"}
LOGIN = {"username": "vigil", "password": "vigil"}


def test_each_request_is_a_line_without_its_password(draft: Draft, tmp_path: Path) -> None:
    draft.case()
    file = tmp_path / "requests.jsonl"
    with SandboxProcess(draft.save(tmp_path / "estate"), start=DAY, log_requests=file) as sandbox:
        api = f"{sandbox.ecm_url}/api"
        ticket = httpx.post(f"{api}/v1/auth", data=LOGIN).json()["ticket"]
        heads = {"OTCSTicket": ticket}
        listed = httpx.post(
            f"{api}/v2/nodes/list?fields=properties", data={"body": '{"ids":[100]}'}, headers=heads
        )
        assert len(listed.json()["results"]) == 1, "the body is still there for the answer"
        httpx.post(f"{api}/v2/none", files={"where": (None, "a b")}, headers=heads)
        otds = sandbox.ecm_url.removesuffix("/cs/cs") + OTDS
        assert httpx.post(otds, json={"userName": "vigil", "password": "a=b&c=d"}).status_code == 401
        assert httpx.post(otds, content='{"password": "a=b', headers=JSON).status_code == 400
        sandbox.requests()
    assert from_file(file) == [
        LoggedRequest("POST", "/v1/auth", {}, {"username": ["vigil"], "password": ["***"]}),
        LoggedRequest("POST", "/v2/nodes/list", {"fields": ["properties"]}, {"body": ['{"ids":[100]}']}),
        LoggedRequest("POST", "/v2/none", {}, {"where": ["a b"]}),
        LoggedRequest("POST", OTDS, {}, {"userName": ["vigil"], "password": ["***"]}),
        LoggedRequest("POST", OTDS, {}, {}),
    ]
    assert "***" in file.read_text() and '"password":["vigil"]' not in file.read_text()

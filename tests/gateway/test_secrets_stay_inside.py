"""No token, no address and no link is in a log or an answer, when things go right and when they go wrong."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import text

from tests.gateway.conftest import Api, bearer, entry

ADDRESS = "address-that-is-secret:APA91b"


def everything(api: Api) -> list[str]:
    """Use every route once; the answers' text and headers."""
    (id,) = api.tell(entry("ada", 1))
    assert api.gateway.links is not None
    link = f"/a/{api.gateway.links.token(id)}"
    ada, body = api.of("ada"), {"address": ADDRESS, "platform": "ios"}
    device = ada.post("/v1/devices", json=body).json().get("id", 1)
    answers = [
        ada.post("/v1/devices", json=body),
        ada.post("/v1/devices", json=body | {"platform": ADDRESS}),
        ada.post("/v1/devices", content=f'{{"address": "{ADDRESS}", '.encode()),
        ada.put(f"/v1/devices/{device}", json=body),
        ada.get("/v1/devices"),
        ada.get(f"/v1/devices/{ADDRESS}"),
        ada.get("/v1/notices", params={"before": ADDRESS}),
        ada.put(f"/v1/notices/{id}/acknowledgement"),
        ada.delete(f"/v1/devices/{device}"),
        api.anyone.get("/v1/notices", headers={"Authorization": bearer("ada")["Authorization"] + "x.y"}),
        api.anyone.get(link),
        api.anyone.post(link),
        api.anyone.get(f"/{ADDRESS}"),
    ]
    return [f"{a.text} {a.headers}" for a in answers]


def said_by_the_gateway(caplog: pytest.LogCaptureFixture) -> str:
    """Every record but those of the test's own HTTP client."""
    records = [r for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    return "\n".join(f"{r.getMessage()} {r.exc_text or ''} {r.exc_info or ''}" for r in records)


def secrets_of(api: Api) -> list[str]:
    assert api.gateway.links is not None
    return [
        ADDRESS,
        bearer("ada")["Authorization"].split(".")[1],
        "/a/MQ",
        api.gateway.links.token(1).split(".")[-1],
    ]


def test_nothing_secret_is_logged_or_answered(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = everything(api)
    said = said_by_the_gateway(caplog)
    assert "POST /v1/devices 201" in said and "POST /a/{token} 410" in said
    for secret in secrets_of(api):
        assert secret not in said
        assert all(secret not in answer for answer in answers)


def test_a_fault_of_ours_is_logged_with_its_place_and_without_what_was_sent(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with api.ledger.write() as connection:
        connection.execute(text("DROP TABLE device"))
    answer = api.of("ada").post("/v1/devices", json={"address": ADDRESS, "platform": "ios"})
    assert (answer.status_code, answer.json()["error"]) == (500, "failed")
    said = said_by_the_gateway(caplog)
    assert "register_device" in said and "OperationalError" in said
    assert ADDRESS not in said and ADDRESS not in answer.text

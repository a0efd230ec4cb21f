"""Answers that do not end, that say their status in their body, or that say more than one sentence.

Contract: docs/contracts/ecm.md#errors.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from tests.ecm.doubles import ticketed
from vigil.ecm import Client, Malformed, NotReadable, Refused, Unavailable
from vigil.ecm.answers import read
from vigil.ecm.retry import Retryable

JSON = {"content-type": "application/json"}


async def test_an_answer_that_does_not_end_is_cut_off_and_malformed(
    double: Callable[..., Client],
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 1000

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=endless())

    async with double(ticketed(answer), largest_answer=50_000) as client:
        with pytest.raises(Malformed, match="longer than 50000 bytes"):
            await client.get("/v2/nodes/1")
    assert sent <= 52


@pytest.mark.parametrize("code", [400, "400", 404])
def test_a_status_in_the_body_of_a_200_is_the_status(code: object) -> None:
    body = (
        b'{"statusCode": %s, "error": "no such node"}'
        % (f'"{code}"' if isinstance(code, str) else str(code)).encode()
    )
    with pytest.raises(NotReadable, match="no such node"):
        read("/v2/nodes/1", 200, JSON, body)


@pytest.mark.parametrize("code", [200, 0, True, None, "", [400], 4000])
def test_a_body_that_says_no_error_is_an_answer(code: object) -> None:
    body = {"statusCode": code, "results": []}
    assert read("/v2/nodes/1", 200, JSON, json.dumps(body).encode()) == body


def test_a_server_error_in_the_body_of_a_200_is_tried_again() -> None:
    with pytest.raises(Retryable) as caught:
        read("/v2/nodes/1", 200, JSON, b'{"statusCode": 503}')
    assert isinstance(caught.value.error, Unavailable)


async def test_a_ticket_that_is_refused_in_the_body_of_a_200_is_renewed(
    double: Callable[..., Client],
) -> None:
    asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        if request.method == "POST":
            return httpx.Response(200, json={"ticket": "t"})
        asked += 1
        if asked <= 3:  # two tries of the call, and one of another
            return httpx.Response(200, json={"statusCode": 401, "error": "Authentication Required"})
        return httpx.Response(200, json={"results": {}})

    async with double(answer) as client:
        assert await client.get("/v2/nodes/1") == {"results": {}}
    assert client.logins == 2


def test_a_detail_stands_beside_the_error() -> None:
    with pytest.raises(NotReadable, match="Invalid value: where_column_query is not known"):
        read(
            "/v2/nodes/1",
            400,
            JSON,
            b'{"error": "Invalid value", "errorDetail": "where_column_query is not known"}',
        )


@pytest.mark.parametrize("title", ["Error Processing Request", "Content Server Client Error"])
def test_an_error_page_is_told_by_its_title_and_tried_again(title: str) -> None:
    page = f"<html><title>{title}</title><body>please try again</body></html>".encode()
    with pytest.raises(Retryable) as caught:
        read("/v2/nodes/1", 500, {"content-type": "text/html"}, page)
    assert title in str(caught.value.error)


def test_a_refusal_without_words_ends_the_run_and_one_in_ecm_s_words_does_not() -> None:
    with pytest.raises(Refused):
        read("/v2/nodes/1", 403, {}, b"")
    with pytest.raises(NotReadable):
        read("/v2/volumes/recyclebin/nodes", 403, JSON, b'{"error": "this mode is off"}')

"""How far the server's clocks are from ours, by the Date header of its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.ecm import contracts
from tests.ecm.conftest import Server
from vigil.ecm.clocks import Skew, joined, measured

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_the_skew_lies_between_what_was_asked_and_what_was_answered() -> None:
    found = measured("Mon, 02 Mar 2026 12:10:00 GMT", NOON, NOON + 3 * SECOND)
    assert found == Skew(597 * SECOND, 601 * SECOND)


@pytest.mark.parametrize(
    "header",
    [None, "", "soon", "Mon, 02 Mar 2026", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 99 Mar 2026 12:00:00 GMT",
     "Wed, 04 Mar 2026 12:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -2359", "\x00"],
)  # fmt: skip
def test_a_header_that_is_no_plausible_date_says_nothing(header: str | None) -> None:
    assert measured(header, NOON, NOON) is None


def test_the_clocks_of_many_nodes_are_between_the_least_and_the_most() -> None:
    one, other = Skew(-5 * SECOND, SECOND), Skew(SECOND, 9 * SECOND)
    assert joined(one, other) == Skew(-5 * SECOND, 9 * SECOND)
    assert joined(None, one) == joined(one, None) == one


@pytest.fixture
def apart(server: Server) -> Iterator[Server]:
    clocks = [{"endpoint": "GET /v2/nodes/*", "ahead": 1800}, {"endpoint": "POST /v1/auth", "ahead": -600}]
    server.sandbox.faults(ecm={"clocks": clocks})
    yield server
    server.sandbox.faults(ecm={"clocks": []})


def test_a_client_takes_all_answers_together(apart: Server) -> None:
    async def ask() -> list[Skew | None]:
        async with apart.client() as client:
            client.clock = lambda: contracts.NOON
            before = client.skew
            await client.get("/v2/members", {"where_type": 0})
            login = client.skew
            await client.get(f"/v2/nodes/{next(iter(contracts.CONTRACTS))}")
            return [before, login, client.skew]

    before, login, after = asyncio.run(ask())
    assert before is None
    assert login == Skew(-600 * SECOND, SECOND)
    assert after == Skew(-600 * SECOND, 1801 * SECOND)

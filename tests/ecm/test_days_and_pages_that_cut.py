"""What days in an unknown zone, repeated rows and groups of rows could cut off is asked for all the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.ecm.doubles import Answer, ticketed
from vigil.ecm import Client, Extractor, ListedWorkspace, Needs
from vigil.ecm.answers import Json
from vigil.ecm.change_feed import ChangeFeed
from vigil.ecm.dialect import Dialect, NodesForm, SearchDialect
from vigil.ecm.homes import homes
from vigil.ecm.parse import DOCUMENT

SINCE = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
"""Half past midnight of 2 March in Berlin, and still 1 March west of it."""

ZONES = pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Niue", "Pacific/Kiritimati"])


def day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def found_row(number: int, at: datetime) -> Json:
    found = {"id": number, "type": DOCUMENT, "parent_id": 5, "modify_date": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    return {"data": {"properties": found}}


def searched(client: Client) -> ChangeFeed:
    client.learn(search=SearchDialect(), search_known=True, why="a test")
    return ChangeFeed(client)


@ZONES
@pytest.mark.parametrize("minutes", [0, 10, 24 * 60])
async def test_a_search_overlaps_by_a_day_on_each_side(
    double: Callable[..., Client], zone: str, minutes: int
) -> None:
    """The index cuts days in a zone that nobody knows: what changed since, and until now, is in the days that are asked for."""
    changed = SINCE + timedelta(minutes=minutes)

    def answer(request: httpx.Request) -> httpx.Response:
        where = parse_qs(request.content.decode())["where"][0]
        first, end = (date.fromisoformat(part[:10]) for part in _dates(where))
        rows = [found_row(7, changed)] if first <= day(changed, zone) < end else []
        return httpx.Response(200, json={"results": rows, "collection": {"paging": {"page_total": 1}}})

    async with double(ticketed(answer), zone="Europe/Berlin") as client:
        pages = [p async for p in searched(client).changed(DOCUMENT, SINCE, changed)]
    assert [row.id for page in pages for row in page] == [7]


def _dates(where: str) -> list[str]:
    """The days that a query compares with, in its order."""
    return [f"{text[:4]}-{text[4:6]}-{text[6:8]}" for text in where.split('"')[3::4]]


async def test_a_page_of_the_search_with_a_repeated_row_is_not_the_last(
    double: Callable[..., Client],
) -> None:
    """Each page begins with the last row of the one before."""
    pages: dict[str, Sequence[int]] = {"1": (1, 2, 3), "2": (3, 4, 5), "3": (5, 6)}

    def answer(request: httpx.Request) -> httpx.Response:
        number = parse_qs(request.content.decode())["page"][0]
        rows = [found_row(n, SINCE) for n in pages[number]]
        return httpx.Response(200, json={"results": rows, "collection": {"paging": {"page_total": 3}}})

    async with double(ticketed(answer)) as client:
        found = [p async for p in searched(client).changed(DOCUMENT, SINCE, SINCE)]
    assert [row.id for page in found for row in page] == [1, 2, 3, 4, 5, 6]


@ZONES
async def test_the_audit_trail_is_asked_for_from_a_day_of_every_zone(
    double: Callable[..., Client], zone: str
) -> None:
    """The filter takes whole days, in a zone that nobody knows."""
    asked: list[date] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/nodes/list"):
            node = {"id": 1, "name": "w", "type": 848, "container_size": 0}
            return httpx.Response(200, json={"results": [{"data": {"properties": node, "categories": []}}]})
        if request.url.path.endswith("/audit"):
            asked.append(date.fromisoformat(request.url.params["where_audit_date_start"]))
        return httpx.Response(200, json={"results": {"data": {"audit": []}}})

    needs = Needs(documents=False, comments=True)
    async with double(ticketed(answer), zone="Europe/Berlin") as client:
        client.dialect = Dialect(nodes=NodesForm.FORM)
        await Extractor(client, needs).read_workspaces([ListedWorkspace(1, "w", SINCE, "Case")], SINCE)
    assert len(asked) == 1 and asked[0] <= day(SINCE, zone)


async def test_a_node_of_another_type_is_not_taken_for_the_workspace(double: Callable[..., Client]) -> None:
    """The call names a project; the parents lead to the workspace."""
    parents = {30: (144, 20), 20: (202, 1), 1: (848, 2000)}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/businessworkspace"):
            return httpx.Response(200, json={"id": 20, "type": 202})
        ids = [int(number) for number in parse_qs(request.content.decode())["ids"]]
        rows = [{"id": n, "type": parents[n][0], "parent_id": parents[n][1]} for n in ids]
        return httpx.Response(200, json={"results": [{"data": {"properties": row}} for row in rows]})

    async with double(ticketed(answer)) as client:
        client.dialect = Dialect(nodes=NodesForm.FORM)
        found = await homes(client, [30])
    assert found.found == {30: 1}


def turns(calls: list[str]) -> Answer:
    """Two nodes that answer in turn, the first of which gave the ticket; the other one does not know it yet."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("/v1/auth"):
            calls.clear()
            return httpx.Response(200, json={"ticket": "t"})
        calls.append(request.url.path)
        if len(calls) % 2:
            return httpx.Response(401, json={"error": "Authentication Required"})
        return httpx.Response(200, json={"results": {}})

    return answer


async def test_a_401_right_after_a_login_is_tried_once_more_before_anything_else(
    double: Callable[..., Client],
) -> None:
    """Asking another call first would come to the node that knows the ticket, and the call to the other one again."""
    calls: list[str] = []
    async with double(turns(calls)) as client:
        assert await client.get("/v2/nodes/1") == {"results": {}}
    assert (len(calls), client.logins) == (2, 1)

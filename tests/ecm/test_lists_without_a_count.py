"""Lists that do not tell how many rows they have: whole only where that is shown. Contract: docs/contracts/ecm.md#paging."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

import httpx
import pytest

from tests.ecm.doubles import ticketed
from tests.ecm.lists import ids
from vigil.compliance.facts import WorkspaceType
from vigil.ecm import Client
from vigil.ecm.answers import Json
from vigil.ecm.errors import IncompleteList
from vigil.ecm.listing import Listing
from vigil.ecm.paging import Key, read_all
from vigil.ecm.parse import node_id


@dataclass(frozen=True)
class Rows:
    """A list of `there` rows in pages of at most 5, of which `given` can be had. `past`: what a page behind them is.

    `links`: whether it says where a next page is; `limit` and `pages`: whether it tells the size and the number of its pages.
    """

    there: int
    given: int = 10_000
    past: str = "empty"
    links: bool = True
    limit: bool = True
    pages: bool = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = dict(parse_qsl(request.url.query.decode()))
        number, size = int(asked["page"]), min(int(asked["limit"]), 5)
        given = min(self.there, self.given)
        last = max(1, -(-given // size))
        shown = {"empty": number, "repeats": min(number, last), "ignored": 1}[self.past]
        numbers = range(shown * size - size + 1, min(shown * size, given) + 1)
        paging: Json = {"page": number}
        paging |= {"limit": size} if self.limit else {}
        paging |= {"page_total": max(1, -(-self.there // size))} if self.pages else {}
        if self.links:
            paging["actions"] = {"next": {"href": "x"}} if number < last or self.past == "ignored" else {}
        rows = [{"data": {"properties": {"id": n, "name": f"w{n}"}}} for n in numbers]
        return httpx.Response(200, json={"results": rows, "paging": paging})


KEYS = pytest.mark.parametrize("key", [node_id, None])
PAST = pytest.mark.parametrize("past", ["empty", "repeats"])


@KEYS
@PAST
@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("limit", [True, False])
@pytest.mark.parametrize("pages", [True, False])
@pytest.mark.parametrize("there", [0, 3, 13])
async def test_a_list_whose_rows_fill_no_page_is_whole(
    double: Callable[..., Client],
    there: int,
    pages: bool,
    limit: bool,
    links: bool,
    past: str,
    key: Key | None,
) -> None:
    async with double(ticketed(Rows(there, past=past, links=links, limit=limit, pages=pages))) as client:
        found, _ = await read_all(client, "/list", {}, key=key, limit=100)
    assert [node_id(row) for row in found] == list(range(1, there + 1))
    assert client.requests <= 5


@KEYS
@PAST
@pytest.mark.parametrize("links", [True, False])
async def test_full_pages_are_a_whole_list_by_the_number_of_its_pages(
    double: Callable[..., Client], links: bool, past: str, key: Key | None
) -> None:
    async with double(ticketed(Rows(10, past=past, links=links, pages=True))) as client:
        found, _ = await read_all(client, "/list", {}, key=key, limit=100)
    assert [node_id(row) for row in found] == list(range(1, 11))


@KEYS
@PAST
@pytest.mark.parametrize("pages", [True, False])
async def test_a_full_page_without_a_next_one_may_be_the_wall(
    double: Callable[..., Client], pages: bool, past: str, key: Key | None
) -> None:
    async with double(ticketed(Rows(30, given=10, past=past, pages=pages))) as client:
        with pytest.raises(IncompleteList, match=r"10 rows were read of .*no further page is offered"):
            await read_all(client, "/list", {}, key=key, limit=100)
    assert client.requests <= 4


@KEYS
@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("there", [5, 30])
async def test_a_page_that_the_server_ignores_ends_no_list(
    double: Callable[..., Client], there: int, links: bool, key: Key | None
) -> None:
    """The first page comes again and again: it is full, or a next one is offered behind it."""
    async with double(ticketed(Rows(there, past="ignored", links=links))) as client:
        with pytest.raises(IncompleteList, match="5 rows were read of a number that is not told"):
            await read_all(client, "/list", {}, key=key, limit=100)
    assert client.requests <= 4


@KEYS
async def test_a_list_that_brings_new_rows_without_end_is_given_up(
    double: Callable[..., Client], monkeypatch: pytest.MonkeyPatch, key: Key | None
) -> None:
    monkeypatch.setattr("vigil.ecm.paging._MOST_PAGES", 7)
    async with double(ticketed(Rows(10**9, 10**9))) as client:
        with pytest.raises(IncompleteList, match="it does not end after 7 pages"):
            await read_all(client, "/list", {}, key=key, limit=100)


async def test_rows_without_an_id_that_come_again_and_again_end_no_list(
    double: Callable[..., Client],
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        paging = {"limit": 1, "actions": {"next": {"href": "x"}}}
        return httpx.Response(200, json={"results": [{"data": {"properties": {}}}], "paging": paging})

    async with double(ticketed(answer)) as client:
        with pytest.raises(IncompleteList):
            await ids(Listing(client).changed(WorkspaceType("T", (), (), id=1), None))
    assert client.requests <= 4


@pytest.mark.parametrize("pages", [True, False])
async def test_workspaces_behind_a_wall_without_a_count_are_said_to_lack(
    double: Callable[..., Client], pages: bool
) -> None:
    seen: list[int] = []
    async with double(ticketed(Rows(30, given=10, pages=pages))) as client:
        with pytest.raises(IncompleteList, match="10 of an untold number of workspaces"):
            async for rows in Listing(client).changed(WorkspaceType("T", (), (), id=1), None):
                seen += [row.id for row in rows]
    assert seen == list(range(1, 11))

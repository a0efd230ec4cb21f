"""A list that is read in parts, while it becomes longer or shorter between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.ecm import contracts
from tests.ecm.doubles import Answer, ticketed
from vigil.compliance.facts import WorkspaceType
from vigil.ecm import Client
from vigil.ecm.errors import IncompleteList
from vigil.ecm.listing import Listing, Place

TYPE = WorkspaceType("T", (), (), (), 1)
LIMIT = 5


class Rows:
    """A server with a list that a test changes. `asked` are the numbers of its pages, without what `told` leaves out of paging."""

    def __init__(self, count: int) -> None:
        self.ids = list(range(1, count + 1))
        self.limit = LIMIT
        self.asked: list[int] = []
        self.lacks = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        pages = max(1, -(-len(self.ids) // self.limit))
        number = min(int(request.url.params["page"]), pages)  # past the end the last one repeats
        self.asked.append(int(request.url.params["page"]))
        some = self.ids[(number - 1) * self.limit : number * self.limit]
        rows = [
            {"data": {"properties": {"id": n, "name": f"w{n}", "modify_date": contracts.NOON.isoformat()}}}
            for n in some
        ]
        paging: dict[str, Any] = {"limit": self.limit, "total_count": len(self.ids), "actions": {}}
        paging.pop(self.lacks, None)
        if number < pages:
            paging["actions"] = {"next": {"href": "x"}}
        return httpx.Response(200, json={"results": rows, "paging": paging})


async def part(client: Client, place: Place, pages: int = 2) -> tuple[list[int], Place]:
    found: list[int] = []
    async for rows, there in Listing(client).part(TYPE, place, pages):
        found += [row.id for row in rows]
        place = there
    return found, place


async def test_parts_overlap_by_a_page_and_begin_anew_at_the_end(double: Callable[[Answer], Client]) -> None:
    rows = Rows(22)
    async with double(ticketed(rows)) as client:
        found, place = await part(client, Place(limit=LIMIT))
        assert found == list(range(1, 11))
        assert place == Place(2, LIMIT, 22)
        found, place = await part(client, place)
        assert found == list(range(6, 16))
        found, place = await part(client, place, 3)
        assert found == list(range(11, 23))
        found, place = await part(client, place)
    assert found == [21, 22], "the last page of the part before"
    assert place == Place(1, LIMIT, 22)


@pytest.mark.parametrize("lost", [1, 5, 6, 12, 30])
async def test_no_row_slips_past_the_place_where_rows_before_it_vanish(
    double: Callable[[Answer], Client], lost: int
) -> None:
    rows = Rows(60)
    async with double(ticketed(rows)) as client:
        found, place = await part(client, Place(limit=LIMIT), 6)
        assert found == list(range(1, 31))
        del rows.ids[:lost]
        after: list[int] = []
        while place.page > 1:
            some, place = await part(client, place)
            after += some
    assert set(after) >= set(range(31, 61))


async def test_a_list_that_is_much_shorter_is_read_to_its_end(double: Callable[[Answer], Client]) -> None:
    rows = Rows(60)
    async with double(ticketed(rows)) as client:
        _, place = await part(client, Place(limit=LIMIT), 10)
        del rows.ids[8:]
        found, place = await part(client, place, 10)
        assert set(found) >= {6, 7, 8}
        assert place.page == 1
        rows.ids.clear()
        assert await part(client, place) == ([], Place(1, LIMIT, 8))


async def test_pages_of_another_size_begin_anew(double: Callable[[Answer], Client]) -> None:
    rows = Rows(60)
    async with double(ticketed(rows)) as client:
        _, place = await part(client, Place(limit=LIMIT), 3)
        rows.limit = 10
        found, place = await part(client, place)
    assert found == list(range(1, 21))
    assert place == Place(2, 10, 60)


@pytest.mark.parametrize("lacks", ["limit", "total_count"])
async def test_a_list_whose_pages_cannot_be_counted_is_not_read_in_parts(
    double: Callable[[Answer], Client], lacks: str
) -> None:
    rows = Rows(60)
    rows.lacks = lacks
    async with double(ticketed(rows)) as client:
        with pytest.raises(IncompleteList, match="does not tell"):
            await part(client, Place(limit=LIMIT))

"""Lists that stop before their own count: narrowed until every row was seen, or called incomplete.

Contract: docs/contracts/ecm.md#paging.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

import httpx
import pytest

from tests.ecm import contracts
from tests.ecm.conftest import Server
from tests.ecm.doubles import Answer, ticketed
from tests.ecm.lists import contract, ids
from vigil.compliance.facts import WorkspaceType
from vigil.ecm import Client
from vigil.ecm.dialect import DateFilter, Dialect
from vigil.ecm.errors import IncompleteList
from vigil.ecm.listing import Listing
from vigil.ecm.paging import Key, read_all
from vigil.ecm.parse import node_id

LIST = "GET /v2/businessworkspaces"


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve pages instead of one, so that 240 contracts show what 120,000 would."""
    monkeypatch.setattr("vigil.ecm.listing.PAGE", 20)


async def whole(server: Server, dialect: Dialect, **quirks: object) -> tuple[list[int], Client]:
    server.quirks(wall=100, **quirks)
    async with server.client() as client:
        client.dialect = dialect
        return await ids(Listing(client).changed(await contract(client), None)), client


async def test_beyond_the_wall_rows_are_found_by_the_start_of_their_names(server: Server) -> None:
    """All names begin with "Contract 1": the common start is skipped, and digits tell them apart."""
    found, client = await whole(server, Dialect())
    assert sorted(found) == list(contracts.CONTRACTS)
    assert client.dialect.wall == 100
    assert server.asked(LIST) < 60


async def test_beyond_the_wall_older_rows_are_asked_for_by_date(
    server: Server,
) -> None:
    found, _ = await whole(server, Dialect(sorted=True, dates=DateFilter.PLAIN))
    assert sorted(found) == list(contracts.CONTRACTS)
    assert server.asked(LIST) < 20


async def test_dates_that_are_not_compared_after_all_are_given_up_for_names(server: Server) -> None:
    dialect = Dialect(at=contracts.NOON, sorted=True, dates=DateFilter.PLAIN)
    found, client = await whole(server, dialect, date_columns=False, unknown_columns="refused")
    assert sorted(found) == list(contracts.CONTRACTS)
    assert client.dialect.dates is DateFilter.NONE


async def test_an_ignored_date_filter_brings_no_row_twice_and_loses_none(server: Server) -> None:
    dialect = Dialect(at=contracts.NOON, sorted=True, dates=DateFilter.PLAIN)
    found, _ = await whole(server, dialect, date_columns=False, unknown_columns="ignored")
    assert sorted(found) == list(contracts.CONTRACTS)
    assert len(found) == len(set(found))


async def test_rows_that_cannot_be_reached_make_the_list_incomplete_with_both_numbers(server: Server) -> None:
    """Filters are refused: only the first hundred rows can be had."""
    server.quirks(wall=100, date_columns=False)
    server.sandbox.faults(
        ecm={"script": [{"endpoint": LIST, "what": "400", "nth": 6, "times": 9999, "seconds": 0}]}
    )
    seen: list[int] = []
    async with server.client() as client:
        with pytest.raises(IncompleteList, match="100 of 240 workspaces could be listed"):
            async for rows in Listing(client).changed(await contract(client), None):
                seen += [row.id for row in rows]
    assert len(seen) == 100


async def test_what_changed_since_a_watermark_before_the_wall_costs_no_narrowing(server: Server) -> None:
    server.quirks(wall=100)
    async with server.client() as client:
        kind = await contract(client)
        server.mark()
        await ids(Listing(client).changed(kind, contracts.created(1235)))
    assert server.asked(LIST) == 1


async def test_an_unsorted_list_with_a_wall_gives_what_changed_as_well(server: Server) -> None:
    server.quirks(wall=100, date_sort=False)
    since = contracts.created(1235)
    async with server.client() as client:
        found = await ids(Listing(client).changed(await contract(client), since))
    assert set(range(1235, 1241)) <= set(found)
    assert client.dialect.sorted is False


def named(names: list[str], *, obeys: bool = True) -> Answer:
    """A list of workspaces, newest first, in pages of 5 of which 2 are offered; `obeys`: whether starts of names are compared."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked = dict(parse_qsl(request.url.query.decode()))
        start = asked.get("where_name", "startswith_").removeprefix("startswith_").casefold() if obeys else ""
        held = [
            {"id": 100 - at, "name": name, "modify_date": f"2026-03-01T00:00:{59 - at:02}"}
            for at, name in enumerate(names)
            if name.casefold().startswith(start)
        ]
        number, limit = int(asked["page"]), min(int(asked["limit"]), 5)
        rows = [{"data": {"properties": one}} for one in held[(number - 1) * limit : number * limit]]
        more = number * limit < min(len(held), 10)
        paging = {"limit": limit, "page": number, "total_count": len(held)}
        actions = {"actions": {"next": {"href": "x"}} if more else {}}
        return httpx.Response(200, json={"results": rows, "paging": paging | actions})

    return answer


@pytest.mark.parametrize("others", [["Zeta"], ["Zeta", "Cy"], []])
async def test_a_name_with_another_start_does_not_end_the_narrowing(
    double: Callable[..., Client], others: list[str]
) -> None:
    """The names that begin with "C" go on with "a", all 30: that "Zeta" does not is no sign that starts are ignored."""
    names = [*others, *(f"Case {at:03}" for at in reversed(range(30)))]
    async with double(ticketed(named(names))) as client:
        found = await ids(Listing(client).changed(WorkspaceType("T", (), (), id=1), None))
    assert sorted(found) == list(range(101 - len(names), 101))
    assert client.requests < 110


async def test_starts_of_names_that_the_server_ignores_cost_one_call(double: Callable[..., Client]) -> None:
    names = ["Zeta", *(f"Case {at:03}" for at in reversed(range(30)))]
    async with double(ticketed(named(names, obeys=False))) as client:
        with pytest.raises(IncompleteList, match="10 of 31 workspaces"):
            await ids(Listing(client).changed(WorkspaceType("T", (), (), id=1), None))
    assert client.requests == 4, "the login, two pages, and one count"


@pytest.mark.parametrize("written", [int, str])
async def test_the_wall_is_seen_also_where_counts_are_texts(
    double: Callable[..., Client], written: Callable[[int], object]
) -> None:
    """Pages of at most 10 rows, offered up to row 50 of 100; no start of a name finds more."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked = dict(parse_qsl(request.url.query.decode()))
        number, limit = int(asked["page"]), min(int(asked["limit"]), 10)
        shown, total = (0, 0) if "where_name" in asked else (50, 100)
        held = [{"id": n, "name": f"w{n}", "modify_date": "2026-03-01T00:00:00"} for n in range(1, shown + 1)]
        rows = [{"data": {"properties": one}} for one in held[(number - 1) * limit : number * limit]]
        actions = {"next": {"href": "x"}} if number * limit < shown else {}
        paging = {"limit": written(limit), "page": written(number), "total_count": written(total)}
        return httpx.Response(200, json={"results": rows, "paging": paging | {"actions": actions}})

    async with double(ticketed(answer)) as client:
        with pytest.raises(IncompleteList, match="50 of 100 workspaces could be listed"):
            await ids(Listing(client).changed(WorkspaceType("T", (), (), id=1), None))


def without_limit(total: int, given: int, *, past: str = "repeats", offers: bool = False) -> Answer:
    """A list of `total` rows in pages of 10, whose size it does not tell: `given` rows, and then the last page again, or none."""

    def answer(request: httpx.Request) -> httpx.Response:
        number = int(dict(parse_qsl(request.url.query.decode()))["page"])
        shown = min(number, max(1, -(-given // 10))) if past == "repeats" else number
        rows = [
            {"data": {"properties": {"id": n}}} for n in range(shown * 10 - 9, min(shown * 10, given) + 1)
        ]
        actions = {"actions": {"next": {"href": "x"}} if number * 10 < given else {}} if offers else {}
        paging = {"page": number, "total_count": total, **actions}
        return httpx.Response(200, json={"results": rows, "paging": paging})

    return answer


@pytest.mark.parametrize("key", [node_id, None])
@pytest.mark.parametrize("offers", [True, False])
@pytest.mark.parametrize(("rows", "requests"), [(10, 1), (24, 3), (30, 3), (7, 1), (0, 1)])
async def test_a_list_that_does_not_tell_its_limit_is_read_to_its_count(
    double: Callable[..., Client], key: Key | None, offers: bool, rows: int, requests: int
) -> None:
    async with double(ticketed(without_limit(rows, rows, offers=offers))) as client:
        found, _ = await read_all(client, "/list", {}, key=key, limit=100)
    assert [node_id(row) for row in found] == list(range(1, rows + 1))
    assert client.requests == requests + 1, "and the login"


@pytest.mark.parametrize("key", [node_id, None])
@pytest.mark.parametrize("past", ["repeats", "empty"])
@pytest.mark.parametrize("offers", [True, False])
@pytest.mark.parametrize("given", [10, 30])
async def test_equally_short_pages_that_lack_rows_are_not_a_whole_list(
    double: Callable[..., Client], key: Key | None, past: str, offers: bool, given: int
) -> None:
    async with double(ticketed(without_limit(40, given, past=past, offers=offers))) as client:
        with pytest.raises(IncompleteList, match="of 40"):
            await read_all(client, "/list", {}, key=key, limit=100)
    assert client.requests <= 6


async def test_a_list_that_shrinks_and_does_not_tell_its_limit_is_not_whole(
    double: Callable[..., Client],
) -> None:
    """After two pages of 10 the first 25 of 60 rows leave: the next rows slide onto pages that were read."""
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        number = int(dict(parse_qsl(request.url.query.decode()))["page"])
        asked.append(number)
        ids = range(1 if len(asked) <= 2 else 26, 61)
        rows = [{"data": {"properties": {"id": n}}} for n in ids[(number - 1) * 10 : number * 10]]
        return httpx.Response(200, json={"results": rows, "paging": {"total_count": len(ids)}})

    async with double(ticketed(answer)) as client:
        with pytest.raises(IncompleteList, match="25 rows shorter"):
            await read_all(client, "/list", {}, key=node_id, limit=100)

"""Lists in pages: clamped, repeated, shifting, refused when deep, interrupted. No row is lost and none comes twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tests.ecm import contracts
from tests.ecm.conftest import Server
from tests.ecm.lists import contract, ids
from vigil.ecm import Client, Extractor, NotReadable
from vigil.ecm.listing import Listing
from vigil.ecm.paging import read_all, walk
from vigil.ecm.parse import node_id

LIST = "/v2/businessworkspaces"
PARAMS: dict[str, str | int | Sequence[str]] = {
    "where_workspace_type_id": 1,
    "expanded_view": "true",
    "sort": "desc_modify_date",
}


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve pages instead of one, so that 240 contracts show what 6,000 would."""
    monkeypatch.setattr("vigil.ecm.listing.PAGE", 20)


async def test_a_limit_that_is_clamped_without_a_word_is_noticed(server: Server) -> None:
    """500 children are asked for, 100 are served: page 2 is then counted in hundreds."""
    server.quirks(children_cap=100)
    async with server.client() as client:
        rows, _ = await read_all(client, f"/v2/nodes/{contracts.FULL}/nodes", {}, key=node_id, limit=500)
    assert len(rows) == 120
    assert len({node_id(row) for row in rows}) == 120
    assert server.asked("GET /v2/nodes/{id}/nodes") == 2


@pytest.mark.parametrize("repeats", [True, False])
@pytest.mark.parametrize("limit", [20, 24, 60, 77, 240, 500])
async def test_the_walk_ends_whether_or_not_the_last_page_repeats(
    server: Server, repeats: bool, limit: int
) -> None:
    server.quirks(last_page_repeats=repeats)
    found: list[int] = []
    async with server.client() as client:
        async for page in walk(client, LIST, PARAMS, key=node_id, limit=limit):
            found += [node_id(row) for row in page.rows]
    assert len(found) == 240
    assert set(found) == set(contracts.CONTRACTS)
    assert server.asked(f"GET {LIST}") == -(-240 // limit)


async def test_a_start_beyond_the_end_gives_the_repeated_last_page_once(server: Server) -> None:
    async with server.client() as client:
        pages = [page async for page in walk(client, LIST, PARAMS, key=node_id, limit=100, start=9)]
    assert [len(page.rows) for page in pages] == [40]
    assert server.asked(f"GET {LIST}") == 1


@pytest.mark.parametrize("counted", [True, False])
async def test_what_may_not_be_read_is_missing_and_everything_else_is_there(
    server: Server, counted: bool
) -> None:
    """Whether totals count the unreadable or not: pages may be short in the middle, and the end where none is said."""
    hidden = [1240, 1239, 1230, 1100, 1001, 1002, 1003]
    server.quirks(unreadable=hidden, unreadable_counted=counted)
    found: list[int] = []
    async with server.client() as client:
        async for page in walk(client, LIST, PARAMS, key=node_id, limit=20):
            found += [node_id(row) for row in page.rows]
    assert sorted(found) == sorted(set(contracts.CONTRACTS) - set(hidden))


async def test_rows_that_come_in_front_push_none_out_and_are_found_by_the_next_run(
    server: Server, small_pages: None
) -> None:
    async with server.client() as client:
        calm = await ids(Listing(client).changed(await contract(client), None))
        server.quirks(list_shifts=7)
        pages = [rows async for rows in Listing(client).changed(await contract(client), None)]
        found = [row.id for rows in pages for row in rows]
        assert len(found) == len(set(found))
        assert set(found) == set(calm[7:])
        newest = max(row.modified for row in pages[0])
        server.quirks(list_shifts=0)
        after = await ids(Listing(client).changed(await contract(client), newest))
    assert set(calm[:7]) <= set(after)


@pytest.mark.parametrize("left", [1, 7, 20, 45])
async def test_rows_that_leave_the_list_pull_none_past_the_reader(
    server: Server, small_pages: None, left: int
) -> None:
    """After the first page rows leave in front of it: the next page's first rows slide onto pages already read."""
    server.quirks(list_shifts=-left)
    async with server.client() as client:
        found = await ids(Listing(client).changed(await contract(client), None))
    assert len(found) == len(set(found))
    assert set(found) >= set(sorted(contracts.CONTRACTS, reverse=True)[left:])


async def test_an_offset_that_is_refused_for_its_depth_is_reached_by_date(
    server: Server, small_pages: None
) -> None:
    server.quirks(deep_offset=100)
    async with server.client() as client:
        found = await ids(Listing(client).changed(await contract(client), None))
    assert len(found) == len(set(found)) == 240


async def test_a_list_that_cannot_be_read_at_all_is_an_error_and_not_an_empty_list(server: Server) -> None:
    server.fault(f"GET {LIST}", "400", times=9)
    async with server.client() as client:
        with pytest.raises(NotReadable):
            await ids(Listing(client).changed(await contract(client), None))


async def test_only_what_changed_since_the_watermark_comes_newest_first(server: Server) -> None:
    since = contracts.created(1200)
    async with server.client(overlap=timedelta(0)) as client:
        rows = [row async for rows in Listing(client).changed(await contract(client), since) for row in rows]
    late = {
        contracts.FULL,
        contracts.VERSIONED,
        1010,
    }  # touched after they were created, or not, as quirk 24 has it
    assert [row.id for row in rows if row.id not in late] == list(range(1240, 1199, -1))
    assert [row.modified for row in rows] == sorted((row.modified for row in rows), reverse=True)
    assert all(row.type == "Contract" for row in rows)


async def test_a_watermark_is_read_again_by_the_overlap(server: Server) -> None:
    since = contracts.created(1230)
    async with server.client(overlap=timedelta(minutes=2)) as client:
        found = await ids(Listing(client).changed(await contract(client), since))
    assert {1228, 1229, 1230} <= set(found)
    assert 1227 not in found


async def test_a_quiet_list_costs_one_request_however_long_it_is(server: Server, small_pages: None) -> None:
    async with server.client() as client:
        kind = await contract(client)
        everything = [row async for rows in Listing(client).changed(kind, None) for row in rows]
        newest = everything[0].modified
        server.mark()
        found = await ids(Listing(client).changed(kind, newest))
    assert set(found) == {contracts.FULL, contracts.VERSIONED, 1010}  # of the newest date
    assert server.asked() == 1


async def test_a_type_whose_name_begins_another_is_not_mixed_up_with_it(server: Server) -> None:
    async with server.client() as client:
        extractor = Extractor(client)
        found = await ids(extractor.changed("Contract", None))
        amendments = await ids(extractor.changed("Contract Amendment", None))
    assert set(found) == set(contracts.CONTRACTS)
    assert set(amendments) == set(contracts.AMENDMENTS)


async def test_a_type_that_does_not_exist_is_an_error_and_not_an_empty_list(server: Server) -> None:
    async with server.client() as client:
        with pytest.raises(NotReadable, match=r"no workspace type 'Contrakt'.*Contract, Contract Amendment"):
            await ids(Extractor(client).changed("Contrakt", None))


def test_near_the_hour_that_the_clock_repeats_an_hour_more_is_read_again() -> None:
    """02:30 local comes twice on 25 October 2026: what changes in the second is written below a watermark of the first."""
    from vigil.ecm import Settings

    listing = Listing(Client(Settings("http://x/cs", "a", "b", zone="Europe/Berlin", overlap=timedelta(0))))
    before = datetime(2026, 10, 25, 0, 55, tzinfo=UTC)
    assert listing._floor(before) == before - timedelta(hours=1)
    usual = datetime(2026, 10, 26, 0, 55, tzinfo=UTC)
    assert listing._floor(usual) == usual
    spring = datetime(2026, 3, 29, 0, 55, tzinfo=UTC)
    assert listing._floor(spring) == spring

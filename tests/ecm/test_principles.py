"""The five principles of the contract, each with what breaks when it is not kept. Contract: docs/contracts/ecm.md#principles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.ecm import contracts
from tests.ecm.conftest import Server
from tests.ecm.doubles import Answer, ticketed
from tests.ecm.lists import contract, ids
from vigil.compliance.facts import Group, WorkspaceType
from vigil.ecm import Client, Extractor, ListedWorkspace, Needs, Stamp
from vigil.ecm.dialect import DateFilter, Dialect, NodesForm
from vigil.ecm.errors import IncompleteList, ListWall
from vigil.ecm.listing import Listing
from vigil.ecm.paging import page_of, read_all
from vigil.ecm.parse import node_id
from vigil.ecm.probes import PROBED, Known, due, probe

# -- 1 and 2: absence is not evidence


def test_a_part_of_a_stamp_that_did_not_come_differs_from_nothing() -> None:
    known = Stamp(contracts.NOON, 3)
    assert not known.differs(Stamp(contracts.NOON, None))
    assert not known.differs(Stamp(None, 3))
    assert known.differs(Stamp(contracts.NOON, 4))
    assert known.differs(Stamp(contracts.NOON + timedelta(seconds=1), 3))


async def test_a_node_that_comes_without_a_date_is_neither_unchanged_nor_gone(
    double: Callable[[Answer], Client],
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"results": [{"data": {"properties": {"id": 7, "type": 144}}}]})

    async with double(ticketed(answer)) as client:
        seen = await Extractor(client).verify({7: Stamp(contracts.NOON, 1)})
    assert (seen.changed, seen.gone) == ((), ())
    assert [gap.workspaces for gap in seen.gaps] == [(7,)]


async def test_groups_that_a_group_does_not_show_are_asked_for(
    server: Server,
) -> None:
    server.quirks(groups_need_where_type=True)
    async with server.client() as client:
        batch = await Extractor(client).audience([], ["group:Records"])
    groups = {fact.name: fact.members for fact in batch.facts if isinstance(fact, Group)}
    assert "group:Clerks" in groups["Records"]
    assert len(groups["Clerks"]) == 45
    assert client.dialect.nested_groups is False


# -- 3: a refused side call makes nothing gone


@pytest.mark.parametrize(
    "side",
    [
        "GET /v2/nodes/{id}/nodes",
        "GET /v2/nodes/{id}/categories",
        "GET /v2/businessworkspaces/{id}/roles",
        "GET /v2/businessworkspaces/{id}/relateditems",
        "GET /v2/businessworkspaces/{id}/missingdocuments",
    ],
)
@pytest.mark.parametrize("how", ["400", "500"])
async def test_a_refused_side_call_leaves_its_workspace_there(
    server: Server, quick: Callable[[], None], side: str, how: str
) -> None:
    quick()
    server.fault(side, how, times=999)
    needs = Needs(roles=True, missing=True, related=frozenset({"Contract"}))
    async with server.client() as client:
        row = ListedWorkspace(1004, "", contracts.NOON, "Contract")
        batch = await Extractor(client, needs).read_workspaces([row])
        verified = await Extractor(client).verify({1004: Stamp(None, None)})
        roles = await Extractor(client).audience([1004], [])
        related = await Extractor(client).related([1004])
    assert (batch.gone, verified.gone, roles.gone, related.gone) == ((), (), (), ())


async def test_an_unknown_address_in_ecm_s_own_words_makes_no_node_gone(
    double: Callable[[Answer], Client],
) -> None:
    """A proxy or an upgrade may take an address away: every node is then refused in the same words."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(("/v2/nodes/list", "/v2/businessworkspaces")):
            return httpx.Response(200, json={"results": []})  # and no other node is known to compare with
        return httpx.Response(
            400, json={"error": "The REST API URL could not be found in the mappings registry"}
        )

    async with double(ticketed(answer)) as client:
        seen = await Extractor(client).verify({7: Stamp(None, None)})
    assert seen.gone == ()
    assert [gap.workspaces for gap in seen.gaps] == [(7,)]


# -- 4: a filter or a sort is believed row by row


async def test_at_the_first_row_that_is_out_of_order_the_whole_list_is_read(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigil.ecm.listing.PAGE", 20)
    server.quirks(date_sort=False)
    since = contracts.created(1200)
    async with server.client() as client:
        found = await ids(Listing(client).changed(await contract(client), since))
    assert set(range(1200, 1241)) <= set(found)
    assert client.dialect.sorted is False


async def test_a_list_that_is_sorted_on_its_first_page_only_is_read_to_its_end(
    double: Callable[[Answer], Client],
) -> None:
    """The newest change stands on the third page: an early stop after the first two would lose it."""
    days = {1: [9, 8], 2: [7, 6], 3: [10, 1]}

    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        rows = [
            {
                "data": {
                    "properties": {
                        "id": page * 10 + n,
                        "name": "x",
                        "modify_date": f"2026-03-{day:02}T00:00:00",
                    }
                }
            }
            for n, day in enumerate(days[page])
        ]
        paging: dict[str, Any] = {"limit": 2, "page": page, "total_count": 6, "actions": {}}
        if page < 3:
            paging["actions"] = {"next": {"href": "x"}}
        return httpx.Response(200, json={"results": rows, "paging": paging})

    async with double(ticketed(answer)) as client:
        since = datetime(2026, 3, 6, tzinfo=UTC)
        found = await ids(Listing(client).changed(WorkspaceType("T", (), (), (), 1), since))
    assert set(found) == {10, 11, 20, 21, 30}
    assert client.dialect.sorted is False


@pytest.mark.parametrize(
    "quirks",
    [
        {},
        {"date_columns": False, "unknown_columns": "ignored"},
        {"date_columns": False, "unknown_columns": "refused"},
        {"quoted_dates": True},
    ],
)
async def test_a_date_filter_that_does_not_filter_loses_no_row(
    server: Server, monkeypatch: pytest.MonkeyPatch, quirks: dict[str, Any]
) -> None:
    monkeypatch.setattr("vigil.ecm.listing.PAGE", 20)
    server.quirks(date_sort=False, **quirks)
    since = contracts.created(1100)
    async with server.client() as client:
        kind = await contract(client)
        whole = await ids(Listing(client).changed(kind, since))
        client.dialect = Dialect(sorted=False, dates=DateFilter.PLAIN)
        found = await ids(Listing(client).changed(kind, since))
    assert len(whole) > 40
    assert set(found) == set(whole)


@pytest.mark.parametrize("fault", ["none", "stray", "all", "same", "refused"])
async def test_a_comparison_of_dates_that_shows_a_fault_is_not_believed(
    double: Callable[[Answer], Client], fault: str
) -> None:
    """Nine workspaces, of one to nine days ago; the last two days are wanted. With a fault the whole list is read all the same."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        query = request.url.params.get("where_column_query", "")
        asked.append(query)
        if query and fault == "refused":
            return httpx.Response(400, json={"error": "unknown column"})
        ages = range(1, 10) if fault != "same" else range(1, 3)
        if query:
            ages = {"same": ages, "none": range(0), "stray": range(1, 6), "all": range(1, 10)}.get(
                fault, range(1, 4)
            )
        return _page_of([(age, contracts.NOON - timedelta(days=age)) for age in ages])

    async with double(ticketed(answer)) as client:
        found = await compared(client)
    assert set(found) == {1, 2}
    assert asked[-1] == ""  # the last list that was read is the whole one
    assert (client.dialect.dates is DateFilter.NONE) == (fault in ("stray", "all", "refused"))


async def compared(client: Client) -> list[int]:
    """The workspaces that changed in two days on a server that does not sort, and is said to compare dates."""
    client.dialect = Dialect(at=contracts.NOON, sorted=False, dates=DateFilter.PLAIN)
    since = contracts.NOON - timedelta(days=2)
    return await ids(Listing(client).changed(WorkspaceType("T", (), (), (), 1), since))


async def test_a_comparison_that_is_believed_reads_nothing_else(double: Callable[[Answer], Client]) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        query = request.url.params.get("where_column_query", "")
        asked.append(query)
        ages = range(1, 4) if query else range(1, 10)
        return _page_of([(age, contracts.NOON - timedelta(days=age)) for age in ages])

    async with double(ticketed(answer)) as client:
        found = await compared(client)
    assert set(found) == {1, 2}
    assert asked == ["", "modify_date >= 2026-02-27"]


def _page_of(rows: list[tuple[int, datetime]]) -> httpx.Response:
    """An only page of workspaces with their modify dates, in UTC."""
    found = [
        {"data": {"properties": {"id": n, "name": "x", "modify_date": at.strftime("%Y-%m-%dT%H:%M:%SZ")}}}
        for n, at in rows
    ]
    return httpx.Response(200, json={"results": found, "paging": {"limit": 500, "total_count": len(found)}})


# -- 5: the end of a list is shown


async def test_a_list_that_offers_no_further_page_before_its_count_is_at_a_wall(server: Server) -> None:
    server.quirks(wall=100)
    async with server.client() as client:
        with pytest.raises(
            ListWall, match="100 rows were read of 240: after page 5 no further page is offered"
        ):
            await read_all(
                client,
                "/v2/businessworkspaces",
                {"where_workspace_type_id": 1, "expanded_view": "true"},
                key=node_id,
                limit=20,
            )


async def test_a_server_that_ignores_the_page_gives_an_incomplete_list(
    double: Callable[[Answer], Client],
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        rows = [{"data": {"properties": {"id": n}}} for n in (1, 2)]
        return httpx.Response(
            200, json={"results": rows, "collection": {"paging": {"limit": 2, "total_count": 9}}}
        )

    async with double(ticketed(answer)) as client:
        with pytest.raises(IncompleteList, match="repeats rows"):
            await read_all(client, "/v2/nodes/1/nodes", {}, key=node_id, limit=2)


@pytest.mark.parametrize("href", [{"href": "x"}, "x"])
@pytest.mark.parametrize("place", ["actions", "links", "links.data"])
async def test_the_next_page_is_found_in_each_of_its_three_places(
    double: Callable[[Answer], Client], place: str, href: object
) -> None:
    """Without a count only `next` shows that there is more."""

    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        following: dict[str, Any] = {"next": href} if page < 3 else {}
        paging: dict[str, Any] = {"limit": 2, "page": page, "range_min": 1, "range_max": 1}
        paging |= (
            {"actions": following}
            if place == "actions"
            else {"links": {"data": following} if "." in place else following}
        )
        more.append(page < 3)
        rows = [{"data": {"properties": {"id": n}}} for n in {1: (1, 2), 2: (3, 4)}.get(page, (5,))]
        held = {"paging": paging} if place == "actions" else {"collection": {"paging": paging}}
        seen.append(page_of({"results": rows, **held}, page, 1, "x").more)
        return httpx.Response(200, json={"results": rows, **held})

    more: list[bool] = []
    seen: list[bool] = []
    async with double(ticketed(answer)) as client:
        rows, _ = await read_all(client, "/v2/nodes/1/nodes", {}, key=node_id, limit=2)
    assert [node_id(row) for row in rows] == [1, 2, 3, 4, 5]
    assert seen == more


# -- a probe never fails a run


ODD: list[Any] = [
    {"results": "none"},
    {"results": [{"data": None}]},
    {"results": {"data": {"properties": []}}},
    {"results": [[1]], "paging": {"total_count": "many"}},
    {},
]


@pytest.mark.parametrize("body", [*ODD, "<html><title>Error Processing Request</title></html>", "{", ""])
@pytest.mark.parametrize("status", [200, 400, 403, 404, 500, 503])
async def test_whatever_a_server_answers_a_probe_ends_with_its_fallbacks(
    double: Callable[[Answer], Client], body: Any, status: int
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(body, str):
            return httpx.Response(status, text=body)
        return httpx.Response(status, json=body if status == 200 else {**body, "error": "no"})

    async with double(ticketed(answer)) as client:
        known = Known([1], [1], {2: contracts.NOON}, [3], [1], [4])
        found = client.dialect = await probe(client, known, contracts.NOON)
    assert found.tried == contracts.NOON
    assert found.sorted is not True
    assert found.search is None
    assert not found.bin or status == 200
    assert client.requests <= 60
    assert set(found.why) >= {"nodes", "sorted", "kind", "search"}


async def test_a_refused_login_and_a_dead_server_fail_no_probe(double: Callable[[Answer], Client]) -> None:
    def refused(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"error": "Authentication Required"})

    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    for answer in (refused, dead):
        async with double(answer) as client:
            found = await probe(client, Known(), contracts.NOON)
        assert found.sorted is False
        assert found.nodes is None
        assert "not found out" in found.why["sorted"]
        assert found.at is None, "the next run begins anew"
        assert client.requests <= 4


# -- when probes are made


def test_a_healthy_dialect_is_probed_daily_and_not_before() -> None:
    known = Dialect(at=contracts.NOON, tried=contracts.NOON, nodes=NodesForm.FORM)
    assert due(Dialect(), contracts.NOON) == PROBED
    assert due(known, contracts.NOON + timedelta(hours=23)) == frozenset()
    assert due(known, contracts.NOON + timedelta(hours=24)) == PROBED
    assert due(known, contracts.NOON - timedelta(days=7)) == frozenset(), "a run that looks at the past"


def test_a_contradiction_is_probed_after_an_hour_and_what_was_learnt_stays() -> None:
    known = Dialect(at=contracts.NOON, tried=contracts.NOON, sorted=True)
    taught = known.with_learned("page 2 has a row of today", sorted=False)
    assert taught.doubted and taught.sorted is False
    assert due(taught, contracts.NOON + timedelta(minutes=15)) == frozenset()
    assert due(taught, contracts.NOON + timedelta(hours=2)) == PROBED - {"sorted"}
    assert taught.with_learned("again", sorted=False) is taught

"""Gone is only what Extended ECM refuses in its own words, what no list has, and while it answers for something else of the kind."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

import httpx
import pytest

from tests.ecm import contracts
from tests.ecm.conftest import Server
from tests.ecm.doubles import ticketed
from vigil.compliance.facts import Group, User
from vigil.ecm import Extractor, Gone, ListedWorkspace, Needs, Stamp
from vigil.ecm.client import Client
from vigil.ecm.dialect import NodesForm
from vigil.ecm.presence import MEMBER, NODE, WORKFLOW, gone, own_calls

NOBODY = 424242
MEMBERS = "GET /v2/members/{id}"


@pytest.mark.parametrize("way", ["400", "404", "500"])
async def test_a_member_refused_in_other_words_is_not_gone(
    server: Server, quick: Callable[[], None], way: str
) -> None:
    quick()
    async with server.client() as client:
        (ada,) = (await Extractor(client).audience([], ["user:ada"])).facts
        assert isinstance(ada, User)
        server.fault(MEMBERS, way, times=99)
        batch = await Extractor(client).audience([], [f"user:id:{ada.id}"])
    assert set(batch.unknown) == {f"user:id:{ada.id}"}
    assert batch.facts == ()


async def test_a_group_that_is_refused_in_other_words_is_not_empty(
    server: Server, quick: Callable[[], None]
) -> None:
    quick()
    faults = [
        {"endpoint": endpoint, "what": "500", "times": 99}
        for endpoint in (MEMBERS, "GET /v2/members/{id}/members")
    ]
    server.sandbox.faults(ecm={"script": faults})
    async with server.client() as client:
        batch = await Extractor(client).audience([], ["group:Circle"])
    assert set(batch.unknown) == {"group:Circle"}
    assert [fact for fact in batch.facts if isinstance(fact, Group)] == []


async def test_a_missing_item_is_not_believed_while_other_calls_fail(
    server: Server, quick: Callable[[], None]
) -> None:
    """The member's own call is asked twice, each time once more after its 500; what is asked then are the others."""
    quick()
    server.fault(MEMBERS, "503", nth=5, times=99)
    async with server.client() as client:
        batch = await Extractor(client).audience([], [f"user:id:{NOBODY}"])
    assert "is not answered for either" in batch.unknown[f"user:id:{NOBODY}"]


async def test_a_workflow_that_a_list_has_is_not_gone(server: Server) -> None:
    async with server.client() as client:
        extractor = Extractor(client)
        await extractor.processes(contracts.NOON, {})
        server.quirks(unreadable=[7001])
        batch = await extractor.read_processes([7001, 7002, 99], {7001: 1020})
    assert batch.gone == (Gone("process", "99"),)
    assert batch.unread == {7001}
    assert batch.gaps[0].workspaces == (1020,)


@pytest.mark.parametrize("way", ["400", "404", "500"])
async def test_a_workflow_refused_in_other_words_is_not_gone(
    server: Server, quick: Callable[[], None], way: str
) -> None:
    quick()
    server.fault("GET /v2/workflows/status/processes/99", way, times=99)
    async with server.client() as client:
        batch = await Extractor(client).read_processes([7002, 99], {})
    assert batch.gone == ()
    assert batch.unread == {99}


async def test_nodes_are_not_gone_while_those_that_are_there_are_refused_as_well(server: Server) -> None:
    server.quirks(unreadable=[1005])
    server.fault("GET /v2/nodes/{id}", "400", nth=3, times=99)
    async with server.client() as client:
        batch = await Extractor(client, Needs()).read_workspaces(
            [ListedWorkspace(n, "", contracts.NOON, "Contract") for n in (1004, 1005)]
        )
        seen = await Extractor(client).verify({1004: Stamp(None, 0), 1005: Stamp(None, 0)})
    assert (batch.gone, seen.gone) == ((), ())
    assert [gap.workspaces for gap in batch.gaps] == [(1005,)]


@pytest.mark.parametrize(
    ("status", "said", "lost"),
    [
        (400, "Could not get a node for 2", True),
        (404, "Could not get a node for 2", True),
        (
            400,
            "Sorry, the item you requested could not be accessed. Either it does not exist or you do not have permission.",
            True,
        ),
        (400, "Insufficient permissions to perform that action", True),
        (400, "Could not get a node for 25", False),
        (400, "One or more parameters are invalid", False),
        (400, "Argument 'fields' is not supported for this item", False),
        (400, "The item is being migrated, retry later", False),
        (400, "Bad Request", False),
        (404, "Not Found", False),
    ],
)
async def test_a_node_is_gone_only_in_extended_ecms_own_words(
    double: Callable[..., Client], status: int, said: str, lost: bool
) -> None:
    there = {"data": {"properties": {"id": 1}}}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/nodes/list"):
            asked = dict(parse_qsl(request.content.decode()))
            return httpx.Response(200, json={"results": [there] if asked["ids"] == "1" else []})
        if request.url.path.endswith("/nodes/1"):
            return httpx.Response(200, json={"results": there})
        return httpx.Response(status, json={"error": said})

    async with double(ticketed(answer)) as client:
        client.learn(nodes=NodesForm.FORM, why="a test")
        found, gaps = await gone(client, [2], there=[1])
    assert (found == {2}, [gap.workspaces for gap in gaps]) == (lost, [] if lost else [(2,)])


async def test_where_no_other_node_is_known_the_list_of_workspaces_names_some(server: Server) -> None:
    async with server.client() as client:
        assert await gone(client, [9999]) == (frozenset({9999}), [])
        server.fault("GET /v2/businessworkspaces", "400", times=9)
        lost, (gap,) = await gone(client, [9999])
    assert lost == frozenset()
    assert gap.workspaces == (9999,)


async def _nothing() -> list[int]:
    return []


@pytest.mark.parametrize(("kind", "believed"), [(NODE, True), (WORKFLOW, True), (MEMBER, False)])
async def test_without_anything_to_compare_with_only_what_a_list_left_out_is_gone(
    server: Server, kind: object, believed: bool
) -> None:
    async with server.client() as client:
        answers = await own_calls(client, kind, [99_999_999], _nothing)  # type: ignore[arg-type]
    assert (answers[99_999_999] is None) == believed


async def test_one_control_speaks_for_all_that_are_refused_at_once(server: Server) -> None:
    async def others() -> list[int]:
        return [1004]

    async with server.client() as client:
        await _warm(client)
        server.mark()
        answers = await own_calls(client, NODE, [9997, 9998, 9999], others)
    assert set(answers.values()) == {None}
    assert server.asked("GET /v2/nodes/{id}") == 7


async def _warm(client: Client) -> None:
    await client.get("/v2/nodes/1004")

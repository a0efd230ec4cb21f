"""A child's row without a type is asked for by its id; what no answer tells is a gap, never an item that is neither kind."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

import httpx
import pytest

from tests.ecm import contracts
from tests.ecm.doubles import Answer, ticketed
from vigil.compliance.facts import Document, Workspace
from vigil.ecm import Client, Extractor, ListedWorkspace
from vigil.ecm.answers import Json
from vigil.ecm.dialect import Dialect, NodesForm
from vigil.ecm.model import FactBatch

DATES = {"create_date": "2026-03-01T00:00:00", "modify_date": "2026-03-01T00:00:00", "create_user_id": 7}
TYPES = {1: 848, 20: 0, 30: 144, 31: 144, 40: 204}
UNDER = {1: [20, 30, 40], 20: [31]}
"""A workspace with a folder, a document and a task list; a document in the folder."""


def server(lists: list[object], by_id: list[object], asked: list[list[int]]) -> Answer:
    """`lists` and `by_id`: what the rows of lists and of nodes by id have as a type, where they do not have it: None or ""; or the ids
    of those that a call by id leaves out. `asked` takes the ids of each call.
    """

    def row(number: int, odd: list[object]) -> Json:
        found: Json = {
            "id": number,
            "name": f"n{number}",
            "type": TYPES[number],
            **DATES,
            "container_size": 3,
        }
        if odd and number != 1:
            found["type"] = odd[0]
        if found["type"] == "absent":
            del found["type"]
        version = {"version_number": 1, "create_date": DATES["create_date"], "owner_id": 7}
        return {"data": {"properties": found, "versions": version, "categories": []}}

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.partition("/api")[2]
        if path == "/v2/nodes/list":
            ids = [int(number) for number in parse_qs(request.content.decode())["ids"]]
            asked.append(ids)
            given = [row(number, by_id) for number in ids if number not in by_id]
            return httpx.Response(200, json={"results": given})
        if path.startswith("/v2/members"):
            user = {"id": 7, "name": "ada", "type": 0, "business_email": ""}
            return httpx.Response(200, json={"results": {"data": {"properties": user}}})
        if path.endswith("/classifications"):
            return httpx.Response(200, json={"data": []})
        rows = [row(number, lists) for number in UNDER[int(path.split("/")[3])]]
        paging = {"limit": 100, "total_count": len(rows)}
        return httpx.Response(200, json={"results": rows, "collection": {"paging": paging}})

    return ticketed(answer)


async def read(client: Client) -> FactBatch:
    client.dialect = Dialect(nodes=NodesForm.FORM)
    row = ListedWorkspace(1, "w", contracts.NOON, "Contract")
    return await Extractor(client).read_workspaces([row])


@pytest.mark.parametrize("odd", ["absent", None, ""])
async def test_an_item_without_a_type_has_that_of_its_own_id(
    double: Callable[..., Client], odd: object
) -> None:
    asked: list[list[int]] = []
    async with double(server([odd], [], asked)) as client:
        batch = await read(client)
    assert {fact.id for fact in batch.facts if isinstance(fact, Document)} == {30, 31}
    assert batch.gaps == ()
    assert asked == [[1], [20, 30, 40], [31]], "one call for each list"


async def test_rows_with_a_type_cost_no_call(double: Callable[..., Client]) -> None:
    asked: list[list[int]] = []
    async with double(server([], [], asked)) as client:
        batch = await read(client)
    assert {fact.id for fact in batch.facts if isinstance(fact, Document)} == {30, 31}
    assert asked == [[1]]


@pytest.mark.parametrize("by_id", [["absent"], [None], [None, 30]])
async def test_an_item_whose_type_no_answer_tells_is_a_gap_with_its_id(
    double: Callable[..., Client], by_id: list[object]
) -> None:
    async with double(server(["absent"], by_id, [])) as client:
        batch = await read(client)
    (found,) = [fact for fact in batch.facts if isinstance(fact, Workspace)]
    assert "documents" in found.unread
    (gap,) = batch.gaps
    assert gap.workspaces == (1,)
    assert "3 items came without a type, by their own ids too: 20, 30, 40" in gap.error


async def test_a_node_that_its_own_call_leaves_out_is_of_no_known_type(double: Callable[..., Client]) -> None:
    """That it is not delivered says neither that it is gone nor that it is no document."""
    async with double(server(["absent"], [144, 30], [])) as client:
        batch = await read(client)
    (gap,) = batch.gaps
    assert "1 item came without a type, by their own ids too: 30" in gap.error

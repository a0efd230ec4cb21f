"""Queries that only `vigil connect --read-only` makes to Extended ECM: what it counts, audits, indexes and shows to this user.

Each raises the errors of `vigil.ecm.errors`; none of them changes anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from vigil.ecm import parse, search
from vigil.ecm.answers import Json
from vigil.ecm.client import Client, Params
from vigil.ecm.nodes import read_nodes
from vigil.ecm.paging import read_page
from vigil.ecm.queries import WORKFLOWS, managed_params

ACTIVE = f"{WORKFLOWS}/active"
REGIONS = "/v1/regions"


@dataclass(frozen=True, slots=True)
class OpenWorkflow:
    """A workflow with an open step, as `status/active` has it. `map` is the id of its workflow map, None where it is not told."""

    process: int
    map: int | None


async def members(client: Client, kind: int) -> int | None:
    """How many users (0) or groups (1) the server counts; None where it tells no count."""
    return (await read_page(client, "/v2/members", {"where_type": kind}, 1, 1)).total


async def documents(client: Client) -> int | None:
    """How many documents the search estimates; None where it tells no count."""
    form = {"where": f"OTSubType: {parse.DOCUMENT}", "lookfor": "complexquery", "within": "all"}
    answer = await client.post(search.PATH, {**form, "limit": "1", "page": "1"})
    return search.page(answer, client.settings.tz).total


async def regions(client: Client, flag: str) -> frozenset[str]:
    """The names of the regions with a flag: `queryable`, which a query may compare, or `displayable`, which rows may have."""
    return frozenset(_texts(await client.get(REGIONS, {flag: "true"})))


def _texts(found: object) -> Iterator[str]:
    """Every text and key of an answer: versions list regions differently."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict):
        yield from found
        for one in found.values():
            yield from _texts(one)
    elif isinstance(found, list):
        for one in found:
            yield from _texts(one)


async def audited(client: Client, node: int) -> frozenset[str]:
    """The names of the events in a node's audit: those of its table of event types."""
    path = f"/v2/nodes/{node}/audit"
    params: Params = {"limit": 100, "page": 1, "sort": "desc_audit_date"}
    with parse.shaped(path):
        return frozenset(parse.audit_names(await client.get(path, params)).values())


async def managed(client: Client, status: str) -> frozenset[int]:
    """The workflows with a status that this user manages."""
    rows = parse.rows(await client.get(WORKFLOWS, managed_params(client, status)), WORKFLOWS)
    with parse.shaped(WORKFLOWS):
        return frozenset(parse.identity(row["data"]["wfstatus"]["process_id"]) for row in rows)


async def open_workflows(client: Client, workspace: int | None = None) -> list[OpenWorkflow]:
    """The workflows with an open step that this user may see, of one workspace or of all, whoever manages them."""
    params: Params = {"status": "NOARCHIVE"} | (
        {} if workspace is None else {"businessWorkspaceID": workspace}
    )
    answer = await client.get(ACTIVE, params)
    with parse.shaped(ACTIVE):
        rows = [row for row in parse.objects(answer.get("results")) if row]
        return [_open(row) for row in rows]


def _open(row: Json) -> OpenWorkflow:
    return OpenWorkflow(parse.identity(row["Work_WorkID"]), parse.integer(row.get("Map_MapObjID")))


async def names(client: Client, ids: Collection[int]) -> dict[int, str]:
    """The names of those of some nodes that this user can read."""
    found, _ = await read_nodes(client, sorted(ids), ["properties{id,name}"])
    return {number: str(parse.properties(row).get("name") or "") for number, row in found.items()}

"""Finds the workspace that contains a node, in one call for a few nodes, parent by parent for many, and the type of a workspace.

Contract: docs/contracts/ecm.md#workspaces.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

from vigil.ecm import parse
from vigil.ecm.client import Client
from vigil.ecm.errors import CallFailed, Malformed, NotReadable
from vigil.ecm.gaps import gap_of
from vigil.ecm.model import Gap, Housed
from vigil.ecm.nodes import PATH, read_nodes

HIGHEST = 20
"""The maximum number of folders above a node."""

FEW = 4
"""Up to so many nodes are asked for their workspaces one by one: climbing takes a call for each level, for any number of nodes."""

_FIELDS = ["properties{id,type,parent_id}"]


async def homes(
    client: Client, nodes: Collection[int], *, through: Collection[int] | None = None
) -> tuple[dict[int, int], dict[int, Gap]]:
    """Node -> the workspace that it is or lies in. Climbs parent by parent, all nodes in parallel, and only `through` these types.

    Without `through`, a few nodes are asked for theirs in one call each, and those that it does not answer for climb.

    The second result has the gaps of nodes for which that is unknown.
    """
    found: dict[int, int] = {}
    unclear: dict[int, Gap] = {}
    above: dict[int, int] = {node: node for node in nodes}  # node -> the ancestor looked at now
    for level in range(HIGHEST):
        if level == 1 and through is None and len(above) <= FEW:
            known = await _in_one_call(client, above)
            found |= known
            above = {node: ancestor for node, ancestor in above.items() if node not in known}
        if not above:
            break
        seen, failed = await _kinds(client, set(above.values()))
        climbing: dict[int, int] = {}
        for node, ancestor in above.items():
            if ancestor in failed:
                unclear[node] = failed[ancestor]
            kind, parent = seen.get(ancestor, (None, None))
            if kind == parse.WORKSPACE:
                found[node] = ancestor
            elif ancestor != node and through is not None and kind not in through:
                continue
            elif parent is not None and parent > 0:
                climbing[node] = parent
        above = climbing
    return found, unclear


async def _in_one_call(client: Client, nodes: Collection[int]) -> dict[int, int]:
    """The workspaces of those nodes for which the call for it gives one: without a workspace it may refuse."""
    answers = await asyncio.gather(*(_workspace_of(client, node) for node in nodes))
    return {node: home for node, home in zip(nodes, answers, strict=True) if home is not None}


async def _workspace_of(client: Client, node: int) -> int | None:
    path = f"/v1/nodes/{node}/businessworkspace"
    try:
        answer = await client.get(path)
        with parse.shaped(path):
            is_workspace = parse.integer(answer.get("type")) == parse.WORKSPACE
            return parse.identity(answer["id"]) if is_workspace else None
    except CallFailed:
        return None  # climbing shows it


async def types_of(client: Client, workspaces: Collection[int]) -> dict[int, int | None]:
    """See `Extractor.types_of`."""
    answers = await asyncio.gather(*(_type_of(client, one) for one in workspaces))
    return {workspace: type for found in answers for workspace, type in found.items()}


async def _type_of(client: Client, workspace: int) -> dict[int, int | None]:
    """The type of one workspace, None without one; nothing if the call failed."""
    path = f"/v2/businessworkspaces/{workspace}"
    try:
        # It must not appear among those that the service user opened recently.
        answer = await client.get(path, {"add_recently_accessed": "false"})
        return {workspace: parse.workspace_type(answer, path)}
    except (NotReadable, Malformed):
        return {workspace: None}
    except CallFailed:
        return {}


async def housed(client: Client, nodes: Mapping[int, int]) -> Housed:
    """See `Extractor.housed`."""
    rows, gaps = await read_nodes(client, sorted(nodes), ["properties{id}"])
    found, unclear = await homes(client, rows, through=(parse.FOLDER,))
    gaps += [replace(gap, workspaces=(node,)) for node, gap in unclear.items()]
    return Housed(frozenset(node for node, home in found.items() if nodes[node] == home), tuple(gaps))


async def _kinds(
    client: Client, nodes: Collection[int]
) -> tuple[dict[int, tuple[int | None, int | None]], dict[int, Gap]]:
    """The type and the parent of some nodes, and the gaps of others. A node that is left out is requested twice."""
    rows, gaps = await read_nodes(client, sorted(nodes), _FIELDS)
    again = [number for number in sorted(nodes) if number not in rows]
    if again:
        more, gaps = await read_nodes(client, again, _FIELDS)
        rows |= more
    found: dict[int, tuple[int | None, int | None]] = {}
    failed = {number: gap for gap in gaps for number in gap.workspaces}
    for number, row in rows.items():
        try:
            with parse.shaped(PATH):
                one = parse.properties(row)
                found[number] = parse.integer(one.get("type")), parse.integer(one.get("parent_id"))
        except Malformed as error:
            failed[number] = gap_of(error)
    return found, failed

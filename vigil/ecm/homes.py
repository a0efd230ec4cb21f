"""Finds the workspace that contains a node, in one call for a few nodes, parent by parent for many, and the type of a workspace.

Contract: docs/contracts/ecm.md#workspaces.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

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

TOP = (-1, 0)
"""The parents of what has none. Any other id below zero is the inside of a node, which is not read."""

_FIELDS = ["properties{id,type,parent_id}"]


@dataclass(slots=True)
class Homes:
    """Where some nodes lie. `found`: node -> the workspace that it is or lies in. `outside`: nodes that no workspace contains, up to
    the top. `unclear`: the gaps of nodes for which a call failed. Of a node in none of the three nothing is known.
    """

    found: dict[int, int] = field(default_factory=dict)
    outside: set[int] = field(default_factory=set)
    unclear: dict[int, Gap] = field(default_factory=dict)


async def homes(client: Client, nodes: Collection[int], *, through: Collection[int] | None = None) -> Homes:
    """Where some nodes lie. Climbs parent by parent, all nodes in parallel, and only `through` these types.

    Without `through`, a few nodes are asked for their workspaces in one call each, and those that it does not answer for climb. Where
    climbing does not show it, because a folder is not shown or a row does not name its parent, the one call is asked, too.
    """
    places = Homes()
    above: dict[int, int] = {node: node for node in nodes}  # node -> the ancestor looked at now
    asked: set[int] = set()
    untyped: set[int] = set()  # nodes with an ancestor of which nobody told whether it is a workspace
    for level in range(HIGHEST):
        if level == 1 and through is None and len(above) <= FEW:
            asked = set(above)
            places.found |= await _in_one_call(client, above)
            above = {node: ancestor for node, ancestor in above.items() if node not in places.found}
        if not above:
            break
        seen, failed = await _kinds(client, set(above.values()))
        climbing: dict[int, int] = {}
        for node, ancestor in above.items():
            if ancestor in failed:
                places.unclear[node] = failed[ancestor]
            kind, parent = seen.get(ancestor, (None, None))
            untyped |= {node} if kind is None else set()
            if kind == parse.WORKSPACE:
                places.found[node] = ancestor
            elif ancestor != node and through is not None and kind not in through:
                continue
            elif parent is not None and parent > 0:
                climbing[node] = parent
            elif parent in TOP and node not in untyped:
                places.outside.add(node)
        above = climbing
    if through is None:
        lost = set(nodes) - places.found.keys() - places.outside - asked
        places.found |= await _in_one_call(client, lost)
    places.unclear = {node: gap for node, gap in places.unclear.items() if node not in places.found}
    return places


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
    places = await homes(client, rows, through=(parse.FOLDER,))
    gaps += [replace(gap, workspaces=(node,)) for node, gap in places.unclear.items()]
    return Housed(frozenset(node for node, home in places.found.items() if nodes[node] == home), tuple(gaps))


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

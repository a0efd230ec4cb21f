"""Reads many nodes by id at once: `POST /v2/nodes/list`. A malformed node does not affect the others.

Contract: docs/contracts/ecm.md#nodes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import MOST_IDS, Client
from vigil.ecm.errors import CallFailed, Malformed, NotReadable
from vigil.ecm.gaps import gap_of
from vigil.ecm.model import Gap

PATH = "/v2/nodes/list"
HALVED = 9
"""How often an unreadable list is halved to find the malformed node: 250 ids come down to one."""


async def read_nodes(
    client: Client, ids: Sequence[int], fields: Sequence[str]
) -> tuple[dict[int, Json], list[Gap]]:
    """The existing nodes, by id, and gaps, whose `workspaces` are node ids, for those whose call failed. Raises Refused."""
    parts = parse.chunks(ids, MOST_IDS)
    answers = await asyncio.gather(*(_some(client, some, fields, HALVED) for some in parts))
    found: dict[int, Json] = {}
    gaps: list[Gap] = []
    for nodes, missed in answers:
        found |= nodes
        gaps += missed
    return found, gaps


async def _some(
    client: Client, ids: Sequence[int], fields: Sequence[str], halve: int
) -> tuple[dict[int, Json], list[Gap]]:
    try:
        answer = await client.nodes(ids, fields)
        found, nameless = _by_id(parse.rows(answer, PATH))
    except (Malformed, NotReadable) as error:
        if len(ids) == 1 or not halve:
            return {}, [gap_of(error, *ids)]
        middle = len(ids) // 2
        first = await _some(client, ids[:middle], fields, halve - 1)
        second = await _some(client, ids[middle:], fields, halve - 1)
        return first[0] | second[0], [*first[1], *second[1]]
    except CallFailed as error:
        return {}, [gap_of(error, *ids)]
    if found.keys() - set(ids):  # the response to another call: nodes that it leaves out are not deleted
        return {}, [Gap(PATH, "nodes came that were not asked for", tuple(ids))]
    missing = tuple(number for number in ids if number not in found)
    if nameless and missing:
        return found, [Gap(PATH, f"{nameless} of the rows carry no id", missing)]
    return found, []


def _by_id(rows: Sequence[Json]) -> tuple[dict[int, Json], int]:
    """The rows by their ids, and how many have none."""
    found: dict[int, Json] = {}
    nameless = 0
    for row in rows:
        try:
            with parse.shaped(PATH):
                found[parse.node_id(row)] = row
        except Malformed:
            nameless += 1
    return found, nameless

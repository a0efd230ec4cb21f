"""Whether known nodes are really gone. Contract: ecm.md, principle 3: a refused side call never makes a thing gone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from vigil.ecm.client import Client
from vigil.ecm.errors import EcmError, NotReadable, Refused
from vigil.ecm.gaps import gap_of
from vigil.ecm.model import Gap
from vigil.ecm.nodes import PATH, read_nodes

SAMPLE = 20
"""So many nodes at most are asked for one by one: where thousands are gone, these speak for all of them."""


async def gone(client: Client, ids: Sequence[int], left_out: int = 0) -> tuple[frozenset[int], list[Gap]]:
    """Those of some nodes that are gone, and gaps for those of which that cannot be said; those that are there are in neither.

    Gone is what `nodes/list` leaves out twice (`left_out` times it already has) and what is then refused by its own id. Raises
    Refused.
    """
    missing, gaps = list(ids), list[Gap]()
    for _ in range(2 - left_out):
        if not missing:
            break
        found, more = await read_nodes(client, missing, ["properties{id}"])
        unclear = {number for gap in more for number in gap.workspaces}
        missing = [number for number in missing if number not in found and number not in unclear]
        gaps += more
    asked = missing[:SAMPLE]
    answers = dict(zip(asked, await asyncio.gather(*(_refused(client, n) for n in asked)), strict=True))
    gaps += [one for one in answers.values() if isinstance(one, Gap)]
    if any(isinstance(one, Gap) for one in answers.values()):
        rest = tuple(missing[SAMPLE:])
        gaps += [Gap(PATH, "left out, and others that it leaves out are there", rest)] * bool(rest)
        return frozenset(number for number, one in answers.items() if one is None), gaps
    return frozenset(missing), gaps


async def _refused(client: Client, number: int) -> Gap | None:
    """None when a node is refused by its own id; a gap when it is there, or did not answer."""
    path = f"/v2/nodes/{number}"
    try:
        await client.get(path, {"fields": "properties{id}"})
    except NotReadable:
        return None
    except Refused:
        raise
    except EcmError as error:
        return gap_of(error, number)
    return Gap(PATH, "left out twice, and its own id answers", (number,))

"""The related workspaces of a workspace: two calls each, children and parents. Contract: docs/contracts/ecm.md#related."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from vigil.compliance.facts import Related
from vigil.ecm import parse
from vigil.ecm.client import Client
from vigil.ecm.gaps import of_workspace
from vigil.ecm.model import FactBatch, Gap, Gone
from vigil.ecm.paging import read_all
from vigil.ecm.presence import gone

PAGE = 500
WAYS = ("child", "parent")


async def read_related(client: Client, workspace: int) -> Related:
    """Its related workspaces, whichever of the two is the parent. Raises the errors of `vigil.ecm.errors`."""
    path = f"/v2/businessworkspaces/{workspace}/relateditems"
    found: set[int] = set()
    for way in WAYS:
        rows, _ = await read_all(client, path, {"where_relationtype": way}, key=parse.node_id, limit=PAGE)
        with parse.shaped(path):
            found |= {parse.node_id(row) for row in rows}
    return Related(workspace, tuple(sorted(found)), path)


class RelatedReader:
    """Reads the relations of known workspaces again: a new or removed relation changes no date that a list shows."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, workspaces: Sequence[int]) -> FactBatch:
        """See `Extractor.related`."""
        with self._client.counting() as counts:
            read = await asyncio.gather(
                *(
                    of_workspace(number, read_related(self._client, number))
                    for number in dict.fromkeys(workspaces)
                )
            )
            refused = [one for one in read if isinstance(one, Gap)]
            lost, _ = await gone(self._client, [w for gap in refused for w in gap.workspaces])
            return FactBatch(
                tuple(one for one in read if isinstance(one, Related)),
                tuple(Gone("workspace", str(w)) for w in lost),
                tuple(gap for gap in refused if not lost.issuperset(gap.workspaces)),
                counts.requests,
            )

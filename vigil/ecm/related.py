"""The related workspaces of a workspace, children and parents: one call, or two. Contract: docs/contracts/ecm.md#related."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from vigil.compliance.facts import Related
from vigil.ecm import parse
from vigil.ecm.client import Client
from vigil.ecm.dialect import RelatedForm
from vigil.ecm.errors import NotReadable
from vigil.ecm.gaps import of_workspace
from vigil.ecm.model import FactBatch, Gap, Gone
from vigil.ecm.paging import read_all
from vigil.ecm.presence import gone

PAGE = 500
WAYS = ("child", "parent")
BOTH: dict[RelatedForm, str] = {RelatedForm.COMMA: "child,parent", RelatedForm.BRACES: "{'child','parent'}"}


async def read_related(client: Client, workspace: int) -> Related:
    """Its related workspaces, whichever of the two is the parent. Raises the errors of `vigil.ecm.errors`.

    One call where the dialect knows the form that gives both ways, else one call a way.
    """
    form, refused = client.dialect.related, None
    found: set[int] = set()
    if form in BOTH:
        try:
            found = await related_ids(client, workspace, {"where_rel_types": BOTH[form]})
        except NotReadable as error:
            refused = error  # the form, or the workspace
    if form not in BOTH or refused is not None:
        for way in WAYS:
            found |= await related_ids(client, workspace, one_way(way))
    if refused is not None:
        client.learn(related=RelatedForm.EACH, why=f"workspace {workspace}: {refused.message}")
    return Related(workspace, tuple(sorted(found)), _path(workspace))


def one_way(way: str) -> dict[str, str]:
    """The parameter for the related workspaces of one way, which every version has."""
    return {"where_relationtype": way}


async def related_ids(client: Client, workspace: int, params: dict[str, str]) -> set[int]:
    """The ids of one list of related workspaces."""
    path = _path(workspace)
    rows, _ = await read_all(client, path, params, key=parse.node_id, limit=PAGE)
    with parse.shaped(path):
        return {parse.node_id(row) for row in rows}


def _path(workspace: int) -> str:
    return f"/v2/businessworkspaces/{workspace}/relateditems"


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

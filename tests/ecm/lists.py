"""The list of contracts, as the tests of lists read it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from vigil.compliance.facts import WorkspaceType
from vigil.ecm import Client, ListedWorkspace
from vigil.ecm.parse import properties


async def ids(pages: AsyncIterator[tuple[ListedWorkspace, ...]]) -> list[int]:
    return [row.id async for rows in pages for row in rows]


async def contract(client: Client) -> WorkspaceType:
    """The type Contract."""
    answer = await client.get("/v2/businessworkspacetypes")
    found = {properties(row)["wksp_type_name"]: properties(row)["wksp_type_id"] for row in answer["results"]}
    return WorkspaceType("Contract", (), (), (), found["Contract"])

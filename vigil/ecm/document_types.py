"""The types of documents: the names of their classifications, one call a document. Contract: docs/contracts/ecm.md#document-types.

No list has them, so a document is asked for once: the type of one that did not change since is what the ledger knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from vigil.ecm import parse
from vigil.ecm.catalogue import Catalogue
from vigil.ecm.client import Client
from vigil.ecm.errors import CallFailed, NotReadable
from vigil.ecm.gaps import gap_of
from vigil.ecm.model import UNTYPED, Gap

MOST_REFUSALS = 20
"""So many documents in a row that are refused, and none that is answered for: then the server has no such call for this user."""


@dataclass(slots=True)
class Types:
    """The names of some documents' classifications, in ECM's order, and for the others why they are unknown."""

    found: dict[int, tuple[str, ...]] = field(default_factory=dict)
    unknown: dict[int, Gap] = field(default_factory=dict)


def type_of(names: Sequence[str], declared: Collection[str]) -> str | None:
    """The classification that is the type of a document: the first that its workspace's type declares, else the first; None without
    any.
    """
    return next((name for name in names if name in declared), names[0] if names else None)


class DocumentTypeReader:
    """Reads types for one extraction."""

    def __init__(self, client: Client, catalogue: Catalogue) -> None:
        self._client = client
        self._catalogue = catalogue
        self._refused = 0  # in a row
        self._first = asyncio.Lock()  # held until it is known whether the server has such a call

    async def read(self, documents: Collection[int], classified: Mapping[int, Collection[int]]) -> Types:
        """The types of some documents. `classified` has the ids of a document's classifications where another answer told them:
        none there does not mean that it has none. Raises Refused.
        """
        types = Types()
        given = {node: ids for node, ids in classified.items() if ids and node in documents}
        await self._named(given, types)
        await asyncio.gather(*(self._one(node, types) for node in documents if node not in given))
        return types

    async def _named(self, given: Mapping[int, Collection[int]], types: Types) -> None:
        names, failed = await self._catalogue.names({number for ids in given.values() for number in ids})
        for node, ids in given.items():
            if lacking := [failed[number] for number in ids if number in failed]:
                types.unknown[node] = lacking[0]
            else:
                types.found[node] = tuple(names[number] for number in ids if number in names)

    async def _one(self, node: int, types: Types) -> None:
        if self._client.dialect.classifications is None:
            async with self._first:
                if self._client.dialect.classifications is None:
                    await self._ask(node, types)
                    return
        await self._ask(node, types)

    async def _ask(self, node: int, types: Types) -> None:
        dialect = self._client.dialect
        if dialect.classifications is False:
            why = dialect.why.get("classifications", "Extended ECM does not give classifications")
            types.unknown[node] = Gap(UNTYPED, why)
            return
        path = f"/v1/nodes/{node}/classifications"
        try:
            answer = await self._client.get(path)
            with parse.shaped(path):
                names = tuple(name for _, name in parse.classifications(answer))
        except NotReadable as error:
            self._refused += 1
            types.unknown[node] = gap_of(error)
            if error.is_no_route or (self._refused >= MOST_REFUSALS and not dialect.classifications):
                self._client.learn(classifications=False, why=error.message)
                types.unknown[node] = Gap(UNTYPED, error.message)
        except CallFailed as error:
            types.unknown[node] = gap_of(error)
        else:
            types.found[node] = names
            if not dialect.classifications:
                self._client.learn(classifications=True, why=f"{path} is answered")

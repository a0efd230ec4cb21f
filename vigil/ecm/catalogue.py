"""What things are called: categories' definitions and classifications' names, read once when first met."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from vigil.ecm import categories, parse
from vigil.ecm.categories import Category
from vigil.ecm.client import MOST_IDS, Client
from vigil.ecm.errors import NotReadable


class Catalogue:
    """Cached for the life of one extraction: a definition that changes is read anew when a value no longer fits it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.categories: dict[int, Category] = {}
        self.failures: dict[int, NotReadable] = {}
        self.of_type: dict[str, frozenset[int]] = {}
        self._names: dict[int, str] = {}
        self._lock = asyncio.Lock()

    async def learn(self, values: Mapping[int, Mapping[str, Any]]) -> None:
        """Make sure of the definitions of all categories that these nodes' values belong to (`categories.flat` by node)."""
        async with self._lock:
            settled: set[int] = set()
            while missing := self._missing(values, settled):
                # One node tells about all of its categories: few calls, however many nodes there are.
                category, node = next(iter(missing.items()))
                settled.add(category)
                try:
                    settled |= (await self.read(node)).keys()
                except NotReadable as error:
                    self.failures[category] = error
                    continue
                if category not in self.categories:
                    path = f"/v2/nodes/{node}/categories"
                    self.failures[category] = NotReadable(path, f"nothing is said of category {category}")

    async def learn_type(self, type_: str, node: int) -> None:
        """Make sure of the categories of a workspace type, of which `node` is one: for those that show no value."""
        async with self._lock:
            if type_ in self.of_type:
                return
            try:
                self.of_type[type_] = frozenset(await self.read(node))
            except NotReadable:
                self.of_type[type_] = frozenset()  # what has no value stays without a name

    async def read(self, node: int) -> dict[int, Category]:
        """The definitions of a node's categories. Raises NotReadable."""
        path = f"/v2/nodes/{node}/categories"
        answer = await self._client.get(path, {"metadata": ""})
        with parse.shaped(path):
            found = categories.definitions(answer)
        self.categories.update(found)
        return found

    async def names(self, ids: Iterable[int]) -> dict[int, str]:
        """Names of classifications (or any nodes); those that cannot be read are left out."""
        async with self._lock:
            unknown = [number for number in dict.fromkeys(ids) if number not in self._names]
            for some in parse.chunks(unknown, MOST_IDS):
                answer = await self._client.nodes(some, ["properties{id,name}"])
                with parse.shaped("/v2/nodes/list"):
                    for row in parse.rows(answer, "/v2/nodes/list"):
                        found = parse.properties(row)
                        self._names[int(found["id"])] = str(found["name"])
        return {number: self._names[number] for number in ids if number in self._names}

    def _missing(self, values: Mapping[int, Mapping[str, Any]], settled: set[int]) -> dict[int, int]:
        """Category -> a node that has it, for those without a definition that fits."""
        missing: dict[int, int] = {}
        for node, held in values.items():
            for category in categories.unknown(held, self.categories):
                if category not in settled and category not in self.failures:
                    missing.setdefault(category, node)
        return missing

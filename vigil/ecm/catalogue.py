"""Definitions of categories and names of classifications, each read once, when it first appears."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from vigil.ecm import categories, parse
from vigil.ecm.categories import Category
from vigil.ecm.client import Client
from vigil.ecm.errors import CallFailed, EcmError, NotReadable
from vigil.ecm.model import Gap
from vigil.ecm.nodes import PATH, read_nodes


class Catalogue:
    """A cache for the life of one extraction: a changed definition is read again when a value no longer fits it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.categories: dict[int, Category] = {}
        self.failures: dict[int, EcmError] = {}
        self.of_type: dict[str, frozenset[int]] = {}
        self._names: dict[int, str] = {}
        self._lock = asyncio.Lock()

    async def learn(self, values: Mapping[int, Mapping[str, Any]]) -> None:
        """Load the definitions of all categories of these nodes' values (`categories.flat` by node)."""
        async with self._lock:
            self.failures.clear()  # categories that failed for other nodes may be readable for these
            settled: set[int] = set()
            while missing := self._missing(values, settled):
                # One node gives all of its categories: few calls for any number of nodes.
                category, node = next(iter(missing.items()))
                settled.add(category)
                try:
                    settled |= (await self.read(node)).keys()
                except CallFailed as error:
                    self.failures[category] = error
                    continue
                if category not in self.categories:
                    path = f"/v2/nodes/{node}/categories"
                    self.failures[category] = NotReadable(path, f"nothing is said of category {category}")

    async def learn_type(self, type_: str, node: int) -> None:
        """Load the categories of a workspace type from one of its workspaces, `node`: for workspaces that show no value.

        Raises EcmError: an attribute with an unknown definition is not an attribute without a value.
        """
        async with self._lock:
            if type_ not in self.of_type:
                self.of_type[type_] = frozenset(await self.read(node))

    async def read(self, node: int) -> dict[int, Category]:
        """The definitions of a node's categories. Raises EcmError."""
        path = f"/v2/nodes/{node}/categories"
        answer = await self._client.get(path, {"metadata": ""})
        with parse.shaped(path):
            found = categories.definitions(answer)
        self.categories.update(found)
        return found

    async def names(self, ids: Collection[int]) -> tuple[dict[int, str], dict[int, Gap]]:
        """Names of classifications (or any nodes), and a gap for each that could not be read.

        A node that is deleted or not readable is in neither.
        """
        failed: dict[int, Gap] = {}
        async with self._lock:
            unknown = [number for number in dict.fromkeys(ids) if number not in self._names]
            for _ in range(2):  # a node left out once may be a temporary failure
                unknown = [number for number in unknown if number not in self._names]
                found, gaps = await read_nodes(self._client, unknown, ["properties{id,name}"])
                failed |= {number: gap for gap in gaps for number in gap.workspaces}
                for number, row in found.items():
                    if name := parse.properties(row).get("name"):
                        self._names[number] = str(name)
                    else:
                        failed[number] = Gap(PATH, "a node came without a name", (number,))
        named = {number: self._names[number] for number in ids if number in self._names}
        return named, {number: gap for number, gap in failed.items() if number not in named}

    def _missing(self, values: Mapping[int, Mapping[str, Any]], settled: set[int]) -> dict[int, int]:
        """Category -> a node that has it, for categories without a fitting definition."""
        missing: dict[int, int] = {}
        for node, held in values.items():
            for category in categories.unknown(held, self.categories):
                if category not in settled and category not in self.failures:
                    missing.setdefault(category, node)
        return missing

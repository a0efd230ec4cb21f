"""What a simulated server remembers of searches: its index, and the latest results."""

from __future__ import annotations

from collections import OrderedDict

from vigil.sandbox.world.search_index import Hits, SearchIndex
from vigil.sandbox.world.world import World

_KEPT = 8


class SearchMemory:
    """The index of a simulated server, and its latest results by `cache_id`."""

    def __init__(self, world: World) -> None:
        self.index = SearchIndex(world)
        self._results: OrderedDict[int, tuple[str, Hits]] = OrderedDict()
        self._issued = 0

    def kept(self, number: int) -> Hits | None:
        """The result with this `cache_id`, None when it is forgotten."""
        return self._results[number][1] if number in self._results else None

    def same(self, query: str) -> tuple[Hits, int] | None:
        """The result of the same query over the same index."""
        return next(((found, i) for i, (asked, found) in self._results.items() if asked == query), None)

    def keep(self, query: str, found: Hits) -> int:
        """A new `cache_id` for it. The oldest of too many is forgotten."""
        self._issued += 1
        number = 1_000_000_000 + self._issued * 7_654_321 % 1_000_000_000
        self._results[number] = query, found
        while len(self._results) > _KEPT:
            self._results.popitem(last=False)
        return number

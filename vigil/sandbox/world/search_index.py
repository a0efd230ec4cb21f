"""The search index: which documents, folders and workspaces were modified on which day, as of some seconds ago.

It follows the world's journal, so that it shows each node as it was when it was indexed. A hit is one number that sorts by day: a
range of days is found by bisection and a page costs its own length, however much is indexed.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import gcd
from typing import NamedTuple

from vigil.sandbox.world.ids import Family
from vigil.sandbox.world.state import Touch, WorldDocument
from vigil.sandbox.world.world import World

FOLDER, DOCUMENT, WORKSPACE = KINDS = (0, 144, 848)
"""The subtypes that are indexed."""

# A key from its highest bits: day, place within the day, node, version (0: the current one).
_VERSION_BITS, _NODE_BITS, _PLACE_BITS = 12, 40, 17
_NODE_SHIFT = _VERSION_BITS
_PLACE_SHIFT = _NODE_SHIFT + _NODE_BITS
_DAY_SHIFT = _PLACE_SHIFT + _PLACE_BITS


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """`lag` in seconds. `utc`: days are cut at midnight UTC, else in the server's zone."""

    lag: int = 0
    unsorted_days: bool = True
    old_versions: bool = False
    utc: bool = False


class Hit(NamedTuple):
    """One row of a result. `modified`: seconds since 1970, as indexed; `version`: its number when it is an old one, else 0."""

    node: int
    version: int
    modified: int


class SearchIndex:
    """Call `catch_up` before each query."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._settings = IndexSettings()
        self._folders: tuple[int, frozenset[str]] = (0, frozenset())
        self._position = 0
        self._touches = (world.state.children_touch, world.state.at_root, world.folders.touch)
        self._rewritten = 0  # the journal's entries before this one were written under another rule
        self.generation = 0  # grows whenever the index changes
        self._indexed: dict[int, int] = {}  # node -> modified << _VERSION_BITS | number of indexed versions
        self._keys: dict[int, list[int]] = {kind: [] for kind in KINDS}
        self._days: dict[int, tuple[int, int]] = {}  # quarter of an hour since 1970 -> day, its first second

    def catch_up(self, settings: IndexSettings) -> None:
        """Index what happened until `lag` seconds ago."""
        world = self._world
        position = world.journal.position(world.now.timestamp() - settings.lag)
        # Nothing is taken out of an index again, and folders are known only when they are indexed: then it begins anew.
        folders = (world.folders.depth, world.folders.without)
        rule = (world.state.children_touch, world.state.at_root, world.folders.touch)
        if (settings, folders, rule) != (
            self._settings,
            self._folders,
            self._touches,
        ) or position < self._position:
            if rule != self._touches:
                self._touches, self._rewritten = rule, len(world.journal)
            self._settings, self._folders, self._position = settings, folders, 0
            self.generation += 1
            self._indexed.clear()
            self._days.clear()
            self._keys = {kind: [] for kind in KINDS}
        before: dict[int, int | None] = {}
        for place, (node, modified) in enumerate(
            world.journal.entries(self._position, position), self._position
        ):
            workspace = world.state.workspaces.get(node)
            if workspace is not None and place < self._rewritten:
                modified = world.state.modified(workspace)
            self._enter(node, modified, before)
        self._position = position
        self.generation += bool(before)
        if len(before) > 1000:
            self._sort_all()
        else:
            self._move(before)

    def between(self, kind: int, first: date, last: date) -> tuple[list[int], int, int]:
        """The keys of a kind that were modified from `first` to `last`: a list, and from where to where in it."""
        keys = self._keys[kind]
        low = bisect_left(keys, first.toordinal() << _DAY_SHIFT)
        return keys, low, max(low, bisect_left(keys, (last.toordinal() + 1) << _DAY_SHIFT))

    def hit(self, key: int) -> Hit:
        """What a key stands for. One that was deleted since has modified 0."""
        node = (key >> _NODE_SHIFT) & ((1 << _NODE_BITS) - 1)
        return Hit(node, key & ((1 << _VERSION_BITS) - 1), self._indexed.get(node, 0) >> _VERSION_BITS)

    def kind(self, node: int) -> int:
        if node in self._world.state.workspaces:
            return WORKSPACE
        place = self._world.ids.read(node)
        return FOLDER if place is not None and place[0] is Family.FOLDER else DOCUMENT

    def day(self, at: int) -> date:
        """The day of an instant, as regions show it."""
        return date.fromordinal(self._day(at)[0])

    def time(self, at: int) -> str:
        """Its time of day: ``HHMMSS``."""
        return self._moment(at).strftime("%H%M%S")

    # -- entries ---------------------------------------------------------------------------------------

    def _enter(self, node: int, modified: int | None, before: dict[int, int | None]) -> None:
        """Take one entry of the journal over. `before` keeps what each node had before the first of them."""
        state, folders = self._world.state, self._world.folders
        known = self._indexed.get(node)
        before.setdefault(node, known)
        if modified is None:
            self._indexed.pop(node, None)
            return
        if (workspace := state.workspaces.get(node)) is not None:
            self._indexed[node] = modified << _VERSION_BITS
            if known is None:
                for folder in folders.all(workspace):
                    before.setdefault(folder, None)
                    self._indexed[folder] = workspace.created << _VERSION_BITS
            return
        # Each entry of a document is a version of it; the first one is a new child of what it lies in (quirk 29).
        count = 1 if known is None else (known & ((1 << _VERSION_BITS) - 1)) + 1
        self._indexed[node] = modified << _VERSION_BITS | count
        moves = folders.touch is Touch.ALL or (known is None and folders.touch is Touch.CREATED)
        document = self._document(node)
        # What lies in the workspace itself moves the workspace's date, which has an entry of its own.
        if moves and (holder := folders.holding(document)) != document.workspace.id:
            before.setdefault(holder, self._indexed.get(holder))
            self._indexed[holder] = modified << _VERSION_BITS

    def _document(self, node: int) -> WorldDocument:
        state = self._world.state
        return state.documents.get(node) or state.bin[node].document

    def _sort_all(self) -> None:
        found: dict[int, list[int]] = {kind: [] for kind in KINDS}
        for node, held in self._indexed.items():
            found[self.kind(node)].extend(self._keys_of(node, held))
        for keys in found.values():
            keys.sort()
        self._keys = found

    def _move(self, before: dict[int, int | None]) -> None:
        for node, held in before.items():
            keys = self._keys[self.kind(node)]
            if held is not None:
                for key in self._keys_of(node, held):
                    del keys[bisect_left(keys, key)]
            if (now := self._indexed.get(node)) is not None:
                for key in self._keys_of(node, now):
                    insort(keys, key)

    def _keys_of(self, node: int, held: int) -> Iterator[int]:
        modified, versions = held >> _VERSION_BITS, held & ((1 << _VERSION_BITS) - 1)
        day, first = self._day(modified)
        # An index has no order within a day; a number mixed out of the id is one that nobody will take for time.
        place = (node * 2_654_435_761 >> 7) % 86_400 if self._settings.unsorted_days else modified - first
        key = day << _DAY_SHIFT | place << _PLACE_SHIFT | node << _NODE_SHIFT
        yield key
        if self._settings.old_versions:
            yield from range(key + 1, key + versions)

    def _day(self, at: int) -> tuple[int, int]:
        quarter = at // 900  # no zone's midnight falls within a quarter of an hour
        found = self._days.get(quarter)
        if found is None:
            moment = self._moment(at)
            second = moment.hour * 3600 + moment.minute * 60 + moment.second
            found = self._days[quarter] = (moment.toordinal(), at - second)
        return found

    def _moment(self, at: int) -> datetime:
        return datetime.fromtimestamp(at, UTC if self._settings.utc else self._world.estate.zone)


class Hits:
    """The keys of a result in the order of one sort: `desc`, `asc`, or `relevance`, which follows nothing that a caller knows."""

    def __init__(self, parts: Iterable[tuple[Sequence[int], int, int]], order: str = "relevance") -> None:
        self._parts = [part for part in parts if part[1] < part[2]]
        self._order = order
        self._count = sum(high - low for _, low, high in self._parts)
        if order != "relevance" and len(self._parts) > 1:
            merged = sorted(key for keys, low, high in self._parts for key in keys[low:high])
            self._parts = [(merged, 0, len(merged))]
        self._step = _coprime(self._count)

    def __len__(self) -> int:
        return self._count

    def kept(self) -> Hits:
        """The same, whatever happens to the index."""
        kept = Hits(((keys[low:high], 0, high - low) for keys, low, high in self._parts), "relevance")
        kept._order = self._order
        return kept

    def __iter__(self) -> Iterator[int]:
        for keys, low, high in self._parts:
            yield from keys[low:high]

    def rows(self, start: int, stop: int) -> list[int]:
        """The keys at these places, from 0."""
        return [self._at(place) for place in range(start, min(stop, self._count))]

    def _at(self, place: int) -> int:
        if self._order == "relevance":
            place = place * self._step % self._count
        elif self._order == "desc":
            place = self._count - 1 - place
        for keys, low, high in self._parts:
            if place < high - low:
                return keys[low + place]
            place -= high - low
        raise IndexError(place)


def _coprime(count: int) -> int:
    """A step that visits every place of `count` once before it comes back to the first."""
    step = max(1, int(count * 0.618))
    while gcd(step, count) != 1 and step > 1:
        step -= 1
    return step

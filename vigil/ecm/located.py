"""Where documents and folders are known to lie, by the search or by the ledger, so that no list is read for each workspace. Contract:
docs/contracts/ecm.md#search.

These only name them: each is read by its id, and a container needs no list only where it counts exactly as many items as lie in it by
their own rows. `vigil.ecm.counts` says when a count of 0 is believed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.errors import Malformed
from vigil.ecm.nodes import PATH
from vigil.ecm.search import SearchRow

DEEPEST = 20


@dataclass(slots=True)
class Located:
    """The ids of documents and folders by the container that holds them, or by their workspace; the classifications of documents."""

    documents: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    folders: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    classifications: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def add(self, rows: Iterable[SearchRow]) -> None:
        """Note rows of the search. A node that has no known place is left out: the counts show that it lacks."""
        for row in rows:
            if row.parent is None:
                continue
            if row.type == parse.FOLDER:
                self.folders[row.parent].append(row.id)
            elif row.type == parse.DOCUMENT:
                self.documents[row.parent].append(row.id)
                if row.classifications is not None:
                    self.classifications[row.id] = row.classifications

    def inside(self, workspace: int) -> set[int]:
        """The ids of documents and folders in a workspace, at any depth."""
        found = set[int]()
        below = [workspace]
        for _ in range(DEEPEST):
            found.update(node for place in below for node in self.documents.get(place, ()))
            below = [node for place in below for node in self.folders.get(place, ()) if node not in found]
            found.update(below)
            if not below:
                break
        return found

    def of(self, workspaces: Collection[int]) -> Located:
        """The part about some workspaces, which is taken out of this one."""
        part = Located()
        for workspace in workspaces:
            for node in (workspace, *self.inside(workspace)):
                for given, taken in ((self.documents, part.documents), (self.folders, part.folders)):
                    if node in given:
                        taken[node] = given.pop(node)
                if node in self.classifications:
                    part.classifications[node] = self.classifications.pop(node)
        return part


@dataclass(frozen=True, slots=True)
class Contents:
    """`rows` has, by container, all that lies in it; `uncounted` are containers that count 0 although something lies in them."""

    rows: Mapping[int, Sequence[Json]]
    uncounted: Collection[int]


def whole(found: Mapping[int, Json]) -> Contents:
    """The containers among some nodes that count exactly as many items as lie in them by the items' own rows.

    `found` are rows of nodes by their ids. One whose place or count cannot be read proves nothing: its container is left out.
    """
    lying: dict[int, list[Json]] = {
        number: [] for number, row in found.items() if _number(row, _type) in parse.CONTAINERS
    }
    for row in found.values():
        place = _number(row, _place)
        if place in lying:
            lying[place].append(row)
    counted = {number: _number(found[number], parse.held) for number in lying}
    return Contents(
        {number: rows for number, rows in lying.items() if counted[number] == len(rows)},
        [number for number, rows in lying.items() if rows and counted[number] == 0],
    )


def _number(row: Json, read: Callable[[Json], int | None]) -> int | None:
    """What `read` gives for the properties of a row; None where it cannot be read."""
    with suppress(Malformed), parse.shaped(PATH):
        return read(parse.properties(row))
    return None


def _type(found: Json) -> int | None:
    return parse.integer(found.get("type"))


def _place(found: Json) -> int | None:
    return parse.integer(found.get("parent_id"))

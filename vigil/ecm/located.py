"""Where the search found documents and folders, so that a first reading needs no list for each workspace. Contract:
docs/contracts/ecm.md#search.

The search only names them: each is read by its id, and a workspace counts as read whole only where every container in it holds exactly
as many items as were found in it. Where one does not, its lists are read. `vigil.ecm.counts` says when a count of 0 is
believed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
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
    """The ids of documents and folders by the container that holds them, and the classifications of documents."""

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

    def inside(self, workspace: int) -> Contents:
        """The documents and folders in a workspace, at any depth."""
        found = Contents(workspace)
        below = [workspace]
        for _ in range(DEEPEST):
            found.documents |= {node: place for place in below for node in self.documents.get(place, ())}
            found.folders |= (
                inner := {node: place for place in below for node in self.folders.get(place, ())}
            )
            below = list(inner)
            if not below:
                break
        return found

    def of(self, workspaces: Collection[int]) -> Located:
        """The part about some workspaces, which is taken out of this one."""
        part = Located()
        for contents in map(self.inside, workspaces):
            for place in (contents.workspace, *contents.folders):
                part.documents[place] = self.documents.pop(place, [])
                part.folders[place] = self.folders.pop(place, [])
            part.classifications |= {
                node: self.classifications.pop(node)
                for node in contents.documents
                if node in self.classifications
            }
        return part


@dataclass(slots=True)
class Contents:
    """The documents and folders in a workspace, each with the container that the search found it in."""

    workspace: int
    documents: dict[int, int] = field(default_factory=dict)
    folders: dict[int, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[int]:
        yield from self.documents
        yield from self.folders

    def is_whole(self, node: Json, found: Mapping[int, Json], zero: bool) -> bool:
        """Whether these are all: each was read and lies where it was found, and each container holds as many as were found in it.

        `node` is the row of the workspace, `found` are the rows of the others. `zero`: whether a count of 0 is believed.
        """
        held: dict[int, int] = defaultdict(int)
        for number, place in (*self.documents.items(), *self.folders.items()):
            if (
                number not in found
                or parse.integer(parse.properties(found[number]).get("parent_id")) != place
            ):
                return False
            held[place] += 1
        rows = {self.workspace: node} | {folder: found[folder] for folder in self.folders}
        try:
            with parse.shaped(PATH):
                counts = {place: parse.held(parse.properties(row)) for place, row in rows.items()}
        except Malformed:
            return False
        return all(count == held[place] and (zero or count != 0) for place, count in counts.items())

    def uncounted(self, node: Json, found: Mapping[int, Json]) -> int | None:
        """A container that counts 0 though something was read by its id that lies in it; None if there is none."""
        for number, place in (*self.documents.items(), *self.folders.items()):
            row = node if place == self.workspace else found.get(place)
            if number in found and row is not None:
                with suppress(Malformed), parse.shaped(PATH):
                    lies_there = parse.integer(parse.properties(found[number]).get("parent_id")) == place
                    if lies_there and parse.held(parse.properties(row)) == 0:
                        return place
        return None

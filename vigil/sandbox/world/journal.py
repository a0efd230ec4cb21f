"""Which node each event changed, and the modify date that it then had: what a search index is fed from, late or at once."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

from vigil.sandbox.estate.model import EstateEvent
from vigil.sandbox.world.state import WorldState


class JournalEntry(NamedTuple):
    """`modified` is the node's modify date after the event, None when the event deleted the node."""

    node: int
    modified: int | None


class Journal:
    """All entries in the order of their events. Three numbers an entry: an estate has millions."""

    def __init__(self) -> None:
        self._happened = array("q")
        self._nodes = array("q")
        self._modified = array("q")

    def __len__(self) -> int:
        return len(self._nodes)

    def note(self, state: WorldState, event: EstateEvent) -> None:
        """Write down what `event` did; `state` is the one after it."""
        at, number = ceil(event.ts.timestamp()), event.data.get("id")
        document = state.documents.get(number) if number is not None else None
        binned = state.bin.get(number) if number is not None and document is None else None
        home = event.workspace or (binned.document.workspace.id if binned else 0)
        if home:
            self._write(at, home, state.modified(state.workspaces[home]))
        if document is not None:
            self._write(at, document.id, document.modified)
        elif binned is not None:
            self._write(at, binned.document.id, _DELETED)

    def _write(self, at: int, node: int, modified: int) -> None:
        self._happened.append(at)
        self._nodes.append(node)
        self._modified.append(modified)

    def position(self, moment: float) -> int:
        """The number of entries up to and including this instant, in seconds since 1970."""
        return bisect_right(self._happened, moment)

    def entries(self, first: int, last: int) -> Iterator[JournalEntry]:
        """Those from `first` (from 0) to before `last`."""
        for place in range(first, last):
            modified = self._modified[place]
            yield JournalEntry(self._nodes[place], None if modified == _DELETED else modified)


_DELETED = -(2**62)

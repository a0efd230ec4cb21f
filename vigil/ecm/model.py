"""What extraction takes and gives, beside the facts themselves. See docs/architecture.md, Extraction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from vigil.compliance.facts import Fact


@dataclass(frozen=True, slots=True)
class Needs:
    """What the loaded rules need: nothing else is asked for. `expiry`: the documents' own expiration
    dates."""

    documents: bool = True
    versions: bool = False
    steps: bool = True
    comments: bool = False
    roles: bool = True
    missing: bool = False
    expiry: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list of workspaces. `modified` is UTC, to the second."""

    id: int
    name: str
    modified: datetime
    type: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a type's list that an interrupted walk had read: from its `newest` row down to its
    `oldest`."""

    newest: datetime
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Gone:
    """Something known that is no longer there, or no longer readable: the two cannot be told apart from
    outside."""

    kind: Literal["workspace", "document", "process"]
    key: str


@dataclass(frozen=True, slots=True)
class Gap:
    """What could not be read this time. `path` is the call, `error` ECM's own message, `workspaces` whom it
    concerns."""

    path: str
    error: str
    workspaces: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Facts read by one call. `workspaces` says which workspace a process belongs to, where that was found
    out."""

    facts: tuple[Fact, ...] = ()
    gone: tuple[Gone, ...] = ()
    gaps: tuple[Gap, ...] = ()
    requests: int = 0
    workspaces: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Processes:
    """The list of workflows against what was known of it.

    `read`: ids whose row is new or differs. `hashes`: the row hash of every active process and of the newest ended ones, to
    be given as `known` next time. `vanished`: were active and are in neither list: to be read, too, for how they ended.
    """

    read: tuple[int, ...]
    hashes: Mapping[int, str]
    vanished: tuple[int, ...]
    gaps: tuple[Gap, ...] = ()
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a node changed: its modify date, and the number of its children (containers) or of
    its version."""

    modified: datetime
    size_or_version: int | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """Known nodes asked for by id: those whose stamp differs, those that are gone, and the calls that
    failed."""

    changed: tuple[int, ...]
    gone: tuple[int, ...]
    gaps: tuple[Gap, ...] = ()
    requests: int = 0

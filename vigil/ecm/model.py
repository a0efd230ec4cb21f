"""The parameters and results of extraction, beside the facts themselves. See docs/architecture.md, Extraction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from vigil.compliance.facts import Fact

EXPIRY = "Document validity.Expiration date"
"""The document attribute with the day until which it is valid (docs/architecture.md)."""


ABSENT = "missingdocuments of any workspace"
"""In place of a path: the gap of a server without any lists of missing documents."""

UNTYPED = "classifications of any document"
"""In place of a path: the gap of a server that does not tell the types of documents."""

LASTING = frozenset({ABSENT, UNTYPED})
"""The gaps of what a server does not have: reading its workspaces again would not close them."""

NEVER = datetime.min.replace(tzinfo=UTC)
"""An instant before every change."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What the loaded rules need of a workspace: nothing else is read.

    `documents`, with `types` also their types, `versions` all of theirs, `expiry` the day until which each is valid; `comments` the
    audit trail; `roles` the members of roles if clauses of rules use them (those of findings come from `audience`); `missing` ECM's
    own list of missing documents; `steps` workflows, which are read beside the workspaces, and `dispositions` those with which their
    steps were completed; `related` the types of workspaces whose related ones are read. `only` has, for a part that not all types
    need, the types that do.
    """

    documents: bool = True
    types: bool = True
    versions: bool = False
    steps: bool = True
    comments: bool = False
    roles: bool = False
    missing: bool = False
    expiry: bool = True
    dispositions: bool = False
    related: frozenset[str] = frozenset()
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def of(self, part: str, type: str) -> bool:
        """Whether a part of workspaces of a type is needed: comments, roles or missing."""
        return getattr(self, part) and (part not in self.only or type in self.only[part])


@dataclass(frozen=True, slots=True)
class ListedWorkspace:
    """A row of the list of workspaces. `modified` is UTC, to the second; NEVER if ECM gives no valid one."""

    id: int
    name: str
    modified: datetime
    type: str = ""

    @property
    def odd(self) -> bool:
        """Whether ECM gives no valid modify date."""
        return self.modified == NEVER


@dataclass(frozen=True, slots=True)
class Gone:
    """A known item that is deleted, or no longer readable: from outside the two look the same."""

    kind: Literal["workspace", "document", "process"]
    key: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that could not be read this time. `path` is the call, `error` ECM's own message, `workspaces` the affected
    workspaces. `asked` is False for a call that was not made, because the server had not answered for too long.
    """

    path: str
    error: str
    workspaces: tuple[int, ...] = ()
    asked: bool = True

    @property
    def why(self) -> str:
        """The call and its failure."""
        return f"{self.path}: {self.error}"


@dataclass(frozen=True, slots=True)
class FolderStamp:
    """A folder inside a workspace, as it was listed: the number of its items, and its modify date."""

    id: int
    items: int
    modified: datetime | None


@dataclass(frozen=True, slots=True)
class FactBatch:
    """Facts read by one call.

    `workspaces` maps processes to their workspaces, where newly found. `unread` are processes that could not be read this time and
    must be read again. `accepted` says of processes what stays unknown, as before or because the server has nothing to tell: no gap.
    `unknown` are people and groups (``user:LOGIN``, ``group:NAME``) that could not be looked up, with the reason. `lacking` has for
    workspaces how many items their containers count and their lists do not show, `folders` the folders inside.
    """

    facts: tuple[Fact, ...] = ()
    gone: tuple[Gone, ...] = ()
    gaps: tuple[Gap, ...] = ()
    requests: int = 0
    workspaces: Mapping[int, int] = field(default_factory=dict)
    unread: frozenset[int] = frozenset()
    accepted: Mapping[int, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    lacking: Mapping[int, int] = field(default_factory=dict)
    folders: Mapping[int, tuple[FolderStamp, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Processes:
    """The list of workflows, compared with what was known.

    `read`: ids whose row is new or differs. `hashes`: the row hash of every active process and of the newest ended ones, for the
    `known` of the next call. `vanished`: were active and are in neither list: they must be read, too, for their end. `active`: those
    with an open step. A row shows only open steps: one that began and ended beside another changes no hash. `old`: ended ones that
    were never known and began before the days that were asked for, the last begun first. No row tells whether they ended now, or years
    ago on a server that lists all of them.
    """

    read: tuple[int, ...]
    hashes: Mapping[int, str]
    vanished: tuple[int, ...]
    gaps: tuple[Gap, ...] = ()
    requests: int = 0
    active: tuple[int, ...] = ()
    old: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Stamp:
    """Shows whether a node changed: its modify date, the number of its children (containers) or of its version, and a digest of its
    values.

    For a known node, `modified` None means that its date is not compared (folders), and `values` "" that its values are not.
    """

    modified: datetime | None
    size_or_version: int | None = None
    values: str = ""

    def differs(self, seen: Stamp) -> bool:
        """Whether the stamp just read differs from this one. Only what was delivered is compared."""
        if seen.size_or_version is not None and self.size_or_version != seen.size_or_version:
            return True
        if self.values and seen.values and self.values != seen.values:
            return True
        return None not in (self.modified, seen.modified) and self.modified != seen.modified


@dataclass(frozen=True, slots=True)
class Housed:
    """Which of some nodes exist, in the workspace given for each. In gaps, `workspaces` are the nodes for which that is unknown."""

    there: frozenset[int]
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Verified:
    """Known nodes read by id: those whose stamp differs, those that are deleted, and the calls that failed."""

    changed: tuple[int, ...]
    gone: tuple[int, ...]
    gaps: tuple[Gap, ...] = ()
    requests: int = 0

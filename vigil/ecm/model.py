"""What extraction takes and gives, beside the facts themselves. See docs/architecture.md, Extraction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from vigil.compliance.facts import Fact

EXPIRY = "Document validity.Expiration date"
"""The attribute of a document that holds the day until which it is valid (docs/architecture.md)."""


ABSENT = "missingdocuments of any workspace"
"""In place of a path: the gap that says that this server has no lists of missing documents at all."""

NEVER = datetime.min.replace(tzinfo=UTC)
"""Before everything that changes."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What the loaded rules need of a workspace: nothing else is asked for.

    `documents` with their types, `versions` all of theirs, `expiry` the day until which each holds; `comments` the audit
    trail; `roles` the members of roles, where a rule's clauses look at them (those of findings come by `audience`);
    `missing` ECM's own list of missing documents; `steps` workflows, which are read beside the workspaces; `related` the types of
    workspace whose related ones are asked for.
    """

    documents: bool = True
    versions: bool = False
    steps: bool = True
    comments: bool = False
    roles: bool = False
    missing: bool = False
    expiry: bool = True
    related: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list of workspaces. `modified` is UTC, to the second; NEVER where ECM gives none that makes sense."""

    id: int
    name: str
    modified: datetime
    type: str = ""

    @property
    def odd(self) -> bool:
        """Whether ECM says nothing that makes sense of when it changed."""
        return self.modified == NEVER


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
    concerns. `asked` is False for what was not even asked, because the server had not answered for so long."""

    path: str
    error: str
    workspaces: tuple[int, ...] = ()
    asked: bool = True

    @property
    def why(self) -> str:
        """The call and what was in the way."""
        return f"{self.path}: {self.error}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Facts read by one call.

    `workspaces` says which workspace a process belongs to, where that was found out. `unread` are processes that were
    asked for and could not be read this time: they are to be asked for again. `unknown` are people and groups
    (``user:LOGIN``, ``group:NAME``) that could not be looked up, each with what was in the way. `lacking` says of workspaces how many
    items their containers count and their lists do not show.
    """

    facts: tuple[Fact, ...] = ()
    gone: tuple[Gone, ...] = ()
    gaps: tuple[Gap, ...] = ()
    requests: int = 0
    workspaces: Mapping[int, int] = field(default_factory=dict)
    unread: frozenset[int] = frozenset()
    unknown: Mapping[str, str] = field(default_factory=dict)
    lacking: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Processes:
    """The list of workflows against what was known of it.

    `read`: ids whose row is new or differs. `hashes`: the row hash of every active process and of the newest ended ones, to
    be given as `known` next time. `vanished`: were active and are in neither list: to be read, too, for how they ended.
    `active`: those with an open step. A row shows open steps alone: one that began and ended beside another changes no hash.
    """

    read: tuple[int, ...]
    hashes: Mapping[int, str]
    vanished: tuple[int, ...]
    gaps: tuple[Gap, ...] = ()
    requests: int = 0
    active: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a node changed: its modify date, and the number of its children (containers) or of its version.

    As what is known of a node, `modified` None says that its date is not to be compared (folders).
    """

    modified: datetime | None
    size_or_version: int | None = None

    def differs(self, seen: Stamp) -> bool:
        """Whether what is seen now is another state than this."""
        if self.size_or_version != seen.size_or_version:
            return True
        return self.modified is not None and self.modified != seen.modified


@dataclass(frozen=True, slots=True)
class Housed:
    """Which of some nodes are there, in the workspace that was named for each. In gaps, `workspaces` are those nodes of which that
    could not be found out."""

    there: frozenset[int]
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Verified:
    """Known nodes asked for by id: those whose stamp differs, those that are gone, and the calls that
    failed."""

    changed: tuple[int, ...]
    gone: tuple[int, ...]
    gaps: tuple[Gap, ...] = ()
    requests: int = 0

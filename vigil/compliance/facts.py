"""The data from Extended ECM, as values. Contract: docs/contracts/ecm.md.

Instants are timezone-aware UTC datetimes; dates are `datetime.date`. Persons are login names, never numeric ids, which extraction
converts. A principal (role member, step assignee) is ``user:LOGIN`` or ``group:NAME``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

Value = str | int | float | bool | date | datetime | None | tuple["Value", ...]

PARTS = ("attrs", "documents", "steps", "roles", "missing", "comments", "related")
"""The parts of a workspace that separate calls read, and that may be unreadable one by one."""


GROUP = "group:"
"""What the principal of a group begins with. Its name follows."""


def user(login: str) -> str:
    """The principal of a user."""
    return f"user:{login}"


def group(name: str) -> str:
    """The principal of a group."""
    return f"{GROUP}{name}"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A business workspace. `attrs` is keyed ``Category.attribute`` (sets: ``Category.Set.attribute``, a tuple of rows)."""

    id: int
    type: str
    name: str
    created: datetime
    modified: datetime
    attrs: Mapping[str, Value] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()  # names from PARTS that could not be read this time
    size: int | None = None  # number of direct children, as ECM counts them
    source: str = ""  # path of the call that gave it
    # A digest of the values as they came, "" if it is not known: by it a later reading sees that one changed.
    values: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Version:
    number: int
    at: datetime
    by: str | None


@dataclass(frozen=True, slots=True)
class Document:
    """A document in a workspace. `type` is its classification's name, None when it has none.

    `unknown` names the fields that Extended ECM does not tell (``type``): they are not empty, and no rule judges by them.
    """

    id: int
    workspace: int
    name: str
    type: str | None
    created: datetime
    by: str | None
    modified: datetime
    version: int = 1
    versions: tuple[Version, ...] = ()  # those after the first, where they were asked for
    expires: date | None = None
    unknown: frozenset[str] = frozenset()
    source: str = ""
    # As of a workspace; only where its values were asked for, because rules ask for its expiry.
    values: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Step:
    """A workflow step.

    `unknown` names what Extended ECM does not tell of a completed step (``completed_at``, ``completed_by``, ``disposition``): a step
    whose `completed_at` is unknown is completed all the same. `stopped`: its process was stopped before the step was completed.
    `subprocess` is the id of its subprocess, None in the process itself: `step` is unique only within one of them.
    """

    workspace: int
    process: int
    step: int
    title: str
    assignees: tuple[str, ...]  # principals
    assigned_at: datetime
    due: datetime | None = None
    completed_at: datetime | None = None
    completed_by: str | None = None  # login
    disposition: str | None = None
    unknown: frozenset[str] = frozenset()
    stopped: bool = False
    subprocess: int | None = None
    source: str = ""

    @property
    def is_completed(self) -> bool:
        return self.completed_at is not None or "completed_at" in self.unknown

    @property
    def is_open(self) -> bool:
        """Whether somebody is expected to do something."""
        return not self.is_completed and not self.stopped


@dataclass(frozen=True, slots=True)
class Roles:
    """The members of every role of one workspace, as principals."""

    workspace: int
    members: Mapping[str, tuple[str, ...]]
    source: str = ""


@dataclass(frozen=True, slots=True)
class Related:
    """The related workspaces of a workspace, children and parents, by id in order. Their content is separate facts."""

    workspace: int
    others: tuple[int, ...]
    source: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """A user account. It has no zone: the number that Extended ECM has in its place names none."""

    login: str
    id: int
    name: str
    email: str | None = None
    language: str | None = None
    deleted: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A group. `members` are principals: groups nest."""

    name: str
    id: int
    members: tuple[str, ...]
    source: str = ""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One row of a workspace's audit trail. Rows have no id: `position` tells two of one second apart."""

    workspace: int
    type: str  # the event type's name, such as "Attribute Value Changed"
    at: datetime
    by: str | None
    text: str = ""
    position: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class RequiredDocument:
    """A document type of a workspace type, as declared by ECM's own document-type rules."""

    workspace_type: str
    type: str
    required: bool
    valid_months: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class MissingDocuments:
    """ECM's own list of the missing document types of a workspace."""

    workspace: int
    types: tuple[str, ...]
    source: str = ""


Fact = (
    Workspace
    | Document
    | Step
    | Roles
    | Related
    | User
    | Group
    | AuditEvent
    | RequiredDocument
    | MissingDocuments
)


def lacks(fact: Fact) -> bool:
    """Whether Extended ECM did not tell something of a fact that an earlier observation of it may have: see `completed_from`."""
    match fact:
        case Workspace():
            return "attrs" in fact.unread
        case Document() | Step():
            return bool(fact.unknown)
    return False


def completed_from(fact: Fact, before: Fact) -> Fact:
    """A fact with what it lacks from the observation before: what was known of it stays known."""
    match fact, before:
        case Workspace(), Workspace() if lacks(fact):
            return replace(fact, attrs=before.attrs)
        case Document(), Document():
            known = fact.unknown - before.unknown
            return replace(fact, **{k: getattr(before, k) for k in known}, unknown=fact.unknown - known)
        case Step(), Step() if before.is_completed and before.assigned_at == fact.assigned_at:
            known = fact.unknown - before.unknown
            return replace(fact, **{k: getattr(before, k) for k in known}, unknown=fact.unknown - known)
    return fact


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute's definition in a schema snapshot: `kind` is string, date, datetime, integer, boolean or user."""

    category: str
    name: str
    kind: str
    values: tuple[str, ...] | None = None
    multiple: bool = False

    @property
    def key(self) -> str:
        return f"{self.category}.{self.name}"


@dataclass(frozen=True, slots=True)
class WorkspaceType:
    """The names that a rule may use for a workspace type: the schema snapshot against which rules are checked."""

    name: str
    attributes: tuple[Attribute, ...]
    roles: tuple[str, ...]
    documents: tuple[RequiredDocument, ...] = ()
    id: int | None = None

"""The state of the world at an instant, as mutable records. Times are epoch seconds; persons and groups are names."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any, NamedTuple, TypeVar, overload

from vigil.sandbox.estate.model import Estate, TypeDef
from vigil.sandbox.world.ids import Family, IdPlan

VERSION_ADDED, COMMENT = 11, 5200
AUDIT_EVENTS = {
    1: "Create",
    9: "Permission Changed",
    10: "Attribute Value Changed",
    11: "Version Added",
    264: "Classification Applied",
    COMMENT: "Comment Added",
}
"""Names of the contract's table, and one of the estate's own: no server was seen to audit comments."""


class Audit(NamedTuple):
    at: int
    event: int
    by: str | None
    text: str


@dataclass(slots=True)
class WorldVersion:
    id: int
    number: int
    at: int
    by: str | None


@dataclass(slots=True)
class WorldDocument:
    id: int
    workspace: WorldWorkspace
    name: str
    type: str | None
    created: int
    by: str | None
    modified: int
    modified_by: str | None
    expires: str | None  # YYYY-MM-DD
    versions: list[WorldVersion] = field(default_factory=list)
    audit: list[Audit] = field(default_factory=list)
    past_expiries: tuple[tuple[str, int], ...] = ()  # each replaced one, with the number of its version


class Deletion(NamedTuple):
    """A deleted document, as the recycle bin keeps it."""

    at: int
    by: str | None
    document: WorldDocument


@dataclass(slots=True)
class WorldStep:
    process: Process
    number: int
    title: str
    to: str
    assigned: int
    due: int | None
    completed: int | None = None
    by: str | None = None
    disposition: str | None = None
    comment: str | None = None


@dataclass(slots=True)
class Process:
    """A workflow. `id` is the estate's own number unless two workspaces use the same one. Complete when no step is open."""

    id: int
    workspace: WorldWorkspace
    place: int
    started: int
    initiator: str | None
    ended: int | None = None  # when the last open step was completed, None while one is open
    steps: dict[int, WorldStep] = field(default_factory=dict)
    history: list[tuple[int, str, WorldStep]] = field(default_factory=list)

    def is_active(self) -> bool:
        return self.ended is None

    def open_steps(self) -> list[WorldStep]:
        return [s for s in self.steps.values() if s.completed is None]


@dataclass(slots=True)
class WorldWorkspace:
    """`modified` follows the workspace's own changes, `child_created` also new documents at its root (quirk 29), `child_modified`
    every change of its documents (quirk 24 off). `last_added`: per type, when the last of the documents that are gone was added.
    """

    id: int
    place: int
    type: TypeDef
    name: str
    created: int
    modified: int
    child_created: int
    child_modified: int
    attrs: dict[str, Any]
    roles: dict[str, tuple[str, ...]]
    modified_by: str | None = None
    related: tuple[int, ...] = ()
    documents: dict[int, WorldDocument] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    audit: list[Audit] = field(default_factory=list)
    last_added: dict[str | None, int] | None = None


@dataclass(slots=True)
class Plain:
    """A node that has nothing but a name: volume, folder, shortcut, category, classification, workflow map."""

    id: int
    type: int
    name: str
    parent: int
    original: int = 0


@dataclass(slots=True)
class WorldFolder:
    """A folder of a workspace (world_folders.py): `level` counts from 0, `parent` is the id of what holds it."""

    id: int
    workspace: WorldWorkspace
    branch: int
    level: int
    name: str
    parent: int


Node = WorldWorkspace | WorldDocument | WorldFolder | Plain

TYPE_NAMES = {
    0: "Folder",
    1: "Shortcut",
    128: "Workflow Map",
    131: "Category",
    141: "Enterprise Workspace",
    144: "Document",
    198: "Classification Tree",
    199: "Classification",
    848: "Business Workspace",
}


class Touch(Enum):
    """Which changes of a child move its workspace's modify date."""

    NONE = "none"
    CREATED = "created"
    ALL = "all"


class Ordered:
    """Ids in the order of a changing number: what ``sort=desc_modify_date`` pages through without sorting.

    While it `waits`, it takes no change: whoever makes it wait sets `keys` anew.
    """

    __slots__ = ("keys", "waits")

    def __init__(self) -> None:
        self.keys: list[tuple[int, int]] = []
        self.waits = False

    def add(self, number: int, item: int) -> None:
        if not self.waits:
            insort(self.keys, (number, item))

    def drop(self, number: int, item: int) -> None:
        if not self.waits:
            del self.keys[bisect_left(self.keys, (number, item))]

    def move(self, before: int, after: int, item: int) -> None:
        if before != after:
            self.drop(before, item)
            self.add(after, item)


T = TypeVar("T")


class Indexed(Sequence[T]):
    """Things in the order of an Ordered's keys: a slice costs its own length, however many there are."""

    def __init__(self, keys: list[tuple[int, int]], things: Mapping[int, T], *, descending: bool) -> None:
        self._keys = keys
        self._things = things
        self._descending = descending

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...
    def __getitem__(self, place: int | slice) -> T | list[T]:
        count = len(self._keys)
        if isinstance(place, int):
            return self._things[self._keys[-1 - place if self._descending else place][1]]
        start, stop, _ = place.indices(count)
        keys = self._keys[count - stop : count - start][::-1] if self._descending else self._keys[start:stop]
        return [self._things[number] for _, number in keys]


class WorldState:
    """Everything that events change, and the indexes over it.

    `order` holds the ids of workspaces in the order they were made, `numbered` those of processes in the order they began;
    `active` those with an open step and `started` all, ascending; `ended` those without one, by when the last was completed.
    `children_touch`: which changes of documents count as their workspace's: none, their creation, all. `attribute_touches`: whether a
    changed attribute does. `at_root`: the types of documents that lie in the workspace itself, None for all. `last_made`: per type,
    when the last workspace was made.
    """

    def __init__(self, estate: Estate, ids: IdPlan) -> None:
        self.estate = estate
        self.ids = ids
        self.children_touch = Touch.CREATED
        self.attribute_touches = True
        self.at_root: frozenset[str] | None = None
        self.last_made: dict[str, int] = {}
        self.workspaces: dict[int, WorldWorkspace] = {}
        self.order: list[int] = []
        self.documents: dict[int, WorldDocument] = {}
        self.bin: dict[int, Deletion] = {}  # by the node's id, in the order of deletion
        self.processes: dict[int, Process] = {}
        self.process_ids: dict[tuple[int, int], int] = {}  # (workspace, the estate's number) -> id
        self.numbered: list[int] = []
        self.active: list[int] = []
        self.started: list[int] = []
        self.ended = Ordered()
        self.versions = 0
        self.deleted = {user.login for user in estate.users.values() if user.deleted}
        self.by_modified = {name: Ordered() for name in estate.types}
        self.parents: dict[int, list[int]] = {}
        for workspace in estate.workspaces.values():
            for child in workspace.related:
                self.parents.setdefault(child, []).append(workspace.id)

    def modified(self, workspace: WorldWorkspace) -> int:
        """The modify date that is shown."""
        match self.children_touch:
            case Touch.NONE:
                return workspace.modified
            case Touch.CREATED:
                return workspace.child_created
        return workspace.child_modified

    @contextmanager
    def in_bulk(self) -> Iterator[None]:
        """Many changes of workspaces, which are put in order once, at the end: each change costs the length of the list."""
        for order in self.by_modified.values():
            order.waits = True
        try:
            yield
        finally:
            for order in self.by_modified.values():
                order.keys, order.waits = [], False
            for workspace in self.workspaces.values():
                self.by_modified[workspace.type.name].keys.append((self.modified(workspace), workspace.id))
            for order in self.by_modified.values():
                order.keys.sort()

    def lies_at_root(self, kind: str | None) -> bool:
        """Whether documents of a type are children of the workspace itself, and not of a folder in it."""
        return self.at_root is None or kind in self.at_root

    def touch_by_children(self, by: Touch, at_root: frozenset[str] | None) -> None:
        """Which changes of documents count as changes of their workspace, and which documents are its own children."""
        if (by, at_root) != (self.children_touch, self.at_root):
            self.children_touch, self.at_root = by, at_root
            for workspace in self.workspaces.values():
                made = [d.created for d in workspace.documents.values() if self.lies_at_root(d.type)]
                made += [at for kind, at in (workspace.last_added or {}).items() if self.lies_at_root(kind)]
                workspace.child_created = max(workspace.modified, *made) if made else workspace.modified
            for order in self.by_modified.values():
                order.keys = sorted((self.modified(self.workspaces[i]), i) for _, i in order.keys)

    def placed(self, place: int) -> WorldWorkspace | None:
        """The workspace with this place, None when there is none yet."""
        number = place - len(self.estate.types)
        return self.workspaces[self.order[number]] if 0 <= number < len(self.order) else None

    def new_version(self, number: int, at: int, by: str | None) -> WorldVersion:
        self.versions += 1
        return WorldVersion(self.ids.of(Family.VERSION, self.versions), number, at, by)

    def day(self, value: date | None) -> str | None:
        """A date as text; of an instant the day that it is in the estate's zone."""
        if isinstance(value, datetime):
            return value.astimezone(self.estate.zone).date().isoformat()
        return None if value is None else value.isoformat()

    def instant(self, value: date | None) -> int | None:
        """An instant in seconds; of a date its first moment in the estate's zone."""
        if value is None or isinstance(value, datetime):
            return None if value is None else seconds(value)
        return seconds(datetime.combine(value, time(), self.estate.zone))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970, a fraction rounded up."""
    return -((_EPOCH - moment) // timedelta(seconds=1))

"""The estate at an instant. `move(now)` goes forward only and maintains the indexes for REST responses.

Times are whole seconds, as in ECM. A fraction is rounded up, never down: an event must not look older than an instant at which it was
not yet visible.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from heapq import merge

from vigil.sandbox.estate.model import Estate, EstateEvent, TypeDef
from vigil.sandbox.world import ids
from vigil.sandbox.world.changes import apply
from vigil.sandbox.world.folders import Folders
from vigil.sandbox.world.ids import Family, IdPlan
from vigil.sandbox.world.journal import Journal
from vigil.sandbox.world.state import Node, Plain, Process, WorldFolder, WorldState, WorldWorkspace

_BEFORE = 946_684_800  # what an estate does not date was made in 2000

MANY = 10_000  # events, from which on the indexes are sorted once and not kept in order event by event


class World:
    """The estate at an instant. `version` grows with each event; cached responses are valid for one version."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.ids = IdPlan(estate)
        self.state = WorldState(estate, self.ids)
        self.journal = Journal()
        self.now = datetime.min.replace(tzinfo=UTC)
        self.version = 0
        # How far the clock is ahead by which an event's dates are written.
        self.ahead: Callable[[EstateEvent], timedelta] = lambda event: timedelta()
        self.logins = tuple(estate.users)
        self.groups = tuple(estate.groups)
        self.type_names = tuple(estate.types)
        self.document_types = _document_types(estate)
        self.folders = Folders(self.state, self.ids, self.document_types)
        self.class_names = tuple(sorted({t for types in self.document_types.values() for t in types}))
        self._user_places = {login: i + 1 for i, login in enumerate(self.logins)}
        self._group_places = {name: i for i, name in enumerate(self.groups)}
        self._class_places = {name: i for i, name in enumerate(self.class_names)}
        self._texts: dict[tuple[int, bool], str] = {}
        self._events = with_creations(estate)
        self._next = 0
        self._plain = {node.id: node for node in self._structure()}
        self.templates = {
            name: self._template(i, estate.types[name]) for i, name in enumerate(self.type_names)
        }

    # -- time ------------------------------------------------------------------------------------------

    def move(self, now: datetime) -> int:
        """Apply the events up to and including `now`; give their number. Raises ValueError on a step back."""
        if now < self.now:
            raise ValueError(f"the clock stands at {self.now.isoformat()} and goes forward only")
        first, events = self._next, self._events
        end = bisect_right(events, now, lo=first, key=lambda event: event.ts)
        with self.state.in_bulk() if end - first > MANY else nullcontext():
            while self._next < end:
                apply(self.state, events[self._next], self.ahead(events[self._next]))
                self.journal.note(self.state, events[self._next])
                self._next += 1
        self.now = now
        self.version += end - first
        return end - first

    def add(self, event: EstateEvent) -> None:
        """Apply one more event, after all others. It has been checked like those of an estate.

        Raises ValueError for a new workspace or document type: their ids are assigned at the start.
        """
        if self._events and event.ts < self._events[-1].ts:
            raise ValueError(f"an event of the estate is later, at {self._events[-1].ts.isoformat()}")
        if (event.data.get("id") or event.data.get("process") or 0) >= self.ids.base:
            raise ValueError(f"ids of an estate are below {self.ids.base}")
        kind = event.data.get("type")
        if kind is not None and kind not in self.document_types[self.estate.workspaces[event.workspace].type]:
            raise ValueError(f"{kind!r} is no document type that this estate knows")
        self._events += (event,)
        self.move(self.now)

    def zulu(self, at: int) -> str:
        """``2025-05-23T10:20:56Z``."""
        return self._text(at, True)

    def local(self, at: int) -> str:
        """``2025-05-23T12:20:56``: naive, in the server's zone."""
        return self._text(at, False)

    def _text(self, at: int, utc: bool) -> str:
        text = self._texts.get((at, utc))
        if text is None:
            moment = datetime.fromtimestamp(at, UTC if utc else self.estate.zone).replace(tzinfo=None)
            text = self._texts[at, utc] = moment.isoformat() + ("Z" if utc else "")
        return text

    # -- names and numbers -----------------------------------------------------------------------------

    def user_id(self, login: str | None) -> int:
        """A login's id; the service user's for None (the system itself) and for an unknown name."""
        return self.ids.of(Family.USER, self._user_places.get(login or "", 0))

    def is_group(self, name: str) -> bool:
        return name not in self._user_places and name in self._group_places

    def member_id(self, name: str) -> int:
        """The id of a login or group."""
        if self.is_group(name):
            return self.ids.of(Family.GROUP, self._group_places[name])
        return self.user_id(name)

    def member_name(self, number: int) -> str | None:
        """The login or group with an id, None when there is none."""
        match self.ids.read(number):
            case (Family.USER, place) if 1 <= place <= len(self.logins):
                return self.logins[place - 1]
            case (Family.GROUP, place) if place < len(self.groups):
                return self.groups[place]
        return None

    def role_of(self, number: int) -> tuple[WorldWorkspace, str] | None:
        """The workspace and the name of the role with an id, None when there is none."""
        match self.ids.read(number):
            case (Family.ROLE, place):
                place, role = divmod(place, self.ids.roles)
                count = len(self.type_names)
                workspace = (
                    self.templates[self.type_names[place]] if place < count else self.state.placed(place)
                )
                if workspace is not None and role < len(workspace.type.roles):
                    return workspace, workspace.type.roles[role]
        return None

    def last_made_in(self, node: Node) -> int:
        """When the last workspace was made in a type's folder; 0 for another node."""
        match self.ids.read(node.id):
            case (Family.STRUCTURE, place) if (
                ids.TYPE_FOLDER <= place < ids.TYPE_FOLDER + len(self.type_names)
            ):
                return self.state.last_made.get(self.type_names[place - ids.TYPE_FOLDER], 0)
        return 0

    def role_id(self, workspace: WorldWorkspace, role: str) -> int:
        return self.ids.of(Family.ROLE, workspace.place * self.ids.roles + workspace.type.roles.index(role))

    def type_id(self, name: str) -> int:
        return self.type_names.index(name) + ids.TYPE_ID

    def structure_id(self, kind: int, place: int = 0) -> int:
        return self.ids.of(Family.STRUCTURE, kind + place)

    def class_id(self, name: str) -> int:
        return self.structure_id(ids.CLASSIFICATION, self._class_places[name])

    def map_id(self, workspace: WorldWorkspace) -> int:
        """The workflow map that a workspace's processes follow: one for each workspace type."""
        return self.structure_id(ids.MAP, self.type_names.index(workspace.type.name))

    def attachments_id(self, process: Process) -> int:
        return self.ids.of(Family.ATTACHMENTS, process.place)

    def node(self, number: int) -> Node | None:
        """Anything that ``/nodes/{id}`` knows."""
        found: Node | None = (
            self.state.workspaces.get(number) or self.state.documents.get(number) or self._plain.get(number)
        )
        return found or self._derived(number)

    def _derived(self, number: int) -> Node | None:
        match self.ids.read(number):
            case (Family.STRUCTURE, place) if ids.TEMPLATE <= place < ids.TEMPLATE + len(self.type_names):
                return self.templates[self.type_names[place - ids.TEMPLATE]]
            case (Family.ATTACHMENTS, place) if place < len(self.state.numbered):
                return Plain(number, 0, "Attachments", self.structure_id(ids.VOLUME))
            case (Family.SHORTCUT, place) if place < len(self.state.numbered):
                workspace = self.state.processes[self.state.numbered[place]].workspace
                return Plain(number, 1, workspace.name, self.ids.of(Family.ATTACHMENTS, place), workspace.id)
            case (Family.FOLDER, place):
                return self.folders.folder(place)
        return None

    def children(self, node: Node) -> list[Node]:
        """What a container holds, oldest first."""
        if isinstance(node, WorldWorkspace | WorldFolder):
            return self.folders.within(node)
        match self.ids.read(node.id):
            case (Family.STRUCTURE, ids.VOLUME):
                count = len(self.type_names)
                return [self._plain[self.structure_id(ids.TYPE_FOLDER, i)] for i in range(count)]
            case (Family.STRUCTURE, place) if ids.TYPE_FOLDER <= place < ids.TEMPLATE:
                name = self.type_names[place - ids.TYPE_FOLDER]
                return [self.state.workspaces[i] for _, i in self.state.by_modified[name].keys]
            case (Family.ATTACHMENTS, place):
                shortcut = self._derived(self.ids.of(Family.SHORTCUT, place))
                return [shortcut] if shortcut else []
        return []

    def size(self, node: Node) -> int:
        """The number of children, without listing them."""
        if isinstance(node, WorldWorkspace | WorldFolder):
            return self.folders.size(node)
        match self.ids.read(node.id):
            case (Family.STRUCTURE, ids.VOLUME):
                return len(self.type_names)
            case (Family.STRUCTURE, place) if ids.TYPE_FOLDER <= place < ids.TEMPLATE:
                return len(self.state.by_modified[self.type_names[place - ids.TYPE_FOLDER]].keys)
            case (Family.ATTACHMENTS, _):
                return 1
        return 0

    def created(self, node: Node) -> int:
        """When a node was made, in seconds since 1970; a folder was made with its workspace."""
        if isinstance(node, WorldFolder):
            return node.workspace.created
        return _BEFORE if isinstance(node, Plain) else node.created

    # -- what never changes ----------------------------------------------------------------------------

    def _structure(self) -> list[Plain]:
        volume = self.structure_id(ids.VOLUME)
        nodes = [Plain(volume, 141, "Enterprise", -1)]
        for place, name in enumerate(self.type_names):
            nodes.append(Plain(self.structure_id(ids.TYPE_FOLDER, place), 0, name, volume))
            nodes.append(Plain(self.structure_id(ids.MAP, place), 128, f"{name} process", volume))
            for number, category in enumerate(self.estate.types[name].categories):
                nodes.append(Plain(self.category_id(name, number), 131, category.name, volume))
        classes = self.structure_id(ids.CLASSIFICATIONS)
        nodes.append(Plain(classes, 198, "Classifications", -1))
        nodes.append(Plain(self.structure_id(ids.CATEGORY, ids.VALIDITY), 131, "Document validity", volume))
        nodes.extend(Plain(self.class_id(name), 199, name, classes) for name in self.class_names)
        return nodes

    def category_id(self, type_name: str, number: int) -> int:
        """The node of a workspace type's category: each type has its own, also when names are the same."""
        return self.structure_id(ids.CATEGORY, self.type_names.index(type_name) * ids.CATEGORIES + number + 1)

    def _template(self, place: int, kind: TypeDef) -> WorldWorkspace:
        number, at = self.structure_id(ids.TEMPLATE, place), 946_684_800
        roles: dict[str, tuple[str, ...]] = dict.fromkeys(kind.roles, ())
        return WorldWorkspace(
            id=number,
            place=place,
            type=kind,
            name=f"{kind.name} template",
            created=at,
            modified=at,
            child_created=at,
            child_modified=at,
            attrs={},
            roles=roles,
        )


def with_creations(estate: Estate) -> tuple[EstateEvent, ...]:
    """The events, with a creation for each workspace that has no `workspace_created` of its own."""
    announced = {event.workspace for event in estate.events if event.kind == "workspace_created"}
    silent = [
        EstateEvent(w.created, "workspace_created", w.id, {"by": None}, 0)
        for w in estate.workspaces.values()
        if w.id not in announced
    ]
    silent.sort(key=lambda event: event.ts)
    return tuple(merge(silent, estate.events, key=lambda event: event.ts))


def _document_types(estate: Estate) -> Mapping[str, tuple[str, ...]]:
    """Workspace type -> the document types required of it or ever used in it, by name."""
    found = {name: {r.type for r in kind.required} for name, kind in estate.types.items()}
    for event in estate.events:
        if event.kind == "document_added" and event.data["type"] is not None:
            found[estate.workspaces[event.workspace].type].add(event.data["type"])
    return {name: tuple(sorted(types)) for name, types in found.items()}

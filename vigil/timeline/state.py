"""The current facts of a timeline, changed step by step, and read as extraction would read them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from vigil.compliance import facts as f
from vigil.compliance.facts import Fact
from vigil.ecm.model import FactBatch, Gap, Gone, Needs
from vigil.timeline.model import Timeline, TimelineChange, TimelineWorkspace

_FIRST_DOCUMENT = 5001


class WorldError(ValueError):
    """An impossible change: a document or step that does not exist. `change` has its place in the file."""

    def __init__(self, change: TimelineChange, message: str) -> None:
        self.change = change
        super().__init__(message)


class TimelineState:
    """The facts of a timeline. `move` goes forward only."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._waiting = sorted(timeline.places.values(), key=lambda p: p.created)
        self._ids = {p.key: p.id for p in timeline.places.values()}
        self._workspaces: dict[int, f.Workspace] = {}
        self._documents: dict[int, dict[str, f.Document]] = {}
        self._steps: dict[int, dict[tuple[int, int], f.Step]] = {}
        self._roles: dict[int, dict[str, tuple[str, ...]]] = {}
        self._comments: dict[int, list[f.AuditEvent]] = {}
        self._relations = {
            (self._ids[p.key], self._ids[k]) for p in timeline.places.values() for k in p.related
        }
        self._deleted = {p.login for p in timeline.players.values() if p.deleted}
        self._gone: set[int] = set()
        self._touched: set[int] = set()
        self._next_document = _FIRST_DOCUMENT

    def move(self, now: datetime, changes: Collection[TimelineChange] = ()) -> None:
        """Create the workspaces that exist by `now`, and apply the changes. Raises WorldError."""
        while self._waiting and self._waiting[0].created <= now:
            self._create(self._waiting.pop(0))
        for change in changes:
            self.apply(change)

    def _create(self, place: TimelineWorkspace) -> None:
        w = place.id
        self._workspaces[w] = f.Workspace(
            w, place.type, place.name, place.created, place.created, dict(place.attrs)
        )
        self._documents[w], self._steps[w], self._comments[w] = {}, {}, []
        self._roles[w] = {role: self._principals(members) for role, members in place.roles.items()}
        self._touched |= {w, *self._related_to(w)}
        for change in place.changes:
            self.apply(change)

    def apply(self, change: TimelineChange) -> None:
        """Apply one change."""
        workspace = self._ids.get(change.workspace, 0)
        if change.workspace and workspace not in self._workspaces:
            raise WorldError(change, "the workspace is not there")
        HAPPENS[change.kind](self, workspace, change, dict(change.data))
        if workspace:
            self._touched.add(workspace)

    def _principals(self, names: Collection[str]) -> tuple[str, ...]:
        return tuple(f.user(n) if n in self._timeline.players else f.group(n) for n in names)

    # -- changes ---------------------------------------------------------------------------------------

    def _created(self, w: int, change: TimelineChange, d: dict[str, Any]) -> None:
        """Do nothing: `move` has created the workspace at its instant."""

    def _attribute(self, w: int, change: TimelineChange, d: dict[str, Any]) -> None:
        before = self._workspaces[w]
        attrs = {**before.attrs, d["attr"]: d["value"]}
        self._workspaces[w] = replace(before, attrs=attrs, modified=change.at)

    def _add(self, w: int, change: TimelineChange, d: dict[str, Any]) -> None:
        if d["name"] in self._documents[w]:
            raise WorldError(
                change, f'there is a document "{d["name"]}" already; a new state of it is `version_added`'
            )
        number, self._next_document = self._next_document, self._next_document + 1
        self._documents[w][d["name"]] = f.Document(
            number, w, d["name"], d.get("type"), change.at, d.get("by"), change.at, expires=d.get("expires")
        )

    def _document(self, w: int, change: TimelineChange, name: str) -> f.Document:
        if name not in self._documents[w]:
            raise WorldError(change, f'there is no document "{name}"')
        return self._documents[w][name]

    def _version(self, w: int, change: TimelineChange, d: dict[str, Any]) -> None:
        before = self._document(w, change, d["document"])
        version = f.Version(before.version + 1, change.at, d.get("by"))
        self._documents[w][before.name] = replace(
            before, version=version.number, versions=(*before.versions, version), modified=change.at
        )

    def _remove(self, w: int, change: TimelineChange, d: dict[str, Any]) -> None:
        del self._documents[w][self._document(w, change, d["document"]).name]

    def _assign(self, w: int, change: TimelineChange, d: dict[str, Any]) -> None:
        key = d["process"], d["step"]
        self._steps[w][key] = f.Step(w, *key, d["title"], self._principals(d["to"]), change.at, d.get("due"))

    def _complete(self, w: int, change: TimelineChange, d: dict[str, Any]) -> None:
        key = d["process"], d["step"]
        if key not in self._steps[w]:
            raise WorldError(change, f"step {key[1]} of process {key[0]} was never assigned")
        self._steps[w][key] = replace(
            self._steps[w][key],
            completed_at=change.at,
            completed_by=d.get("by"),
            disposition=d.get("disposition"),
        )

    def _role(self, w: int, change: TimelineChange, d: dict[str, Any]) -> None:
        self._roles[w] = {**self._roles[w], d["role"]: self._principals(d["members"])}

    def _comment(self, w: int, change: TimelineChange, d: dict[str, Any]) -> None:
        number = len(self._comments[w])
        self._comments[w].append(f.AuditEvent(w, "Comment Added", change.at, d.get("by"), d["text"], number))

    def _delete_user(self, w: int, change: TimelineChange, d: dict[str, Any]) -> None:
        self._deleted.add(d["login"])

    def _delete(self, w: int, change: TimelineChange, d: dict[str, Any]) -> None:
        del self._workspaces[w]
        self._gone.add(w)

    def _relate(self, w: int, change: TimelineChange, d: dict[str, Any]) -> None:
        self._relations = {pair for pair in self._relations if w not in pair}
        self._relations |= {(w, self._ids[key]) for key in d["related"]}
        self._touched |= self._workspaces.keys()  # the workspaces at the other end are read again, too

    def _unreadable(self, w: int, change: TimelineChange, d: dict[str, Any]) -> None:
        before = self._workspaces[w]
        self._workspaces[w] = replace(before, unread=before.unread | set(d["parts"]))

    def _readable(self, w: int, change: TimelineChange, d: dict[str, Any]) -> None:
        self._workspaces[w] = replace(self._workspaces[w], unread=frozenset())

    # -- reading ---------------------------------------------------------------------------------------

    def read(self, needs: Needs) -> FactBatch:
        """The changes since the last reading, each workspace completely, with the parts that the rules need."""
        touched, self._touched = self._touched, set()
        facts: list[Fact] = [
            fact for w in sorted(touched & self._workspaces.keys()) for fact in self._of(w, needs)
        ]
        gone = tuple(Gone("workspace", str(w)) for w in sorted(self._gone))
        self._gone = set()
        return FactBatch(tuple(facts), gone, tuple(self._gaps(touched)))

    def _of(self, w: int, needs: Needs) -> Iterator[Fact]:
        workspace = self._workspaces[w]
        yield workspace
        parts: Mapping[str, tuple[bool, Collection[Fact]]] = {
            "documents": (needs.documents, self._documents[w].values()),
            "steps": (needs.steps, self._steps[w].values()),
            "comments": (needs.of("comments", workspace.type), self._comments[w]),
            "missing": (
                needs.of("missing", workspace.type),
                [f.MissingDocuments(w, self._missing(workspace))],
            ),
            "roles": (needs.of("roles", workspace.type), [f.Roles(w, self._roles[w])]),
            "related": (workspace.type in needs.related, [f.Related(w, self._related_to(w))]),
        }
        for part, (needed, facts) in parts.items():
            if needed and part not in workspace.unread:
                yield from facts

    def _related_to(self, w: int) -> tuple[int, ...]:
        """Both ends of a relation see the other, if it exists."""
        found = {b if a == w else a for a, b in self._relations if w in (a, b)}
        return tuple(sorted(found & self._workspaces.keys()))

    def _missing(self, workspace: f.Workspace) -> tuple[str, ...]:
        there = {d.type for d in self._documents[workspace.id].values()}
        return tuple(t for t in self._timeline.required.get(workspace.type, ()) if t not in there)

    def _gaps(self, touched: Collection[int]) -> Iterator[Gap]:
        for w in sorted(touched & self._workspaces.keys()):
            for part in sorted(self._workspaces[w].unread):
                yield Gap(part, "unreadable in this timeline", (w,))

    def required(self) -> list[f.RequiredDocument]:
        """The document types that the timeline's workspace types require."""
        return [
            f.RequiredDocument(type_, name, True, months)
            for type_, some in self._timeline.required.items()
            for name, months in some.items()
        ]

    def audience(self, workspaces: Collection[int], principals: Collection[str]) -> FactBatch:
        """The roles of some workspaces, and the people and groups that are named there or in `principals`, including group members."""
        roles = [f.Roles(w, self._roles[w]) for w in sorted(workspaces) if w in self._workspaces]
        todo = [*principals, *(m for r in roles for members in r.members.values() for m in members)]
        users: dict[str, f.User] = {}
        groups: dict[str, f.Group] = {}
        while todo:
            kind, _, name = todo.pop().partition(":")
            if kind == "user" and name in self._timeline.players:
                users[name] = self._user(name)
            elif kind == "group" and name not in groups:
                members = [p.login for p in self._timeline.players.values() if name in p.groups]
                groups[name] = f.Group(name, 0, tuple(f.user(m) for m in members))
                todo += groups[name].members
        return FactBatch((*roles, *users.values(), *groups.values()))

    def _user(self, login: str) -> f.User:
        p = self._timeline.players[login]
        return f.User(login, 0, p.name, language=p.language, deleted=login in self._deleted)


HAPPENS: Mapping[str, Callable[[TimelineState, int, TimelineChange, dict[str, Any]], None]] = {
    "workspace_created": TimelineState._created,
    "attribute_changed": TimelineState._attribute,
    "document_added": TimelineState._add,
    "version_added": TimelineState._version,
    "document_deleted": TimelineState._remove,
    "step_assigned": TimelineState._assign,
    "step_completed": TimelineState._complete,
    "role_changed": TimelineState._role,
    "comment_added": TimelineState._comment,
    "user_deleted": TimelineState._delete_user,
    "workspace_deleted": TimelineState._delete,
    "related_changed": TimelineState._relate,
    "unreadable": TimelineState._unreadable,
    "readable": TimelineState._readable,
}

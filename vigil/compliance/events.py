"""Transitions: derives events from two observations of the same subject. Semantics: docs/semantics.md#transitions.

An event is new because it was not known before, never because of its date: dates are written by the clocks of several machines. They
only bound the age of an item that appears for the first time (`Looked`). Decision 0019.

Documents, versions, steps and comments have their own instants, so that none is missed however many fall between two runs. For an
attribute only the difference of two observations is known.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from vigil.compliance import facts as f
from vigil.compliance.facts import Fact, Value
from vigil.compliance.occurrence import Occurrence

PARTS_OF: Mapping[str, str] = {"document": "documents", "step": "steps", "audit": "comments"}
"""The part of a workspace that contains a kind of fact."""

OLD = timedelta(days=1)
"""An item that first appears with a date more than this before the last complete scan is not new: a folder of old documents that
was moved in or became readable. It is counted.
"""

_ASSIGNED, _LATE = ":assigned:", ":late:"
_TYPE, _NOTHING = frozenset({"document_type"}), frozenset[str]()


@dataclass(frozen=True, slots=True)
class Change:
    """Two consecutive observations of one subject. `before` is None if it did not exist, `first` if it was never seen.

    `once` is the last known state of a subject that was missing and exists again.
    """

    kind: str
    subject: str
    workspace: int | None
    seen_at: datetime
    before: Fact | None
    after: Fact | None
    first: bool = False
    once: Fact | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """How far earlier runs had read.

    `complete` is the instant, by our clock, up to which everything had been read; `lag` is how far Extended ECM's dates were behind
    our clock. `since` has, for kinds of facts (``document``, ``step``) that not every run reads everywhere, an instant since which
    every known workspace was scanned for them.

    `parts` names the parts of workspaces that had been read of all of them, except those in `unread` and the workflows in
    `unread_processes`: what first appears there may be old. By default there are none: then dates decide.
    """

    complete: datetime
    since: Mapping[str, datetime] = field(default_factory=dict)
    lag: timedelta = timedelta()
    parts: Collection[str] = frozenset()
    unread: frozenset[int] = frozenset()
    unread_processes: frozenset[int] = frozenset()

    def knew(self, change: Change) -> bool:
        """Whether an earlier run would have read the subject of a change, if it had existed."""
        process = change.after.process if isinstance(change.after, f.Step) else None
        known = change.kind == "workspace" or PARTS_OF.get(change.kind) in self.parts
        return known and change.workspace not in self.unread and process not in self.unread_processes

    def begins(self, kind: str) -> datetime:
        """The instant, by ECM's dates, after which an earlier run may not have seen an event."""
        return min(self.complete, self.since.get(kind, self.complete)) - self.lag


@dataclass(frozen=True, slots=True)
class Event:
    """An event in a workspace. `occurrence` is its permanent name and depends on the data alone.

    `unknown` names the fields that Extended ECM does not tell: a rule that needs one of them does not judge. `learnt` names those that
    it did not tell when the event was first derived: the event is news only to rules that need one of them. `began` is where only
    bounds of the event's instant are known: it cannot have happened earlier, and `at` is when it was seen.
    """

    kind: str  # an EventKind of the rule model; empty where nothing but the occurrence is left of it
    workspace: int
    at: datetime
    occurrence: str
    fields: Mapping[str, Value] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    learnt: frozenset[str] = frozenset()
    began: datetime | None = None


ATTRIBUTE_CHANGED = "Attribute Value Changed"
"""The audit trail's name of a changed attribute: contract section "Audit"."""


def stamp(at: datetime) -> str:
    """An instant as part of an occurrence: UTC, to the second, or finer if it is finer."""
    return at.astimezone(UTC).isoformat(timespec="auto").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class News:
    """The events of some changes, in the order of their instants, and how many were too old to be new, by workspace."""

    events: tuple[Event, ...]
    old: Mapping[int, int]


def derive(changes: Iterable[Change], looked: Looked, until: datetime) -> list[Event]:
    """The events in `changes` that are new at `until`, in the order of their instants. See `news`."""
    return list(news(changes, looked, until).events)


def news(changes: Iterable[Change], looked: Looked, until: datetime) -> News:
    """The events in `changes` that are new at `until`.

    A difference between two observations of one subject happened between them: it is new, whatever its instant. So is an item that
    first appears where everything had been read, unless it is older than OLD. Where not everything had been read, because a rule needs
    it only now or it could not be read, only items dated after the last complete scan are new.

    An event dated after `until`, because pages are read during the run or ECM's clock is ahead, counts as of `until`: its change is
    evaluated now and not again.
    """
    changes = list(changes)
    first = _first_seen(changes)
    found: list[Event] = []
    old: Counter[int] = Counter()
    for c in changes:
        begins = _begins(c, looked, first)
        for e in _of(c):
            # What became known of something old is no news, as if it were seen for the first time now.
            since = looked.begins(c.kind) - OLD if e.learnt else begins
            if since is None or (e.began or e.at) > since:
                found.append(e)
            elif looked.knew(c) and (c.first or e.learnt) and c.kind in PARTS_OF:
                old[e.workspace] += 1
    in_time = [e if e.at <= until else replace(e, at=until) for e in found]
    return News(tuple(sorted(in_time, key=lambda e: (e.at, e.occurrence))), dict(sorted(old.items())))


def made_since(changes: Iterable[Change], looked: Looked) -> frozenset[int]:
    """The workspaces that appear for the first time and were created since the last complete scan, rather than becoming visible."""
    first = _first_seen(changes)
    return frozenset(w for w, x in first.items() if x.created > _made_after(w, looked))


def _first_seen(changes: Iterable[Change]) -> dict[int, f.Workspace]:
    seen = [c.after for c in changes if c.first and isinstance(c.after, f.Workspace)]
    return {w.id: w for w in seen}


def _made_after(workspace: int, looked: Looked) -> datetime:
    begins = looked.begins("workspace")
    return begins if "workspaces" not in looked.parts or workspace in looked.unread else begins - OLD


def _begins(change: Change, looked: Looked, first: Mapping[int, f.Workspace]) -> datetime | None:
    """The instant after which an event of a change must be to count as new; None if it is new at any instant."""
    if change.before is not None or change.once is not None:
        return None
    workspace = first.get(change.workspace) if change.workspace is not None else None
    begins = looked.begins("workspace" if workspace is not None else change.kind)
    if not change.first or not looked.knew(change):
        return begins
    if workspace is not None and workspace.created <= _made_after(workspace.id, looked):
        return begins  # it became visible: its earlier content is not new
    return begins - OLD


def unseen(changes: Iterable[Change], looked: Looked) -> dict[int, int]:
    """How many attribute changes no two observations show, by workspace; workspaces without any are left out.

    The audit trail says that an attribute changed, but neither which nor to what value: only the number is known, and no value is
    invented. Rows at the instant of a workspace's creation belong to the creation.
    """
    changes = list(changes)
    first = _first_seen(changes)
    told: Counter[int] = Counter()
    for c in changes:
        if not isinstance(c.after, f.AuditEvent) or c.after.type != ATTRIBUTE_CHANGED or c.before or c.once:
            continue
        begins, made = _begins(c, looked, first), first.get(c.after.workspace)
        if (begins is None or c.after.at > begins) and (made is None or c.after.at > made.created):
            told[c.after.workspace] += 1
    for c in changes:
        told.subtract(e.workspace for e in _of(c) if e.kind == "attribute_changed")
    return {workspace: n for workspace, n in sorted(told.items()) if n > 0}


def _of(change: Change) -> Iterator[Event]:
    before = change.before or change.once
    match change.after:
        case f.Workspace() if isinstance(before, f.Workspace):
            yield from _attributes(before, change.after, change.seen_at)
        case f.Workspace() if change.first:
            yield _created(change.after)
        case f.Roles() if isinstance(before, f.Roles):
            yield from _members(before, change.after, change.seen_at)
        case f.Document():
            yield from _document(
                before if isinstance(before, f.Document) else None, change.after, change.seen_at
            )
        case f.Step():
            yield from _step(before if isinstance(before, f.Step) else None, change.after, change.seen_at)
        case f.AuditEvent() if before is None:
            yield from _audit(change.after)
        case _:
            return


def _attributes(before: f.Workspace, after: f.Workspace, seen_at: datetime) -> Iterator[Event]:
    """Changes of attributes. Their instant is the workspace's modify date if that has changed, else the time of the reading."""
    if "attrs" in after.unread or ("attrs" in before.unread and not before.attrs):
        return  # values that were never read have not changed
    at = after.modified if before.modified != after.modified else seen_at
    for key in sorted(before.attrs.keys() | after.attrs.keys()):
        old, new = _set(before.attrs.get(key)), _set(after.attrs.get(key))
        if old != new:
            fields: dict[str, Value] = {"at": at, "attr": key, "from": old, "to": new}
            yield Event("attribute_changed", after.id, at, f"{key}@{stamp(at)}", fields)


def _created(workspace: f.Workspace) -> Event:
    """A workspace that was never seen before. `news` decides whether it was created since or only became visible."""
    at = workspace.created
    return Event("workspace_created", workspace.id, at, f"created:{stamp(at)}", {"at": at})


def _members(before: f.Roles, after: f.Roles, seen_at: datetime) -> Iterator[Event]:
    """The members that two readings of a workspace's roles show as added or removed. A group counts as one member, whoever is in it.

    Extended ECM records no date for such a change. A deleted account appears as ``user:id:7``, which is neither added nor removed.
    """
    for role in sorted(before.members.keys() | after.members.keys()):
        was, now = (_there(roles.members.get(role, ())) for roles in (before, after))
        added, removed = tuple(m for m in now if m not in was), tuple(m for m in was if m not in now)
        if added or removed:
            fields: dict[str, Value] = {
                "at": seen_at,
                "role": role,
                "added": tuple(map(_name, added)),
                "removed": tuple(map(_name, removed)),
                "added_members": added,
                "removed_members": removed,
            }
            # Two readings may have the same instant, as two runs with one `--as-of` do.
            what = hashlib.blake2b("\n".join((*added, "", *removed)).encode(), digest_size=4).hexdigest()
            occurrence = f"role:{role}:changed:{stamp(seen_at)}:{what}"
            yield Event("role_changed", after.workspace, seen_at, occurrence, fields)


def _there(members: Iterable[str]) -> list[str]:
    """The members of a role, each once, in order of their names, without accounts that are deleted."""
    return sorted({m for m in members if not m.startswith(f.user("id:"))})


def _name(principal: str) -> str:
    return principal.partition(":")[2]


def _set(value: Value) -> Value:
    """Treat an empty text and an empty list like null: unset."""
    return None if value in ("", ()) else value


def _document(before: f.Document | None, after: f.Document, seen_at: datetime) -> Iterator[Event]:
    """A document that moved here from another workspace is added here when it is seen here; the person who moved it is unknown."""
    common: dict[str, Value] = {"document": after.name, "document_type": after.type, "document_id": after.id}
    unknown = _TYPE if "type" in after.unknown else _NOTHING
    learnt = _TYPE if before is not None and "type" in before.unknown - after.unknown else _NOTHING
    if before is not None and before.workspace != after.workspace:
        fields = common | {"at": seen_at, "by": None, "version": after.version}
        yield Event("document_added", after.workspace, seen_at, f"document:{after.id}", fields, unknown)
    elif before is None or learnt:
        fields = common | {"at": after.created, "by": after.by, "version": 1}
        at, occurrence = after.created, f"document:{after.id}"
        yield Event("document_added", after.workspace, at, occurrence, fields, unknown, learnt)
    seen = 1 if before is None else before.version
    told = {v.number for v in after.versions}
    for v in after.versions:
        if v.number > seen:
            fields = common | {"at": v.at, "by": v.by, "version": v.number}
            occurrence = f"document:{after.id}:{v.number}"
            yield Event("version_added", after.workspace, v.at, occurrence, fields, unknown)
    if after.version > seen and after.version not in told:
        # Without the list of versions only the newest is known, and its instant is the document's modify date.
        fields = common | {"at": after.modified, "by": after.by, "version": after.version}
        occurrence = f"document:{after.id}:{after.version}"
        yield Event("version_added", after.workspace, after.modified, occurrence, fields, unknown)


def _step(before: f.Step | None, after: f.Step, seen_at: datetime) -> Iterator[Event]:
    name = _step_name(after)
    common = _step_fields(after)
    if before is None or before.assigned_at != after.assigned_at or before.assignees != after.assignees:
        at, occurrence = after.assigned_at, f"{name}{_ASSIGNED}{stamp(after.assigned_at)}"
        if before is not None and before.assigned_at == after.assigned_at:
            # Reassigned without a new start: only the observation has an instant for it.
            at, occurrence = seen_at, str(Occurrence.first(f"{occurrence}:{','.join(after.assignees)}"))
        fields = common | {"at": at, "assignees": after.assignees}
        yield Event("step_assigned", after.workspace, at, occurrence, fields)
    if after.is_completed:
        yield from _completed(before, after, seen_at, common)


def _completed(
    before: f.Step | None, after: f.Step, seen_at: datetime, common: Mapping[str, Value]
) -> Iterator[Event]:
    """The completion of a step, once; and once more for what becomes known of it later.

    Without its instant the start of the step names it: a step that is started again has another one.
    """
    undated = f"{_step_name(after)}:completed:after:{stamp(after.assigned_at)}"
    dated = f"{_step_name(after)}:completed:{stamp(after.completed_at)}" if after.completed_at else undated
    told = before if before and before.is_completed and before.assigned_at == after.assigned_at else None
    learnt = _keys(told.unknown - after.unknown) if told else frozenset[str]()
    if told and told.completed_at and after.completed_at and told.completed_at != after.completed_at:
        told, learnt = None, frozenset()  # another instant is another completion
    if told and not learnt:
        return
    at = after.completed_at or seen_at
    yield Event(
        "step_completed",
        after.workspace,
        at,
        undated if told and told.completed_at is None else dated,
        {
            **common,
            "at": at,
            "by": after.completed_by,
            "disposition": after.disposition,
            "undated": after.completed_at is None,
        },
        _keys(after.unknown),
        learnt,
        # Seen for the first time, and completed by then: only its start shows whether that may be news.
        after.assigned_at if before is None and after.completed_at is None else None,
    )


def _keys(unknown: Collection[str]) -> frozenset[str]:
    """The keys of an event that stand for these fields of a completed step."""
    return frozenset("by" if name == "completed_by" else name for name in unknown)


def _audit(after: f.AuditEvent) -> Iterator[Event]:
    if after.type == "Comment Added":
        fields: dict[str, Value] = {"at": after.at, "by": after.by, "text": after.text}
        yield Event(
            "comment_added",
            after.workspace,
            after.at,
            f"comment:{stamp(after.at)}:{after.by}:{after.position}",
            fields,
        )


def overdue(steps: Iterable[f.Step], after: datetime, until: datetime) -> list[Event]:
    """`escalated`: steps that passed their due date while they were open, in (after, until].

    The instant is the due date, or that of the assignment if the step was late from its beginning. A step that was completed since was
    late all the same: infrequent runs must find the same as frequent ones.
    """
    events = (_late(s) for s in steps)
    return [e for e in events if e is not None and after < e.at <= until]


def overdue_unseen(changes: Iterable[Change], looked: Looked, after: datetime) -> list[Event]:
    """`escalated` of steps that became due at or before `after`, if runs happened and no observation had shown it to them.

    This happens if workflows could not be read, or a due date was moved back. Steps late at the very first run are not new.
    """
    changes = list(changes)
    first = _first_seen(changes)
    found = []
    for c in changes:
        if not isinstance(c.after, f.Step) or (late := _late(c.after)) is None or late.at > after:
            continue
        before = c.before or c.once
        known = _late(before) if isinstance(before, f.Step) else None
        begins = _begins(c, looked, first)
        if (known is None or known.occurrence != late.occurrence) and (begins is None or late.at > begins):
            found.append(late)
    return found


def _late(step: f.Step) -> Event | None:
    if step.due is None or (step.completed_at is not None and step.completed_at <= step.due):
        return None
    if step.completed_at is None and not step.is_open:
        return None  # nothing shows that it was still open at its due date
    at = max(step.due, step.assigned_at)
    fields: dict[str, Value] = {"at": at, **_step_fields(step), "assignees": step.assignees}
    return Event("escalated", step.workspace, at, f"{_step_name(step)}{_LATE}{stamp(step.due)}", fields)


def open_steps(step: f.Step) -> tuple[str, ...]:
    """The beginnings of the occurrences of a step's events that end when it is completed."""
    return tuple(f"{_step_name(step)}{what}" for what in (_ASSIGNED, _LATE))


def _step_fields(step: f.Step) -> dict[str, Value]:
    """What every event of a step has; ``subprocess`` only where there is one."""
    fields: dict[str, Value] = {
        "process": step.process,
        "step": step.step,
        "title": step.title,
        "due": step.due,
    }
    return fields if step.subprocess is None else fields | {"subprocess": step.subprocess}


def _step_name(step: f.Step) -> str:
    process = f"{step.process}" if step.subprocess is None else f"{step.process}/{step.subprocess}"
    return f"step:{process}:{step.step}"

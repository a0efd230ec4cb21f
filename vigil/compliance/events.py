"""Transitions: what happened, told from two observations of the same subject. Semantics: shared/estates/README.md, "How time is read".

Documents, versions, steps and comments carry their own instants, so that none is missed however many fall between two
polls. Of an attribute only what two observations show is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from vigil.compliance import facts as f
from vigil.compliance.facts import Fact, Value


@dataclass(frozen=True, slots=True)
class Change:
    """Two observations of one subject that follow each other. `before` is None when it was not there, `first` when never seen."""

    kind: str
    subject: str
    workspace: int | None
    seen_at: datetime
    before: Fact | None
    after: Fact | None
    first: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a workspace. `occurrence` names it for ever and comes from the data alone."""

    kind: str  # an EventKind of the rule model
    workspace: int
    at: datetime
    occurrence: str
    fields: Mapping[str, Value] = field(default_factory=dict)


ATTRIBUTE_CHANGED = "Attribute Value Changed"
"""The audit trail's name of a changed attribute: contract section "Audit"."""


def stamp(at: datetime) -> str:
    """An instant as part of an occurrence: UTC, to the second, or finer where it is finer."""
    return at.astimezone(UTC).isoformat(timespec="auto").replace("+00:00", "Z")


def derive(
    changes: Iterable[Change], after: datetime, upto: datetime, since: Mapping[str, datetime] | None = None
) -> list[Event]:
    """The events in `changes` that are news in the window (after, upto], in the order of their instants.

    What two observations of one subject show has happened between them: it is news, whatever instant it carries. Of a subject
    that is seen for the first time only what lies in the window is news: what carries an instant at or before `after` had
    happened when the last run looked, or before the first one.

    `since` gives, for kinds of facts (``document``, ``step``) that are not looked for everywhere in each run, an instant
    since which every known workspace was looked through for them. What is dated after `upto`, because pages are read while
    the run goes on or because ECM's clock runs ahead, counts as of `upto`: its change is taken in now and not looked at again.
    """
    changes = list(changes)
    new = {c.workspace for c in changes if c.kind == "workspace" and c.before is None}
    found = []
    for c in changes:
        begins = after if c.workspace in new else min(after, (since or {}).get(c.kind, after))
        found += [e for e in _of(c) if c.before is not None or e.at > begins]
    in_time = [e if e.at <= upto else replace(e, at=upto) for e in found]
    return sorted(in_time, key=lambda e: (e.at, e.occurrence))


def unseen(
    changes: Iterable[Change], audit: Iterable[f.AuditEvent], after: datetime, upto: datetime
) -> dict[int, int]:
    """How many changes of attributes in (after, upto] no two observations show, by workspace; those without any are left out.

    The audit trail says that an attribute changed, not which nor to what: the number is all that is known, and no value is
    made up. What it tells of the instant at which a workspace was made is its making.
    """
    seen = [c for c in changes if isinstance(c.after, f.Workspace)]
    made = {
        c.after.id: c.after.created for c in seen if c.before is None and isinstance(c.after, f.Workspace)
    }
    told: Counter[int] = Counter()
    for event in set(audit):
        begins = max(after, made.get(event.workspace, after))
        if event.type == ATTRIBUTE_CHANGED and begins < event.at <= upto:
            told[event.workspace] += 1
    for c in seen:
        told.subtract(e.workspace for e in _of(c) if e.kind == "attribute_changed")
    return {workspace: n for workspace, n in sorted(told.items()) if n > 0}


def _of(change: Change) -> Iterator[Event]:
    match change.after:
        case f.Workspace() if isinstance(change.before, f.Workspace):
            yield from _attributes(change.before, change.after, change.seen_at)
        case f.Document():
            yield from _document(
                change.before if isinstance(change.before, f.Document) else None, change.after
            )
        case f.Step():
            yield from _step(
                change.before if isinstance(change.before, f.Step) else None, change.after, change.seen_at
            )
        case f.AuditEvent() if change.before is None:
            yield from _audit(change.after)
        case _:
            return


def _attributes(before: f.Workspace, after: f.Workspace, seen_at: datetime) -> Iterator[Event]:
    """Changes of attributes. Their instant is the workspace's modify date where that has moved, else when it was seen."""
    if "attrs" in after.unread or ("attrs" in before.unread and not before.attrs):
        return  # values that were never read are not values that changed
    at = after.modified if before.modified < after.modified <= seen_at else seen_at
    for key in sorted(before.attrs.keys() | after.attrs.keys()):
        old, new = _set(before.attrs.get(key)), _set(after.attrs.get(key))
        if old != new:
            fields: dict[str, Value] = {"at": at, "attr": key, "from": old, "to": new}
            yield Event("attribute_changed", after.id, at, f"{key}@{stamp(at)}", fields)


def _set(value: Value) -> Value:
    """An empty text and an empty list say the same as null: not set."""
    return None if value in ("", ()) else value


def _document(before: f.Document | None, after: f.Document) -> Iterator[Event]:
    common: dict[str, Value] = {"document": after.name, "document_type": after.type, "document_id": after.id}
    if before is None:
        fields = common | {"at": after.created, "by": after.by, "version": 1}
        yield Event("document_added", after.workspace, after.created, f"document:{after.id}", fields)
    seen = 1 if before is None else before.version
    told = {v.number for v in after.versions}
    for v in after.versions:
        if v.number > seen:
            fields = common | {"at": v.at, "by": v.by, "version": v.number}
            yield Event("version_added", after.workspace, v.at, f"document:{after.id}:{v.number}", fields)
    if after.version > seen and after.version not in told:
        # Without the list of versions only the newest is known, and its instant is the document's modify date.
        fields = common | {"at": after.modified, "by": after.by, "version": after.version}
        yield Event(
            "version_added", after.workspace, after.modified, f"document:{after.id}:{after.version}", fields
        )


def _step(before: f.Step | None, after: f.Step, seen_at: datetime) -> Iterator[Event]:
    name = f"step:{after.process}:{after.step}"
    common: dict[str, Value] = {
        "process": after.process,
        "step": after.step,
        "title": after.title,
        "due": after.due,
    }
    if before is None or before.assigned_at != after.assigned_at or before.assignees != after.assignees:
        at, occurrence = after.assigned_at, f"{name}:assigned:{stamp(after.assigned_at)}"
        if before is not None and before.assigned_at == after.assigned_at:
            # Handed to someone else without a new start: only the observation has an instant for it.
            at, occurrence = seen_at, f"{occurrence}:{','.join(after.assignees)}"
        fields = common | {"at": at, "assignees": after.assignees}
        yield Event("step_assigned", after.workspace, at, occurrence, fields)
    if after.completed_at is not None and (before is None or before.completed_at != after.completed_at):
        fields = common | {
            "at": after.completed_at,
            "by": after.completed_by,
            "disposition": after.disposition,
        }
        occurrence = f"{name}:completed:{stamp(after.completed_at)}"
        yield Event("step_completed", after.workspace, after.completed_at, occurrence, fields)


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


def overdue(steps: Iterable[f.Step], after: datetime, upto: datetime) -> list[Event]:
    """`escalated`: steps that passed their due date while they were open, in (after, upto].

    The instant is the due date, or that of the assignment when the step was late from its beginning. A step that was completed
    since was late all the same: who looks seldom must find the same as who looks often.
    """
    found = []
    for s in steps:
        if s.due is None or (s.completed_at is not None and s.completed_at <= s.due):
            continue
        at = max(s.due, s.assigned_at)
        if after < at <= upto:
            name = f"step:{s.process}:{s.step}:late:{stamp(s.due)}"
            fields: dict[str, Value] = {
                "at": at,
                "process": s.process,
                "step": s.step,
                "title": s.title,
                "due": s.due,
                "assignees": s.assignees,
            }
            found.append(Event("escalated", s.workspace, at, name, fields))
    return found

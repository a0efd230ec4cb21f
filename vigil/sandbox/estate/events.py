"""Checks events.jsonl: each event against the state at its instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from vigil.sandbox.estate.model import EstateEvent, TypeDef, WorkspaceDef
from vigil.sandbox.estate.values import EstatePeople, attribute_value
from vigil.sandbox.json_lines import EstateFiles, JsonRow, day, instant, listed, nearest, show

# kind -> (keys that must be there, keys that may)
KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "workspace_created": (("workspace",), ("by",)),
    "attribute_changed": (("workspace", "attr", "value"), ("by",)),
    "document_added": (("workspace", "id", "name", "type"), ("by", "expires")),
    "version_added": (("workspace", "id"), ("by", "expires")),
    "document_deleted": (("id",), ("workspace", "by")),
    "step_assigned": (("workspace", "process", "step", "title", "to"), ("due", "by")),
    "step_completed": (("workspace", "process", "step"), ("by", "disposition", "comment")),
    "role_changed": (("workspace", "role", "members"), ("by",)),
    "user_deleted": (("login",), ("by",)),
    "comment_added": (("workspace", "text"), ("by",)),
}


@dataclass(slots=True)
class Ids:
    """Workspaces and documents share one space of ids, as nodes do in ECM."""

    taken: dict[int, str] = field(default_factory=dict)

    def claim(self, row: JsonRow, number: int, key: str, what: str) -> bool:
        if number in self.taken:
            row.refuse(f"id {number} is taken: {self.taken[number]}", key)
            return False
        self.taken[number] = f"{what} of {row.file.rsplit('/', 1)[-1]}:{row.line}"
        return True


@dataclass(slots=True)
class _Past:
    """The state after the events so far."""

    types: Mapping[str, TypeDef]
    workspaces: Mapping[int, WorkspaceDef]
    people: EstatePeople
    ids: Ids
    announced: set[int] = field(default_factory=set)
    documents: dict[int, int] = field(default_factory=dict)  # id -> workspace
    deleted: dict[int, int] = field(default_factory=dict)  # id -> line
    steps: dict[tuple[int, int, int], str] = field(default_factory=dict)


def read_events(
    folder: EstateFiles,
    types: Mapping[str, TypeDef],
    workspaces: Mapping[int, WorkspaceDef],
    people: EstatePeople,
    ids: Ids,
) -> tuple[EstateEvent, ...]:
    """All events in order; their problems are added to the folder's problems."""
    past = _Past(types, workspaces, people, ids)
    events: list[EstateEvent] = []
    last: tuple[datetime, int] | None = None
    for row in folder.rows("events.jsonl"):
        ts = row.instant("ts") if row.known(row.data, ("ts", "kind")) else None
        kind = row.data.get("kind")
        if ts is not None:
            if last is not None and ts < last[0]:
                row.refuse(f"is before the event of line {last[1]}; events are ordered by `ts`", "ts")
            last = (ts, row.line)
        if not isinstance(kind, str) or kind not in KEYS:
            if "kind" in row.data:
                row.refuse(f"unknown kind {show(kind)} ({listed(KEYS)})", "kind", hint=nearest(kind, KEYS))
            continue
        required, optional = KEYS[kind]
        if ts is None or not row.known(("ts", "kind", *required, *optional), required):
            continue
        event = _event(row, ts, kind, past)
        if event is not None:
            events.append(event)
    return tuple(events)


def _event(row: JsonRow, ts: datetime, kind: str, past: _Past) -> EstateEvent | None:
    found = len(row.problems)
    workspace: WorkspaceDef | None = None
    if "workspace" in row.data:
        workspace = (
            past.workspaces.get(row.data["workspace"]) if isinstance(row.data["workspace"], int) else None
        )
        if workspace is None:
            row.refuse(
                f"unknown workspace {show(row.data['workspace'])}; it is not in workspaces.jsonl", "workspace"
            )
            return None
        if ts < workspace.created and kind != "workspace_created":
            row.refuse(
                f"is before workspace {workspace.id} was created, {workspace.created.isoformat()}", "ts"
            )
    if row.data.get("by") is not None:
        past.people.check(row, row.data["by"], "by", groups=False)
    data = _CHECKS[kind](row, workspace, past)
    if kind == "workspace_created" and workspace is not None:
        if abs(ts - workspace.created) >= timedelta(minutes=1):
            message = (
                f"workspace {workspace.id} has `created` {workspace.created.isoformat()}: another instant"
            )
            row.refuse(message, "ts")
        ts = workspace.created if abs(ts - workspace.created) < timedelta(minutes=1) else ts
    if len(row.problems) > found or data is None:
        return None
    data["by"] = row.data.get("by")
    return EstateEvent(ts.astimezone(UTC), kind, workspace.id if workspace else 0, data, row.line)


_Data = dict[str, Any] | None
_Check = Callable[[JsonRow, Any, _Past], _Data]


def _created(row: JsonRow, workspace: WorkspaceDef, past: _Past) -> _Data:
    if workspace.id in past.announced:
        row.refuse(f"workspace {workspace.id} is created twice", "workspace")
    past.announced.add(workspace.id)
    return {}


def _attribute(row: JsonRow, workspace: WorkspaceDef, past: _Past) -> _Data:
    attr, value = row.data["attr"], row.data["value"]
    attributes = past.types[workspace.type].attributes
    return {"attr": attr, "value": attribute_value(row, past.people, attributes, attr, value, "attr")}


def _added(row: JsonRow, workspace: WorkspaceDef, past: _Past) -> _Data:
    number, name = row.integer("id"), row.string("name")
    kind = row.string("type", null=True)
    expires = _expires(row)
    if number is not None and past.ids.claim(row, number, "id", "document"):
        past.documents[number] = workspace.id
    return {"id": number, "name": name, "type": kind, "expires": expires}


def _expires(row: JsonRow) -> Any:
    value = row.data.get("expires")
    if value is None or value == "":
        return None
    parsed = day(value)
    if isinstance(parsed, str) and isinstance(instant(value), datetime):
        return instant(value)  # the world takes the day it is in the estate's zone
    if isinstance(parsed, str):
        row.refuse(f"`expires`: {parsed}", "expires")
    return parsed


def _document(row: JsonRow, workspace: WorkspaceDef | None, past: _Past) -> _Data:
    number = row.integer("id")
    home = past.documents.get(number or 0)
    if number is not None and number in past.deleted:
        row.refuse(f"document {number} was deleted in line {past.deleted[number]}", "id")
    elif number is not None and home is None:
        row.refuse(f"unknown document {number}; no document_added before this line has it", "id")
    elif home is not None and workspace is not None and home != workspace.id:
        row.refuse(f"document {number} is in workspace {home}", "id")
    if number is not None and row.data["kind"] == "document_deleted":
        past.deleted[number] = row.line
    return {"id": number, "expires": _expires(row)}


def _assigned(row: JsonRow, workspace: WorkspaceDef, past: _Past) -> _Data:
    process, step, title = row.integer("process", least=0), row.integer("step", least=0), row.string("title")
    past.people.check(row, row.data["to"], "to")
    due = row.data.get("due")
    if due in (None, ""):
        due = None
    elif isinstance(due, str) and not isinstance(day(due), str):
        due = day(due)
    else:
        due = row.instant("due")
    if process is not None and step is not None:
        past.steps[workspace.id, process, step] = "open"
    return {"process": process, "step": step, "title": title, "to": row.data["to"], "due": due}


def _completed(row: JsonRow, workspace: WorkspaceDef, past: _Past) -> _Data:
    process, step = row.integer("process", least=0), row.integer("step", least=0)
    disposition, comment = row.string("disposition", null=True), row.string("comment", null=True)
    key = (workspace.id, process or 0, step or 0)
    state = past.steps.get(key)
    if process is not None and step is not None:
        if state is None:
            row.refuse(
                f"step {step} of process {process} was never assigned in workspace {workspace.id}", "step"
            )
        elif state == "done":
            row.refuse(f"step {step} of process {process} is completed already", "step")
        past.steps[key] = "done"
    return {"process": process, "step": step, "disposition": disposition, "comment": comment}


def _role(row: JsonRow, workspace: WorkspaceDef, past: _Past) -> _Data:
    role, roles = row.data["role"], past.types[workspace.type].roles
    if role not in roles:
        row.refuse(
            f"{workspace.type} has no role {show(role)} ({listed(roles)})", "role", hint=nearest(role, roles)
        )
    return {"role": role, "members": past.people.members(row, "members")}


def _user(row: JsonRow, workspace: None, past: _Past) -> _Data:
    past.people.check(row, row.data["login"], "login", groups=False)
    return {"login": row.data["login"]}


def _comment(row: JsonRow, workspace: WorkspaceDef, past: _Past) -> _Data:
    text = row.data["text"]
    if not isinstance(text, str):
        row.refuse(f"`text` must be a text, not {show(text)}", "text")
    return {"text": text}


_CHECKS: dict[str, _Check] = {
    "workspace_created": _created,
    "attribute_changed": _attribute,
    "document_added": _added,
    "version_added": _document,
    "document_deleted": _document,
    "step_assigned": _assigned,
    "step_completed": _completed,
    "role_changed": _role,
    "user_deleted": _user,
    "comment_added": _comment,
}

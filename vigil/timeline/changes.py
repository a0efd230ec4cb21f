"""The changes of a timeline: one row for each kind of event of an estate, and a few that only tests need."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from vigil.compliance.facts import PARTS, Value
from vigil.compliance.rules.vocabulary import listing, nearest
from vigil.compliance.rules.yaml_nodes import Node
from vigil.timeline.model import TimelineChange
from vigil.timeline.node_parser import Reader

Data = dict[str, Value]


@dataclass(frozen=True, slots=True)
class TimelineNames:
    """The names that a change can use: people, groups, and the type of each workspace by its name in the timeline."""

    people: Collection[str]
    groups: Collection[str]
    workspaces: Mapping[str, str]

    @property
    def members(self) -> list[str]:
        return [*self.people, *self.groups]


@dataclass(frozen=True, slots=True)
class ChangeKind:
    """One kind of change: its keys, and the parser of each. The first keys are required."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    of_workspace: bool = True


CREATED = "workspace_created"

KINDS: Mapping[str, ChangeKind] = {
    CREATED: ChangeKind(()),  # the workspace did not exist before
    "attribute_changed": ChangeKind(("attr", "value"), ("by",)),
    "document_added": ChangeKind(("name",), ("type", "by", "expires")),
    "version_added": ChangeKind(("document",), ("by",)),
    "document_deleted": ChangeKind(("document",)),
    "step_assigned": ChangeKind(("step", "title", "to"), ("process", "due")),
    "step_completed": ChangeKind(("step",), ("process", "by", "disposition")),
    "role_changed": ChangeKind(("role", "members")),
    "comment_added": ChangeKind(("text",), ("by",)),
    "user_deleted": ChangeKind(("login",), of_workspace=False),
    "workspace_deleted": ChangeKind(()),
    "related_changed": ChangeKind(("related",)),  # all its relations from now on
    "acknowledged": ChangeKind(
        ("rule", "by"), of_workspace=False
    ),  # a person acknowledges the notices of a rule so far
    "unreadable": ChangeKind(("parts",)),  # from now on these parts cannot be read
    "readable": ChangeKind(()),  # everything can be read again
}


def change(
    reader: Reader, node: Node, names: TimelineNames, at: datetime, after: datetime | None
) -> TimelineChange | None:
    """One change, written as ``KIND: {...}``. It happens at `at` unless it has its own instant, which must be after `after`."""
    if not isinstance(node.value, dict) or len(node.keys) != 1:
        reader.wrong(node, f"a change is one kind with its keys; kinds: {listing(KINDS)}.")
        return None
    kind = next(iter(node.keys))
    if kind not in KINDS:
        reader.wrong(
            node.key(kind), f"unknown change `{kind}`; kinds: {listing(KINDS)}.", kind, nearest(kind, KINDS)
        )
        return None
    body, spec = node.parts[kind], KINDS[kind]
    if body.value is None:
        body = Node({}, body.line, body.column)
    own = ("at", "workspace") if spec.of_workspace else ("at",)
    if not reader.mapping(body, f"`{kind}`", (*spec.required, *spec.optional, *own), spec.required):
        return None
    when = at
    if "at" in body.keys:
        when = reader.instant(body.at("at"), after or at) or at
        if when > at or (after is not None and when <= after):
            reader.wrong(
                body.at("at"), "a change happens after the step before and not after its own step", "at"
            )
    where = _workspace(reader, body, names) if spec.of_workspace else ""
    if where is None:
        return None
    data = {key: READ[key](reader, body.at(key), names) for key in body.keys if key in READ}
    return TimelineChange(
        kind, when, where, _filled(kind, data, names.workspaces.get(where, "")), reader.spot(node.key(kind))
    )


def _workspace(reader: Reader, body: Node, names: TimelineNames) -> str | None:
    if "workspace" in body.keys:
        return reader.word(body.at("workspace"), "workspace", names.workspaces)
    if len(names.workspaces) == 1:
        return next(iter(names.workspaces))
    reader.wrong(
        body, f"which workspace? Write `workspace`; there are {listing(names.workspaces)}.", "workspace"
    )
    return None


def _filled(kind: str, data: Data, type_: str) -> Data:
    if kind in ("step_assigned", "step_completed"):
        data.setdefault("process", 1)
    if "attr" in data:
        data["attr"] = qualified(str(data["attr"]), type_)
    return data


def qualified(attr: str, type_: str) -> str:
    """``Category.attribute``: a name without a category gets the category with the name of the workspace type."""
    return attr if "." in attr else f"{type_}.{attr}"


Read = Callable[[Reader, Node, TimelineNames], Value]


def _text(what: str) -> Read:
    return lambda reader, node, names: reader.text(node, what)


READ: Mapping[str, Read] = {
    "attr": _text("attr"),
    "value": lambda reader, node, names: reader.value(node),
    "name": _text("name"),
    "type": _text("type"),
    "document": _text("document"),
    "title": _text("title"),
    "text": _text("text"),
    "role": _text("role"),
    "rule": _text("rule"),
    "disposition": _text("disposition"),
    "by": lambda reader, node, names: reader.word(node, "person", names.people),
    "login": lambda reader, node, names: reader.word(node, "person", names.people),
    "to": lambda reader, node, names: reader.words(node, "person or group", names.members),
    "members": lambda reader, node, names: reader.words(node, "person or group", names.members),
    "related": lambda reader, node, names: reader.words(node, "workspace", names.workspaces),
    "parts": lambda reader, node, names: reader.words(node, "part", PARTS),
    "expires": lambda reader, node, names: reader.day(node, "expires"),
    "due": lambda reader, node, names: reader.instant(node),
    "step": lambda reader, node, names: reader.number(node, "step"),
    "process": lambda reader, node, names: reader.number(node, "process"),
}

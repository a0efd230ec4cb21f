"""Parses one timeline: people, workspaces, steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from vigil.compliance.rules.model import Rule
from vigil.compliance.rules.vocabulary import listing
from vigil.compliance.rules.yaml_nodes import Node
from vigil.timeline.changes import CREATED, TimelineNames, change, qualified
from vigil.timeline.expectations import Expectations
from vigil.timeline.model import (
    CRASHES,
    Crash,
    Timeline,
    TimelineChange,
    TimelineDevice,
    TimelinePerson,
    TimelineStep,
    TimelineWorkspace,
)
from vigil.timeline.node_parser import Reader, one

KEYS = (
    "timeline",
    "rules",
    "only",
    "zone",
    "people",
    "required_documents",
    "workspace",
    "workspaces",
    "steps",
)
_PLATFORMS = ("android", "ios", "web")
_FIRST_ID = 1001
_ONLY = "it"  # the name of a timeline's only workspace
_OLD = timedelta(days=1)
"""Initial items existed a day before the beginning, unless the timeline gives their date."""

Parts = Mapping[str, Node]


def timeline(reader: Reader, node: Node, parts: Parts, rules: Mapping[str, Rule]) -> Timeline | None:
    """The timeline of a document; None if it has too many problems to continue. The reader has the problems."""
    name = reader.text(parts["timeline"], "timeline") if "timeline" in parts else None
    if name is None:
        reader.wrong(node, "a timeline needs `timeline`, a sentence that says what it shows", "timeline")
        return None
    zone = (reader.zone_name(parts["zone"]) if "zone" in parts else None) or "UTC"
    reader = Reader(reader.file, reader.problems, zone)
    players = {p.login: p for p in _players(reader, parts)}
    types = list(dict.fromkeys(r.subject.workspace_type for r in rules.values()))
    steps = [s for s in reader.items(parts["steps"]) if _is_step(reader, s)]
    start = _start(reader, node, steps)
    if start is None:
        return None
    groups = sorted({g for p in players.values() for g in p.groups})
    places = _places(reader, node, parts, types, players, groups, start)
    if not places:
        return None
    names = TimelineNames(players, groups, {key: s.type for key, s in places.items()})
    expectations = Expectations(reader, names, rules, {key: s.id for key, s in places.items()})
    moments = tuple(_moments(reader, steps, names, expectations))
    _create_then(reader, parts, places, moments)
    return Timeline(
        name=name,
        spot=reader.spot(node),
        zone=zone,
        rules=tuple(rules),
        players=players,
        places=places,
        moments=moments,
        required=_required(reader, parts, types),
    )


def _is_step(reader: Reader, node: Node) -> bool:
    return reader.mapping(node, "a step", ("at", "do", "crash", "expect", "not_sent"), ("at",))


def _start(reader: Reader, node: Node, steps: list[Node]) -> datetime | None:
    if not steps:
        reader.wrong(node.at("steps"), "`steps` is a list of steps, each with `at`", "steps")
        return None
    return reader.instant(steps[0].at("at"))


def _players(reader: Reader, parts: Parts) -> list[TimelinePerson]:
    out = []
    for login, node in reader.entries(parts["people"], "`people`") if "people" in parts else ():
        body = node if isinstance(node.value, dict) else Node({}, node.line, node.column)
        if node.value is not None and body is not node:
            reader.wrong(node, "a person is a mapping; {} is one with a device and nothing else")
        reader.mapping(body, "a person", ("name", "zone", "language", "groups", "devices", "deleted"))
        platforms = (
            reader.words(body.at("devices"), "platform", _PLATFORMS)
            if "devices" in body.keys
            else ("android",)
        )
        out.append(
            TimelinePerson(
                login=login,
                name=(reader.text(body.at("name"), "name") if "name" in body.keys else None) or login.title(),
                zone=reader.zone_name(body.at("zone")) if "zone" in body.keys else None,
                language=reader.text(body.at("language"), "language") if "language" in body.keys else None,
                groups=reader.words(body.at("groups"), "group") if "groups" in body.keys else (),
                devices=tuple(TimelineDevice(f"{login}-{p}-{n}", p) for n, p in enumerate(platforms)),
                deleted="deleted" in body.keys and reader.flag(body.at("deleted"), "deleted"),
            )
        )
    return out


def _places(
    reader: Reader,
    node: Node,
    parts: Parts,
    types: list[str],
    players: Mapping[str, TimelinePerson],
    groups: list[str],
    start: datetime,
) -> dict[str, TimelineWorkspace]:
    if "workspace" in parts and "workspaces" in parts:
        reader.wrong(
            parts["workspaces"], "a timeline has `workspace` or `workspaces`, not both", "workspaces"
        )
    if "workspaces" in parts:
        found = list(reader.entries(parts["workspaces"], "`workspaces`"))
    elif "workspace" in parts:
        found = [(_ONLY, parts["workspace"])]
    else:
        found = []
    if not found:
        reader.wrong(node, "a timeline needs `workspace`, or `workspaces` by name", "workspace")
    names = TimelineNames(players, groups, {})
    made = (
        _place(reader, key, body, types, names, start, _FIRST_ID + n, [k for k, _ in found])
        for n, (key, body) in enumerate(found)
    )
    return {s.key: s for s in made if s is not None}


def _create_then(
    reader: Reader, parts: Parts, places: dict[str, TimelineWorkspace], moments: Collection[TimelineStep]
) -> None:
    """Move the creation of workspaces to the steps that create them, with everything that they contain from the beginning."""
    seen: set[str] = set()
    for made in (c for m in moments for c in m.changes if c.kind == CREATED):
        node = parts["workspaces"].at(made.workspace) if "workspaces" in parts else parts["workspace"]
        if made.workspace in seen or "created" in node.keys:
            reader.wrong(node.key("created"), f'"{made.workspace}" is created twice', "created")
        seen.add(made.workspace)
        place = places[made.workspace]
        held = tuple(replace(c, at=max(c.at, made.at)) for c in place.changes)
        places[made.workspace] = replace(place, created=made.at, changes=held)


def _place(
    reader: Reader,
    key: str,
    node: Node,
    types: list[str],
    names: TimelineNames,
    start: datetime,
    number: int,
    keys: Collection[str],
) -> TimelineWorkspace | None:
    allowed = ("type", "name", "created", "attrs", "roles", "documents", "steps", "related")
    if not reader.mapping(node, "a workspace", allowed):
        return None
    type_ = reader.text(node.at("type"), "type") if "type" in node.keys else one(types)
    if type_ is None:
        reader.wrong(node, f"which type? Write `type`; the rules are about {listing(types)}.", "type")
        return None
    created = (reader.instant(node.at("created")) if "created" in node.keys else None) or start - _OLD
    attrs = {
        qualified(name, type_): reader.value(value)
        for name, value in (reader.entries(node.at("attrs"), "`attrs`") if "attrs" in node.keys else ())
    }
    roles = {
        role: reader.words(members, "person or group", names.members)
        for role, members in (reader.entries(node.at("roles"), "`roles`") if "roles" in node.keys else ())
    }
    here = TimelineNames(names.people, names.groups, {key: type_})
    given = [
        _given(reader, kind, item, here, created)
        for kind, listed in (("document_added", "documents"), ("step_assigned", "steps"))
        for item in (reader.items(node.at(listed)) if listed in node.keys else ())
    ]
    name = reader.text(node.at("name"), "name") if "name" in node.keys else None
    changes = tuple(sorted((c for c in given if c is not None), key=lambda c: c.at))
    return TimelineWorkspace(
        key=key,
        id=number,
        type=type_,
        name=name or f"{type_} {key if key != _ONLY else number}",
        created=created,
        attrs=attrs,
        roles=roles,
        changes=changes,
        related=reader.words(node.at("related"), "workspace", keys) if "related" in node.keys else (),
    )


def _given(
    reader: Reader, kind: str, node: Node, names: TimelineNames, created: datetime
) -> TimelineChange | None:
    """An initial item of a workspace, as the change that created it; a document may be its type only."""
    body = node
    if kind == "document_added" and isinstance(node.value, str):
        text = Node(node.value, node.line, node.column)
        body = Node({"type": node.value}, node.line, node.column, {"type": text}, {"type": text})
    if (
        isinstance(body.value, dict)
        and kind == "document_added"
        and "name" not in body.keys
        and "type" in body.keys
    ):
        type_ = body.parts["type"]
        body = Node(
            {**body.value, "name": type_.value},
            body.line,
            body.column,
            {**body.parts, "name": type_},
            {**body.keys, "name": type_},
        )
    at = reader.instant(body.at("at")) if isinstance(body.value, dict) and "at" in body.keys else None
    wrapped = Node({kind: body.value}, node.line, node.column, {kind: body}, {kind: body})
    return change(reader, wrapped, names, at or created, None)


def _moments(
    reader: Reader, steps: list[Node], names: TimelineNames, expectations: Expectations
) -> list[TimelineStep]:
    out: list[TimelineStep] = []
    before: datetime | None = None
    for node in steps:
        at = reader.instant(node.at("at"), before)
        if at is None:
            continue
        if before is not None and at <= before:
            reader.wrong(
                node.at("at"),
                f"the clock goes forward; the step before is at {before.astimezone(reader.zone):%Y-%m-%d %H:%M}",
                "at",
            )
        crash = reader.word(node.at("crash"), "crash", CRASHES) if "crash" in node.keys else None
        happen = reader.items(node.at("do")) if "do" in node.keys else []
        changes = [change(reader, item, names, at, before) for item in happen]
        out.append(
            TimelineStep(
                at,
                reader.spot(node),
                tuple(sorted((c for c in changes if c is not None), key=lambda c: c.at)),
                _crash(crash),
                tuple(expectations.expect(node.at("expect"))) if "expect" in node.keys else (),
                tuple(expectations.not_sent(node.at("not_sent"))) if "not_sent" in node.keys else (),
            )
        )
        before = at
    return out


def _crash(text: str | None) -> Crash | None:
    return next((c for c in _TYPED if c == text), None)


_TYPED: tuple[Crash, ...] = ("before queue", "after queue", "before accept", "after accept")


def _required(reader: Reader, parts: Parts, types: list[str]) -> dict[str, dict[str, int | None]]:
    """``required_documents: {Project: [Project plan], Permit: {Safety certificate: 12}}``: with months of validity."""
    out: dict[str, dict[str, int | None]] = {}
    for type_, node in (
        reader.entries(parts["required_documents"], "`required_documents`")
        if "required_documents" in parts
        else ()
    ):
        if isinstance(node.value, dict):
            out[type_] = {
                name: reader.number(months, "months") for name, months in reader.entries(node, type_)
            }
        else:
            out[type_] = dict.fromkeys(reader.words(node, "document type"))
    return out


__all__ = ["KEYS", "UTC", "timeline"]

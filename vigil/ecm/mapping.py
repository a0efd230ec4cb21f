"""Converts the responses about a workspace to facts, without calls: replaces ids by names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Any

from vigil.compliance.facts import (
    AuditEvent,
    Document,
    Fact,
    MissingDocuments,
    Related,
    Roles,
    Value,
    Version,
    Workspace,
)
from vigil.ecm import categories, parse
from vigil.ecm.answers import Json
from vigil.ecm.categories import Category, OddValue
from vigil.ecm.errors import EcmError, Malformed
from vigil.ecm.model import FolderStamp, Gap

LIST = "/v2/nodes/list"

_ALL_KNOWN, _TYPE_UNKNOWN = frozenset[str](), frozenset({"type"})


@dataclass(slots=True)
class Child:
    """A document's row, the place where it was read, its versions, oldest first, and its type, if that is known."""

    row: Json
    path: str
    versions: list[Json]
    type: str | None = None
    typed: bool = False  # whether the type is known; None is no type then

    @property
    def properties(self) -> Json:
        return parse.properties(self.row)


@dataclass(slots=True)
class RawWorkspace:
    """The raw responses about one workspace. `unread` has, by part, the gap of a part that could not be read."""

    id: int
    type: str
    node: Json
    children: list[Child] = field(default_factory=list)
    folders: list[FolderStamp] = field(default_factory=list)
    audit: list[Json] = field(default_factory=list)  # newest first, as served
    event_names: Mapping[int, str] = field(default_factory=dict)
    missing: tuple[str, ...] | None = None
    roles: Roles | None = None
    related: Related | None = None
    unread: dict[str, Gap] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)  # of what is unknown of a part that was read
    contents: Mapping[int, Sequence[Json]] = field(
        default_factory=dict
    )  # rows of its containers that need no list
    owed: bool = False  # whether an earlier run could not read it whole
    lacking: int = 0  # items that containers count and lists do not show

    @property
    def properties(self) -> Json:
        return parse.properties(self.node)

    def note(self, gap: Gap) -> None:
        """Keep a gap of a part that was read, once."""
        if gap not in self.gaps:
            self.gaps.append(gap)

    @property
    def values(self) -> dict[str, Any]:
        return categories.flat(self.node.get("data") or {})


@dataclass(frozen=True, slots=True)
class IdNames:
    """The names for ids, as far as one batch needs them. `empty` are the categories of a type, by its name."""

    categories: Mapping[int, Category]
    failures: Mapping[int, EcmError]
    empty: Mapping[str, frozenset[int]]
    login: Callable[[int], str]
    zone: tzinfo
    expiry: str


def people(reading: RawWorkspace, known: Mapping[int, Category]) -> dict[str, set[int]]:
    """The ids of all users that a workspace mentions, by part."""
    documents: set[int] = set()
    for child in reading.children:
        documents.update(parse.integers(child.properties.get("create_user_id")))
        for version in child.versions:
            documents.update(parse.integers(parse.owner(version)))
    comments = {number for row in reading.audit for number in parse.integers(row.get("user_id"))}
    attrs = set() if "attrs" in reading.unread else categories.user_ids(reading.values, known)
    return {"attrs": attrs, "documents": documents, "comments": comments}


def facts(reading: RawWorkspace, names: IdNames) -> list[Fact]:
    """The workspace, and its documents, audit events, roles, related workspaces and missing documents as far as they were read."""
    attrs = _attributes(reading, names)
    inside = documents(reading, names)
    unread = "documents" in reading.unread
    workspace = Workspace(
        id=reading.id,
        type=reading.type,
        name=parse.name(reading.properties["name"]),
        created=_instant(reading.properties, "create_date", LIST, names.zone),
        modified=_instant(reading.properties, "modify_date", LIST, names.zone),
        attrs=attrs,
        unread=frozenset(reading.unread),
        # A part that was not read gets no stamp: otherwise a later run would consider it read.
        size=None if unread else parse.held(reading.properties),
        source=LIST,
        values="" if "attrs" in reading.unread else categories.digest(reading.node.get("data") or {}),
    )
    found: list[Fact] = [workspace, *inside]
    if "comments" not in reading.unread:
        found += _audit(reading, names)
    if reading.roles is not None:
        found.append(reading.roles)
    if reading.related is not None:
        found.append(reading.related)
    if reading.missing is not None:
        path = f"/v2/businessworkspaces/{reading.id}/missingdocuments"
        found.append(MissingDocuments(reading.id, reading.missing, path))
    return found


def documents(reading: RawWorkspace, names: IdNames) -> list[Document]:
    """The documents of a workspace, if they were read. One with a value that cannot be read makes them unread."""
    if "documents" in reading.unread:
        return []
    try:
        return [_document(reading.id, child, names) for child in reading.children]
    except OddValue as error:
        reading.unread["documents"] = _odd(error, reading)
        return []


def _odd(error: OddValue, reading: RawWorkspace) -> Gap:
    return Gap(LIST, f"the value of {error} {error.why}", (reading.id,))


def _attributes(reading: RawWorkspace, names: IdNames) -> dict[str, Value]:
    if (reading.node.get("data") or {}).get("categories") is None:
        # As "no category" it would mean that every attribute is missing.
        reading.unread["attrs"] = Gap(
            LIST, "the node came without the categories that were asked for", (reading.id,)
        )
    if "attrs" in reading.unread:
        return {}
    values = reading.values
    also = names.empty.get(reading.type, frozenset()) if _has_empty(reading) else frozenset()
    wanted = categories.category_ids(values) | also
    for category in wanted - names.categories.keys():
        failure = names.failures.get(category)
        path = failure.path if failure else f"/v2/nodes/{reading.id}/categories"
        message = failure.message if failure else f"nothing is known of category {category}"
        reading.unread["attrs"] = Gap(path, message, (reading.id,))
    if "attrs" in reading.unread:
        return {}
    try:
        return categories.attributes(values, names.categories, names.zone, names.login)
    except OddValue as error:
        reading.unread["attrs"] = _odd(error, reading)
        return {}


def _has_empty(reading: RawWorkspace) -> bool:
    return categories.has_empty(reading.node.get("data") or {})


def _document(workspace: int, child: Child, names: IdNames) -> Document:
    found, path = child.properties, child.path
    maker = parse.integer(found.get("create_user_id"))
    versions = [_version(row, path, names) for row in child.versions]
    return Document(
        id=int(found["id"]),
        workspace=workspace,
        name=parse.name(found["name"]),
        type=child.type,
        created=_instant(found, "create_date", path, names.zone),
        by=names.login(maker) if maker else None,
        modified=_instant(found, "modify_date", path, names.zone),
        version=versions[-1].number if versions else 1,
        versions=tuple(version for version in versions if version.number > 1),
        expires=_expires(child, names),
        unknown=_ALL_KNOWN if child.typed else _TYPE_UNKNOWN,
        source=path,
        values=categories.digest(child.row.get("data") or {}),
    )


def _version(row: Json, path: str, names: IdNames) -> Version:
    number = parse.integer(row.get("version_number"))
    if number is None:
        raise Malformed(path, "a version has no number")
    owner = parse.integer(parse.owner(row))
    return Version(
        number, _instant(row, "create_date", path, names.zone), names.login(owner) if owner else None
    )


def _expires(child: Child, names: IdNames) -> date | None:
    values = categories.flat(child.row.get("data") or {})
    if not values or categories.category_ids(values) - names.categories.keys():
        return None
    only = [names.expiry]
    held = categories.attributes(values, names.categories, names.zone, lambda number: f"id:{number}", only)
    value = held.get(names.expiry)
    if isinstance(value, datetime):
        return value.astimezone(names.zone).date()
    return value if isinstance(value, date) else None


def _audit(reading: RawWorkspace, names: IdNames) -> list[AuditEvent]:
    """The audit events, oldest first. `position` counts rows of one type, second and user from the oldest: newer rows do not change
    it.
    """
    path = f"/v2/nodes/{reading.id}/audit"
    seen: dict[tuple[str, datetime, int | None], int] = {}
    events: list[AuditEvent] = []
    for row in reversed(reading.audit):
        actor = parse.integer(row.get("user_id"))
        kind = int(row["event_type"])
        identity = (
            reading.event_names.get(kind, f"event {kind}"),
            _instant(row, "audit_date", path, names.zone),
            actor,
        )
        position = seen[identity] = seen.get(identity, -1) + 1
        login = names.login(actor) if actor else None
        text = str(row.get("audit_name") or "")
        events.append(AuditEvent(reading.id, identity[0], identity[1], login, text, position, path))
    return events


def _instant(found: Json, name: str, path: str, zone: tzinfo) -> datetime:
    moment = parse.instant(found.get(name), zone)
    if moment is None:
        raise Malformed(path, f"a row has no {name}")
    return moment

"""Loading an estate: a system over time, as a folder of JSON lines (docs/estates.md). A malformed one is refused whole.

What strangers may leave out: `values`, `due`, `expires`, `zone`, `language`, `valid_months`, `deleted`, `devices`, `groups`,
`email`, `by` (an action of the system itself). Beyond the fixed format, and all optional: an attribute of kind ``set`` with its
own `attributes` (its value is a list of objects, the rows), ``"multiple": true`` on an attribute (its value is a list), `related`
on a workspace (ids of its children), and `groups` in meta.json (``{"group": ["login or group"]}``: empty and nested groups).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from vigil.errors import BadInput
from vigil.safe_text import is_web_address
from vigil.sandbox.estate.events import Ids, read_events
from vigil.sandbox.estate.model import (
    KINDS,
    PLATFORMS,
    AttributeDef,
    CategoryDef,
    DeviceDef,
    Estate,
    RequiredDef,
    TypeDef,
    UserDef,
    WorkspaceDef,
)
from vigil.sandbox.estate.values import EstatePeople, Misfit, attribute_value, fit
from vigil.sandbox.json_lines import EstateFiles, JsonRow, listed, nearest, show

__all__ = ["Estate", "load"]


def load(path: str | Path, more: Sequence[str] = ()) -> Estate:
    """Read the estate in a folder; `more` are lines that follow those of its events.jsonl.

    Raises BadInput with every problem: file:line:column, the field, what is allowed.
    """
    folder = EstateFiles(Path(path), more=more)
    meta = folder.whole("meta.json")
    name, zone, start, public_url = _meta(meta) if meta else ("", "UTC", None, "")
    types: dict[str, TypeDef] = {}
    for row in folder.rows("types.jsonl"):
        _type(row, types)
    users: dict[str, UserDef] = {}
    tokens: dict[str, int] = {}
    for row in folder.rows("users.jsonl"):
        _user(row, users, tokens)
    groups = _groups(meta, users)
    people = EstatePeople(users, groups)
    ids = Ids()
    workspaces: dict[int, WorkspaceDef] = {}
    for row in folder.rows("workspaces.jsonl"):
        _workspace(row, types, people, workspaces, ids)
    _related(folder, workspaces)
    events = read_events(folder, types, workspaces, people, ids)
    if folder.problems or start is None:
        raise BadInput(folder.problems)
    return Estate(
        name=name,
        zone=ZoneInfo(zone),
        start=start,
        public_url=public_url,
        types=types,
        users=users,
        groups=groups,
        workspaces=workspaces,
        events=events,
    )


def _meta(row: JsonRow) -> tuple[str, str, datetime | None, str]:
    keys = ("name", "zone", "start", "public_url")
    row.known((*keys, "groups"), keys)
    zone = _zone(row, "zone") if "zone" in row.data else None
    name = row.string("name") if "name" in row.data else None
    url = row.string("public_url") if "public_url" in row.data else None
    if url and not is_web_address(url):
        row.refuse(f"{show(url)} is no address of the web; write it as https://ecm.example.org", "public_url")
    start = row.instant("start") if "start" in row.data else None
    return name or "", zone or "UTC", start.astimezone(UTC) if start else None, (url or "").rstrip("/")


def _zone(row: JsonRow, *path: str | int, null: bool = False) -> str | None:
    zone = row.string(*path, null=null)
    if zone is not None and zone not in _zones():
        hint = nearest(zone, _zones())
        row.refuse(f"{show(zone)} is no time zone; write it as Europe/Rome", *path, hint=hint)
        return None
    return zone


@cache
def _zones() -> frozenset[str]:
    """Asking the system costs a walk through its files."""
    return frozenset(available_timezones())


def _type(row: JsonRow, types: dict[str, TypeDef]) -> None:
    row.known(("type", "categories", "roles", "required_documents"), ("type",))
    name = row.string("type") if "type" in row.data else None
    categories = tuple(_category(row, i) for i in range(len(row.items("categories", of=dict))))
    attributes: dict[str, AttributeDef] = {}
    for index, category in enumerate(categories):
        for place, attribute in enumerate(category.attributes):
            key = f"{category.name}.{attribute.name}"
            if key in attributes:
                row.refuse(f"attribute {key} is defined twice", "categories", index, "attributes", place)
            attributes[key] = attribute
    required = tuple(_required(row, i) for i in range(len(row.items("required_documents", of=dict))))
    if name in types:
        row.refuse(f"workspace type {show(name)} is defined twice", "type")
    elif name is not None:
        types[name] = TypeDef(
            name, categories, tuple(dict.fromkeys(row.items("roles"))), required, attributes
        )


def _category(row: JsonRow, index: int) -> CategoryDef:
    path = ("categories", index)
    row.known(("name", "attributes"), ("name",), *path)
    count = len(row.items(*path, "attributes", of=dict))
    attributes = tuple(_attribute(row, *path, "attributes", i) for i in range(count))
    return CategoryDef(row.string(*path, "name") or "", attributes)


def _attribute(row: JsonRow, *path: str | int, sets: bool = True) -> AttributeDef:
    row.known(("name", "kind", "values", "multiple", "attributes"), ("name", "kind"), *path)
    name = row.string(*path, "name") or ""
    kind = row.string(*path, "kind") or "string"
    if kind == "set" and sets:
        count = len(row.items(*path, "attributes", of=dict))
        members = tuple(_attribute(row, *path, "attributes", i, sets=False) for i in range(count))
        return AttributeDef(name, kind, members=members)
    if kind not in KINDS:
        row.refuse(f"unknown kind {show(kind)} ({listed(KINDS)})", *path, "kind", hint=nearest(kind, KINDS))
        kind = "string"
    values = row.at(*path, "values")
    if values is not None and not isinstance(values, list):
        row.refuse(f"`values` must be a list, not {show(values)}", *path, "values")
        values = None
    kept = [fit(kind, value) for value in values or ()]
    for index, value in enumerate(kept):
        if isinstance(value, Misfit):
            row.refuse(f"{name} is of kind {kind}: {value.message}", *path, "values", index)
    multiple = row.at(*path, "multiple") is True
    return AttributeDef(name, kind, None if values is None else tuple(kept), multiple)


def _required(row: JsonRow, index: int) -> RequiredDef:
    path = ("required_documents", index)
    row.known(("type", "valid_months"), ("type",), *path)
    months = row.at(*path, "valid_months")
    return RequiredDef(
        row.string(*path, "type") or "", None if months is None else row.integer(*path, "valid_months")
    )


def _user(row: JsonRow, users: dict[str, UserDef], tokens: dict[str, int]) -> None:
    keys = ("login", "name", "email", "zone", "language", "groups", "deleted", "devices")
    if not row.known(keys, ("login", "name")):
        return
    login, name = row.string("login"), row.string("name")
    deleted = row.at("deleted")
    if deleted not in (None, True, False):
        row.refuse(f"`deleted` must be true or false, not {show(deleted)}", "deleted")
    devices = tuple(_device(row, i, tokens) for i in range(len(row.items("devices", of=dict))))
    if login in users:
        row.refuse(f"login {show(login)} is given twice", "login")
    elif login is not None:
        users[login] = UserDef(
            login=login,
            name=name or login,
            email=row.string("email", null=True),
            zone=_zone(row, "zone", null=True),
            language=row.string("language", null=True),
            groups=tuple(dict.fromkeys(row.items("groups"))),
            deleted=deleted is True,
            devices=devices,
        )


def _device(row: JsonRow, index: int, tokens: dict[str, int]) -> DeviceDef:
    path = ("devices", index)
    row.known(("token", "platform"), ("token", "platform"), *path)
    token, platform = row.string(*path, "token") or "", row.string(*path, "platform") or ""
    if platform and platform not in PLATFORMS:
        row.refuse(f"unknown platform {show(platform)} ({listed(PLATFORMS)})", *path, "platform")
    if token in tokens:
        row.refuse(
            f"token {show(token)} belongs to the device of line {tokens[token]} already", *path, "token"
        )
    tokens.setdefault(token, row.line)
    return DeviceDef(token, platform)


def _groups(meta: JsonRow | None, users: Mapping[str, UserDef]) -> dict[str, tuple[str, ...]]:
    members: dict[str, list[str]] = {}
    declared = meta.data.get("groups") if meta else None
    if meta and declared is not None and not isinstance(declared, dict):
        meta.refuse(f"`groups` must be an object, not {show(declared)}", "groups")
    names: dict[str, Any] = declared if isinstance(declared, dict) else {}
    for user in users.values():
        for group in user.groups:
            members.setdefault(group, []).append(user.login)
    people = EstatePeople(users, {**members, **names})
    for name in names:
        members.setdefault(name, []).extend(people.members(meta, "groups", name) if meta else ())
    return {name: tuple(dict.fromkeys(listing)) for name, listing in members.items()}


def _workspace(
    row: JsonRow,
    types: Mapping[str, TypeDef],
    people: EstatePeople,
    workspaces: dict[int, WorkspaceDef],
    ids: Ids,
) -> None:
    required = ("id", "type", "name", "created")
    if not row.known((*required, "attrs", "roles", "related"), required):
        return
    number, name, created = row.integer("id"), row.string("name"), row.instant("created")
    kind = types.get(row.data["type"]) if isinstance(row.data["type"], str) else None
    if kind is None:
        hint = nearest(row.data["type"], types)
        row.refuse(f"unknown workspace type {show(row.data['type'])} ({listed(types)})", "type", hint=hint)
        return
    attrs: dict[str, Any] = {}
    for key, value in row.mapping("attrs").items():
        attrs[key] = attribute_value(row, people, kind.attributes, key, value, "attrs", key)
    roles: dict[str, tuple[str, ...]] = {}
    for role in row.mapping("roles"):
        if role not in kind.roles:
            message = f"{kind.name} has no role {show(role)} ({listed(kind.roles)})"
            row.refuse(message, "roles", role, hint=nearest(role, kind.roles), at_key=True)
        roles[role] = people.members(row, "roles", role)
    if number is None or created is None or not ids.claim(row, number, "id", "workspace"):
        return
    related = tuple(i for i in row.items("related", of=int))
    workspaces[number] = WorkspaceDef(
        number, kind.name, name or "", created.astimezone(UTC), attrs, roles, related
    )


def _related(folder: EstateFiles, workspaces: Mapping[int, WorkspaceDef]) -> None:
    """Related ids may point forward in the file, so they are checked once all workspaces are known."""
    if not any(w.related for w in workspaces.values()):
        return
    for row in folder.rows("workspaces.jsonl"):
        for index, other in enumerate(row.items("related", of=int)):
            if other not in workspaces:
                row.refuse(f"unknown workspace {other}", "related", index)

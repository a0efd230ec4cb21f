"""An estate as values: the checked and typed content of the files of docs/estates.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

KINDS = ("string", "date", "datetime", "integer", "boolean", "user")
PLATFORMS = ("android", "ios", "web")


@dataclass(frozen=True, slots=True)
class AttributeDef:
    """`kind` is one of KINDS, or ``set``: then `members` are the attributes of its rows."""

    name: str
    kind: str
    values: tuple[Any, ...] | None = None
    multiple: bool = False
    members: tuple[AttributeDef, ...] = ()


@dataclass(frozen=True, slots=True)
class CategoryDef:
    name: str
    attributes: tuple[AttributeDef, ...]


@dataclass(frozen=True, slots=True)
class RequiredDef:
    """A document type that each workspace of the type must have; a document of it is valid for so many months."""

    type: str
    valid_months: int | None = None


@dataclass(frozen=True, slots=True)
class TypeDef:
    """A workspace type. `attributes` is keyed as workspaces and events name them: ``Category.attribute``."""

    name: str
    categories: tuple[CategoryDef, ...]
    roles: tuple[str, ...]
    required: tuple[RequiredDef, ...]
    attributes: Mapping[str, AttributeDef]


@dataclass(frozen=True, slots=True)
class DeviceDef:
    token: str
    platform: str  # android | ios | web


@dataclass(frozen=True, slots=True)
class UserDef:
    """`deleted`: already deleted when the estate begins."""

    login: str
    name: str
    email: str | None
    zone: str | None
    language: str | None
    groups: tuple[str, ...]
    deleted: bool
    devices: tuple[DeviceDef, ...]


@dataclass(frozen=True, slots=True)
class WorkspaceDef:
    """A workspace as it is at `created`. `attrs` holds the file's values, instants as aware datetimes; roles name logins or groups."""

    id: int
    type: str
    name: str
    created: datetime
    attrs: Mapping[str, Any]
    roles: Mapping[str, tuple[str, ...]]
    related: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class EstateEvent:
    """`data` holds the other keys of the line: instants as aware datetimes, `expires` a date, absent optional ones None."""

    ts: datetime
    kind: str
    workspace: int  # 0 for user_deleted
    data: Mapping[str, Any]
    line: int


@dataclass(frozen=True, slots=True)
class Estate:
    """`groups` maps each group to its members (logins, and groups where meta.json nests them)."""

    name: str
    zone: ZoneInfo
    start: datetime
    public_url: str
    types: Mapping[str, TypeDef]
    users: Mapping[str, UserDef]
    groups: Mapping[str, tuple[str, ...]]
    workspaces: Mapping[int, WorkspaceDef]
    events: tuple[EstateEvent, ...]

"""Converts facts to text and back. Dates and instants inside attributes are tagged, because JSON has neither."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import orjson

from vigil.compliance import facts as f
from vigil.compliance.facts import Fact, Value

KINDS: Mapping[type, str] = {
    f.Workspace: "workspace",
    f.Document: "document",
    f.Step: "step",
    f.Roles: "roles",
    f.Related: "related",
    f.User: "user",
    f.Group: "group",
    f.AuditEvent: "audit",
    f.RequiredDocument: "required",
    f.MissingDocuments: "missing",
}


def subject_of(fact: Fact) -> tuple[str, str, int | None]:
    """(kind, subject, workspace) of a fact: its permanent identity."""
    kind, subject, workspace = _identity(fact)
    return kind, subject.replace("\0", "\\0"), workspace  # PostgreSQL cannot store NUL in text


def _identity(fact: Fact) -> tuple[str, str, int | None]:
    match fact:
        case f.Workspace():
            return "workspace", str(fact.id), fact.id
        case f.Document():
            return "document", str(fact.id), fact.workspace
        case f.Step():
            step = fact.step if fact.subprocess is None else f"{fact.subprocess}/{fact.step}"
            return "step", f"{fact.process}/{fact.workspace}/{step}", fact.workspace
        case f.Roles():
            return "roles", str(fact.workspace), fact.workspace
        case f.Related():
            return "related", str(fact.workspace), fact.workspace
        case f.User():
            return "user", fact.login, None
        case f.Group():
            return "group", fact.name, None
        case f.AuditEvent():
            return (
                "audit",
                f"{fact.workspace}/{fact.at.astimezone(UTC):%Y%m%dT%H%M%S}/{fact.type}/{fact.by}/{fact.position}",
                fact.workspace,
            )
        case f.RequiredDocument():
            return "required", f"{fact.workspace_type}/{fact.type}", None
        case f.MissingDocuments():
            return "missing", str(fact.workspace), fact.workspace


def _plain(value: Value) -> object:
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value


def _value(raw: Any) -> Value:
    if isinstance(raw, dict):
        return datetime.fromisoformat(raw["t"]) if "t" in raw else date.fromisoformat(raw["d"])
    if isinstance(raw, list):
        return tuple(_value(v) for v in raw)
    return raw  # type: ignore[no-any-return]


def encode(fact: Fact) -> tuple[str, bytes]:
    """The body to store, and the hash of its content. The place where a fact was read is stored, but not hashed."""
    fields = {s.name: getattr(fact, s.name) for s in dataclasses.fields(fact)}
    source = fields.pop("source")
    if isinstance(fact, f.Workspace):
        fields["attrs"] = {k: _plain(v) for k, v in fact.attrs.items()}
        fields["unread"] = sorted(fact.unread)
        # Observations of earlier versions have it: without it, every workspace would count as changed once.
        fields["folders"] = ()
    if isinstance(fact, f.Workspace | f.Document) and not fact.values:
        del fields["values"]
    if isinstance(fact, f.User):
        fields["zone"] = None  # as in earlier versions: see above
    if isinstance(fact, f.Document | f.Step):
        # Only where there is something: rows of earlier versions, which have neither, keep their hashes.
        fields["unknown"] = sorted(fact.unknown)
        for name in [n for n in ("unknown", "stopped", "subprocess") if not fields.get(n)]:
            fields.pop(name, None)
    content = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    digest = hashlib.blake2b(content, digest_size=12).digest()
    return orjson.dumps(fields | {"source": source}).decode(), digest


def _instant(raw: str | None) -> datetime | None:
    return None if raw is None else datetime.fromisoformat(raw)


def _workspace(d: dict[str, Any]) -> Fact:
    d["attrs"] = {k: _value(v) for k, v in d["attrs"].items()}
    d["unread"] = frozenset(d["unread"])
    d.pop("folders", None)  # earlier versions: see `vigil.ledger.observed.folders`
    return f.Workspace(**d | {"created": _instant(d["created"]), "modified": _instant(d["modified"])})


def _document(d: dict[str, Any]) -> Fact:
    d["versions"] = tuple(
        f.Version(v["number"], datetime.fromisoformat(v["at"]), v["by"]) for v in d["versions"]
    )
    d["expires"] = date.fromisoformat(d["expires"]) if d["expires"] else None
    d["unknown"] = frozenset(d.get("unknown", ()))
    return f.Document(**d | {"created": _instant(d["created"]), "modified": _instant(d["modified"])})


def _step(d: dict[str, Any]) -> Fact:
    d["assignees"] = tuple(d["assignees"])
    d["unknown"] = frozenset(d.get("unknown", ()))
    return f.Step(**d | {k: _instant(d[k]) for k in ("assigned_at", "due", "completed_at")})


def _roles(d: dict[str, Any]) -> Fact:
    return f.Roles(**d | {"members": {k: tuple(v) for k, v in d["members"].items()}})


_DECODERS: Mapping[str, Callable[[dict[str, Any]], Fact]] = {
    "workspace": _workspace,
    "document": _document,
    "step": _step,
    "roles": _roles,
    "related": lambda d: f.Related(**d | {"others": tuple(d["others"])}),
    "user": lambda d: f.User(**{name: value for name, value in d.items() if name != "zone"}),
    "group": lambda d: f.Group(**d | {"members": tuple(d["members"])}),
    "audit": lambda d: f.AuditEvent(**d | {"at": _instant(d["at"])}),
    "required": lambda d: f.RequiredDocument(**d),
    "missing": lambda d: f.MissingDocuments(**d | {"types": tuple(d["types"])}),
}


def workspace_name(body: str) -> str:
    """The name in a stored workspace. Decodes nothing else: tables need a hundred thousand names."""
    return str(orjson.loads(body)["name"])


def decode(kind: str, body: str) -> Fact:
    """The fact of a stored body."""
    return _DECODERS[kind](orjson.loads(body))

"""Checks that a value fits its attribute, and that a name is a known user or group."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vigil.sandbox.estate.model import AttributeDef
from vigil.sandbox.json_lines import JsonRow, day, instant, listed, nearest, show


@dataclass(frozen=True, slots=True)
class EstatePeople:
    """The names allowed in roles, as assignees and in user attributes."""

    logins: Collection[str]
    groups: Collection[str]

    def check(self, row: JsonRow, name: Any, *path: str | int, groups: bool = True) -> bool:
        """Refuse a name that is not a login of users.jsonl nor, if groups are allowed, a group."""
        if isinstance(name, str) and (name in self.logins or (groups and name in self.groups)):
            return True
        known = [*self.logins, *(self.groups if groups else ())]
        what = "login or group" if groups else "login"
        row.refuse(
            f"{show(name)} is no {what} of users.jsonl ({listed(known)})", *path, hint=nearest(name, known)
        )
        return False

    def members(self, row: JsonRow, *path: str | int) -> tuple[str, ...]:
        """A list of logins and groups, each once; other names are refused."""
        names = row.items(*path)
        for index, name in enumerate(names):
            self.check(row, name, *path, index)
        return tuple(dict.fromkeys(names))

    def value(self, row: JsonRow, attribute: AttributeDef, value: Any, *path: str | int) -> Any:
        """The value as the world keeps it, or None when it is unset or does not fit (and was refused)."""
        if value is None or value == "":
            return None
        if attribute.kind == "set":
            return self._rows(row, attribute, value, *path)
        if attribute.multiple:
            if not isinstance(value, list):
                row.refuse(f"{attribute.name} takes a list, not {show(value)}", *path)
                return None
            return [self._one(row, attribute, item, *path, i) for i, item in enumerate(value)]
        return self._one(row, attribute, value, *path)

    def _rows(
        self, row: JsonRow, attribute: AttributeDef, value: Any, *path: str | int
    ) -> list[dict[str, Any]]:
        members = {m.name: m for m in attribute.members}
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            row.refuse(f"{attribute.name} is a set: a list of objects, not {show(value)}", *path)
            return []
        rows = []
        for index, item in enumerate(value):
            for name in item:
                if name not in members:
                    message = f'set {attribute.name} has no attribute "{name}" ({listed(members)})'
                    row.refuse(message, *path, index, name, hint=nearest(name, members), at_key=True)
            rows.append(
                {n: self.value(row, members[n], v, *path, index, n) for n, v in item.items() if n in members}
            )
        return rows

    def _one(self, row: JsonRow, attribute: AttributeDef, value: Any, *path: str | int) -> Any:
        if attribute.kind == "user":
            return value if self.check(row, value, *path) else None
        kept = fit(attribute.kind, value)
        if isinstance(kept, Misfit):
            row.refuse(f"{attribute.name} is of kind {attribute.kind}: {kept.message}", *path)
            return None
        if attribute.values is not None and kept not in attribute.values:
            hint = nearest(kept, _texts(attribute.values))
            row.refuse(
                f"{show(value)} is not a value of {attribute.name} ({listed(attribute.values)})",
                *path,
                hint=hint,
            )
            return None
        return kept


@dataclass(frozen=True, slots=True)
class Misfit:
    message: str


def fit(kind: str, value: Any) -> Any:
    """The value kept for a kind (an instant as a datetime, a date as text), or Misfit."""
    if kind == "date":
        parsed = day(value)
        return Misfit(parsed) if isinstance(parsed, str) else value
    if kind == "datetime":
        moment = instant(value)
        return Misfit(moment) if isinstance(moment, str) else moment
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)  # what a spreadsheet made of 35
    wanted: type = {"string": str, "user": str, "integer": int, "boolean": bool}[kind]
    if isinstance(value, wanted) and not (wanted is int and isinstance(value, bool)):
        return value
    return Misfit(f"{show(value)} does not fit")


def attribute_value(
    row: JsonRow, people: EstatePeople, attributes: Any, key: Any, value: Any, *path: str | int
) -> Any:
    """Check a ``Category.attribute`` key and its value."""
    attribute = attributes.get(key) if isinstance(key, str) else None
    if attribute is None:
        row.refuse(
            f"unknown attribute {show(key)}; attributes of this type: {listed(attributes)}",
            *path, hint=nearest(key, attributes), at_key=path[-1] == key,
        )  # fmt: skip
        return None
    return people.value(row, attribute, value, *path[:-1], path[-1] if path[-1] == key else "value")


def _texts(values: Iterable[Any]) -> list[str]:
    return [v.isoformat() if isinstance(v, datetime) else str(v) for v in values]

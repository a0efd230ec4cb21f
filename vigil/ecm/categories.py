"""Categories: their definitions, and their values from any of the three containers. Contract:
docs/contracts/ecm.md#categories.

A category is a flat object with keys `{cat}_{attr}`, and for sets `{cat}_{set}_{row}_{attr}`. Names and
kinds come only with `metadata`, where a set's members are written `{cat}_{set}_x_{attr}`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from math import isfinite
from typing import Any

import orjson

from vigil.compliance.facts import Attribute, Value
from vigil.ecm import parse
from vigil.ecm.answers import Json

_KEY = re.compile(r"\d+_\d")
_REAL = re.compile(r"[+-]?\d+(\.\d+([eE][+-]?\d+)?|[eE][+-]?\d+)", re.ASCII)
"""A number as text that is not of digits alone."""


class OddValue(ValueError):
    """The value of an attribute cannot be read. The text is the attribute's name: values may have to stay untold. `why` follows it."""

    def __init__(self, name: str, why: str = "cannot be read") -> None:
        super().__init__(name)
        self.why = why


@dataclass(frozen=True, slots=True)
class Definition:
    """One attribute. `set` is the name of its set, if it belongs to one."""

    key: str  # as in metadata: `{cat}_{attr}` or `{cat}_{set}_x_{attr}`
    name: str
    kind: str
    multiple: bool = False
    values: tuple[str, ...] | None = None
    set: str | None = None

    @property
    def shape(self) -> tuple[str, bool]:
        """What a rule knows of its values: their kind, and whether there may be several."""
        return self.kind, self.multiple or self.set is not None


@dataclass(frozen=True, slots=True)
class Category:
    """A category's definition. `sets` maps a set's key to its name; the set itself has no value."""

    id: int
    name: str
    attributes: Mapping[str, Definition]
    sets: Mapping[str, str]

    def name_of(self, definition: Definition) -> str:
        """The name by which rules know an attribute: it has that of its set, if it is in one."""
        return (
            f"{self.name}.{definition.set}.{definition.name}"
            if definition.set
            else f"{self.name}.{definition.name}"
        )


def schema(categories: Iterable[Category]) -> tuple[Attribute, ...]:
    """The attributes of some categories for the schema snapshot against which rules are checked.

    Of several with one name the first has its kind, as `attributes` reads it, and the values of all are valid.
    """
    found: dict[str, Attribute] = {}
    for category in categories:
        for one in category.attributes.values():
            name = category.name_of(one)
            (kind, multiple), values = one.shape, one.values
            if (before := found.get(name)) is not None:
                kind, multiple = before.kind, before.multiple
                values = tuple(dict.fromkeys(before.values + values)) if before.values and values else None
            found[name] = Attribute(
                category.name, name.removeprefix(f"{category.name}."), kind, values, multiple
            )
    return tuple(found.values())


def definitions(answer: Json) -> dict[int, Category]:
    """Parse `GET /v2/nodes/{id}/categories?metadata`: one entry for each category, with its metadata."""
    found: dict[int, Category] = {}
    for entry in parse.objects(answer.get("results")):
        metadata = parse.mapping(entry.get("metadata"))
        fields: Json = metadata.get("categories") or metadata
        for key, field in fields.items():
            if key.isdigit() and isinstance(field, dict):
                # The definitions of a category's attributes lie beside its own, or all of them inside it (workspaces).
                own = field if key not in field else parse.mapping(field[key])
                inside = fields if own is field else field
                found[int(key)] = _category(int(key), str(own.get("name") or key), inside)
    return found


def _category(number: int, name: str, fields: Json) -> Category:
    prefix = f"{number}_"
    mine = {key: field for key, field in fields.items() if key.startswith(prefix) and isinstance(field, dict)}
    # Which keys are sets shows in their members, whatever a version calls a set's `persona`.
    set_keys = {key.split("_x_")[0] for key in mine if "_x_" in key}
    set_keys |= {key for key, field in mine.items() if field.get("persona") == "set"}
    sets = {key: str((mine.get(key) or {}).get("name") or key) for key in sorted(set_keys)}
    attributes = {
        key: _definition(key, field, sets.get(key.split("_x_")[0]) if "_x_" in key else None)
        for key, field in mine.items()
        if key not in sets
    }
    return Category(number, name, attributes, sets)


def _definition(key: str, field: Json, within: str | None) -> Definition:
    values = [str(value) for value in field.get("valid_values") or [] if value not in (None, "")]
    return Definition(
        key=key,
        name=str(field.get("name") or key),
        kind=_kind(field),
        multiple=parse.truth(field.get("multi_value")),
        values=tuple(values) or None,
        set=within,
    )


_KINDS = {"date": "date", "integer": "integer", "boolean": "boolean", "user": "user", "real": "integer"}
_NUMBERS = {-7: "date", 2: "integer", 5: "boolean", 14: "user"}


def _kind(field: Json) -> str:
    """string, date, datetime, integer, boolean or user: from `persona`, `type_name`, `type` and
    `include_time`."""
    if field.get("persona") in ("user", "member"):
        return "user"
    kind = _KINDS.get(str(field.get("type_name") or "").lower())
    if kind is None and not field.get("type_name"):
        kind = _NUMBERS.get(parse.integer(field.get("type")) or 0)
    if kind == "date" and parse.truth(field.get("include_time")):
        return "datetime"
    return kind or "string"


def flat(data: Json) -> dict[str, Any]:
    """The values of a node from any container: a list of categories, one flat object, or an object keyed by category, each perhaps
    inside `data` or `categories`; and sets as lists of their rows.

    Raises TypeError for any other, and for a category that has something, and no value with the key of an attribute: it was not read.
    """
    values: dict[str, Any] = {}
    for category in _categories(data.get("categories")):
        held = {key: value for key, value in category.items() if _KEY.match(key)}
        if not held and not _is_bare(category):
            raise TypeError("a category without the keys of its attributes")
        for key, value in held.items():
            values |= _rows_of_set(key, value) if _has_objects(value) else {key: value}
    return values


_INSIDE = ("data", "categories")


def _categories(container: object) -> Iterator[Json]:
    """The categories in a container, each as an object. Raises TypeError for what is none."""
    for entry in parse.objects(container):
        inside = next((entry[name] for name in _INSIDE if isinstance(entry.get(name), dict | list)), None)
        objects = {k: v for k, v in entry.items() if isinstance(v, dict | list) and not _KEY.match(k)}
        keyed = [v for k, v in objects.items() if k.isdigit()]
        own = {key: value for key, value in entry.items() if _KEY.match(key)}
        if inside is not None:
            yield from _categories(inside)
        elif own or keyed:
            # What lies beside values and categories is no category: a server may add what it likes.
            yield from [own] if own else []
            for value in keyed:
                yield from _categories(value or [{}])
        elif any(objects.values()):
            for value in objects.values():
                yield from _categories(value or [{}])
        else:
            yield entry


def _is_bare(value: object) -> bool:
    """Whether nothing in an object or a list is set."""
    if isinstance(value, dict | list):
        return all(_is_bare(one) for one in (value.values() if isinstance(value, dict) else value))
    return value in (None, "")


def _has_objects(value: object) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(one, dict) for one in value)
    )


def _rows_of_set(key: str, value: object) -> dict[str, Any]:
    """The values of a set that is a list of its rows, or one row, by their own keys. A row may have `x` in place of its number.

    A value that is no set, such as a person, stays as it is.
    """
    prefix = f"{key}_"
    found: dict[str, Any] = {}
    for number, row in enumerate(parse.objects(value), start=1):
        for name, one in row.items():
            if not name.startswith(prefix):
                return {key: value}
            name = (
                f"{prefix}{number}{name.removeprefix(prefix)[1:]}" if name.startswith(f"{prefix}x_") else name
            )
            if name in found:
                raise TypeError("two rows of a set with one number")
            found[name] = one
    return found or {key: None}


def digest(data: Json) -> str:
    """The digest of a node's values, the same for every container and every form of an unset value; "" if the row has no categories.

    Raises TypeError for a malformed container.
    """
    if data.get("categories") is None:
        return ""
    held = {key: value for key, value in flat(data).items() if not _is_unset(value)}
    return hashlib.blake2b(orjson.dumps(held, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


def _is_unset(value: Any) -> bool:
    return value in (None, "") or (isinstance(value, list) and all(one in (None, "") for one in value))


def has_empty(data: Json) -> bool:
    """Whether the node has a category without any attribute: it appears as an empty object, without its number."""
    return any(not category for category in _categories(data.get("categories")))


def category_ids(values: Mapping[str, Any]) -> set[int]:
    """The categories of a node's values."""
    return {int(key.split("_", 1)[0]) for key in values}


def unknown(values: Mapping[str, Any], known: Mapping[int, Category]) -> set[int]:
    """The categories with an unknown definition, or one that no longer fits because an attribute was added."""
    return {
        int(key.split("_", 1)[0])
        for key in values
        if (category := known.get(int(key.split("_", 1)[0]))) is None
        or (key not in category.sets and _defined_key(key) not in category.attributes)
    }


def _defined_key(key: str) -> str:
    """The metadata key of a value's key: it has an `x` in place of a set's row number."""
    parts = key.split("_")
    return f"{parts[0]}_{parts[1]}_x_{parts[3]}" if len(parts) == 4 else key


def user_ids(values: Mapping[str, Any], known: Mapping[int, Category]) -> set[int]:
    """The numeric ids in user attributes, which must be converted to logins before `attributes` is called."""
    found: set[int] = set()
    for key, value in values.items():
        category = known.get(int(key.split("_", 1)[0]))
        definition = category.attributes.get(_defined_key(key)) if category else None
        if definition and definition.kind == "user":
            every = value if isinstance(value, list) else [value]
            found.update(number for one in every if (number := _user_id(one)))
    return found


def _user_id(value: object) -> int | None:
    """The id in a user attribute, which may have the whole person. Raises KeyError for one without an id."""
    return parse.integer(value["id"] if isinstance(value, dict) else value)


def attributes(
    values: Mapping[str, Any],
    known: Mapping[int, Category],
    zone: tzinfo,
    login: Callable[[int], str],
    only: Collection[str] = (),
) -> dict[str, Value]:
    """``Category.attribute`` -> value; ``Category.Set.attribute`` -> one value a row of the set. With `only`, those alone.

    Every attribute of a category that the node has is there: unset is None, whether ECM said null, "" or
    nothing. Of several with one name the one that has a value counts. Raises OddValue, also where two of them differ.
    """
    found: dict[str, Value] = {}
    named: dict[str, Definition] = {}
    for number in sorted(category_ids(values)):
        category = known[number]
        for key, name in category.sets.items():
            if not only and not _is_bare(
                values.get(key)
            ):  # its rows have keys of their own where they could be read
                raise OddValue(f"{category.name}.{name}")
        for definition in category.attributes.values():
            name = category.name_of(definition)
            if only and name not in only:
                continue
            value = _read(values, definition, name, zone, login)
            if name in named and not _is_none(value):
                _agree(name, (named[name], found[name]), (definition, value))
            if name not in named or not _is_none(value):
                found[name] = value
                named.setdefault(name, definition)
    return found


def _read(
    values: Mapping[str, Any], definition: Definition, name: str, zone: tzinfo, login: Callable[[int], str]
) -> Value:
    """The value of one attribute. Raises OddValue with its name."""
    is_set = definition.set is not None
    try:
        raws = _set_rows(values, definition.key) if is_set else [values.get(definition.key)]
        read = tuple(_value(raw, definition, zone, login) for raw in raws)
    except (LookupError, TypeError, ValueError, ArithmeticError):
        raise OddValue(name) from None
    return read if is_set else read[0]


def _is_none(value: Value) -> bool:
    return value is None or (isinstance(value, tuple) and all(one is None for one in value))


def _agree(name: str, first: tuple[Definition, Value], other: tuple[Definition, Value]) -> None:
    """Raises OddValue for a second value of one name that is not the first's, or not of the kind that the schema has."""
    both = f"{first[0].key} and {other[0].key} have this name"
    if first[0].shape != other[0].shape:
        raise OddValue(name, f"is not clear: {both}, and are of different kinds")
    if not _is_none(first[1]) and first[1] != other[1]:
        raise OddValue(name, f"is not clear: {both}, and differ")


def _set_rows(values: Mapping[str, Any], key: str) -> list[Any]:
    """A set's member in every row, in the order of the rows; None for a row without it."""
    owner, member = key.split("_x_")
    prefix = f"{owner}_"
    lines = {
        int(parts[2])
        for other in values
        if other.startswith(prefix) and len(parts := other.split("_")) == 4 and parts[2].isdigit()
    }
    return [values.get(f"{owner}_{line}_{member}") for line in sorted(lines)]


def _value(raw: Any, definition: Definition, zone: tzinfo, login: Callable[[int], str]) -> Value:
    if isinstance(raw, list):
        held = tuple(one for item in raw if (one := _scalar(item, definition.kind, zone, login)) is not None)
        if definition.multiple:
            return held or None
        return held[0] if len(held) == 1 else (held or None)
    one = _scalar(raw, definition.kind, zone, login)
    return (one,) if definition.multiple and one is not None else one


def _scalar(raw: Any, kind: str, zone: tzinfo, login: Callable[[int], str]) -> Value:
    if raw is None or raw == "":
        return None
    if kind == "date":
        return parse.day_or_instant(raw, zone)
    if kind == "datetime":
        return parse.instant(raw, zone)
    if kind == "boolean":
        return parse.truth(raw)
    if kind == "user":
        number = _user_id(raw)
        return login(number) if number else None
    if isinstance(raw, dict | list):
        raise TypeError("one value is no object")
    if kind == "integer":
        return _number(raw)
    return str(raw)


def _number(raw: Any) -> int | float:
    """A whole number, or a real one with a fraction, which may be given as text. Raises ValueError, TypeError or OverflowError."""
    if isinstance(raw, str) and _REAL.fullmatch(raw.strip()):
        raw = float(raw)
    return raw if isinstance(raw, float) and isfinite(raw) and not raw.is_integer() else int(raw)

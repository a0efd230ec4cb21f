"""The values of operators: parsed from a rule for the kind of their field, and formatted for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from vigil.compliance.durations import Duration, Offset
from vigil.compliance.facts import Value
from vigil.compliance.rules.operators import DATE_FIELDS, Op, Takes


def show(value: Value) -> str:
    """A value for people; a list with commas."""
    if isinstance(value, tuple):
        return ", ".join(show(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    return "nothing" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class AsOf:
    """``as_of``, ``as_of+30d``: an instant relative to the clock. Units: d, w, mo, y, h."""

    offset: Offset

    def __str__(self) -> str:
        return f"as_of{self.offset}" if self.offset.n else "as_of"


Operand = str | int | float | bool | date | datetime | AsOf | Duration

_AS_OF = re.compile(r"as_of\s*(?:([+-])\s*(\S+))?")
_LIKE_AS_OF = re.compile(r"\s*as_of(?=$|[\s+\-\d])")
_UNSIGNED = re.compile(r"as_of\s*(\d\S*)")
_NAMES = {
    "string": "text",
    "user": "a login",
    "integer": "a number",
    "boolean": "true or false",
    "date": "a date such as 2026-03-31, or as_of+30d",
    "datetime": "a date or an instant such as 2026-03-31T09:00:00Z, or as_of+30d",
    "list": "a name",
}


def operands(op: Op, kind: str | None, value: Value) -> tuple[Operand, ...]:
    """Parse the value of a leaf for the kind of its field: none, one or many operands.

    `kind` is None without a schema: the value of `before` and `after` is a date, others stay unchanged. Raises ValueError with the
    given and the allowed values.
    """
    takes = op.row.takes
    if takes is Takes.NOTHING:
        if value is not None:
            raise ValueError(f"`{op}` takes no value")
        return ()
    if takes is Takes.MANY:
        if not isinstance(value, tuple):
            raise ValueError(f"`{op}` takes a list of values, found {found(value)}")
        return tuple(operand(op, kind, item) for item in value)
    if value is None:
        raise ValueError(f"`{op}` needs a value; it takes {takes}")
    if isinstance(value, tuple):
        raise ValueError(f"`{op}` takes {takes}, found a list")
    return (operand(op, kind, value),)


def operand(op: Op, kind: str | None, value: Value) -> Operand:
    """Parse one value for the kind of the field. Raises ValueError with the allowed values."""
    if op.row.takes is Takes.LENGTH:
        if not isinstance(value, str):
            raise ValueError(f"`{op}` takes a length of time such as 30d, found {found(value)}")
        length = Duration.parse(value)
        if kind == "date" and length.unit == "m":
            raise ValueError(f'"{value}" is minutes, and a date has none; months are {length.n}mo')
        return length
    if kind in DATE_FIELDS or (kind is None and op.row.kinds == DATE_FIELDS):
        return _moment(kind or "datetime", value)
    if kind is None and isinstance(value, str) and op.row.text is None and _LIKE_AS_OF.match(value):
        # The field's kind is unknown, and the text can only be a date.
        _moment("datetime", value)
    fits: tuple[type, ...]
    match kind:
        case "string" | "user" | "list":
            fits = (str,)
        case "integer":
            fits = (int, float)
        case "boolean":
            fits = (bool,)
        case _:
            fits = (str, int, float, bool, date)
    if not isinstance(value, fits) or (isinstance(value, bool) and kind == "integer"):
        raise ValueError(f"a field of kind {kind} takes {_NAMES[kind or 'string']}, found {found(value)}")
    assert value is not None and not isinstance(value, tuple)
    if op.row.check is not None:
        op.row.check(show(value))
    return value


def _moment(kind: str, value: Value) -> date | datetime | AsOf:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"the instant {value.isoformat()} has no offset; write one, such as Z or +01:00")
        return value
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        relative = _AS_OF.fullmatch(value.strip())
        if relative is not None:
            return _as_of(value, relative[1], relative[2])
        if (unsigned := _UNSIGNED.fullmatch(value.strip())) is not None:
            raise ValueError(f'"{value}" has no sign: as_of+{unsigned[1]} or as_of-{unsigned[1]}?')
        try:
            return date.fromisoformat(value) if len(value) <= 10 else _moment(kind, _instant(value))
        except ValueError as wrong:
            if "no offset" in str(wrong):
                raise
    raise ValueError(f"a field of kind {kind} takes {_NAMES[kind]}, found {found(value)}")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _as_of(text: str, sign: str | None, length: str | None) -> AsOf:
    if sign is None or length is None:
        return AsOf(Offset(0, "d"))
    try:
        offset = Offset.parse(sign + length)
    except ValueError:
        offset = Offset(0, "bd")
    if offset.unit == "bd":
        raise ValueError(f'"{text}" is not an instant; after as_of stands a number and one of d, w, mo, y, h')
    return AsOf(offset)


def found(value: object) -> str:
    """A value of a file, for error messages."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case tuple() | list():
            return "a list"
        case Mapping():
            return "a mapping"
        case date():
            return f"the date {value.isoformat()}"
    return f'the text "{value}"'

"""The values of one field as typed columns.

The meaning of a value must not depend on the other rows: evaluating ten workspaces must give the same results as evaluating a million.
So a field has one column for each kind of its values, each value is in exactly one of them, and an operator handles every column by
its kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from vigil.compliance.evaluation.zoned import INSTANT
from vigil.compliance.facts import Value
from vigil.compliance.rules.operands import show

DTYPES: Mapping[str, Any] = {
    "text": pl.String,
    "whole": pl.Int64,
    "real": pl.Float64,
    "truth": pl.Boolean,
    "date": pl.Date,
    "instant": INSTANT,
}
"""The kinds of single values, with the type of their columns."""

_KINDS: Mapping[type, str] = {
    str: "text",
    int: "whole",
    float: "real",
    bool: "truth",
    date: "date",
    datetime: "instant",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WIDEST = 2**63


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `many`: its values are lists of `kind`."""

    name: str
    kind: str
    many: bool = False


def columns(field: str, values: Sequence[Value]) -> Iterator[tuple[Column, pl.Series]]:
    """The columns of a field, null for values that are unset or in another column. No column for a field that is never set."""
    kinds = set(map(type, values)) - {type(None)}
    one = _KINDS.get(next(iter(kinds))) if len(kinds) == 1 else None
    # Floats may be NaN, and integers too large for their column: then each value is checked.
    if one is not None and one != "real" and not (one == "whole" and _wide(values)):
        yield from _filled(field, one, False, values)
        return
    parts: dict[tuple[str, bool], list[Any]] = {}
    for row, value in enumerate(values):
        placed = _placed(value)
        if placed is not None:
            kind, many, found = placed
            if (kind, many) not in parts:
                parts[kind, many] = [None] * len(values)
            parts[kind, many][row] = found
    for (kind, many), found in sorted(parts.items()):
        yield from _filled(field, kind, many, found)


def _wide(values: Sequence[Any]) -> bool:
    return any(abs(v) >= _WIDEST for v in values if v is not None)


def _filled(field: str, kind: str, many: bool, values: Sequence[Any]) -> Iterator[tuple[Column, pl.Series]]:
    column = Column(f"{field}:{kind}{'s' if many else ''}", kind, many)
    if many:
        series = pl.Series(column.name, values, dtype=pl.List(DTYPES[kind]))
    elif kind == "instant":
        series = instants(values).alias(column.name)
    else:
        series = pl.Series(column.name, values, dtype=DTYPES[kind])
    if kind == "text" and not many:
        empty = series == ""
        if empty.any():
            series = series.set(empty, None)
        if series.null_count() == len(series):
            return
    yield column, series


def instants(values: Sequence[datetime | None]) -> pl.Series:
    """Aware instants as a column. Computing microseconds here is several times as fast as the library's own conversion."""
    return pl.Series(
        [None if v is None else (v - _EPOCH) // _MICROSECOND for v in values], dtype=pl.Int64
    ).cast(INSTANT)


def _placed(value: Value) -> tuple[str, bool, Any] | None:
    """The kind of a value, whether it is a list, and the value for its column; None if it is unset."""
    if not isinstance(value, tuple):
        kind = _kind(value)
        return None if kind is None else (kind, False, value)
    items = list(_flat(value))
    kinds = {kind for kind, _ in items}
    if not items:
        return None
    if len(kinds) > 1:
        return "text", True, [show(item) for _, item in items]
    return kinds.pop(), True, [item for _, item in items]


def _flat(values: tuple[Value, ...]) -> Iterator[tuple[str, Value]]:
    """The set items, with nested rows flattened."""
    for item in values:
        if isinstance(item, tuple):
            yield from _flat(item)
        elif (kind := _kind(item)) is not None:
            yield kind, item


def _kind(value: Value) -> str | None:
    """The kind of a single value; None if it is unset: null, an empty text, not a number."""
    if value is None or value == "" or value != value:
        return None
    kind = _KINDS[type(value)]
    return "real" if kind == "whole" and isinstance(value, int) and abs(value) >= _WIDEST else kind

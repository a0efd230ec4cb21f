"""Compiles a field leaf to expressions over the columns of its field: where it holds, and when the clock alone will change that.

Relative dates shift the value, as a milestone's offsets do: ``within: 1mo`` of 31 March holds from 28 February on. A date is compared
with the local day, an instant with the instant.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, reduce
from typing import Any

import polars as pl

from vigil.compliance.durations import Duration, Offset
from vigil.compliance.evaluation.columns import Column
from vigil.compliance.evaluation.zoned import INSTANT, begin, local_day
from vigil.compliance.rules.clauses import FieldLeaf, Scalar
from vigil.compliance.rules.operands import AsOf, Operand, operand, show
from vigil.compliance.rules.operators import Op

_BECOMES = frozenset({operator.le, operator.gt, operator.eq})
"""Comparisons with the clock that change when the clock reaches the value."""
_PASSES = frozenset({operator.lt, operator.ge, operator.eq})
"""Comparisons with the clock that change when the clock has passed the value."""

_FIXED = {"d": timedelta(days=1), "w": timedelta(weeks=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_NEVER_MET = pl.lit(False)


@dataclass(frozen=True)
class Now:
    """The instant of an evaluation, in the site's zone."""

    as_of: datetime
    zone: str

    @cached_property
    def today(self) -> date:
        return local_day(self.as_of, self.zone)


@dataclass(frozen=True, slots=True)
class Shift:
    """How far a relative operand shifts a value before the comparison with the clock: ``within: 30d`` shifts it 30 days back."""

    n: int
    unit: str

    @property
    def fixed(self) -> timedelta | None:
        """Its length; None for months and years."""
        return self.n * _FIXED[self.unit] if self.unit in _FIXED else None

    @property
    def by_days(self) -> bool:
        """Whether it shifts a date to a date."""
        return self.unit not in ("h", "m")

    def of(self, value: pl.Expr) -> pl.Expr:
        return value if self.n == 0 else value.dt.offset_by(f"{self.n}{self.unit}")


def shift_of(given: Operand, op: Op) -> Shift | None:
    """The shift of a relative operand; None for a fixed value."""
    if isinstance(given, Duration):
        return Shift(given.n if op.row.ago else -given.n, given.unit)
    if isinstance(given, AsOf):
        offset: Offset = given.offset
        return Shift(-offset.n, offset.unit)
    return None


def holds(leaf: FieldLeaf, columns: Sequence[Column], now: Now) -> pl.Expr:
    """True or false for each row, never null: an unset value meets only what `operators` defines."""
    op = leaf.op.positive
    found = [_in_column(leaf, op, column, now) for column in columns]
    met = reduce(operator.or_, found) if found else _NEVER_MET
    return met if leaf.op is op else ~met


def deciding(leaf: FieldLeaf, met: bool, columns: Sequence[Column], now: Now) -> list[pl.Expr]:
    """For each column the rows in which its value decides that the leaf is `met`; none if any value does."""
    op = leaf.op.positive
    by_one = len(columns) > 1 and met is (leaf.op is op)
    return [_in_column(leaf, op, column, now) for column in columns] if by_one else []


def _in_column(leaf: FieldLeaf, op: Op, column: Column, now: Now) -> pl.Expr:
    value = pl.col(column.name)
    if op is Op.PRESENT:
        return (
            value.is_not_null() & (value.list.len() > 0).fill_null(False)
            if column.many
            else value.is_not_null()
        )
    met = _compared(pl.element() if column.many else value, leaf, op, column, now)
    if met is None:
        return _NEVER_MET
    return (value.list.eval(met).list.any() if column.many else met).fill_null(False)


def _compared(value: pl.Expr, leaf: FieldLeaf, op: Op, column: Column, now: Now) -> pl.Expr | None:
    """The comparison of one value with the leaf's operands; None if no operand fits the column's kind."""
    given = _fitting(leaf, op, column)
    if not given:
        return None
    row = op.row
    if row.asks_text(column.kind, column.many):
        assert row.text is not None
        return reduce(operator.or_, (row.text.column(value, text) for text in given))
    match column.kind:
        case "text" | "truth":
            return value.is_in(given) if len(given) > 1 else value.eq(given[0])
        case "date":
            tests = [_date(value, o, op, now) for o in given]
        case "instant":
            tests = [_instant(value, o, op, now) for o in given]
        case _:
            tests = [_compare(op)(value, o) for o in given]
    return reduce(operator.or_, tests)


def _compare(op: Op) -> Callable[[Any, Any], Any]:
    """The comparison of an operator that compares values."""
    assert op.row.compare is not None
    return op.row.compare


def _fitting(leaf: FieldLeaf, op: Op, column: Column) -> list[Any]:
    """The operands that can be compared with values of the column's kind. Others are not met, and never an error."""
    given: Sequence[Scalar] = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    if not op.row.compares(column.kind, column.many):
        return []
    match column.kind:
        case "text":
            # What a file writes without quotes is read as a number or a date; for a field that holds text it is its text.
            texts = [show(v) for v in given if v is not None]
            return (
                texts if op.row.check is None else [t for t in texts if _operand(op, "string", t) is not None]
            )
        case "truth":
            return [v for v in given if isinstance(v, bool)]
        case "whole" | "real":
            return [v for v in given if isinstance(v, int | float) and not isinstance(v, bool)]
        case _:
            kind = "date" if column.kind == "date" else "datetime"
            return [o for v in given if (o := _operand(leaf.op, kind, v)) is not None]


def _operand(op: Op, kind: str, value: Scalar) -> Operand | None:
    try:
        return None if value is None else operand(op, kind, value)
    except ValueError:
        return None


def _date(value: pl.Expr, given: Operand, op: Op, now: Now) -> pl.Expr:
    compare = _compare(op)
    shift = shift_of(given, op)
    if shift is None:
        day = local_day(given, now.zone) if isinstance(given, datetime) else given
        return compare(value, day)  # type: ignore[no-any-return]
    if not shift.by_days:
        return compare(value, _day_ahead(shift, now))  # type: ignore[no-any-return]
    if shift.fixed is not None:
        return compare(value, now.today - shift.fixed)  # type: ignore[no-any-return]
    return compare(shift.of(value), now.today)  # type: ignore[no-any-return]


def _day_ahead(shift: Shift, now: Now) -> date:
    """The local day after some hours or minutes from now."""
    assert shift.fixed is not None
    return local_day(now.as_of - shift.fixed, now.zone)


def _instant(value: pl.Expr, given: Operand, op: Op, now: Now) -> pl.Expr:
    compare = _compare(op)
    shift = shift_of(given, op)
    if shift is None:
        if isinstance(given, datetime):
            return compare(value, pl.lit(given, INSTANT))  # type: ignore[no-any-return]
        assert isinstance(given, date)
        return _on_day(value, given, compare, now.zone)
    if shift.fixed is not None:
        return compare(value, pl.lit(now.as_of - shift.fixed, INSTANT))  # type: ignore[no-any-return]
    return compare(shift.of(value), pl.lit(now.as_of, INSTANT))  # type: ignore[no-any-return]


def _on_day(value: pl.Expr, day: date, compare: Callable[[Any, Any], Any], zone: str) -> pl.Expr:
    """Compare an instant with a date, by its local day."""
    first = pl.lit(begin(day, zone), INSTANT)
    past = pl.lit(begin(day + timedelta(days=1), zone) if day < date.max else None, INSTANT)
    whole = {
        operator.eq: (value >= first) & (value < past).fill_null(True),
        operator.lt: value < first,
        operator.le: (value < past).fill_null(value.is_not_null()),
        operator.gt: value >= past,
        operator.ge: value >= first,
    }
    return whole[compare]


@dataclass(frozen=True, slots=True)
class NextChange:
    """When a leaf may change by the clock alone.

    If `ahead` is None, `at` is an instant; else it is a local day, and the change comes `ahead` before that day begins.
    """

    at: pl.Expr
    ahead: timedelta | None = None


def next_changes(leaf: FieldLeaf, columns: Sequence[Column], now: Now) -> Iterator[NextChange]:
    """The next changes of a leaf by the clock alone, exactly: null in rows without one."""
    op = leaf.op.positive
    for column in columns:
        if column.kind not in ("date", "instant") or op is Op.PRESENT:
            continue
        for given in _fitting(leaf, op, column):
            shift = shift_of(given, op)
            if shift is not None:
                yield _next_change(column, shift, op, now)


def _next_change(column: Column, shift: Shift, op: Op, now: Now) -> NextChange:
    value = pl.element() if column.many else pl.col(column.name)
    if column.kind == "instant":
        found = _next(shift.of(value), op, pl.lit(now.as_of, INSTANT), "1us")
        return NextChange(_least(column, found))
    if shift.by_days:
        return NextChange(_least(column, _next(shift.of(value), op, pl.lit(now.today), "1d")), timedelta(0))
    ahead = shift.fixed
    assert ahead is not None
    return NextChange(_least(column, _next(value, op, pl.lit(_day_ahead(shift, now)), "1d")), -ahead)


def _next(value: pl.Expr, op: Op, clock: pl.Expr, past: str) -> pl.Expr:
    """The next position of the clock at which its comparison with `value` changes: `value` itself, or the position just after it."""
    compare = _compare(op)
    at, after = compare in _BECOMES, compare in _PASSES
    out = pl.when((value > clock) if at else pl.lit(False)).then(value)
    return (
        out.when((value >= clock) if after else pl.lit(False)).then(value.dt.offset_by(past)).otherwise(None)
    )


def _least(column: Column, found: pl.Expr) -> pl.Expr:
    return pl.col(column.name).list.eval(found).list.min() if column.many else found

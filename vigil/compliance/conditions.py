"""Clauses over tables: true, false or unknown for every workspace at once, and the leaves that decided.

Unknown is Polars' null, and its `&`, `|` and `~` follow Kleene: all of (false, unknown) is false, all of (true, unknown) is
unknown. A value that is not set is known: it is unset. Only what could not be read is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from dateutil.relativedelta import relativedelta

from vigil.compliance.clauses import (
    All,
    Any_,
    Clause,
    DocumentLeaf,
    DocumentState,
    FieldLeaf,
    Leaf,
    MissingLeaf,
    Not,
    leaves,
)
from vigil.compliance.durations import Duration
from vigil.compliance.operators import AsOf, Op, Operand, operands, show
from vigil.compliance.tables import INSTANT, Table

NEGATED = {Op.NE: Op.EQ, Op.NOT_IN: Op.IN, Op.NOT_CONTAINS: Op.CONTAINS, Op.ABSENT: Op.PRESENT}
"""Operators that hold exactly where another does not, unset values included."""


@dataclass(frozen=True)
class Scope:
    """A table made ready for some clauses at an instant: document states joined, names resolved."""

    frame: pl.DataFrame
    attributes: dict[str, str]
    as_of: datetime
    zone: str

    def column(self, leaf: FieldLeaf) -> str | None:
        """The column that a leaf reads; None when no workspace has the field."""
        ref = leaf.ref
        match ref.root:
            case "attr":
                return self.attributes.get(ref.name)
            case "role" | "event":
                name = f"{ref.root}:{ref.name}"
                return name if name in self.frame.columns else None
            case "name" | "created" | "modified":
                return ref.root
            case _:
                return None

    def unread(self, leaf: Leaf) -> pl.Expr:
        """Where the leaf's part of the workspace could not be read."""
        match leaf:
            case DocumentLeaf():
                return pl.col("unread:documents")
            case MissingLeaf():
                return pl.col("unread:missing") | pl.col("missing:n").is_null()
            case FieldLeaf():
                match leaf.ref.root:
                    case "attr":
                        return pl.col("unread:attrs")
                    case "role":
                        return pl.col("unread:roles")
                    case "related":
                        return pl.lit(True)
        return pl.lit(False)


def scope(table: Table, clauses: Iterable[Clause | None], as_of: datetime, zone: str) -> Scope:
    """Join what the clauses' leaves ask of documents and missing documents to the table's workspaces."""
    frame = table.workspaces
    wanted = [leaf for clause in clauses for leaf in leaves(clause)]
    for kind in sorted({t for leaf in wanted if isinstance(leaf, DocumentLeaf) for t in leaf.types}):
        frame = frame.join(
            _document_states(table, kind, as_of, zone), left_on="id", right_on="workspace", how="left"
        )
    if any(isinstance(leaf, MissingLeaf) for leaf in wanted):
        frame = frame.join(
            table.missing.rename({"n": "missing:n"}), left_on="id", right_on="workspace", how="left"
        )
    return Scope(frame, dict(table.attributes), as_of, zone)


def _document_states(table: Table, kind: str, as_of: datetime, zone: str) -> pl.DataFrame:
    """For the workspaces with documents of a type: how many, how many valid today, and when the next one stops to be."""
    today = as_of.astimezone(ZoneInfo(zone)).date()
    valid = pl.col("expires").is_null() | (pl.col("expires") >= today)
    flip = midnight(pl.col("expires").dt.offset_by("1d"), zone)
    return (
        table.documents.lazy()
        .filter(pl.col("type") == kind)
        .group_by("workspace")
        .agg(
            pl.len().alias(f"doc:{kind}:n"),
            valid.sum().alias(f"doc:{kind}:valid"),
            flip.filter(flip > as_of).min().alias(f"doc:{kind}:flip"),
        )
        .collect()
    )


def midnight(day: pl.Expr, zone: str) -> pl.Expr:
    """The instant at which a local day begins."""
    local = day.cast(pl.Datetime("us")).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    # Where the clocks skip midnight the day begins within the next hour: looking an hour early does no harm.
    early = (
        day.cast(pl.Datetime("us"))
        .dt.offset_by("-1h")
        .dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    )
    return pl.coalesce(local, early).dt.convert_time_zone("UTC")


def compile_clause(clause: Clause, scope: Scope) -> pl.Expr:
    """True, false or null for each row of the scope's frame."""
    match clause:
        case All(all=parts):
            return reduce(lambda a, b: a & b, (compile_clause(p, scope) for p in parts))
        case Any_(any=parts):
            return reduce(lambda a, b: a | b, (compile_clause(p, scope) for p in parts))
        case Not(not_=part):
            return ~compile_clause(part, scope)
        case _:
            return pl.when(scope.unread(clause)).then(None).otherwise(_known(clause, scope))


def _known(leaf: Leaf, scope: Scope) -> pl.Expr:
    match leaf:
        case DocumentLeaf():
            return reduce(lambda a, b: a & b, (_document(t, leaf.state) for t in leaf.types))
        case MissingLeaf():
            some = pl.col("missing:n") > 0
            return some if leaf.missing_documents == "any" else ~some
        case FieldLeaf():
            return _field(leaf, scope)


def _document(kind: str, state: DocumentState) -> pl.Expr:
    there = pl.col(f"doc:{kind}:n").fill_null(0) > 0
    valid = pl.col(f"doc:{kind}:valid").fill_null(0) > 0
    match state:
        case DocumentState.PRESENT:
            return there
        case DocumentState.ABSENT:
            return ~there
        case DocumentState.VALID:
            return valid
        case DocumentState.EXPIRED:
            return there & ~valid


def _field(leaf: FieldLeaf, scope: Scope) -> pl.Expr:
    op = NEGATED.get(leaf.op, leaf.op)
    name = scope.column(leaf)
    if name is None:
        met: pl.Expr = pl.lit(False)
    else:
        dtype = scope.frame.schema[name]
        if isinstance(dtype, pl.List):
            # A list contains a value that is one of its members; text contains a part of itself.
            inner = _compare(
                pl.element(), dtype.inner, Op.EQ if op is Op.CONTAINS else op, leaf, scope
            ).fill_null(False)
            met = pl.col(name).list.eval(inner).list.any()
            if op is Op.PRESENT:
                met = pl.col(name).list.len() > 0
        else:
            met = _compare(pl.col(name), dtype, op, leaf, scope)
        met = met.fill_null(False)
    return met if leaf.op is op else ~met


def _compare(value: pl.Expr, dtype: Any, op: Op, leaf: FieldLeaf, scope: Scope) -> pl.Expr:
    if op is Op.PRESENT:
        return value.is_not_null() & (value != "") if dtype == pl.String else value.is_not_null()
    given = [
        _operand(o, dtype, op, scope) for o in operands(leaf.op, _kind(dtype), _fitted(leaf.value, dtype))
    ]
    match op:
        case Op.EQ:
            return value.eq(given[0])
        case Op.IN:
            return value.is_in(given)
        case Op.LT | Op.BEFORE:
            return value.lt(given[0])
        case Op.LE | Op.WITHIN | Op.OLDER_THAN:
            return value.le(given[0])
        case Op.GT | Op.AFTER:
            return value.gt(given[0])
        case Op.GE:
            return value.ge(given[0])
        case Op.CONTAINS:
            return value.str.contains(given[0], literal=True)
        case Op.STARTS_WITH:
            return value.str.starts_with(given[0])
        case _:
            raise AssertionError(f"{op} is not compared")


def _kind(dtype: Any) -> str | None:
    if dtype == pl.Date:
        return "date"
    return "datetime" if dtype == INSTANT else None


def _fitted(value: Any, dtype: Any) -> Any:
    """A number written in a rule for a field that holds text is that text."""
    if dtype == pl.String:
        if isinstance(value, tuple):
            return tuple(_fitted(v, dtype) for v in value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
    return value


def _operand(given: Operand, dtype: Any, op: Op, scope: Scope) -> Any:
    """A rule's value as the column has it: dates for a date column, instants for an instant column."""
    if isinstance(given, Duration):
        at = given.after(scope.as_of) if op is Op.WITHIN else given.before(scope.as_of)
        return _local_day(at, scope) if dtype == pl.Date else pl.lit(at, INSTANT)
    if isinstance(given, AsOf):
        at = _shift(scope.as_of, given)
        return _local_day(at, scope) if dtype == pl.Date else pl.lit(at, INSTANT)
    if dtype == INSTANT and isinstance(given, date):
        at = (
            given
            if isinstance(given, datetime)
            else datetime(given.year, given.month, given.day, tzinfo=ZoneInfo(scope.zone))
        )
        return pl.lit(at, INSTANT)
    if dtype == pl.Date and isinstance(given, datetime):
        return _local_day(given, scope)
    return given


def _shift(at: datetime, by: AsOf) -> datetime:
    n, unit = by.offset.n, by.offset.unit
    match unit:
        case "mo" | "y":
            return at + relativedelta(months=n * (12 if unit == "y" else 1))
        case "h":
            return at + timedelta(hours=n)
        case _:
            return at + timedelta(days=n * (7 if unit == "w" else 1))


def _local_day(at: datetime, scope: Scope) -> date:
    return at.astimezone(ZoneInfo(scope.zone)).date()


def flips(clauses: Iterable[Clause | None], scope: Scope) -> pl.Expr:
    """The first instant after `as_of` at which the clauses could change by the clock alone; null when they cannot.

    It may come early, never late: looking once too often gives the same verdict again.
    """
    candidates = [e for clause in clauses for leaf in leaves(clause) for e in _flips(leaf, scope)]
    later = [pl.when(e > scope.as_of).then(e).otherwise(None) for e in candidates]
    return pl.min_horizontal(later) if later else pl.lit(None, INSTANT)


def _flips(leaf: Leaf, scope: Scope) -> list[pl.Expr]:
    if isinstance(leaf, DocumentLeaf):
        moving = leaf.state in (DocumentState.VALID, DocumentState.EXPIRED)
        return [pl.col(f"doc:{t}:flip") for t in leaf.types] if moving else []
    if not isinstance(leaf, FieldLeaf) or (name := scope.column(leaf)) is None:
        return []
    dtype = scope.frame.schema[name]
    if dtype not in (pl.Date, INSTANT) or leaf.op in (Op.PRESENT, Op.ABSENT):
        return []
    out = []
    for given in operands(leaf.op, _kind(dtype), leaf.value):
        if isinstance(given, AsOf):
            back, unit = -given.offset.n, given.offset.unit
        elif isinstance(given, Duration):
            back, unit = (-given.n if leaf.op is Op.WITHIN else given.n), given.unit
        else:
            continue
        moved = (
            pl.col(name).dt.offset_by(f"{back}{unit}")
            if unit not in ("h", "m") or dtype == INSTANT
            else pl.col(name)
        )
        if dtype == pl.Date:
            out += [midnight(moved.dt.offset_by(f"{d}d"), scope.zone) for d in (-1, 0, 1, 2)]
        else:
            out += [moved, moved.dt.offset_by("1us"), moved.dt.offset_by("1d")]
    return out


def explain(clause: Clause, scope: Scope, ids: Sequence[int], met: bool) -> dict[int, tuple[str, ...]]:
    """For each workspace the leaves, as sentences with what they saw, that made `clause` come out as `met`."""
    all_leaves = list(leaves(clause))
    rows = scope.frame.filter(pl.col("id").is_in(list(ids)))
    truth = rows.select(
        "id",
        *(compile_clause(leaf, scope).alias(f"leaf:{i}") for i, leaf in enumerate(all_leaves)),
        *(_seen(leaf, scope).alias(f"seen:{i}") for i, leaf in enumerate(all_leaves)),
    )
    out = {}
    for row in truth.iter_rows(named=True):
        told = {id(leaf): (row[f"leaf:{i}"], row[f"seen:{i}"]) for i, leaf in enumerate(all_leaves)}
        out[row["id"]] = tuple(
            dict.fromkeys(_sentence(leaf, *told[id(leaf)]) for leaf in _deciding(clause, told, met))
        )
    return out


def _seen(leaf: Leaf, scope: Scope) -> pl.Expr:
    name = scope.column(leaf) if isinstance(leaf, FieldLeaf) else None
    return pl.lit(None) if name is None else pl.col(name)


def _truth(clause: Clause, told: dict[int, tuple[bool | None, Any]]) -> bool | None:
    match clause:
        case All(all=parts):
            values = [_truth(p, told) for p in parts]
            return False if False in values else None if None in values else True
        case Any_(any=parts):
            values = [_truth(p, told) for p in parts]
            return True if True in values else None if None in values else False
        case Not(not_=part):
            inner = _truth(part, told)
            return None if inner is None else not inner
        case _:
            return told[id(clause)][0]


def _deciding(clause: Clause, told: dict[int, tuple[bool | None, Any]], met: bool | None) -> list[Leaf]:
    match clause:
        case All(all=parts) | Any_(any=parts):
            return [leaf for p in parts if _truth(p, told) is met for leaf in _deciding(p, told, met)]
        case Not(not_=part):
            return _deciding(part, told, None if met is None else not met)
        case _:
            return [clause]


def _sentence(leaf: Leaf, value: bool | None, seen: Any) -> str:
    if value is None:
        return f"{leaf.text}: could not be read"
    if isinstance(leaf, FieldLeaf) and not (value and leaf.op in (Op.EQ, Op.ABSENT)):
        shown = show(tuple(seen)) if isinstance(seen, list) else show(seen)
        return f"{leaf.text}: {'yes' if value else 'no'}, it is {shown}"
    return leaf.text if value else f"{leaf.text}: no"

"""Compiles clauses to table expressions: true, false or unknown for every workspace at once, and the leaves that decided.

Unknown is Polars' null, and its `&`, `|` and `~` follow Kleene: all of (false, unknown) is false, all of (true, unknown) is unknown.
An unset value is known. Only values that could not be read are unknown.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import reduce

import polars as pl

from vigil.compliance.calendar import NEVER
from vigil.compliance.evaluation import field_compiler, sentences
from vigil.compliance.evaluation.columns import Column
from vigil.compliance.evaluation.field_compiler import NextChange, Now
from vigil.compliance.evaluation.tables import Table
from vigil.compliance.evaluation.zoned import INSTANT, begins
from vigil.compliance.rules.clauses import (
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
from vigil.compliance.sensitive import is_sensitive

_UNKNOWN = pl.lit(None, pl.Boolean)
UNTYPED = "doc:untyped"
"""The column with how many of a workspace's documents have a type that Extended ECM does not tell."""


@dataclass(frozen=True)
class ClauseScope:
    """A table prepared for some clauses at an instant: document states joined, names resolved.

    `event` has the columns of an event's fields, if the rows of `frame` are events. `sensitive` are attributes, as Category.attribute,
    whose values no sentence shows.
    """

    frame: pl.DataFrame
    table: Table
    now: Now
    event: Mapping[str, tuple[Column, ...]] = field(default_factory=dict)
    sensitive: Collection[str] = ()

    def columns(self, leaf: FieldLeaf) -> tuple[Column, ...]:
        """The columns that a leaf reads; none if no workspace has the field."""
        ref = leaf.ref
        return self.event.get(ref.name, ()) if ref.root == "event" else self.table.columns(ref)

    def unread(self, leaf: Leaf) -> pl.Expr | None:
        """The rows for which the leaf's part of the workspace could not be read; None if that is impossible."""
        match leaf:
            case DocumentLeaf():
                return self.table.unread("documents")
            case MissingLeaf():
                never, unread = pl.col("missing:n").is_null(), self.table.unread("missing")
                return never if unread is None else unread | never
            case FieldLeaf():
                match leaf.ref.root:
                    case "event":
                        name = f"unread:event.{leaf.ref.name}"
                        return pl.col(name) if name in self.frame.columns else None
                    case "attr":
                        return self.table.unread("attrs")
                    case "role":
                        return self.table.unread("roles")
                    case "related":
                        parts = ("related", f"related.{leaf.ref.type}")
                        found = [p for part in parts if (p := self.table.unread(part)) is not None]
                        return reduce(operator.or_, found) if found else None
        return None

    def at(self, rows: Sequence[int]) -> ClauseScope:
        """The same for some of the rows, by number."""
        return replace(self, frame=self.frame[list(rows)])

    def only(self, rows: pl.DataFrame, event: Mapping[str, tuple[Column, ...]] | None = None) -> ClauseScope:
        """The same for other rows, with this frame's columns."""
        return replace(self, frame=rows, event=self.event if event is None else event)


def scope(
    table: Table,
    clauses: Iterable[Clause | None],
    as_of: datetime,
    zone: str,
    sensitive: Collection[str] = (),
) -> ClauseScope:
    """Join the document states and missing documents that the clauses' leaves need to the table's workspaces."""
    frame = table.workspaces
    now = Now(as_of, zone)
    wanted = [leaf for clause in clauses for leaf in leaves(clause)]
    kinds = sorted({t for leaf in wanted if isinstance(leaf, DocumentLeaf) for t in leaf.types})
    if kinds:
        frame = frame.join(
            _document_states(table, kinds, now), left_on="id", right_on="workspace", how="left"
        )
    if any(isinstance(leaf, MissingLeaf) for leaf in wanted):
        missing = table.missing.rename({"n": "missing:n"})
        frame = frame.join(missing, left_on="id", right_on="workspace", how="left")
    return ClauseScope(frame, table, now, sensitive=sensitive)


def _document_states(table: Table, kinds: Sequence[str], now: Now) -> pl.DataFrame:
    """For the workspaces with documents, by type: how many, how many valid today, and the day on which the next one expires.

    `UNTYPED` has how many of unknown type, if there is one in the table.
    """
    expires = pl.col("expires")
    valid = expires.is_null() | (expires >= now.today)
    states = []
    for kind in kinds:
        mine = pl.col("type") == kind
        ends = pl.when(mine & (expires >= now.today)).then(expires).min()
        states += [
            mine.sum().alias(f"doc:{kind}:n"),
            (mine & valid).sum().alias(f"doc:{kind}:valid"),
            ends.dt.offset_by("1d").alias(f"doc:{kind}:next_change"),
        ]
    wanted = pl.col("type").is_in(kinds)
    if table.documents["untyped"].any():
        states.append(pl.col("untyped").sum().alias(UNTYPED))
        wanted |= pl.col("untyped")
    documents = table.documents.lazy().filter(wanted)
    return documents.group_by("workspace").agg(states).collect()


def met(clause: Clause, scope: ClauseScope) -> list[bool | None]:
    """Whether a clause holds, for each row of the scope's frame; None where that is not known."""
    # With the id beside it: a clause that looks at no column at all is one value, and not one for each row.
    table = scope.frame.select("id", compile_clause(clause, scope).alias("met"))
    found: list[bool | None] = table["met"].to_list()
    return found


def compile_clause(clause: Clause, scope: ClauseScope) -> pl.Expr:
    """True, false or null for each row of the scope's frame."""
    match clause:
        case All(all=parts):
            return reduce(operator.and_, (compile_clause(p, scope) for p in parts))
        case Any_(any=parts):
            return reduce(operator.or_, (compile_clause(p, scope) for p in parts))
        case Not(not_=part):
            return ~compile_clause(part, scope)
        case _:
            unread, known = scope.unread(clause), _known(clause, scope)
            return known if unread is None else pl.when(unread).then(_UNKNOWN).otherwise(known)


def _known(leaf: Leaf, scope: ClauseScope) -> pl.Expr:
    match leaf:
        case DocumentLeaf():
            return reduce(operator.and_, (_document(t, leaf.state, scope) for t in leaf.types))
        case MissingLeaf():
            some = pl.col("missing:n") > 0
            return some if leaf.missing_documents == "any" else ~some
        case FieldLeaf():
            return field_compiler.holds(leaf, scope.columns(leaf), scope.now)


def _document(kind: str, state: DocumentState, scope: ClauseScope) -> pl.Expr:
    """How the documents of a type stand. One of unknown type may be of this type: a fact that it could change is unknown."""
    there = (pl.col(f"doc:{kind}:n") > 0).fill_null(False)
    valid = (pl.col(f"doc:{kind}:valid") > 0).fill_null(False)
    if UNTYPED in scope.frame.columns:
        doubtful = (pl.col(UNTYPED) > 0).fill_null(False)
        there = pl.when(doubtful & ~there).then(_UNKNOWN).otherwise(there)
        valid = pl.when(doubtful & ~valid).then(_UNKNOWN).otherwise(valid)
    match state:
        case DocumentState.PRESENT:
            return there
        case DocumentState.ABSENT:
            return ~there
        case DocumentState.VALID:
            return valid
        case DocumentState.EXPIRED:
            return there & ~valid


@dataclass(frozen=True)
class NextChanges:
    """The next changes of some clauses by the clock alone, in two steps: columns of days and instants, then one of instants."""

    instant: pl.Expr | None
    days: Mapping[timedelta, pl.Expr]

    @classmethod
    def of(cls, clauses: Iterable[Clause | None], scope: ClauseScope) -> NextChanges:
        found = [
            next_change
            for clause in clauses
            for leaf in leaves(clause)
            for next_change in _next_changes(leaf, scope)
        ]
        days: dict[timedelta, list[pl.Expr]] = defaultdict(list)
        for next_change in found:
            if next_change.ahead is not None:
                days[next_change.ahead].append(next_change.at)
        instants = [next_change.at for next_change in found if next_change.ahead is None]
        return cls(
            pl.min_horizontal(instants) if instants else None,
            {ahead: pl.min_horizontal(some) for ahead, some in days.items()},
        )

    def columns(self, name: str) -> list[pl.Expr]:
        """The expressions to select."""
        out = [] if self.instant is None else [self.instant.alias(f"{name}:at")]
        return out + [some.alias(f"{name}:{n}") for n, some in enumerate(self.days.values())]

    def first(self, selected: pl.DataFrame, name: str, zone: str) -> pl.Series | None:
        """The first change of each row, from the selected columns; None if there can be none."""
        found = [] if self.instant is None else [selected[f"{name}:at"]]
        found += [begins(selected[f"{name}:{n}"], zone) - ahead for n, ahead in enumerate(self.days)]
        if not found:
            return None
        frame = pl.DataFrame([s.alias(str(n)) for n, s in enumerate(found)])
        # A change after the calendar's last year never happens.
        in_time = [pl.when(pl.col(c) <= NEVER).then(pl.col(c)) for c in frame.columns]
        return frame.select(pl.min_horizontal(in_time))[:, 0]


def _next_changes(leaf: Leaf, scope: ClauseScope) -> Iterable[NextChange]:
    match leaf:
        case DocumentLeaf(state=DocumentState.VALID | DocumentState.EXPIRED):
            return [NextChange(pl.col(f"doc:{t}:next_change"), timedelta(0)) for t in leaf.types]
        case FieldLeaf():
            return field_compiler.next_changes(leaf, scope.columns(leaf), scope.now)
        case _:
            return ()


def next_change(clause: Clause, scope: ClauseScope) -> pl.Series:
    """The first instant after `as_of` at which the clause may change by the clock alone; null if there is none."""
    some = NextChanges.of([clause], scope)
    selected = scope.frame.select("id", *some.columns("next_change"))
    found = some.first(selected, "next_change", scope.now.zone)
    return pl.Series([None] * len(selected), dtype=INSTANT) if found is None else found


def explain(
    clause: Clause, scope: ClauseScope, ids: Sequence[int], met: bool | None
) -> dict[int, tuple[str, ...]]:
    """For each workspace the leaves that decided that `clause` is `met`, as sentences with their values."""
    rows = scope.frame.filter(pl.col("id").is_in(list(ids)))
    return dict(zip(rows["id"].to_list(), because(clause, scope.only(rows), met), strict=True))


def because(
    clause: Clause, scope: ClauseScope, met: bool | None, among: Collection[str] = ()
) -> list[tuple[str, ...]]:
    """For each row, for which `clause` is `met`, the leaves that decided, as sentences with their values.

    `among` are other fields of the rule: attributes of the same name are distinguished by their categories.
    """
    among = {*among, *(leaf.field for leaf in leaves(clause) if isinstance(leaf, FieldLeaf))}
    numbers: dict[int, int] = {}
    for leaf in leaves(clause):
        numbers.setdefault(id(leaf), len(numbers))
    rows = scope.frame
    deciding = list(_deciding(clause, numbers, met, scope, None, among))
    if not deciding:
        return [()] * len(rows)
    if any(when is not None for _, when in deciding):
        parts = [compile_clause(leaf, scope).alias(f"leaf:{numbers[id(leaf)]}") for leaf in leaves(clause)]
        rows = rows.with_columns({p.meta.output_name(): p for p in parts}.values())
    told = [sentence if when is None else pl.when(when).then(sentence) for sentence, when in deciding]
    listed = pl.concat_list(told)
    if len(told) > 1:
        listed = listed.list.drop_nulls().list.unique(maintain_order=True)
    return [tuple(some) for some in rows.select("id", listed.alias("why"))["why"].to_list()]


def _truth(clause: Clause, numbers: Mapping[int, int]) -> pl.Expr:
    match clause:
        case All(all=parts):
            return reduce(operator.and_, (_truth(p, numbers) for p in parts))
        case Any_(any=parts):
            return reduce(operator.or_, (_truth(p, numbers) for p in parts))
        case Not(not_=part):
            return ~_truth(part, numbers)
        case _:
            return pl.col(f"leaf:{numbers[id(clause)]}")


def _deciding(
    clause: Clause,
    numbers: Mapping[int, int],
    met: bool | None,
    scope: ClauseScope,
    when: pl.Expr | None,
    among: Collection[str],
) -> Iterator[tuple[pl.Expr, pl.Expr | None]]:
    """Each leaf's sentence, with the rows in which it decided that `clause` is `met`; None for all rows."""
    match clause:
        case All(all=parts) | Any_(any=parts):
            # All parts of a met `all` are met, and no part of an unmet `any` is: no need to check.
            sure = met is isinstance(clause, All) and met is not None
            for p in parts:
                mine = None if sure or len(parts) == 1 else _comes_out(_truth(p, numbers), met)
                both = when if mine is None else mine if when is None else when & mine
                yield from _deciding(p, numbers, met, scope, both, among)
        case Not(not_=part):
            yield from _deciding(part, numbers, None if met is None else not met, scope, when, among)
        case _:
            yield _sentence(clause, met, scope, among), when


def _comes_out(truth: pl.Expr, met: bool | None) -> pl.Expr:
    if met is None:
        return truth.is_null()
    return (truth if met else ~truth).fill_null(False)


def _sentence(leaf: Leaf, value: bool | None, scope: ClauseScope, among: Collection[str]) -> pl.Expr:
    if value is None:
        return pl.lit(sentences.unread(leaf, among))
    match leaf:
        case DocumentLeaf():
            return sentences.of_documents(leaf, value)
        case MissingLeaf():
            return sentences.of_missing(pl.col("missing:n"))
        case FieldLeaf():
            columns = scope.columns(leaf)
            deciding = field_compiler.deciding(leaf, value, columns, scope.now)
            told = sentences.of_field(leaf, value, columns, deciding, among, scope.now.zone)
            hidden = _withheld(leaf, scope)
            if hidden is None:
                return told
            return pl.when(hidden).then(pl.lit(sentences.withheld(leaf, value, among))).otherwise(told)


def _withheld(leaf: FieldLeaf, scope: ClauseScope) -> pl.Expr | None:
    """The rows in which the leaf uses a sensitive attribute; None if that is impossible."""
    if is_sensitive(leaf.field, scope.sensitive):
        return pl.lit(True)
    if leaf.ref.root != "event" or leaf.ref.name not in ("from", "to") or not scope.sensitive:
        return None
    changed = [pl.col(c.name).is_in(list(scope.sensitive)) for c in scope.event.get("attr", ())]
    return pl.any_horizontal(changed).fill_null(False) if changed else None


__all__ = ["ClauseScope", "NextChanges", "because", "compile_clause", "explain", "next_change", "scope"]

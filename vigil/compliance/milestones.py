"""Milestones: instants at an offset from a date. A moment is due in the window (after, as_of] that holds it, and in no other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from vigil.compliance import facts as f
from vigil.compliance.calendar import NEVER, Calendar, calendar_for
from vigil.compliance.clauses import FieldRef
from vigil.compliance.columns import Column
from vigil.compliance.conditions import Scope, because
from vigil.compliance.events import Change, stamp
from vigil.compliance.operators import show
from vigil.compliance.rules import Repeat, Rule, RuleStep
from vigil.compliance.standings import SCHEMA
from vigil.compliance.tables import INSTANT, Table, names
from vigil.compliance.verdicts import Finding, Outcome, Why
from vigil.compliance.zoned import moved

if TYPE_CHECKING:
    from vigil.compliance.evaluate import Window

_OF_DATES: Mapping[str, Any] = {"due": pl.Date, "step": pl.Int64, "k": pl.Int64, "at": INSTANT}


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant of a step: the k-th repeat, 0 for the first."""

    step: str | None
    k: int
    at: datetime


def moments(rule: Rule, due: date | datetime, calendar: Calendar) -> tuple[Moment, ...]:
    """Every instant of a milestone for one date."""
    out = []
    for step in rule.steps:
        if step.at is not None:
            repeat = _repeat(rule, step)
            every, times = (repeat.every, repeat.max) if repeat else (None, 0)
            found = calendar.moments(due, step.at, every, times)
            out += [Moment(step.id, k, at) for k, at in enumerate(found)]
    return tuple(out)


def _repeat(rule: Rule, step: RuleStep) -> Repeat | None:
    return step.repeat or rule.repeat


def repeats_of(rule: Rule, first: datetime, zone: str) -> list[tuple[int, datetime]]:
    """The numbered repeats of a finding that was said at `first`. `zone` is the site's."""
    if rule.repeat is None:
        return []
    calendar = calendar_for(rule.calendar, zone)
    return list(enumerate(calendar.repeats(first, rule.repeat.every, rule.repeat.max), start=1))


def occurrence(due: date | datetime, k: int = 0) -> str:
    """The name of a date as an occurrence; repeats are numbered."""
    name = stamp(due) if isinstance(due, datetime) else due.isoformat()
    return f"{name}#{k}" if k else name


def evaluate(
    rule: Rule,
    scope: Scope,
    holds: pl.Series | None,
    before: pl.DataFrame | None,
    changes: Sequence[Change],
    window: Window,
) -> tuple[list[Finding], pl.DataFrame | None]:
    """The moments of `rule` that are due, those that came too late, and when to look again.

    `holds` tells for each row of the scope whether the rule's `where` holds, null where that is not known; `before` is what
    was remembered. Where a field could not be read nothing is said, and the window stays open until it can be.
    """
    zone = scope.now.zone
    calendar = calendar_for(rule.calendar, zone)
    found: list[Finding] = []
    kept: list[pl.DataFrame] = []
    # A field has one column almost always; where it has more, the first that is set counts.
    taken = pl.lit(False)
    for column in due_columns(rule, scope.table):
        rows = _rows(rule, scope, column, taken, holds, before, window)
        taken = taken | pl.col(column.name).is_not_null()
        if rows.is_empty():
            continue
        at = _moments(rule, rows["due"].unique(), calendar, window.as_of)
        kept.append(_standings(rule, scope, rows, at, window))
        found += _due(rule, scope, rows, at, _fresh(rule, changes, window.of(rule.name)), window)
    return found, pl.concat(kept) if kept else None


def due_columns(rule: Rule, table: Table) -> list[Column]:
    """The columns that hold a milestone's date."""
    if not rule.due:
        return []
    some = table.columns(FieldRef.parse(rule.due))
    return [c for c in some if c.kind in ("date", "instant") and not c.many]


def due_of(rule: Rule, table: Table, workspace: int) -> date | datetime | None:
    """The date of a milestone for one workspace; None when the rule has none or the date is not set."""
    row = table.workspaces.filter(pl.col("id") == workspace)
    dates: list[date | datetime | None] = [row[c.name][0] for c in due_columns(rule, table) if len(row)]
    return next((d for d in dates if d is not None), None)


def _rows(
    rule: Rule,
    scope: Scope,
    column: Column,
    taken: pl.Expr,
    holds: pl.Series | None,
    before: pl.DataFrame | None,
    window: Window,
) -> pl.DataFrame:
    """The workspaces with a date: number of the row, id, due, whether `where` holds (null: unknown), since when that is open."""
    held = pl.lit(True) if holds is None else pl.lit(holds)
    if rule.due is not None and rule.due.startswith("attr."):
        held = pl.when(pl.col("unread:attrs")).then(None).otherwise(held)
    if rule.unknown == "finding":
        held = held.fill_null(True)
    rows = scope.frame.select(
        pl.int_range(pl.len()).alias("row"),
        "id",
        pl.col(column.name).alias("due"),
        held.alias("holds"),
        taken.alias("taken"),
    ).filter(pl.col("due").is_not_null() & ~pl.col("taken"))
    after = pl.lit(window.of(rule.name), INSTANT)
    if before is None:
        return rows.with_columns(after=after)
    held_since = before.select(pl.col("workspace").alias("id"), "since").filter(pl.col("since").is_not_null())
    # Of what was remembered of the rule while it was of another kind nothing counts before the rule's own window.
    return rows.join(held_since, on="id", how="left", maintain_order="left").with_columns(
        after=pl.min_horizontal(after, "since")
    )


def _moments(rule: Rule, due: pl.Series, calendar: Calendar, as_of: datetime) -> pl.DataFrame:
    """Every moment of the distinct dates `due`: due, number of the step, k, at. Repeats only where the first one has passed."""
    due = due.alias("due")
    some = []
    for number, step in enumerate(rule.steps):
        if step.at is None:
            continue
        first = moved(due, step.at, calendar)
        some.append(_of_step(due, number, 0, first))
        repeat = _repeat(rule, step)
        if repeat is not None:
            some += _repeats(due, number, step, repeat, first, calendar, as_of)
    return pl.concat(some) if some else _of_step(due, 0, 0, due.cast(INSTANT)).clear()


def _repeats(
    due: pl.Series,
    number: int,
    step: RuleStep,
    repeat: Repeat,
    first: pl.Series,
    calendar: Calendar,
    as_of: datetime,
) -> list[pl.DataFrame]:
    begun = due.filter(first <= as_of)
    if begun.is_empty() or step.at is None:
        return []
    if begun.dtype == pl.Date:
        rows = [
            (d, number, k, at)
            for d in begun.to_list()
            for k, at in enumerate(calendar.moments(d, step.at, repeat.every, repeat.max))
            if k
        ]
        return [pl.DataFrame(rows, schema=dict(_OF_DATES), orient="row")]
    base = moved(begun, step.at, calendar)
    return [
        _of_step(begun, number, k, moved(base, repeat.every.times(k), calendar))
        for k in range(1, repeat.max + 1)
    ]


def _of_step(due: pl.Series, step: int, k: int, at: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"due": due, "at": at}).select(
        "due", pl.lit(step, pl.Int64).alias("step"), pl.lit(k, pl.Int64).alias("k"), "at"
    )


def _standings(
    rule: Rule, scope: Scope, rows: pl.DataFrame, at: pl.DataFrame, window: Window
) -> pl.DataFrame:
    """When to look again: at the next moment of each date; and where a window stays open, since when."""
    ahead = at.filter((pl.col("at") > window.as_of) & (pl.col("at") < NEVER))
    following = ahead.group_by("due").agg(pl.col("at").min().alias("next_check_at"))
    unknown = pl.col("holds").is_null()
    kept = (
        rows.join(following, on="due", how="left", maintain_order="left")
        .filter(pl.col("next_check_at").is_not_null() | unknown)
        .select(
            "row",
            rule=pl.lit(rule.name),
            workspace="id",
            outcome=pl.when(unknown)
            .then(pl.lit(Outcome.NOT_EVALUATED.value))
            .otherwise(pl.lit(Outcome.CLEAR.value)),
            since=pl.when(unknown).then("after"),
            next_check_at="next_check_at",
            why=pl.lit([], pl.List(pl.String)),
        )
    )
    blind = kept.filter(pl.col("outcome") == Outcome.NOT_EVALUATED.value)
    if len(blind):
        mine = scope.only(scope.frame[blind["row"]])
        why = _blind(rule, mine)
        seeing = kept.filter(pl.col("outcome") != Outcome.NOT_EVALUATED.value)
        kept = pl.concat([seeing, blind.with_columns(why.alias("why"))]).sort("row")
    return kept.select(SCHEMA.keys())


def _blind(rule: Rule, scope: Scope) -> pl.Series:
    """What could not be read, for rows of which that decides."""
    date_unread = pl.Series(scope.frame["unread:attrs"])
    said = pl.Series([[f"{rule.due} could not be read"]] * len(date_unread), dtype=pl.List(pl.String))
    if rule.where is None:
        return said
    where = because(rule.where, scope, None)
    if rule.due is None or not rule.due.startswith("attr."):
        return where
    return pl.DataFrame({"a": said, "b": where, "date": date_unread}).select(
        pl.when("date").then("a").otherwise("b")
    )["a"]


def _due(
    rule: Rule,
    scope: Scope,
    rows: pl.DataFrame,
    at: pl.DataFrame,
    fresh: set[int],
    window: Window,
) -> list[Finding]:
    """The findings of the rows: moments inside their windows, and first moments that had passed when their date became known."""
    live = rows.filter(pl.col("holds").fill_null(False))
    past = at.filter(pl.col("at") <= window.as_of)
    after = window.of(rule.name)
    special = pl.col("id").is_in(list(fresh)) | (pl.col("after") < after)
    inside = live.filter(~special).join(past.filter(pl.col("at") > after), on="due")
    known_late = pl.col("id").is_in(list(fresh)) & (pl.col("k") == 0)
    others = live.filter(special).join(past, on="due").filter((pl.col("at") > pl.col("after")) | known_late)
    found = pl.concat([inside, others]).sort("row", "step", "k")
    if found.is_empty():
        return []
    why: Iterable[Sequence[str]] = [()] * len(found)
    if rule.where is not None:
        why = because(rule.where, scope.only(scope.frame[found["row"]]), True)
    out = []
    columns = ("id", "due", "step", "k", "at", "after")
    for (workspace, due, step, k, moment, since), reasons in zip(
        found.select(columns).iter_rows(), why, strict=True
    ):
        out.append(
            Finding(
                rule.name,
                workspace,
                occurrence(due, k),
                rule.steps[step].id,
                moment,
                (f"{rule.due} is {show(due)}", *reasons),
                due=due,
                suppressed=_late(rule, moment, since, window.as_of),
            )
        )
    return out


def _fresh(rule: Rule, changes: Iterable[Change], after: datetime) -> set[int]:
    """The workspaces whose date became known, or moved, since the last evaluation."""
    ref = FieldRef.parse(rule.due or "")
    out = set()
    for c in changes:
        if not isinstance(c.after, f.Workspace):
            continue
        if c.before is None:
            if c.after.created > after:
                out.add(c.after.id)
        elif isinstance(c.before, f.Workspace) and _dates(ref, c.before) != _dates(ref, c.after):
            out.add(c.after.id)
    return out


def _dates(ref: FieldRef, of: f.Workspace) -> object:
    if ref.root == "attr":
        return {key: value for key, value in of.attrs.items() if value is not None and names(ref.name, key)}
    return of.created if ref.root == "created" else of.modified


def _late(rule: Rule, moment: datetime, after: datetime, as_of: datetime) -> Why | None:
    """What the rule says of a moment that is not on time: None when it is sent.

    A moment inside the window is sent by the first run at or after it. One before the window, whose date became known only
    now, was missed: `late` says what becomes of it within its length; beyond it, or without `late`, it is dropped.
    """
    missed = moment <= after
    if rule.late is None:
        return Why.TOO_LATE if missed else None
    if as_of - moment > rule.late.within.timedelta:
        return Why.LATE_DROP
    if not missed:
        return None
    return {"send": None, "digest": Why.LATE_DIGEST, "drop": Why.LATE_DROP}[rule.late.policy]

"""Milestones: instants at an offset from a date. A moment is due in the window (after, as_of] that holds it, and in no other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from vigil.compliance import facts as f
from vigil.compliance.calendar import Calendar, calendar_for
from vigil.compliance.clauses import FieldLeaf
from vigil.compliance.conditions import compile_clause, explain, scope
from vigil.compliance.events import Change, stamp
from vigil.compliance.operators import Op, show
from vigil.compliance.rules import Rule
from vigil.compliance.tables import Table
from vigil.compliance.verdicts import Finding, Outcome, Standing, Why

if TYPE_CHECKING:
    from vigil.compliance.evaluate import Window


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
        if step.at is None:
            continue
        repeat = step.repeat or rule.repeat
        every, times = (repeat.every, repeat.max) if repeat else (None, 0)
        out += [Moment(step.id, k, at) for k, at in enumerate(calendar.moments(due, step.at, every, times))]
    return tuple(out)


def repeats_of(rule: Rule, first: datetime, window: Window) -> list[tuple[int, datetime]]:
    """The numbered repeats of a finding that was said at `first`."""
    if rule.repeat is None:
        return []
    calendar = calendar_for(rule.calendar, "UTC")
    return list(enumerate(calendar.repeats(first, rule.repeat.every, rule.repeat.max), start=1))


def occurrence(due: date | datetime, k: int = 0) -> str:
    """The name of a date as an occurrence; repeats are numbered."""
    name = stamp(due) if isinstance(due, datetime) else due.isoformat()
    return f"{name}#{k}" if k else name


def evaluate(
    rule: Rule, table: Table, changes: Sequence[Change], window: Window, zone: str
) -> tuple[list[Finding], list[Standing]]:
    """The moments of `rule` that are due, those that came too late, and when to look again."""
    column = _due_column(rule, table)
    if column is None:
        return [], []
    ready = scope(table, [rule.where], window.as_of, zone)
    holds = pl.lit(True) if rule.where is None else compile_clause(rule.where, ready)
    rows = ready.frame.select("id", pl.col(column).alias("due"), holds.alias("holds")).filter(
        pl.col("due").is_not_null()
    )
    calendar = calendar_for(rule.calendar, zone)
    by_date = {due: moments(rule, due, calendar) for due in rows["due"].unique().to_list()}
    after = window.of(rule.name)
    fresh = _fresh(changes, column, after)
    found: list[Finding] = []
    kept: list[Standing] = []
    for workspace, due, holding in rows.iter_rows():
        upcoming = min((m.at for m in by_date[due] if m.at > window.as_of), default=None)
        if upcoming is not None:
            outcome = Outcome.CLEAR if holding is not None else Outcome.NOT_EVALUATED
            kept.append(Standing(rule.name, workspace, outcome, None, upcoming))
        if holding:
            found += _due(rule, workspace, due, by_date[due], after, window.as_of, workspace in fresh)
    why = (
        explain(rule.where, ready, [x.workspace for x in found], True)
        if rule.where is not None and found
        else {}
    )
    said = f"{rule.due} is "
    return [replace(x, why=(said + show(x.due), *why.get(x.workspace, ()))) for x in found], kept


def due_of(rule: Rule, table: Table, workspace: int) -> date | datetime | None:
    """The date of a milestone for one workspace; None when the rule has none or the date is not set."""
    column = _due_column(rule, table) if rule.due else None
    if column is None:
        return None
    found: date | datetime | None = table.workspaces.filter(pl.col("id") == workspace)[column][0]
    return found


def _due_column(rule: Rule, table: Table) -> str | None:
    ref = FieldLeaf(field=rule.due or "", op=Op.PRESENT).ref
    name = table.attributes.get(ref.name) if ref.root == "attr" else ref.root
    if name is None or name not in table.workspaces.columns:
        return None
    dtype = table.workspaces.schema[name]
    return name if dtype == pl.Date or isinstance(dtype, pl.Datetime) else None


def _fresh(changes: Iterable[Change], column: str, after: datetime) -> set[int]:
    """The workspaces whose date became known, or moved, since the last evaluation."""
    key = column.removeprefix("attr:")
    out = set()
    for c in changes:
        if not isinstance(c.after, f.Workspace):
            continue
        if c.before is None:
            if c.after.created > after:
                out.add(c.after.id)
        elif isinstance(c.before, f.Workspace) and c.before.attrs.get(key) != c.after.attrs.get(key):
            out.add(c.after.id)
    return out


def _due(
    rule: Rule,
    workspace: int,
    due: date | datetime,
    some: Sequence[Moment],
    after: datetime,
    as_of: datetime,
    fresh: bool,
) -> list[Finding]:
    out = []
    for m in some:
        if m.at > as_of or (m.at <= after and not (fresh and m.k == 0)):
            continue
        out.append(
            Finding(
                rule.name,
                workspace,
                occurrence(due, m.k),
                m.step,
                m.at,
                due=due,
                suppressed=_late(rule, m, after, as_of),
            )
        )
    return out


def _late(rule: Rule, moment: Moment, after: datetime, as_of: datetime) -> Why | None:
    """What the rule says of a moment that is not on time: None when it is sent.

    A moment inside the window is sent by the first run at or after it. One before the window, whose date became known only
    now, was missed: `late` says what becomes of it within its length; beyond it, or without `late`, it is dropped.
    """
    missed = moment.at <= after
    if rule.late is None:
        return Why.TOO_LATE if missed else None
    if as_of - moment.at > rule.late.within.timedelta:
        return Why.LATE_DROP
    if not missed:
        return None
    return {"send": None, "digest": Why.LATE_DIGEST, "drop": Why.LATE_DROP}[rule.late.policy]

"""Milestones: instants at an offset from a date. A moment is due in the window (after, as_of] that contains it, and in no other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import polars as pl

from vigil.compliance import facts as f
from vigil.compliance.calendar import Calendar, calendar_for
from vigil.compliance.evaluation import sentences
from vigil.compliance.evaluation.clause_compiler import ClauseScope, because
from vigil.compliance.evaluation.columns import Column
from vigil.compliance.evaluation.results import Finding, Outcome, Why
from vigil.compliance.evaluation.rule_state import ClearStates, RuleState
from vigil.compliance.evaluation.schedule import Moment, Schedule, moments, schedule_of
from vigil.compliance.evaluation.tables import Table, names
from vigil.compliance.evaluation.window import Window
from vigil.compliance.events import Change, stamp
from vigil.compliance.occurrence import Occurrence
from vigil.compliance.rules.clauses import FieldRef
from vigil.compliance.rules.model import Rule, fields_used
from vigil.compliance.sensitive import is_sensitive


def occurrence_of(due: date | datetime, k: int = 0) -> str:
    """The name of a date as an occurrence; repeats are numbered."""
    name = stamp(due) if isinstance(due, datetime) else due.isoformat()
    return str(Occurrence(name, repeat=k))


@dataclass(frozen=True)
class MilestoneResult:
    """The result for one milestone. `clear_states` has when to evaluate again."""

    findings: list[Finding]
    rule_states: list[RuleState]
    clear_states: list[ClearStates]


@dataclass(frozen=True, slots=True)
class _Row:
    """A workspace with a date that may have findings. `after` is the start of its own window."""

    number: int
    workspace: int
    due: date | datetime
    after: datetime
    fresh: bool
    blind: bool


@dataclass(frozen=True)
class _Sight:
    """The input of one evaluation of one rule."""

    rule: Rule
    scope: ClauseScope
    calendar: Calendar
    window: Window
    before: Mapping[int, RuleState]
    fresh: frozenset[int]

    @property
    def after(self) -> datetime:
        return self.window.of(self.rule.name)

    @cached_property
    def fields(self) -> set[str]:
        return fields_used(self.rule)

    @cached_property
    def due(self) -> str:
        return due_title(self.rule)

    def since(self, workspace: int) -> datetime:
        """The start of the workspace's window: earlier than the rule's while a field could not be read."""
        before = self.before.get(workspace)
        return self.after if before is None or before.since is None else min(before.since, self.after)


def evaluate(
    rule: Rule,
    scope: ClauseScope,
    holds: pl.Series | None,
    before: Mapping[int, RuleState],
    changes: Sequence[Change],
    window: Window,
    made: Collection[int] = (),
) -> MilestoneResult:
    """The due moments of `rule`, those that are late, and when to evaluate again.

    `holds` has for each row of the scope whether the rule's `where` holds, null if unknown; `before` has the remembered states. If a
    field could not be read there is no finding, and the window stays open until it can be.
    """
    calendar = calendar_for(rule.calendar, scope.now.zone)
    after = window.of(rule.name)
    # At a rule's first evaluation no earlier moment counts, however late its date became known.
    first_look = window.starts.get(rule.name) == window.as_of
    # For a new rule, the creation of a workspace is not news.
    new = () if rule.name in window.starts else made
    fresh = frozenset() if first_look else frozenset(_fresh(rule, changes, after, new))
    sight = _Sight(rule, scope, calendar, window, before, fresh)
    out = MilestoneResult([], [], [])
    for rows in _dated(rule, scope, holds):
        dates = rows["due"].unique()
        ahead = schedule_of(rule, dates, calendar, sight.after, window.as_of)
        known = rows.filter(pl.col("holds").is_not_null())
        if len(ahead.following):
            out.clear_states.append(ClearStates.of(rule.name, known.join(ahead.following, on="due")))
        if len(known) < len(rows):
            out.rule_states.extend(_blind(sight, rows.filter(pl.col("holds").is_null()), ahead))
        out.findings.extend(_said(sight, known, ahead))
    return out


def due_title(rule: Rule) -> str:
    """The name of a milestone's date field, for people."""
    return sentences.title(rule.due or "created", fields_used(rule))


def due_in_words(rule: Rule, due: date | datetime | None, zone: str, sensitive: Collection[str] = ()) -> str:
    """A milestone's date as a sentence: "expires is 1 June 2026"; without the date if it is `sensitive`."""
    hidden = rule.due is not None and is_sensitive(rule.due, sensitive)
    return f"{due_title(rule)} is {sentences.WITHHELD if hidden else sentences.value(due, zone)}"


def due_columns(rule: Rule, table: Table) -> list[Column]:
    """The columns of a milestone's date."""
    if not rule.due:
        return []
    some = table.columns(FieldRef.parse(rule.due))
    return [c for c in some if c.kind in ("date", "instant") and not c.many]


def due_of(rule: Rule, table: Table, workspace: int) -> date | datetime | None:
    """The date of a milestone for one workspace; None if the rule has none or the date is unset."""
    row = table.workspaces.filter(pl.col("id") == workspace)
    dates: list[date | datetime | None] = [row[c.name][0] for c in due_columns(rule, table) if len(row)]
    return next((d for d in dates if d is not None), None)


def _dated(rule: Rule, scope: ClauseScope, holds: pl.Series | None) -> Iterator[pl.DataFrame]:
    """The workspaces with a date, a frame for each of its columns: row, workspace, due, holds (null: unknown), blind.

    `blind` marks those that the rule treats as met because it is unknown: `unknown: finding`.
    """
    met = pl.lit(True) if holds is None else pl.lit(holds)
    unread = scope.table.unread("attrs")
    if unread is not None and FieldRef.parse(rule.due or "created").root == "attr":
        met = pl.when(unread).then(None).otherwise(met)
    blind = met.is_null() if rule.unknown == "finding" else pl.lit(False)
    taken: pl.Expr | None = None
    for column in due_columns(rule, scope.table):
        due = pl.col(column.name)
        mine = due.is_not_null() if taken is None else due.is_not_null() & ~taken
        taken = due.is_not_null() if taken is None else taken | due.is_not_null()
        row = pl.int_range(pl.len()).alias("row")
        columns = (
            row,
            pl.col("id").alias("workspace"),
            due.alias("due"),
            (met | blind).alias("holds"),
            blind.alias("blind"),
            mine.alias("mine"),
        )
        rows = scope.frame.lazy().select(*columns).filter("mine").drop("mine").collect()
        if len(rows):
            yield rows


def _said(sight: _Sight, rows: pl.DataFrame, ahead: Schedule) -> list[Finding]:
    """The findings of rows: moments inside their windows, and first moments that had passed when their date became known."""
    special = {w for w in sight.before if sight.since(w) < sight.after} | sight.fresh
    now: list[tuple[_Row, list[Moment]]] = []
    if ahead.inside:
        usual = pl.col("due").is_in(pl.Series(list(ahead.inside), dtype=rows["due"].dtype).implode())
        for number, workspace, due, _, blind in rows.filter(usual & pl.col("holds")).iter_rows():
            if workspace not in special:
                now.append((_Row(number, workspace, due, sight.after, False, blind), ahead.inside[due]))
    if special:
        others = pl.col("workspace").is_in(list(special))
        for number, workspace, due, _, blind in rows.filter(others & pl.col("holds")).iter_rows():
            row = _Row(number, workspace, due, sight.since(workspace), workspace in sight.fresh, blind)
            now.append((row, _of_special(sight, row)))
    found = [(row, m) for row, some in now for m in some]
    found.sort(key=lambda x: (x[0].number, x[1].step, x[1].k))
    seen = [row.number for row, _ in found if not row.blind]
    why = _unread(sight, [row.number for row, _ in found if row.blind])
    if sight.rule.where is not None and seen:
        why |= zip(seen, because(sight.rule.where, sight.scope.at(seen), True, sight.fields), strict=True)
    return [_finding(sight, row, m, why.get(row.number, ())) for row, m in found]


def _of_special(sight: _Sight, row: _Row) -> list[Moment]:
    """The moments of a date that moved, or whose window was kept open."""
    past = [m for m in moments(sight.rule, row.due, sight.calendar) if m.at <= sight.window.as_of]
    return [m for m in past if m.at > row.after or (row.fresh and m.k == 0)]


def _finding(sight: _Sight, row: _Row, moment: Moment, reasons: Sequence[str]) -> Finding:
    rule = sight.rule
    return Finding(
        rule.name,
        row.workspace,
        occurrence_of(row.due, moment.k),
        rule.steps[moment.step].id,
        moment.at,
        (due_in_words(rule, row.due, sight.scope.now.zone, sight.scope.sensitive), *reasons),
        due=row.due,
        suppressed=_late(rule, moment.at, row.after, sight.window.as_of),
    )


def _blind(sight: _Sight, rows: pl.DataFrame, ahead: Schedule) -> Iterator[RuleState]:
    """The states of rows for which it is unknown whether the rule applies."""
    following = dict(ahead.following.iter_rows())
    name = sight.rule.name
    why = _unread(sight, rows["row"].to_list())
    for number, workspace, due, _, _ in rows.iter_rows():
        since, next_check_at = sight.since(workspace), following.get(due)
        yield RuleState(name, workspace, Outcome.NOT_EVALUATED, since, next_check_at, why[number])


def _unread(sight: _Sight, numbers: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The unread data, by number of the row, for rows that depend on it: the date, or a field of `where`."""
    if not numbers:
        return {}
    due = sight.rule.due or ""
    dates: list[int] = []
    if sight.scope.table.unread("attrs") is not None and FieldRef.parse(due).root == "attr":
        unread = sight.scope.frame["unread:attrs"]
        dates = [n for n in numbers if unread[n]]
    others = sorted(set(numbers) - set(dates))
    out: dict[int, tuple[str, ...]] = dict.fromkeys(dates, (f"{sight.due} could not be read",))
    if sight.rule.where is not None and others:
        out |= zip(others, because(sight.rule.where, sight.scope.at(others), None, sight.fields), strict=True)
    return out


def _fresh(rule: Rule, changes: Iterable[Change], after: datetime, made: Collection[int]) -> Iterator[int]:
    """The workspaces whose date became known, or moved, since the rule's last evaluation, `after`; all of `made` are new."""
    ref = FieldRef.parse(rule.due or "created")
    for c in changes:
        if not isinstance(c.after, f.Workspace):
            continue
        if c.before is None:
            if c.after.created > after or c.after.id in made:
                yield c.after.id
        elif isinstance(c.before, f.Workspace) and _dates(ref, c.before) != _dates(ref, c.after):
            yield c.after.id


def _dates(ref: FieldRef, of: f.Workspace) -> object:
    if ref.root == "attr":
        return {key: value for key, value in of.attrs.items() if value is not None and names(ref.name, key)}
    return of.created if ref.root == "created" else of.modified


def _late(rule: Rule, moment: datetime, after: datetime, as_of: datetime) -> Why | None:
    """How the rule treats a moment that is not on time: None if it is sent.

    A moment inside the window is sent by the first run at or after it. One before the window, whose date became known only now, was
    missed: within its length `late` decides; beyond it, or without `late`, it is dropped.
    """
    missed = moment <= after
    if rule.late is None:
        return Why.TOO_LATE if missed else None
    if as_of - moment > rule.late.within.timedelta:
        return Why.LATE_DROP
    if not missed:
        return None
    return {"send": None, "digest": Why.LATE_DIGEST, "drop": Why.LATE_DROP}[rule.late.policy]

"""Condition rules: since when a condition is met, whether that is long enough, the findings, and the states to remember.

One condition of one workspace goes clear -> holding (met, but not yet for as long as `for`) -> finding -> clear. A field that cannot
be read keeps its state. Workspaces without findings stay columns; the others are handled one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from vigil.compliance.evaluation.clause_compiler import ClauseScope, because
from vigil.compliance.evaluation.results import OPEN, Finding, Outcome
from vigil.compliance.evaluation.rule_state import ClearStates, RuleState
from vigil.compliance.evaluation.schedule import repeats_of
from vigil.compliance.evaluation.window import Window
from vigil.compliance.events import stamp
from vigil.compliance.occurrence import Occurrence
from vigil.compliance.rules.clauses import All, Clause, Not
from vigil.compliance.rules.model import Rule


def violation(rule: Rule) -> Clause:
    """The clause that is met if a condition has a finding, without its `where`."""
    return Not(not_=rule.require) if rule.require is not None else rule.when  # type: ignore[return-value]


def full_clause(rule: Rule) -> Clause:
    """The clause that is met if a condition has a finding."""
    return violation(rule) if rule.where is None else All(all=(rule.where, violation(rule)))


@dataclass(frozen=True)
class ConditionResult:
    """The result for one condition. `clear_states` has those that the clock may change."""

    findings: list[Finding]
    rule_states: list[RuleState]
    clear_states: ClearStates | None


@dataclass(frozen=True, slots=True)
class _Row:
    """The data about one workspace: `met` is None if unknown, `next_change` is when the clock may change it."""

    number: int
    workspace: int
    met: bool | None
    next_change: datetime | None
    before: RuleState | None

    @property
    def was_open(self) -> bool:
        return self.before is not None and self.before.outcome in OPEN


def evaluate(
    rule: Rule,
    scope: ClauseScope,
    met: pl.Series,
    next_change: pl.Series | None,
    before: Mapping[int, RuleState],
    window: Window,
) -> ConditionResult:
    """Compute findings and new states from the previous and the present states of a condition.

    `met` and `next_change` have the rows of the scope; `before` has the remembered states that were not clear.
    """
    frame = pl.DataFrame(
        {"workspace": scope.frame["id"], "met": met, "next_change": next_change}
    ).with_row_index("row")
    not_clear = pl.col("met").is_null() | pl.col("met")
    if before:
        not_clear = not_clear | pl.col("workspace").is_in(list(before))
    rows = [_Row(n, w, m, at, before.get(w)) for n, w, m, at in frame.filter(not_clear).iter_rows()]
    why = _reasons(rule, scope, rows)
    findings: list[Finding] = []
    rule_states: list[RuleState] = []
    for row in rows:
        said, state = _step(rule, row, why.get(row.number, ()), window, scope.now.zone)
        # One finding a step: each has its own audience.
        findings += [x if s.id is None else replace(x, step=s.id) for x in said for s in rule.all_steps]
        rule_states += state
    if next_change is None:
        return ConditionResult(findings, rule_states, None)
    clear = frame.filter(~not_clear & pl.col("next_change").is_not_null())
    return ConditionResult(findings, rule_states, ClearStates.of(rule.name, clear, "next_change"))


def _step(
    rule: Rule, row: _Row, why: tuple[str, ...], window: Window, zone: str
) -> tuple[list[Finding], list[RuleState]]:
    """One condition of one workspace: its findings, and the state to remember, if any."""
    since = None if row.before is None else row.before.since
    if row.met is None and rule.unknown == "hold":
        outcome = Outcome.HELD if row.was_open else Outcome.NOT_EVALUATED
        return [], [RuleState(rule.name, row.workspace, outcome, since, row.next_change, why)]
    if row.met is False:
        clear = (
            []
            if row.next_change is None
            else [RuleState(rule.name, row.workspace, Outcome.CLEAR, None, row.next_change)]
        )
        # The end of a finding without a notice is not news.
        return (_resolved(rule, row, since, why, window) if row.was_open and rule.resolved else []), clear
    since = since or window.as_of
    ripe = since if rule.for_ is None else since + rule.for_.timedelta
    # A finding with a notice stays one, even if its rule was edited to require a longer time.
    if ripe > window.as_of and not row.was_open:
        return [], [
            RuleState(rule.name, row.workspace, Outcome.HOLDING, since, _first(row.next_change, ripe), why)
        ]
    again, following = _repeats(rule, row, since, ripe, why, window, zone)
    state = RuleState(
        rule.name, row.workspace, Outcome.FINDING, since, _first(row.next_change, following), why
    )
    if row.was_open:
        return again, [state]
    fire_at = ripe if ripe > window.of(rule.name) else window.as_of
    return [Finding(rule.name, row.workspace, stamp(since), None, fire_at, why)], [state]


def _resolved(
    rule: Rule, row: _Row, since: datetime | None, why: tuple[str, ...], window: Window
) -> list[Finding]:
    name = Occurrence(stamp(since or window.as_of), resolved=True)
    return [Finding(rule.name, row.workspace, str(name), None, window.as_of, why, resolved=True)]


def _repeats(
    rule: Rule, row: _Row, since: datetime, ripe: datetime, why: tuple[str, ...], window: Window, zone: str
) -> tuple[list[Finding], datetime | None]:
    """The due repeat, at most one (missed repeats are not all sent), and when the next one is due."""
    if rule.repeat is None:
        return [], None
    moments = repeats_of(rule, ripe, zone)
    due = [(k, at) for k, at in moments if window.of(rule.name) < at <= window.as_of]
    found = [
        Finding(rule.name, row.workspace, str(Occurrence(stamp(since), repeat=k)), None, at, why)
        for k, at in due[-1:]
    ]
    return found, min((at for _, at in moments if at > window.as_of), default=None)


def _first(one: datetime | None, other: datetime | None) -> datetime | None:
    return other if one is None else one if other is None else min(one, other)


def _reasons(rule: Rule, scope: ClauseScope, rows: Sequence[_Row]) -> dict[int, tuple[str, ...]]:
    """The leaves that decided, by number of the row; for clear ones only if a notice may follow."""
    clause = full_clause(rule)
    out: dict[int, tuple[str, ...]] = {}
    for met in (True, False, None):
        some = [r.number for r in rows if r.met is met and (met is not False or r.was_open)]
        if some:
            out.update(zip(some, because(clause, scope.at(some), met), strict=True))
    return out

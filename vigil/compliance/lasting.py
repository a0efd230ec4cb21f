"""Condition rules: since when a condition is met, whether that is long enough, what is said and what is remembered.

One condition of one workspace goes clear -> holding (met, not yet for as long as `for` asks) -> finding -> clear. A field that
cannot be read holds it where it is. Workspaces of which nothing is to be said stay columns; each of the others is one step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from vigil.compliance.clauses import All, Clause, Not
from vigil.compliance.conditions import Scope, because
from vigil.compliance.events import stamp
from vigil.compliance.milestones import repeats_of
from vigil.compliance.rules import Rule
from vigil.compliance.standings import Standing, quiet
from vigil.compliance.verdicts import OPEN, Finding, Outcome

if TYPE_CHECKING:
    from vigil.compliance.evaluate import Window


def violation(rule: Rule) -> Clause:
    """The clause that is met where a condition has a finding, without its `where`."""
    return Not(not_=rule.require) if rule.require is not None else rule.when  # type: ignore[return-value]


def full_clause(rule: Rule) -> Clause:
    """The clause that is met where a condition has a finding."""
    return violation(rule) if rule.where is None else All(all=(rule.where, violation(rule)))


@dataclass(frozen=True)
class Lasting:
    """One condition after an evaluation. `quiet` has the clear ones that the clock may change, in the columns of standings."""

    findings: list[Finding]
    standings: list[Standing]
    quiet: pl.DataFrame | None


@dataclass(frozen=True, slots=True)
class _Row:
    """What there is to know of one workspace: `met` is None where that cannot be known, `flip` is when the clock may change it."""

    number: int
    workspace: int
    met: bool | None
    flip: datetime | None
    before: Standing | None

    @property
    def was_open(self) -> bool:
        return self.before is not None and self.before.outcome in OPEN


def evaluate(
    rule: Rule,
    scope: Scope,
    met: pl.Series,
    flip: pl.Series | None,
    before: Mapping[int, Standing],
    window: Window,
) -> Lasting:
    """What a condition was and what it is now give what is said and what is remembered.

    `met` and `flip` have the rows of the scope; `before` is what was remembered of workspaces for which it was not clear.
    """
    frame = pl.DataFrame({"workspace": scope.frame["id"], "met": met, "flip": flip}).with_row_index("row")
    loud = pl.col("met").is_null() | pl.col("met")
    if before:
        loud = loud | pl.col("workspace").is_in(list(before))
    rows = [_Row(n, w, m, at, before.get(w)) for n, w, m, at in frame.filter(loud).iter_rows()]
    findings: list[Finding] = []
    standings: list[Standing] = []
    why = _reasons(rule, scope, rows)
    for row in rows:
        said, standing = _step(rule, row, window, scope.now.zone)
        findings += [replace(x, step=s.id, why=why[row.number]) for x in said for s in rule.all_steps]
        if standing is not None:
            standings.append(replace(standing, why=why.get(row.number, ())))
    clear = (
        None if flip is None else quiet(rule.name, frame.filter(~loud & pl.col("flip").is_not_null()), "flip")
    )
    return Lasting(findings, standings, clear)


def _step(rule: Rule, row: _Row, window: Window, zone: str) -> tuple[list[Finding], Standing | None]:
    """One condition of one workspace: what is said, and what is remembered."""
    before = row.before
    since = None if before is None else before.since
    if row.met is None and rule.unknown == "hold":
        outcome = Outcome.HELD if row.was_open else Outcome.NOT_EVALUATED
        return [], Standing(rule.name, row.workspace, outcome, since, row.flip)
    if row.met is False:
        clear = (
            None if row.flip is None else Standing(rule.name, row.workspace, Outcome.CLEAR, None, row.flip)
        )
        # The end of what nobody was told of is no news.
        return (_resolved(rule, row, since, window) if row.was_open and rule.resolved else []), clear
    since = since or window.as_of
    ripe = since if rule.for_ is None else since + rule.for_.timedelta
    if row.was_open:
        # A finding that was said stays one, also where its rule has been edited to ask for a longer time.
        again, following = _repeats(rule, row, since, ripe, window, zone)
        return again, Standing(rule.name, row.workspace, Outcome.FINDING, since, _first(row.flip, following))
    if ripe > window.as_of:
        return [], Standing(rule.name, row.workspace, Outcome.HOLDING, since, _first(row.flip, ripe))
    fire_at = ripe if ripe > window.of(rule.name) else window.as_of
    _, following = _repeats(rule, row, since, ripe, window, zone)
    standing = Standing(rule.name, row.workspace, Outcome.FINDING, since, _first(row.flip, following))
    return [Finding(rule.name, row.workspace, stamp(since), None, fire_at)], standing


def _resolved(rule: Rule, row: _Row, since: datetime | None, window: Window) -> list[Finding]:
    name = f"{stamp(since or window.as_of)}:resolved"
    return [Finding(rule.name, row.workspace, name, None, window.as_of, resolved=True)]


def _repeats(
    rule: Rule, row: _Row, since: datetime, ripe: datetime, window: Window, zone: str
) -> tuple[list[Finding], datetime | None]:
    """The repeat that has come due, at most one (what was missed is not said many times over), and when the next one does."""
    moments = repeats_of(rule, ripe, zone)
    due = [(k, at) for k, at in moments if window.of(rule.name) < at <= window.as_of]
    found = [Finding(rule.name, row.workspace, f"{stamp(since)}#{k}", None, at) for k, at in due[-1:]]
    return found, min((at for _, at in moments if at > window.as_of), default=None)


def _first(*instants: datetime | None) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)


def _reasons(rule: Rule, scope: Scope, rows: Sequence[_Row]) -> dict[int, tuple[str, ...]]:
    """The leaves that decided, by number of the row; for those that are clear only where somebody may be told of it."""
    clause = full_clause(rule)
    out: dict[int, tuple[str, ...]] = {}
    for met in (True, False, None):
        some = [r.number for r in rows if r.met is met and (met is not False or r.was_open)]
        if some:
            out.update(zip(some, because(clause, scope.at(some), met), strict=True))
    return out

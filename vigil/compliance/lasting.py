"""Condition rules: since when a condition is met, whether that is long enough, what is said and what is remembered.

One condition of one workspace goes clear -> holding (met, not yet for as long as `for` asks) -> finding -> clear. A field that
cannot be read holds it where it is. All workspaces go at once: a rule is a few columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from vigil.compliance.clauses import All, Clause, Not
from vigil.compliance.conditions import Scope, because
from vigil.compliance.events import stamp
from vigil.compliance.milestones import repeats_of
from vigil.compliance.rules import Rule
from vigil.compliance.standings import SCHEMA
from vigil.compliance.tables import INSTANT
from vigil.compliance.verdicts import OPEN, Finding, Outcome
from vigil.compliance.zoned import mapped

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
    """One condition after an evaluation: its findings, its standings (with `fresh`: found now), and how many have which outcome."""

    findings: list[Finding]
    standings: pl.DataFrame
    counts: dict[str, int]


def step(
    rule: Rule,
    scope: Scope,
    met: pl.Series,
    flip: pl.Series | None,
    before: pl.DataFrame | None,
    window: Window,
) -> Lasting:
    """What a condition was (`before`) and what it is now (`met`, null where that cannot be known) give what is said and remembered.

    `flip` is when the clock alone may change it. Clear ones are remembered only as far as that.
    """
    rows = _explained(rule, scope, _now(rule, scope, met, flip, before, window))
    repeats, rows = _repeated(rule, rows, window, scope.now.zone)
    counts = {str(o): n for o, n in rows["outcome"].value_counts().iter_rows()}
    others = len(met) - len(rows)
    counts[Outcome.CLEAR.value] = counts.get(Outcome.CLEAR.value, 0) + others
    kept = rows.filter((pl.col("outcome") != Outcome.CLEAR.value) | pl.col("next_check_at").is_not_null())
    standings = kept.select(*SCHEMA.keys(), "fresh")
    return Lasting([*_found(rule, rows, window), *repeats, *_resolved(rule, rows, window)], standings, counts)


def _now(
    rule: Rule,
    scope: Scope,
    met: pl.Series,
    flip: pl.Series | None,
    before: pl.DataFrame | None,
    window: Window,
) -> pl.DataFrame:
    """The rows of which there is something to say or to remember, with their outcome, beside what was."""
    never = pl.lit(None, INSTANT)
    frame = pl.DataFrame({"workspace": scope.frame["id"], "met": met}).with_columns(
        pl.int_range(pl.len()).alias("row"), flip=never if flip is None else flip
    )
    if before is None:
        frame = frame.with_columns(was=pl.lit(None, pl.String), since=never)
    else:
        was = before.select("workspace", pl.col("outcome").alias("was"), "since")
        frame = frame.join(was, on="workspace", how="left", maintain_order="left")
    frame = frame.filter(
        pl.col("met").is_null() | pl.col("met") | pl.col("flip").is_not_null() | pl.col("was").is_not_null()
    )
    on = pl.col("met").fill_null(True) if rule.unknown == "finding" else pl.col("met")
    now = pl.lit(window.as_of, INSTANT)
    started = pl.coalesce("since", now)
    ripe = started if rule.for_ is None else started + rule.for_.timedelta
    was_open = pl.col("was").is_in([o.value for o in OPEN]).fill_null(False)
    outcome = (
        pl.when(on.is_null() & was_open).then(pl.lit(Outcome.HELD.value))
        .when(on.is_null()).then(pl.lit(Outcome.NOT_EVALUATED.value))
        .when(~on).then(pl.lit(Outcome.CLEAR.value))
        # A finding that was said stays one, also where the rule has been edited to ask for a longer time.
        .when(was_open | (ripe <= now)).then(pl.lit(Outcome.FINDING.value))
        .otherwise(pl.lit(Outcome.HOLDING.value))
    )  # fmt: skip
    frame = frame.with_columns(
        outcome=outcome,
        began=pl.col("since"),
        since=pl.when(on).then(started).when(on.is_null()).then("since"),
        ripe=ripe,
    )
    out = pl.col("outcome")
    return frame.with_columns(
        rule=pl.lit(rule.name),
        next_check_at=pl.when(out == Outcome.HOLDING.value)
        .then(pl.min_horizontal("ripe", "flip"))
        .otherwise("flip"),
        fresh=(out == Outcome.FINDING.value) & ~was_open,
        cleared=(out == Outcome.CLEAR.value) & was_open,
    ).with_columns(told=(out != Outcome.CLEAR.value) | pl.col("cleared"))


def _explained(rule: Rule, scope: Scope, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the leaves that decided, where somebody will ask for them."""
    clause = full_clause(rule)
    parts = []
    for outcome, came_out in (
        (True, pl.col("met")),
        (False, ~pl.col("met")),
        (None, pl.col("met").is_null()),
    ):
        some = rows.filter(came_out & pl.col("told"))["row"]
        if len(some):
            mine = scope.only(scope.frame[some])
            parts.append(pl.DataFrame({"row": some, "why": because(clause, mine, outcome)}))
    if not parts:
        return rows.with_columns(why=pl.lit([], pl.List(pl.String)))
    told = pl.concat(parts)
    return rows.join(told, on="row", how="left", maintain_order="left").with_columns(
        why=pl.col("why").fill_null(pl.lit([], pl.List(pl.String)))
    )


def _found(rule: Rule, rows: pl.DataFrame, window: Window) -> list[Finding]:
    after = window.of(rule.name)
    fresh = rows.filter("fresh").select("workspace", "since", "ripe", "why")
    return [
        Finding(rule.name, workspace, stamp(since), None, ripe if ripe > after else window.as_of, tuple(why))
        for workspace, since, ripe, why in fresh.iter_rows()
    ]


def _resolved(rule: Rule, rows: pl.DataFrame, window: Window) -> list[Finding]:
    """The end of findings that were said. What nobody was told of needs no end."""
    if not rule.resolved:
        return []
    out = []
    for workspace, began, why in rows.filter("cleared").select("workspace", "began", "why").iter_rows():
        name = f"{stamp(began or window.as_of)}:resolved"
        out.append(Finding(rule.name, workspace, name, None, window.as_of, tuple(why), resolved=True))
    return out


def _repeated(
    rule: Rule, rows: pl.DataFrame, window: Window, zone: str
) -> tuple[list[Finding], pl.DataFrame]:
    """The repeats of open findings that have come due, at most one each: what was missed is not said many times over."""
    if rule.repeat is None:
        return [], rows
    after = window.of(rule.name)
    is_open = (pl.col("outcome") == Outcome.FINDING.value) & ~pl.col("fresh")
    numbered = {
        r: repeats_of(rule, r, zone) for r in rows.filter(outcome=Outcome.FINDING.value)["ripe"].unique()
    }
    following = {
        r: min((at for _, at in some if at > window.as_of), default=None) for r, some in numbered.items()
    }
    coming = mapped(rows["ripe"], following.get, INSTANT)
    rows = rows.with_columns(
        next_check_at=pl.when(outcome=Outcome.FINDING.value)
        .then(pl.min_horizontal("next_check_at", coming))
        .otherwise("next_check_at")
    )
    out = []
    for workspace, since, ripe, why in (
        rows.filter(is_open).select("workspace", "since", "ripe", "why").iter_rows()
    ):
        due = [(k, at) for k, at in numbered[ripe] if after < at <= window.as_of]
        out += [
            Finding(rule.name, workspace, f"{stamp(since)}#{k}", None, at, tuple(why)) for k, at in due[-1:]
        ]
    return out, rows

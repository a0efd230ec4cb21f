"""Facts, rules and an instant in; findings, and what to remember, out. Semantics: shared/estates/README.md and design section 3.

The result of evaluating what changed and what is due equals that of evaluating everything: a condition's standing
carries since when it holds, and every verdict says when it must be looked at again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from vigil.compliance import facts as f
from vigil.compliance import lasting, milestones, transitions
from vigil.compliance.conditions import Flips, Scope, compile_clause, scope
from vigil.compliance.events import Change, Event, overdue
from vigil.compliance.inhibition import inhibited
from vigil.compliance.lasting import Lasting, full_clause, violation
from vigil.compliance.rules import Kind, Rule, RuleSet, Status
from vigil.compliance.standings import SCHEMA, Pairs, Standing, Standings
from vigil.compliance.tables import INSTANT, Facts
from vigil.compliance.verdicts import Evaluation, Finding, Outcome

__all__ = ["Input", "Window", "active", "evaluate", "full_clause", "violation"]


@dataclass(frozen=True, slots=True)
class Window:
    """(after, as_of]: what lies between the last evaluation and this one. At the first one `after` equals `as_of`.

    `starts` holds the first evaluation of rules that came later: for them nothing before that counts.
    """

    after: datetime
    as_of: datetime
    starts: Mapping[str, datetime] = field(default_factory=dict)

    def of(self, rule: str) -> datetime:
        """Where the window begins for a rule."""
        return max(self.after, self.starts.get(rule, self.after))


@dataclass(frozen=True, slots=True)
class Input:
    """What one evaluation looks at: some workspaces, what happened to them, and what is remembered of them."""

    facts: Facts
    events: Sequence[Event] = ()
    changes: Sequence[Change] = ()
    standings: Collection[Standing] = ()
    required: Sequence[f.RequiredDocument] = ()
    zone: str = "UTC"


def active(rules: Iterable[Rule]) -> list[Rule]:
    """The rules that are evaluated: live ones, and those in shadow."""
    return [r for r in rules if r.status in (Status.LIVE, Status.SHADOW)]


def evaluate(given: Input, rules: RuleSet, window: Window) -> Evaluation:
    """Evaluate every active rule for the workspaces of `given`."""
    remembered = Standings.of(given.standings)
    late = overdue((s for some in given.facts.steps.values() for s in some), window.after, window.as_of)
    given = replace(given, events=[*given.events, *late])
    done = [
        _of_type(type, mine, given, remembered, window)
        for type in given.facts.types()
        if (mine := [r for r in active(rules) if r.subject.workspace_type == type])
    ]
    findings, standings = inhibited(
        [x for part in done for x in part.findings],
        {name: frame for part in done for name, frame in part.standings.items()},
        remembered,
        rules,
    )
    evaluated = {name: part.ids for part in done for name in part.rules}
    kept = Standings.together([frame.select(SCHEMA.keys()) for frame in standings.values()])
    counts = sum((part.counts for part in done), Counter[str]())
    return Evaluation(
        tuple(findings), kept, Pairs(evaluated), dict(counts), _forgotten(remembered, standings, evaluated)
    )


@dataclass(frozen=True)
class _Part:
    """What the rules of one workspace type gave."""

    rules: tuple[str, ...]
    ids: pl.Series
    findings: list[Finding]
    standings: dict[str, pl.DataFrame]
    counts: Counter[str]


def _of_type(type: str, rules: Sequence[Rule], given: Input, remembered: Standings, window: Window) -> _Part:
    table = given.facts.table(type, given.required, given.zone)
    clauses = [clause for r in rules for clause in (r.where, r.require, r.when)]
    ready = scope(table, clauses, window.as_of, given.zone)
    columns = _Columns.of(rules, ready)
    ids = ready.frame["id"]
    events = _by_type(given.events, ids)
    part = _Part(tuple(r.name for r in rules), ids, [], {}, Counter())
    for rule in rules:
        before = remembered.by_rule.get(rule.name)
        match rule.kind:
            case Kind.TRANSITION:
                part.findings.extend(transitions.findings(rule, ready, events, given, window))
                if transitions.waits_for_escalation(rule):
                    part.standings[rule.name] = _upcoming(rule, ids, given, window)
            case Kind.CONDITION:
                found: Lasting = lasting.step(
                    rule, ready, columns.met[rule.name], columns.flips[rule.name], before, window
                )
                part.findings.extend(found.findings)
                part.standings[rule.name] = found.standings
                part.counts.update(found.counts)
            case Kind.MILESTONE:
                holds = columns.met.get(rule.name)
                some, standings = milestones.evaluate(rule, ready, holds, before, given.changes, window)
                part.findings.extend(some)
                if standings is not None:
                    part.standings[rule.name] = standings
    return part


@dataclass(frozen=True)
class _Columns:
    """What the clauses of several rules come to, worked out together: whether they are met, and when the clock may change that."""

    met: Mapping[str, pl.Series]
    flips: Mapping[str, pl.Series | None]

    @classmethod
    def of(cls, rules: Sequence[Rule], ready: Scope) -> _Columns:
        clauses = {r.name: full_clause(r) for r in rules if r.kind is Kind.CONDITION}
        wheres = {r.name: r.where for r in rules if r.kind is Kind.MILESTONE and r.where is not None}
        flips = {name: Flips.of([clause], ready) for name, clause in clauses.items()}
        wanted = [compile_clause(c, ready).alias(name) for name, c in {**clauses, **wheres}.items()]
        wanted += [column for name, some in flips.items() for column in some.columns(f"{name} flip")]
        found = ready.frame.select("id", *wanted)
        return cls(
            {name: found[name] for name in (*clauses, *wheres)},
            {name: some.first(found, f"{name} flip", ready.now.zone) for name, some in flips.items()},
        )


def _by_type(events: Iterable[Event], ids: pl.Series) -> list[Event]:
    some = list(events)
    if not some:
        return []
    mine = set(ids.filter(ids.is_in([e.workspace for e in some])))
    return [e for e in some if e.workspace in mine]


def _upcoming(rule: Rule, ids: pl.Series, given: Input, window: Window) -> pl.DataFrame:
    """When to look again at workspaces whose open steps have a due date ahead, for a rule that waits for escalations."""
    mine = set(ids)
    due = {w: at for w, at in transitions.next_due(given.facts.steps, window.as_of).items() if w in mine}
    return pl.DataFrame(
        {
            "rule": pl.Series([rule.name] * len(due), dtype=pl.String),
            "workspace": pl.Series(list(due), dtype=pl.Int64),
            "outcome": pl.Series([Outcome.CLEAR.value] * len(due), dtype=pl.String),
            "since": pl.Series([None] * len(due), dtype=INSTANT),
            "next_check_at": pl.Series(list(due.values()), dtype=INSTANT),
            "why": pl.Series([[]] * len(due), dtype=pl.List(pl.String)),
        }
    )


def _forgotten(
    remembered: Standings, standings: Mapping[str, pl.DataFrame], evaluated: Mapping[str, pl.Series]
) -> tuple[tuple[str, int], ...]:
    """The pairs of which something was remembered, and nothing is any more."""
    out: list[tuple[str, int]] = []
    for rule, before in remembered.by_rule.items():
        if rule in evaluated:
            gone = before["workspace"].filter(before["workspace"].is_in(evaluated[rule].implode()))
            if rule in standings:
                gone = gone.filter(~gone.is_in(standings[rule]["workspace"].implode()))
            out += [(rule, workspace) for workspace in gone]
    return tuple(out)

"""Evaluates rules: facts, rules and an instant in; findings and rule states out. Semantics: docs/semantics.md.

Evaluating what changed and what is due gives the same result as evaluating everything: a condition's state contains since when it
holds, and every state says when it must be evaluated again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from vigil.compliance.evaluation import condition_rules, milestones, transitions
from vigil.compliance.evaluation.clause_compiler import (
    ClauseScope,
    NextChanges,
    compile_clause,
    next_change,
    scope,
)
from vigil.compliance.evaluation.condition_rules import full_clause
from vigil.compliance.evaluation.inhibition import Before, inhibited
from vigil.compliance.evaluation.results import Evaluation, Finding, Outcome
from vigil.compliance.evaluation.rule_state import ClearStates, Pairs, RuleState, RuleStates, forgotten
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input, Window
from vigil.compliance.evaluation.zoned import INSTANT
from vigil.compliance.events import Event, overdue
from vigil.compliance.rules.model import Rule, RuleKind, RuleSet, Status


def active(rules: Iterable[Rule]) -> list[Rule]:
    """The rules that are evaluated: live ones, and those in shadow."""
    return [r for r in rules if r.status in (Status.LIVE, Status.SHADOW)]


def evaluate(given: Input, rules: RuleSet, window: Window) -> Evaluation:
    """Evaluate every active rule for the workspaces of `given`."""
    remembered = RuleStates.of(given.rule_states)
    before = remembered.remembered()
    late = overdue((s for some in given.facts.steps.values() for s in some), window.after, window.as_of)
    given = replace(given, events=[*given.events, *late])
    parts = [
        _of_type(type, mine, given, before, window)
        for type in given.facts.types()
        if (mine := [r for r in active(rules) if r.subject.workspace_type == type])
    ]
    findings, rule_states = inhibited(
        [x for part in parts for x in part.findings],
        [s for part in parts for s in part.rule_states],
        before,
        rules,
    )
    kept = RuleStates(
        [*rule_states, *_of_the_gone(remembered, given.facts)],
        [q for part in parts for q in part.clear_states],
    )
    evaluated = Pairs({name: part.ids for part in parts for name in part.rules})
    counts = sum((part.counts for part in parts), Counter[str]())
    return Evaluation(tuple(findings), kept, evaluated, dict(counts), forgotten(remembered, kept, evaluated))


def _of_the_gone(remembered: RuleStates, facts: Facts) -> list[RuleState]:
    """The remembered states of deleted workspaces. A deletion clears nothing, and the clock changes nothing in them."""
    return [
        replace(s, next_check_at=None)
        for s in remembered.open_states
        if s.next_check_at is not None and s.workspace not in facts.workspaces
    ]


@dataclass(frozen=True)
class _Part:
    """The results of the rules of one workspace type."""

    rules: tuple[str, ...]
    ids: list[int]
    findings: list[Finding] = field(default_factory=list)
    rule_states: list[RuleState] = field(default_factory=list)
    clear_states: list[ClearStates] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def _of_type(type: str, rules: Sequence[Rule], given: Input, before: Before, window: Window) -> _Part:
    table = given.facts.table(type, given.required, given.zone)
    clauses = [clause for r in rules for clause in (r.where, r.require, r.when)]
    ready = scope(table, clauses, window.as_of, given.zone, given.sensitive)
    columns = _Columns.of(rules, ready)
    part = _Part(tuple(r.name for r in rules), ready.frame["id"].to_list())
    events = _of_workspaces(given.events, part.ids)
    for rule in rules:
        was = before.get(rule.name, {})
        match rule.kind:
            case RuleKind.TRANSITION:
                part.findings.extend(transitions.findings(rule, ready, events, given, window))
                if transitions.waits_for_escalation(rule):
                    part.clear_states.append(_upcoming(rule, part.ids, given, window))
            case RuleKind.CONDITION:
                found = condition_rules.evaluate(
                    rule, ready, columns.met[rule.name], columns.next_changes[rule.name], was, window
                )
                part.findings.extend(found.findings)
                part.rule_states.extend(found.rule_states)
                part.clear_states.extend([found.clear_states] if found.clear_states is not None else [])
                part.counts.update(s.outcome for s in found.rule_states if s.outcome != Outcome.CLEAR)
                part.counts[Outcome.CLEAR] += len(part.ids) - sum(
                    s.outcome != Outcome.CLEAR for s in found.rule_states
                )
            case RuleKind.MILESTONE:
                dated = milestones.evaluate(
                    rule, ready, columns.met.get(rule.name), was, given.changes, window, given.made
                )
                part.findings.extend(dated.findings)
                part.rule_states.extend(dated.rule_states)
                part.clear_states.extend(
                    _until_settled(rule, ready, dated) if rule.resolved else dated.clear_states
                )
    return part


def _until_settled(rule: Rule, ready: ClauseScope, dated: milestones.MilestoneResult) -> list[ClearStates]:
    """When to evaluate a milestone with resolved notices again: at its next moment, and when the clock may change its `where`."""
    if rule.where is None:
        return dated.clear_states
    not_clear = [s.workspace for s in dated.rule_states]
    next_changes = pl.DataFrame(
        {"workspace": ready.frame["id"], "next_check_at": next_change(rule.where, ready)}
    )
    rows = pl.concat([*(q.rows for q in dated.clear_states), next_changes]).drop_nulls()
    mine = rows.filter(~pl.col("workspace").is_in(not_clear))
    return [
        ClearStates(
            rule.name, mine.group_by("workspace", maintain_order=True).agg(pl.col("next_check_at").min())
        )
    ]


@dataclass(frozen=True)
class _Columns:
    """The values of the clauses of several rules, computed together: whether they are met, and when the clock may change that."""

    met: Mapping[str, pl.Series]
    next_changes: Mapping[str, pl.Series | None]

    @classmethod
    def of(cls, rules: Sequence[Rule], ready: ClauseScope) -> _Columns:
        clauses = {r.name: full_clause(r) for r in rules if r.kind is RuleKind.CONDITION}
        wheres = {r.name: r.where for r in rules if r.kind is RuleKind.MILESTONE and r.where is not None}
        next_changes = {name: NextChanges.of([clause], ready) for name, clause in clauses.items()}
        wanted = [compile_clause(c, ready).alias(f"met:{name}") for name, c in {**clauses, **wheres}.items()]
        wanted += [
            column for name, some in next_changes.items() for column in some.columns(f"next_change:{name}")
        ]
        found = ready.frame.select("id", *wanted) if wanted else ready.frame
        return cls(
            {name: found[f"met:{name}"] for name in (*clauses, *wheres)},
            {
                name: some.first(found, f"next_change:{name}", ready.now.zone)
                for name, some in next_changes.items()
            },
        )


def _of_workspaces(events: Sequence[Event], ids: Sequence[int]) -> list[Event]:
    mine = set(ids) if events else ()
    return [e for e in events if e.workspace in mine]


def _upcoming(rule: Rule, ids: Sequence[int], given: Input, window: Window) -> ClearStates:
    """When to evaluate workspaces again whose open steps have a future due date, for a rule with escalated events."""
    mine = set(ids)
    due = {w: at for w, at in transitions.next_due(given.facts.steps, window.as_of).items() if w in mine}
    columns = {
        "workspace": pl.Series(list(due), dtype=pl.Int64),
        "next_check_at": pl.Series(list(due.values()), dtype=INSTANT),
    }
    return ClearStates(rule.name, pl.DataFrame(columns))

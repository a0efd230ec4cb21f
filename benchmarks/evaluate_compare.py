"""Whether the contenders of benchmarks/evaluate.py say the same. What is compared is what is timed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl
from evaluate_by_hand_duckdb import Sql
from evaluate_by_hand_polars import Hand
from evaluate_estate import DAY, FIRST, ZONE, events_frame, facts_of, rule_set

from vigil.compliance.evaluation.evaluate import evaluate
from vigil.compliance.evaluation.results import Finding
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input, Window


def compare(count: int) -> str:
    """Evaluate the same estate with each, at the first look and a day later. Raises AssertionError with the first differences."""
    facts, events = facts_of(count)
    rules, hand, happened = rule_set(), Hand.of(facts), events_frame(events)
    sql = Sql(hand, happened)
    rule_states: Any = ()
    by_hand: pl.DataFrame | None = None
    told = 0
    for after, as_of in ((FIRST, FIRST), (FIRST, DAY)):
        now = events if after < as_of else []
        given = Input(Facts.of(facts), events=now, rule_states=rule_states, zone=ZONE)
        result = evaluate(given, rules, Window(after, as_of))
        other = hand.evaluate(after, as_of, by_hand, happened if now else None)
        sql.evaluate(after, as_of)
        _same("findings, Polars", _findings(result.findings), set(other.findings.iter_rows()))
        _same("rule states, Polars", _standings(result.rule_states), set(other.rule_states.iter_rows()))
        _same("findings, SQL", _findings(result.findings), set(sql.rows("found")))
        _same("rule states, SQL", _standings(result.rule_states), set(sql.rows("rule_states")))
        sql.remember()
        rule_states, by_hand = result.rule_states, other.rule_states
        told += len(result.findings)
    return f"{told:,} findings, {len(rule_states):,} rule states over {count:,} workspaces"


def _findings(some: Iterable[Finding]) -> set[Any]:
    return {(x.rule, x.workspace, x.occurrence, x.step, x.fire_at) for x in some}


def _standings(some: Iterable[RuleState]) -> set[Any]:
    return {(s.rule, s.workspace, s.outcome, s.since, s.next_check_at) for s in some}


def _same(what: str, ours: set[Any], theirs: set[Any]) -> None:
    assert ours, f"no {what}"
    differ = sorted(ours ^ theirs, key=repr)
    assert not differ, (
        f"{what}: {len(differ)} differ, {[('ours' if d in ours else 'theirs', d) for d in differ[:6]]}"
    )

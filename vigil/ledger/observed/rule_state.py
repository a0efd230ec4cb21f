"""The remembered states of rules, and which text of a rule was evaluated last."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, select

from vigil.compliance.evaluation.rule_state import RuleState
from vigil.ledger.engine import chunks, upsert
from vigil.ledger.tables import EvaluatedRuleRow, RuleStateRow, table

_verdict = table(RuleStateRow)
_rule = table(EvaluatedRuleRow)


def rule_states(connection: Connection, workspaces: Sequence[int]) -> list[RuleState]:
    """The remembered states of all rules for some workspaces, by workspace and rule."""
    out: list[RuleState] = []
    for some in chunks(workspaces):
        query = select(_verdict).where(_verdict.c.workspace.in_(some))
        for r in connection.execute(query.order_by(_verdict.c.workspace, _verdict.c.rule)):
            out.append(
                RuleState(
                    r.rule, r.workspace, r.outcome, r.since, r.next_check_at, tuple(orjson.loads(r.why))
                )
            )
    return out


def due_workspaces(connection: Connection, as_of: datetime, rules: Collection[str]) -> set[int]:
    """The workspaces for which the state of one of `rules` may have changed by `as_of` without any new fact.

    The states of removed rules stay stored, and would be due for ever.
    """
    # Without DISTINCT, for which SQLite would read every row in the order of workspaces.
    query = select(_verdict.c.workspace, _verdict.c.rule).where(_verdict.c.next_check_at <= as_of)
    return {r.workspace for r in connection.execute(query) if r.rule in rules}


def keep_rule_states(
    connection: Connection,
    rule_states: Iterable[RuleState],
    evaluated: Collection[tuple[str, int]],
    as_of: datetime,
) -> None:
    """Replace the remembered states of the (rule, workspace) pairs in `evaluated` by `rule_states`."""
    rows = [
        {
            "rule": s.rule,
            "workspace": s.workspace,
            "outcome": s.outcome,
            "since": s.since,
            "next_check_at": s.next_check_at,
            "why": orjson.dumps(s.why).decode(),
            "as_of": as_of,
        }
        for s in rule_states
    ]
    _forget(connection, set(evaluated) - {(r["rule"], r["workspace"]) for r in rows})
    upsert(connection, _verdict, rows, ("outcome", "since", "next_check_at", "why", "as_of"))


def _forget(connection: Connection, pairs: Collection[tuple[str, int]]) -> None:
    """Delete the stored ones of some (rule, workspace) `pairs`: a clear state is not stored, so most pairs have none."""
    there: list[dict[str, Any]] = []
    for some in chunks(sorted({workspace for _, workspace in pairs})):
        query = select(_verdict.c.workspace, _verdict.c.rule).where(_verdict.c.workspace.in_(some))
        # All writers lock in one order, also rows that are only updated later: they cannot deadlock.
        query = query.order_by(_verdict.c.workspace, _verdict.c.rule).with_for_update()
        there += [
            {"of_workspace": r.workspace, "of_rule": r.rule}
            for r in connection.execute(query)
            if (r.rule, r.workspace) in pairs
        ]
    if there:
        one = (_verdict.c.workspace == bindparam("of_workspace")) & (_verdict.c.rule == bindparam("of_rule"))
        connection.execute(delete(_verdict).where(one), there)


def evaluated_rules(connection: Connection) -> dict[str, tuple[datetime, str]]:
    """(first evaluated at, hash of the last evaluated text) by rule."""
    return {r.rule: (r.first_at, r.hash) for r in connection.execute(select(_rule))}


def keep_evaluated_rules(connection: Connection, hashes: Mapping[str, str], as_of: datetime) -> None:
    """Record the texts that were evaluated at `as_of`. A new rule begins at that instant."""
    rows = [{"rule": rule, "first_at": as_of, "hash": text} for rule, text in hashes.items()]
    upsert(connection, _rule, rows, ("hash",))

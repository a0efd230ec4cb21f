"""`vigil why`: explains notices that were sent and that were not. Leaf -> finding -> person -> device -> attempt -> outcome, or the
reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vigil.compliance import facts as f
from vigil.compliance.evaluation.clause_compiler import compile_clause, explain, scope
from vigil.compliance.evaluation.condition_rules import full_clause
from vigil.compliance.evaluation.evaluate import active
from vigil.compliance.evaluation.milestones import due_in_words, due_of
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.rules.clauses import Clause, FieldLeaf, leaves
from vigil.compliance.rules.model import Rule, RuleKind, RuleSet
from vigil.ledger import Ledger, watermarks
from vigil.ledger.observed import observations
from vigil.ledger.outbox import acknowledgements, queue
from vigil.ledger.outbox.acknowledgements import Acknowledged
from vigil.ledger.people.devices import labels
from vigil.ledger.watermarks import WatermarkName

MET = {True: "met", False: "not met", None: "could not be evaluated"}
APPLIES = {True: "applies", False: "does not apply", None: "it is not known whether it applies"}


@dataclass(frozen=True, slots=True)
class Attempted:
    """One attempt at one device: accepted, rejected, retry or unknown, with the returned code."""

    outcome: str
    device: str  # "ada's android"
    at: datetime
    code: str


@dataclass(frozen=True, slots=True)
class NoticeExplanation:
    """One outbox row with its attempts and outcomes."""

    row: dict[str, Any]
    attempts: tuple[Attempted, ...]
    acknowledged: Acknowledged | None = None


@dataclass(frozen=True, slots=True)
class RuleExplanation:
    """The state of a rule for a workspace, with the leaves that decide."""

    rule: str
    verdict: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    told: tuple[NoticeExplanation, ...]
    rule_states: tuple[RuleExplanation, ...] = ()
    known: bool = True
    names: Mapping[int, str] = field(default_factory=dict)  # of the workspaces of the notices
    gone_at: datetime | None = None  # when a run found the workspace missing, if it still is


@dataclass(frozen=True, slots=True)
class Look:
    """The instant of the explanation, its zone, and the sensitive attributes."""

    at: datetime
    zone: str
    sensitive: Collection[str] = ()


def about_person(ledger: Ledger, person: str, at: datetime | None = None) -> Explanation:
    """Everything that a person received, or would have received, up to `at`."""
    with ledger.read() as connection:
        rows = queue.rows(connection, person=person, until=at)
        known = bool(rows) or any(
            isinstance(u, f.User) and u.login == person for u in observations.directory(connection)
        )
        names = observations.names(connection, {r["workspace"] for r in rows})
    return Explanation(_told(ledger, rows), known=known, names=names)


def about_workspace(
    ledger: Ledger,
    rules: RuleSet,
    workspace: int,
    zone: str,
    at: datetime | None = None,
    sensitive: Collection[str] = (),
) -> Explanation:
    """The notices about a workspace up to `at`, and the state of every rule for it at that time, with its reason.

    Values of `sensitive` attributes, given as Category.attribute, are left out.
    """
    with ledger.read() as connection:
        rows = queue.rows(connection, workspace=workspace, until=at)
        names = observations.names(connection, [workspace])
        when = at or watermarks.watermark(connection, WatermarkName.EVALUATED).at
        seen = list(observations.as_of(connection, when, [workspace])) if when else []
        gone_at = observations.gone_since(connection, [workspace]).get(workspace)
        required = [
            r for r in observations.directory(connection, ("required",)) if isinstance(r, f.RequiredDocument)
        ]
    facts = Facts.of(seen)
    if facts.related and when is not None:
        with ledger.read() as connection:
            facts = Facts.of(seen, observations.as_of(connection, when, sorted(facts.beside())))
    if workspace not in facts.workspaces or when is None:
        gone_at = None if gone_at is None or when is None or gone_at > when else gone_at
        return Explanation(_told(ledger, rows), known=bool(rows or gone_at), names=names, gone_at=gone_at)
    mine = [r for r in active(rules) if r.subject.workspace_type == facts.workspaces[workspace].type]
    rule_states = tuple(
        _explanation(r, facts, required, workspace, Look(when, zone, sensitive)) for r in mine
    )
    return Explanation(_told(ledger, rows), rule_states, names=names)


def _told(ledger: Ledger, rows: Sequence[dict[str, Any]]) -> tuple[NoticeExplanation, ...]:
    with ledger.read() as connection:
        attempts = queue.attempts(connection, [r["id"] for r in rows])
        seen = acknowledgements.of_notices(connection, [r["id"] for r in rows])
        names = labels(connection, {a["device"] for some in attempts.values() for a in some})
    return tuple(
        NoticeExplanation(
            r,
            tuple(
                Attempted(a["outcome"], names.get(a["device"], "a device"), a["ended_at"], a["code"])
                for a in attempts.get(r["id"], ())
            ),
            seen.get(r["id"]),
        )
        for r in rows
    )


def _explanation(
    rule: Rule, facts: Facts, required: Sequence[f.RequiredDocument], workspace: int, look: Look
) -> RuleExplanation:
    table = facts.table(facts.workspaces[workspace].type, required)
    events = rule.kind is RuleKind.TRANSITION
    clause = full_clause(rule) if rule.kind is RuleKind.CONDITION else rule.where
    if clause is None or (events and _asks_of_event(clause)):
        verdict = "waits for an event" if events else "holds"
        why: tuple[str, ...] = ()
    else:
        ready = scope(table, [clause], look.at, look.zone, look.sensitive)
        met = ready.frame.select(compile_clause(clause, ready).alias("met"))["met"][0]
        why = explain(clause, ready, [workspace], met)[workspace]
        verdict = (MET if rule.kind is RuleKind.CONDITION else APPLIES)[met]
    due = due_of(rule, table, workspace)
    dated = (due_in_words(rule, due, look.zone, look.sensitive),) if rule.due else ()
    return RuleExplanation(rule.name, verdict, (*why, *dated))


def _asks_of_event(clause: Clause) -> bool:
    return any(isinstance(leaf, FieldLeaf) and leaf.ref.root == "event" for leaf in leaves(clause))

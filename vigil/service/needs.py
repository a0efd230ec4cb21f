"""The parts of workspaces that the loaded rules need. Nothing else is read from Extended ECM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from vigil.compliance.evaluation.evaluate import active
from vigil.compliance.evaluation.transitions import keys_needed
from vigil.compliance.rules.clauses import DocumentLeaf, DocumentState, FieldLeaf, MissingLeaf, leaves
from vigil.compliance.rules.model import Rule, RuleSet, events_used
from vigil.ecm.model import Needs


def needs_of(rules: RuleSet) -> Needs:
    """The parts of a workspace that an active rule uses."""
    mine = active(rules)
    found = [
        leaf
        for r in mine
        for clause in (r.where, r.require, r.when)
        if clause is not None
        for leaf in leaves(clause)
    ]
    of_events = {part for r in mine for e in events_used(r) for part in e.spec.needs}
    documents = [leaf for leaf in found if isinstance(leaf, DocumentLeaf)]
    of_event = {key for r in mine for pattern in r.events for key in keys_needed(r, pattern)}
    in_clauses = {leaf.field for leaf in found if not isinstance(leaf, DocumentLeaf | MissingLeaf)}
    return Needs(
        documents=bool(documents) or "documents" in of_events,
        types=bool(documents) or "document_type" in of_event,
        versions="versions" in of_events,
        steps="steps" in of_events,
        comments="comments" in of_events,
        roles="roles" in of_events or any(field.startswith("role.") for field in in_clauses),
        missing=any(isinstance(leaf, MissingLeaf) for leaf in found),
        expiry=any(leaf.state in (DocumentState.VALID, DocumentState.EXPIRED) for leaf in documents),
        dispositions="disposition" in of_event,
        related=frozenset(_types_with(rules, "related")),
    )


def parts_of(needs: Needs) -> set[str]:
    """The names of the needed parts of a workspace."""
    parts = asdict(needs)
    parts.pop("dispositions")  # of workflows: no workspace is read again for them
    related = {f"related:{type}" for type in parts.pop("related")}
    return {name for name, needed in parts.items() if needed} | related


def types_of(rules: RuleSet) -> list[str]:
    """The workspace types of active rules, and those of related workspaces that they use."""
    mine = active(rules)
    looked_at = {leaf.ref.type for r in mine for leaf in _fields(r) if leaf.ref.root == "related"}
    return sorted({r.subject.workspace_type for r in mine} | looked_at)


def types_with_roles(rules: RuleSet) -> set[str]:
    """The workspace types for which an active rule uses the members of a role, or waits for a change of them."""
    waiting = {
        r.subject.workspace_type for r in active(rules) for e in events_used(r) if "roles" in e.spec.needs
    }
    return waiting | _types_with(rules, "role")


def _types_with(rules: RuleSet, root: str) -> set[str]:
    """The workspace types for which an active rule uses a field of this kind."""
    return {r.subject.workspace_type for r in active(rules) for leaf in _fields(r) if leaf.ref.root == root}


def _fields(rule: Rule) -> Iterator[FieldLeaf]:
    for clause in (rule.where, rule.require, rule.when):
        yield from (leaf for leaf in leaves(clause) if isinstance(leaf, FieldLeaf))

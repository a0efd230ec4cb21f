"""The parts of workspaces that the loaded rules need. Nothing else is read from Extended ECM."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict

from vigil.compliance.evaluation.evaluate import active
from vigil.compliance.evaluation.transitions import keys_needed
from vigil.compliance.rules.clauses import DocumentLeaf, DocumentState, FieldLeaf, MissingLeaf, leaves
from vigil.compliance.rules.model import Rule, RuleSet, events_used
from vigil.ecm.model import Needs


def needs_of(rules: RuleSet) -> Needs:
    """The parts of a workspace that an active rule uses."""
    mine = active(rules)
    found = [leaf for r in mine for leaf in _leaves(r)]
    of_events = {part for r in mine for e in events_used(r) for part in e.spec.needs}
    documents = [leaf for leaf in found if isinstance(leaf, DocumentLeaf)]
    of_event = {key for r in mine for pattern in r.events for key in keys_needed(r, pattern)}
    only = {
        "comments": _types_waiting(rules, "comments"),
        "roles": types_with_roles(rules),
        "missing": {r.subject.workspace_type for r in mine if any(map(_is_missing, _leaves(r)))},
    }
    return Needs(
        documents=bool(documents) or "documents" in of_events,
        types=bool(documents) or "document_type" in of_event,
        versions="versions" in of_events,
        steps="steps" in of_events,
        comments=bool(only["comments"]),
        roles=bool(only["roles"]),
        missing=bool(only["missing"]),
        expiry=any(leaf.state in (DocumentState.VALID, DocumentState.EXPIRED) for leaf in documents),
        # Notices of completed steps show it.
        dispositions=any("disposition" in e.spec.keys for r in mine for e in events_used(r)),
        related=frozenset(_types_with(rules, "related")),
        only={part: frozenset(types) for part, types in only.items()},
    )


def parts_of(needs: Needs) -> set[str]:
    """The names of the needed parts of a workspace."""
    parts = asdict(needs)
    parts.pop("dispositions")  # of workflows: no workspace is read again for them
    parts.pop("only")
    related = {f"related:{type}" for type in parts.pop("related")}
    return {name for name, needed in parts.items() if needed} | related


def scanned_parts(needs: Needs) -> set[str]:
    """As `parts_of`, and ``PART:TYPE`` for each type of which a part is read."""
    return parts_of(needs) | {f"{part}:{type}" for part, types in needs.only.items() for type in types}


def covered(read: Collection[str], wanted: Collection[str]) -> set[str]:
    """Those of `wanted` that were read. Ledgers of earlier versions name no types: there a part was read of all of them."""
    of_types = {part.partition(":")[0] for part in read if ":" in part}
    of_all = set(read) - of_types
    return {part for part in wanted if part in read or part.partition(":")[0] in of_all}


def types_of(rules: RuleSet) -> list[str]:
    """The workspace types of active rules, and those of related workspaces that they use."""
    mine = active(rules)
    looked_at = {leaf.ref.type for r in mine for leaf in _fields(r) if leaf.ref.root == "related"}
    return sorted({r.subject.workspace_type for r in mine} | looked_at)


def types_with_roles(rules: RuleSet) -> set[str]:
    """The workspace types for which an active rule uses the members of a role, or waits for a change of them."""
    return _types_waiting(rules, "roles") | _types_with(rules, "role")


def _types_waiting(rules: RuleSet, part: str) -> set[str]:
    """The workspace types for which an active rule waits for an event that needs a part."""
    return {r.subject.workspace_type for r in active(rules) for e in events_used(r) if part in e.spec.needs}


def _is_missing(leaf: object) -> bool:
    return isinstance(leaf, MissingLeaf)


def _types_with(rules: RuleSet, root: str) -> set[str]:
    """The workspace types for which an active rule uses a field of this kind."""
    return {r.subject.workspace_type for r in active(rules) for leaf in _fields(r) if leaf.ref.root == root}


def _fields(rule: Rule) -> Iterator[FieldLeaf]:
    yield from (leaf for leaf in _leaves(rule) if isinstance(leaf, FieldLeaf))


def _leaves(rule: Rule) -> Iterator[FieldLeaf | DocumentLeaf | MissingLeaf]:
    for clause in (rule.where, rule.require, rule.when):
        if clause is not None:
            yield from leaves(clause)

"""`inhibit_by`: suppresses a finding while another rule has an open finding on the same workspace for which a notice was sent.

Only findings with a notice suppress others, so that there is a notice behind every suppression; and a suppressed condition's finding
is sent when the other ends. So lasting findings are suppressed by lasting ones: an event or a moment of another rule suppresses only
events and moments of the same evaluation. Of rules that inhibit each other, the first in the file is sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from vigil.compliance.evaluation.results import OPEN, Finding, Outcome, Why
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.rules.model import Rule, RuleKind, RuleSet, Status

Before = Mapping[str, Mapping[int, RuleState]]
"""The remembered states, by rule and workspace, without clear ones."""


def inhibited(
    findings: Sequence[Finding], rule_states: Sequence[RuleState], before: Before, rules: RuleSet
) -> tuple[list[Finding], list[RuleState]]:
    """Findings and rule states, with those marked that another rule's open finding suppresses."""
    if not any(r.inhibit_by for r in rules):
        return list(findings), list(rule_states)
    said = _by_rule(findings)
    kept = _by_rule(rule_states)
    for rule in _inhibitors_first(rules):
        silenced = {w for name in rule.inhibit_by for w in _open(name, rule, rules, said, kept, before)}
        if silenced:
            fresh = {x.workspace for x in said[rule.name] if not x.resolved} & silenced
            said[rule.name] = list(_marked(said[rule.name], silenced, before.get(rule.name, {})))
            kept[rule.name] = list(_kept_quiet(kept[rule.name], fresh, before.get(rule.name, {})))
    return (
        [x for name in dict.fromkeys(x.rule for x in findings) for x in said[name]],
        [s for some in kept.values() for s in some],
    )


_T = TypeVar("_T", Finding, RuleState)


def _by_rule(some: Iterable[_T]) -> dict[str, list[_T]]:
    out: dict[str, list[_T]] = defaultdict(list)
    for x in some:
        out[x.rule].append(x)
    return out


def _inhibitors_first(rules: RuleSet) -> Iterator[Rule]:
    """Every rule after those that inhibit it; in a cycle, in the order of the files."""
    done: set[str] = set()

    def visit(rule: Rule) -> Iterator[Rule]:
        if rule.name not in done:
            done.add(rule.name)
            for name in rule.inhibit_by:
                if name in rules.by_name:
                    yield from visit(rules.by_name[name])
            yield rule

    for rule in rules:
        yield from visit(rule)


def _open(
    name: str,
    inhibits: Rule,
    rules: RuleSet,
    findings: Mapping[str, Sequence[Finding]],
    rule_states: Mapping[str, Sequence[RuleState]],
    before: Before,
) -> set[int]:
    """The workspaces on which the rule `name` has an open finding with a notice, or a notice now."""
    other = rules.by_name.get(name)
    if other is None:
        # A rule that is not evaluated this time, as in a sweep of some rules, keeps its state.
        return {w for w, s in before.get(name, {}).items() if s.outcome in OPEN}
    if other.status is not Status.LIVE and inhibits.status is Status.LIVE:
        return set()  # a rule in shadow sends nothing
    lasting = {s.workspace for s in rule_states.get(name, ()) if s.outcome in OPEN}
    if inhibits.kind is RuleKind.CONDITION:
        return lasting
    return lasting | {x.workspace for x in findings.get(name, ()) if x.suppressed is None and not x.resolved}


def _marked(
    findings: Sequence[Finding], silenced: set[int], before: Mapping[int, RuleState]
) -> Iterator[Finding]:
    for x in findings:
        if x.workspace not in silenced or x.suppressed is not None or x.resolved:
            yield x
        elif not _was_inhibited(before.get(x.workspace)):
            yield replace(x, suppressed=Why.INHIBITED)
        # Found and suppressed before: nothing new to account for.


def _kept_quiet(
    rule_states: Sequence[RuleState], fresh: set[int], before: Mapping[int, RuleState]
) -> Iterator[RuleState]:
    """New suppressed findings are remembered as such; one that was sent before stays sent."""
    for s in rule_states:
        was = before.get(s.workspace)
        new = (
            s.workspace in fresh and s.outcome == Outcome.FINDING and (was is None or was.outcome not in OPEN)
        )
        yield replace(s, outcome=Outcome.INHIBITED) if new else s


def _was_inhibited(before: RuleState | None) -> bool:
    return before is not None and before.outcome == Outcome.INHIBITED

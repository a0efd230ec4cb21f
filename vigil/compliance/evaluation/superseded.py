"""Handles milestones whose date moved after a notice: `superseded: ignore` sends no further notice, `resend` sends one for the new
date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from vigil.compliance.evaluation.results import Finding, Why
from vigil.compliance.occurrence import Occurrence
from vigil.compliance.rules.model import RuleSet

SentOccurrences = Mapping[tuple[int, str], AbstractSet[str]]
"""(workspace, step) -> the occurrences for which a notice of a rule was sent."""


def required_lookups(findings: Sequence[Finding], rules: RuleSet) -> dict[str, set[int]]:
    """The workspaces for which the sent notices are needed, by rule: those of rules that ignore moved dates."""
    out: dict[str, set[int]] = {}
    for x in findings:
        if x.suppressed is None and rules.by_name[x.rule].superseded == "ignore":
            out.setdefault(x.rule, set()).add(x.workspace)
    return out


def without_superseded(
    findings: Sequence[Finding], sent_occurrences: Mapping[str, SentOccurrences]
) -> list[Finding]:
    """The findings, with those marked whose step had a notice for another date.

    `sent_occurrences` has the rules of `required_lookups`.
    """
    return [
        _mark(x, sent_occurrences[x.rule]) if x.suppressed is None and x.rule in sent_occurrences else x
        for x in findings
    ]


def _mark(finding: Finding, sent: SentOccurrences) -> Finding:
    date = Occurrence.parse(finding.occurrence).base
    of_step = sent.get((finding.workspace, finding.step or ""), ())
    others = {Occurrence.parse(o).base for o in of_step} - {date}
    return replace(finding, suppressed=Why.SUPERSEDED) if others else finding

"""`inhibit_by`: a finding is needless while another rule's finding on the same workspace is open and somebody was told of it.

Only what is told silences others, so that behind every silence stands a notice; and a finding that was silenced is said when
that ends. Of rules that inhibit each other the one that is written first speaks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import polars as pl

from vigil.compliance.rules import Rule, RuleSet, Status
from vigil.compliance.standings import Standings
from vigil.compliance.verdicts import OPEN, Finding, Outcome, Why


def inhibited(
    findings: Sequence[Finding],
    standings: Mapping[str, pl.DataFrame],
    remembered: Standings,
    rules: RuleSet,
) -> tuple[list[Finding], dict[str, pl.DataFrame]]:
    """Findings and standings (by rule) with those marked that another rule's open finding makes needless."""
    marked = dict(standings)
    if not any(r.inhibit_by for r in rules):
        return list(findings), marked
    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for x in findings:
        by_rule[x.rule].append(x)
    for rule in _inhibitors_first(rules):
        if not rule.inhibit_by:
            continue
        silenced = {
            w for name in rule.inhibit_by for w in _open(name, rule, rules, by_rule, marked, remembered)
        }
        by_rule[rule.name] = list(_marked(by_rule[rule.name], silenced, remembered))
        if rule.name in marked and "fresh" in marked[rule.name].columns:
            marked[rule.name] = _kept_quiet(marked[rule.name], silenced)
    order = dict.fromkeys(x.rule for x in findings)
    return [x for name in order for x in by_rule[name]], marked


def _inhibitors_first(rules: RuleSet) -> Iterator[Rule]:
    """Every rule after those that inhibit it; where they go round in a circle, in the order in which they are written."""
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
    for_: Rule,
    rules: RuleSet,
    findings: Mapping[str, Sequence[Finding]],
    standings: Mapping[str, pl.DataFrame],
    remembered: Standings,
) -> set[int]:
    """The workspaces on which the rule `name` has said something that is open, or says something now."""
    other = rules.by_name.get(name)
    if other is not None and other.status is not Status.LIVE and for_.status is Status.LIVE:
        return set()  # what is in shadow is said to nobody
    now = {x.workspace for x in findings.get(name, ()) if x.suppressed is None and not x.resolved}
    # A rule that is not evaluated this time, as in a sweep of some rules, stands as it stood.
    frame = standings.get(name) if other is not None else remembered.by_rule.get(name)
    if frame is None:
        return now
    return now | set(frame.filter(pl.col("outcome").is_in([o.value for o in OPEN]))["workspace"])


def _marked(findings: Sequence[Finding], silenced: set[int], remembered: Standings) -> Iterator[Finding]:
    for x in findings:
        if x.workspace not in silenced or x.suppressed is not None or x.resolved:
            yield x
        elif not _was_inhibited(x, remembered):
            yield replace(x, suppressed=Why.INHIBITED)


def _was_inhibited(x: Finding, remembered: Standings) -> bool:
    """Whether it had been found and silenced before: then there is nothing new to account for."""
    frame = remembered.by_rule.get(x.rule)
    return (
        frame is not None
        and not frame.filter(
            (pl.col("workspace") == x.workspace) & (pl.col("outcome") == Outcome.INHIBITED.value)
        ).is_empty()
    )


def _kept_quiet(standings: pl.DataFrame, silenced: set[int]) -> pl.DataFrame:
    quiet = pl.col("fresh") & pl.col("workspace").is_in(list(silenced))
    return standings.with_columns(
        outcome=pl.when(quiet).then(pl.lit(Outcome.INHIBITED.value)).otherwise("outcome")
    )

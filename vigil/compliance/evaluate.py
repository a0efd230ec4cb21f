"""Facts, rules and an instant in; findings, and what to remember, out. Semantics: shared/estates/README.md and design section 3.

The result of evaluating what changed and what is due equals that of evaluating everything: a condition's standing
carries since when it holds, and every verdict says when it must be looked at again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from vigil.compliance import facts as f
from vigil.compliance import milestones, transitions
from vigil.compliance.clauses import All, Clause, Not
from vigil.compliance.conditions import Scope, compile_clause, explain, flips, scope
from vigil.compliance.events import Change, Event, overdue, stamp
from vigil.compliance.rules import Kind, Rule, RuleSet, Status
from vigil.compliance.tables import Facts, Table
from vigil.compliance.verdicts import Evaluation, Finding, Outcome, Standing, Why


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
    standings: Sequence[Standing] = ()
    required: Sequence[f.RequiredDocument] = ()
    zone: str = "UTC"


def active(rules: Iterable[Rule]) -> list[Rule]:
    """The rules that are evaluated: live ones, and those in shadow."""
    return [r for r in rules if r.status in (Status.LIVE, Status.SHADOW)]


def evaluate(given: Input, rules: RuleSet, window: Window) -> Evaluation:
    """Evaluate every active rule for the workspaces of `given`."""
    standings = {(s.rule, s.workspace): s for s in given.standings}
    late = overdue((s for some in given.facts.steps.values() for s in some), window.after, window.as_of)
    given = replace(given, events=[*given.events, *late])
    findings: list[Finding] = []
    kept: list[Standing] = []
    counts: Counter[str] = Counter()
    seen: set[tuple[str, int]] = set()
    for type in given.facts.types():
        mine = [r for r in active(rules) if r.subject.workspace_type == type]
        if not mine:
            continue
        table = given.facts.table(type, given.required)
        ids = table.workspaces["id"].to_list()
        for rule in mine:
            match rule.kind:
                case Kind.TRANSITION:
                    findings += transitions.findings(rule, table, given, window)
                    kept += transitions.upcoming(rule, table, given, window)
                    seen |= {(rule.name, i) for i in ids}
                case Kind.CONDITION:
                    some, standing = _condition(rule, table, standings, window, given.zone)
                    findings += some
                    kept += standing
                    seen |= {(rule.name, i) for i in ids}
                    counts.update(s.outcome for s in standing)
                    counts[Outcome.CLEAR] += len(ids) - sum(s.outcome != Outcome.CLEAR for s in standing)
                case Kind.MILESTONE:
                    some, standing = milestones.evaluate(rule, table, given.changes, window, given.zone)
                    findings += some
                    kept += standing
                    seen |= {(rule.name, i) for i in ids}
    return Evaluation(
        tuple(_inhibited(findings, kept, standings, rules)), tuple(kept), frozenset(seen), dict(counts)
    )


def violation(rule: Rule) -> Clause:
    """The clause that is met where a condition has a finding, without its `where`."""
    return Not(not_=rule.require) if rule.require is not None else rule.when  # type: ignore[return-value]


def full_clause(rule: Rule) -> Clause:
    """The clause that is met where a condition has a finding."""
    return violation(rule) if rule.where is None else All(all=(rule.where, violation(rule)))


def _condition(
    rule: Rule, table: Table, standings: Mapping[tuple[str, int], Standing], window: Window, zone: str
) -> tuple[list[Finding], list[Standing]]:
    clause = full_clause(rule)
    ready = scope(table, [clause], window.as_of, zone)
    verdicts = ready.frame.select(
        "id", compile_clause(clause, ready).alias("met"), flips([clause], ready).alias("flip")
    )
    known = [i for (r, i) in standings if r == rule.name]
    interesting = verdicts.filter(
        pl.col("met").is_null() | pl.col("met") | pl.col("flip").is_not_null() | pl.col("id").is_in(known)
    )
    findings: list[Finding] = []
    kept: list[Standing] = []
    for workspace, met, flip in interesting.iter_rows():
        finding, standing = _step(rule, workspace, met, flip, standings.get((rule.name, workspace)), window)
        findings += finding
        if standing is not None:
            kept.append(standing)
    return _explained(rule, clause, ready, findings, kept)


def _step(
    rule: Rule,
    workspace: int,
    met: bool | None,
    flip: datetime | None,
    before: Standing | None,
    window: Window,
) -> tuple[list[Finding], Standing | None]:
    """One condition for one workspace: what it was, and what it is now, give what is said and what is remembered."""
    as_of = window.as_of
    if met is None and rule.unknown == "hold":
        since = None if before is None else before.since
        return [], Standing(rule.name, workspace, Outcome.NOT_EVALUATED, since, flip)
    if met is False:
        told = before is not None and before.outcome == Outcome.FINDING
        clear = (
            [_resolved(rule, workspace, before, as_of)]
            if told and rule.resolved and before is not None
            else []
        )
        return clear, None if flip is None else Standing(rule.name, workspace, Outcome.CLEAR, None, flip)
    since = before.since if before is not None and before.since is not None else as_of
    ripe = since if rule.for_ is None else since + rule.for_.timedelta
    if ripe > as_of:
        return [], Standing(rule.name, workspace, Outcome.HOLDING, since, min(ripe, flip) if flip else ripe)
    fire_at = ripe if ripe > window.of(rule.name) else as_of
    findings = []
    if before is None or before.outcome != Outcome.FINDING:
        findings.append(Finding(rule.name, workspace, stamp(since), None, fire_at))
    again, next_one = _repeats(rule, workspace, since, ripe, window)
    upcoming = min((t for t in (flip, next_one) if t is not None), default=None)
    return findings + again, Standing(rule.name, workspace, Outcome.FINDING, since, upcoming)


def _resolved(rule: Rule, workspace: int, before: Standing, as_of: datetime) -> Finding:
    since = before.since or as_of
    return Finding(rule.name, workspace, f"{stamp(since)}:resolved", None, as_of, resolved=True)


def _repeats(
    rule: Rule, workspace: int, since: datetime, ripe: datetime, window: Window
) -> tuple[list[Finding], datetime | None]:
    """The repeat of an open finding that has come due, at most one: what was missed meanwhile is not said many times over."""
    if rule.repeat is None:
        return [], None
    moments = milestones.repeats_of(rule, ripe, window)
    due = [(k, at) for k, at in moments if window.of(rule.name) < at <= window.as_of]
    later = [at for _, at in moments if at > window.as_of]
    found = [Finding(rule.name, workspace, f"{stamp(since)}#{k}", None, at) for k, at in due[-1:]]
    return found, min(later, default=None)


def _explained(
    rule: Rule, clause: Clause, ready: Scope, findings: list[Finding], kept: list[Standing]
) -> tuple[list[Finding], list[Standing]]:
    """Put into findings and standings the leaves that decided."""
    open_ids = [x.workspace for x in findings if not x.resolved] + [
        s.workspace for s in kept if s.outcome == Outcome.HOLDING
    ]
    met = explain(clause, ready, open_ids, True) if open_ids else {}
    clear_ids = [x.workspace for x in findings if x.resolved]
    cleared = explain(clause, ready, clear_ids, False) if clear_ids else {}
    return (
        [replace(x, why=(cleared if x.resolved else met).get(x.workspace, ())) for x in findings],
        [
            replace(s, why=met.get(s.workspace, ())) if s.outcome in (Outcome.FINDING, Outcome.HOLDING) else s
            for s in kept
        ],
    )


def _inhibited(
    findings: Sequence[Finding],
    kept: Sequence[Standing],
    before: Mapping[tuple[str, int], Standing],
    rules: RuleSet,
) -> list[Finding]:
    """Mark the findings that another rule's open finding on the same workspace makes needless."""
    open_now: dict[int, set[str]] = defaultdict(set)
    for s in [*before.values(), *kept]:
        if s.outcome == Outcome.FINDING:
            open_now[s.workspace].add(s.rule)
    for x in findings:
        open_now[x.workspace].add(x.rule)

    def mark(x: Finding) -> Finding:
        by: Collection[str] = rules.by_name[x.rule].inhibit_by
        stopped = x.suppressed is None and not open_now[x.workspace].isdisjoint(by)
        return replace(x, suppressed=Why.INHIBITED) if stopped else x

    return [mark(x) for x in findings]

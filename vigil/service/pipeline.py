"""The stages that process a batch of workspaces in a run, composed in one place.

    EVALUATE   evaluate, escalate, resolve                                  from facts to findings
    (the caller looks up the people of the findings, as of now, over the network)
    ADDRESS    leave, drop_void, supersede, address, compose                from findings to rows of the outbox
    GUARD      hold                                                         the rows of guarded rules wait for the whole run
    (the caller queues the rows, in one transaction)

A stage takes the batch from the previous stage and returns it for the next. It writes nothing, and reads earlier notices through
`Records`: the ledger, or a timeline's memory. `watch`, `sweep` and both players of timelines use all stages. A backfill uses only
ADDRESS: `evaluation.history` has evaluated its window, and a person approves it. A digest composes its own notice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Protocol

from vigil.compliance import facts
from vigil.compliance.evaluation import escalations, resolved, superseded
from vigil.compliance.evaluation.evaluate import active, evaluate
from vigil.compliance.evaluation.results import DIGESTED, Evaluation, Finding, Outcome, Why
from vigil.compliance.evaluation.superseded import SentOccurrences
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input, Window
from vigil.compliance.notices import NoticeState
from vigil.compliance.notify.guards import GuardWhy, could_trip
from vigil.compliance.notify.routing import Directory, Routed, route, undecided
from vigil.ledger.values import Entry
from vigil.service.compose import ComposeContext, compose_entries
from vigil.service.contacts import Contacts


class Records(Protocol):
    """The queries of the stages about what was read and queued before."""

    def occurrences(self, asked: Mapping[str, Collection[int]]) -> Mapping[str, SentOccurrences]:
        """The occurrences with a sent or queued notice, by rule, for some workspaces each."""

    def unread(self, workspaces: Collection[int]) -> Mapping[int, str]:
        """Those of some workspaces that could not be read completely and will be read again, each with the reason."""

    def contacts(self, people: Collection[str]) -> Contacts:
        """The contact details of some people."""


@dataclass(frozen=True, slots=True)
class Work:
    """One batch of workspaces between stages.

    `fresh` are rules that were never evaluated for these workspaces before; `taken_up`: earlier runs could not evaluate them, and this
    run does so from the same instant on. `left` are workspaces that wait for the next run, each with the reason.
    """

    given: Input
    window: Window
    escalations: Sequence[escalations.Due] = ()
    fresh: frozenset[str] = frozenset()
    taken_up: bool = False
    result: Evaluation = field(default_factory=Evaluation)
    directory: Directory = field(default_factory=Directory)
    left: Mapping[int, str] = field(default_factory=dict)
    routed: Sequence[Routed] = ()
    rows: Sequence[Entry] = ()

    @property
    def facts(self) -> Facts:
        return self.given.facts

    @property
    def findings(self) -> Sequence[Finding]:
        return self.result.findings

    def with_findings(self, findings: Iterable[Finding]) -> Work:
        return replace(self, result=replace(self.result, findings=tuple(findings)))


Stage = Callable[[ComposeContext, Records, Work], Work]


def through(stages: Sequence[Stage], run: ComposeContext, records: Records, work: Work) -> Work:
    """A batch after some stages, in their order."""
    return reduce(lambda so_far, stage: stage(run, records, so_far), stages, work)


def _evaluate(run: ComposeContext, records: Records, work: Work) -> Work:
    return replace(work, result=evaluate(work.given, run.rules, work.window))


def _escalate(run: ComposeContext, records: Records, work: Work) -> Work:
    """Add escalations of notices that nobody acknowledged in time and that are still true."""
    if not work.escalations:
        return work
    more = escalations.findings(work.escalations, run.rules, work.given, work.result.rule_states, run.as_of)
    return work.with_findings((*work.findings, *more))


def _resolve(run: ComposeContext, records: Records, work: Work) -> Work:
    """Add the resolved notices of milestones."""
    asked = resolved.required_lookups(work.result.evaluated, run.rules, work.facts.workspaces)
    if not asked:
        return work
    over = resolved.findings(records.occurrences(asked), run.rules, work.given, run.as_of)
    return work.with_findings((*work.findings, *over))


def _leave(run: ComposeContext, records: Records, work: Work) -> Work:
    """Leave to the next run what cannot be decided now.

    That is everything about a workspace whose people could not all be looked up, and findings that depend on unread data that will be
    read. For conditions that began, the start is stored, but no notice is made.
    """
    waiting = undecided(work.findings, run.rules, work.facts, work.directory)
    hanging = _unread(work, records)
    if not waiting and not hanging:
        return work
    begun = [
        replace(s, outcome=Outcome.HOLDING.value, next_check_at=run.as_of)
        for s in work.result.rule_states
        if s.workspace in waiting and s.outcome == Outcome.FINDING and s.since == run.as_of
    ]
    kept = {(s.rule, s.workspace) for s in begun}
    result = replace(
        work.result,
        findings=tuple(
            x
            for x in work.findings
            if x.workspace not in waiting and not (x.workspace in hanging and x.suppressed is Why.UNREAD)
        ),
        rule_states=[*(s for s in work.result.rule_states if s.workspace not in waiting), *begun],
        evaluated=[p for p in work.result.evaluated if p[1] not in waiting or p in kept],
    )
    return replace(work, result=result, left=hanging | waiting)


def _unread(work: Work, records: Records) -> dict[int, str]:
    """The workspaces with a finding that depends on unread data that will be read: their own, or a related workspace's."""
    hanging = {x.workspace for x in work.findings if x.suppressed is Why.UNREAD}
    if not hanging:
        return {}
    related = work.facts.related
    looked_at = {w: (w, *(related[w].others if w in related else ())) for w in hanging}
    owed = records.unread(set().union(*looked_at.values()))
    return {
        workspace: next(owed[w] for w in some if w in owed)
        for workspace, some in looked_at.items()
        if not owed.keys().isdisjoint(some)
    }


def _drop_void(run: ComposeContext, records: Records, work: Work) -> Work:
    """Drop findings that became void after their notice was sent: workspaces taken up are evaluated from the same instant again."""
    if not work.taken_up:
        return work
    void: dict[str, set[int]] = {}
    for x in work.findings:
        if _is_void(x):
            void.setdefault(x.rule, set()).add(x.workspace)
    told = records.occurrences(void) if void else {}

    def was_told(x: Finding) -> bool:
        return x.occurrence in told.get(x.rule, {}).get((x.workspace, x.step or ""), set())

    return work.with_findings(x for x in work.findings if not (_is_void(x) and was_told(x)))


def _is_void(x: Finding) -> bool:
    return x.suppressed is not None and x.suppressed not in DIGESTED


def _supersede(run: ComposeContext, records: Records, work: Work) -> Work:
    """Mark the steps of milestones with a notice for another date, if the rule ignores that it moved."""
    asked = superseded.required_lookups(work.findings, run.rules)
    told = records.occurrences(asked) if asked else {}
    return work.with_findings(superseded.without_superseded(work.findings, told))


def _address(run: ComposeContext, records: Records, work: Work) -> Work:
    """Find the recipients of each finding, or the reason why there are none. A group with an address of its own is one itself."""
    groups = {name: facts.group(name) for name in work.directory.groups}
    contacts = records.contacts(set(groups.values())) if groups else Contacts()
    reached = {name: contacts.channels(principal, run.channels) for name, principal in groups.items()}
    directory = replace(work.directory, reached=reached)
    routed = route(work.findings, run.rules, work.facts, directory)
    return replace(work, directory=directory, routed=routed)


def _compose(run: ComposeContext, records: Records, work: Work) -> Work:
    """Render a row of the outbox for each routed finding, in order."""
    contacts = records.contacts({r.person for r in work.routed if r.person is not None})
    return replace(work, rows=compose_entries(run, work.routed, work.facts, work.directory, contacts))


def _hold(run: ComposeContext, records: Records, work: Work) -> Work:
    """Let the rows of rules whose guard could hold wait until the whole run is counted."""
    guarded = {r.name for r in active(run.rules) if could_trip(r, r.name in work.fresh)}
    return replace(
        work, rows=[_undecided(e) if e.rule in guarded and on_its_way(e) else e for e in work.rows]
    )


def _undecided(e: Entry) -> Entry:
    return replace(e, state=NoticeState.SUPPRESSED, reason=GuardWhy.UNDECIDED.value)


def on_its_way(e: Entry) -> bool:
    """Whether a row will be sent to its person: now, in the next digest, or when its guard releases it."""
    waits = e.reason in DIGESTED or e.reason == GuardWhy.UNDECIDED.value
    return e.state == NoticeState.QUEUED or (e.state == NoticeState.SUPPRESSED and waits)


def first_findings(work: Work) -> set[str]:
    """The rules that notify somebody of workspaces for which they were never evaluated before. A guard may cover their first run."""
    return {e.rule for e in work.rows if e.rule in work.fresh and on_its_way(e)}


EVALUATE: tuple[Stage, ...] = (_evaluate, _escalate, _resolve)
ADDRESS: tuple[Stage, ...] = (_leave, _drop_void, _supersede, _address, _compose)
GUARD: tuple[Stage, ...] = (_hold,)

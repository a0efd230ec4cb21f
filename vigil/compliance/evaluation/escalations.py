"""`escalate`: notifies other people if nobody acknowledged a notice in time, and its finding is still true.

The time counts from when its people were notified: if runs are days apart, or a backfill sends an old notice, they have the full time.

`still_true` decides whether the finding is still true. Events other than those of steps have no end: for them only the time decides,
and the acknowledgement if the rule asks for one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from vigil.compliance import facts as f
from vigil.compliance.calendar import calendar_for
from vigil.compliance.durations import Offset
from vigil.compliance.evaluation.milestones import due_of
from vigil.compliance.evaluation.results import Finding
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.evaluation.sentences import length
from vigil.compliance.evaluation.still_true import CurrentState
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input, Window
from vigil.compliance.events import Change, Event, Looked, derive, overdue
from vigil.compliance.occurrence import Occurrence
from vigil.compliance.rules.model import Rule, RuleKind, RuleSet, Status
from vigil.compliance.rules.patterns import EventKind, recalled
from vigil.wording import instant

GRACE = timedelta(days=1)
"""How long after its instant an escalation is still made, because an undeliverable notice may have been retried for long. Older
ones, as after an edit of the rule, are not made.
"""

_DAYS: Mapping[str, float] = {"d": 1, "bd": 2, "w": 7, "mo": 31, "y": 366, "h": 1 / 24}
_HOLIDAYS = timedelta(days=21)


@dataclass(frozen=True, slots=True)
class EscalatableNotice:
    """A notice that was sent, or that its people could not receive: all rows of one (rule, workspace, occurrence, step) together."""

    rule: str
    workspace: int
    occurrence: str
    step: str | None
    fire_at: datetime
    told_at: datetime  # when the first of its people was told; when it was queued, where nobody could be
    acknowledged: bool = False
    escalated: frozenset[int] = frozenset()  # the escalations that were made, by number


@dataclass(frozen=True, slots=True)
class EscalationRow:
    """A row of the outbox, of one person: `heard` where one may wait for a reaction to it.

    `told_at` is when the first device accepted it, None where none did.
    """

    rule: str
    workspace: int
    occurrence: str
    step: str
    fire_at: datetime
    queued_at: datetime
    told_at: datetime | None
    heard: bool
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class Due:
    """The `number`-th escalation of a rule, due at `at`."""

    said: EscalatableNotice
    number: int
    at: datetime


def escalating(rules: Iterable[Rule]) -> list[Rule]:
    """The rules that escalate. A rule in shadow sends nothing, so there is nothing to acknowledge."""
    return [r for r in rules if r.escalate and r.status is Status.LIVE]


def horizon(rules: Iterable[Rule], window: Window) -> datetime:
    """No notice queued and sent before this can escalate in the window."""
    longest = max((_at_most(e.after) for r in rules for e in r.escalate), default=timedelta(0))
    return window.after - GRACE - longest


def _at_most(length: Offset) -> timedelta:
    return timedelta(days=length.n * _DAYS[length.unit]) + _HOLIDAYS


def escalatable(rows: Iterable[EscalationRow]) -> list[EscalatableNotice]:
    """The notices of some rows, with their escalations. One counts as acknowledged if one of its people acknowledged it."""
    groups: dict[tuple[str, int, str, str], list[EscalationRow]] = defaultdict(list)
    escalated: dict[tuple[str, int, str, str], set[int]] = defaultdict(set)
    for r in rows:
        o = Occurrence.parse(r.occurrence)
        if o.escalation:
            escalated[r.rule, r.workspace, o.base, r.step].add(o.escalation - 1)
        elif r.heard:
            groups[r.rule, r.workspace, r.occurrence, r.step].append(r)
    return [
        EscalatableNotice(
            rule=key[0],
            workspace=key[1],
            occurrence=key[2],
            step=key[3] or None,
            fire_at=min(r.fire_at for r in some),
            told_at=min([r.told_at for r in some if r.told_at] or [r.queued_at for r in some]),
            acknowledged=any(r.acknowledged for r in some),
            escalated=frozenset(escalated.get(key, ())),
        )
        for key, some in groups.items()
    ]


def due(rules: RuleSet, said: Iterable[EscalatableNotice], window: Window, zone: str) -> tuple[Due, ...]:
    """The escalations whose instant has come. Only first notices escalate, not repeats and resolved notices."""
    out = []
    for s in said:
        rule = rules.by_name[s.rule]
        if not Occurrence.parse(s.occurrence).is_first:
            continue
        for number, escalation in enumerate(rule.escalate):
            (at,) = calendar_for(rule.calendar, zone).repeats(s.told_at, escalation.after, 1)
            reacted = escalation.unless == "acknowledged" and s.acknowledged
            made = reacted or number in s.escalated
            if not made and window.after - GRACE < at <= window.as_of:
                out.append(Due(s, number, at))
    return tuple(out)


def findings(
    some: Iterable[Due], rules: RuleSet, given: Input, rule_states: Collection[RuleState], as_of: datetime
) -> list[Finding]:
    """The findings to send: those of `some` about the workspaces of `given` that are still true.

    `rule_states` are the rule states after this evaluation.
    """
    now = CurrentState(replace(given, rule_states=rule_states), as_of)
    return [
        _finding(rules.by_name[one.said.rule], one, given) for one in some if _is_so(rules, one, given, now)
    ]


def _is_so(rules: RuleSet, one: Due, given: Input, now: CurrentState) -> bool:
    said = one.said
    here = said.workspace in given.facts.workspaces
    return (
        here and now.no_longer(rules.by_name[said.rule], (said.rule, said.workspace, said.occurrence)) is None
    )


def _finding(rule: Rule, one: Due, given: Input) -> Finding:
    said, event, date = one.said, None, None
    if rule.kind is RuleKind.MILESTONE:
        table = given.facts.table(rule.subject.workspace_type, given.required, given.zone)
        date = due_of(rule, table, said.workspace)
    elif rule.kind is RuleKind.TRANSITION:
        event = event_of(said, given.facts)
    return Finding(
        rule=rule.name,
        workspace=said.workspace,
        occurrence=str(Occurrence(said.occurrence, escalation=one.number + 1)),
        step=said.step,
        fire_at=one.at,
        why=why(rule, one, given.zone),
        event=event,
        due=date,
        escalated=one.number,
    )


def why(rule: Rule, one: Due, zone: str) -> tuple[str, ...]:
    """The sentences of an escalation: who did not acknowledge what, and that it is still true."""
    escalation = rule.escalate[one.number]
    told, waited = f"the notice of {instant(one.said.told_at, zone)}", length(escalation.after)
    if escalation.unless == "acknowledged":
        return (f"nobody acknowledged {told} within {waited}", "it is still so")
    return (f"{told} went out {waited} ago", "it is still so")


def event_of(said: EscalatableNotice, facts: Facts) -> Event:
    """The event of a notice, rebuilt from the present facts: what was changed back since is no longer known.

    Where they no longer show it, it has what its occurrence says, and an empty kind if that is too little for the texts of its own.
    """
    for event in _events(said.workspace, facts):
        if said.occurrence == event.occurrence or _reassigned(said.occurrence, event):
            return event
    kind, fields = recalled(said.occurrence, facts.workspaces[said.workspace].attrs)
    return Event(kind, said.workspace, said.fire_at, said.occurrence, {"at": said.fire_at, **fields})


def _reassigned(occurrence: str, event: Event) -> bool:
    """Whether an occurrence is that of `event` with the names of other assignees."""
    return event.kind == EventKind.STEP_ASSIGNED and occurrence.startswith(f"{event.occurrence}:")


def _events(workspace: int, facts: Facts) -> Iterator[Event]:
    always, never = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    steps = facts.steps.get(workspace, ())
    mine = facts.workspaces.get(workspace)
    there: Sequence[f.Fact] = [*((mine,) if mine else ()), *facts.documents.get(workspace, ()), *steps]
    changes = [
        Change("", "", workspace, never, None, fact, first=isinstance(fact, f.Workspace)) for fact in there
    ]
    yield from derive(changes, Looked(always), never)
    yield from overdue(steps, always, never)

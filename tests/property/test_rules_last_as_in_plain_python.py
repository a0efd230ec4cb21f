"""Whole rules, scan by scan, against plain Python: since when, for how long, what is said, again, and at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given, note

from tests.property import reference
from tests.property.conftest import share
from tests.property.rules import conditions, milestones, of, transitions
from tests.property.views import views
from tests.support.histories import History, histories
from tests.support.scans import Ledger, Scan, Watcher, scans
from vigil.compliance import facts as f
from vigil.compliance.calendar import Calendar
from vigil.compliance.evaluation.results import Finding, Why
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.events import Event, Looked, derive, overdue
from vigil.compliance.rules.model import Rule, RuleSet

Said = tuple[int, str, str | None, datetime, Why | None]
"""Workspace, occurrence, step, fire_at, why it is not said."""


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass
class Condition:
    """One condition, remembered as a person would: since when it holds, and whether that was said."""

    rule: Rule
    zone: str
    since: dict[int, datetime] = field(default_factory=dict)
    said: set[int] = field(default_factory=set)

    def scan(self, w: int, view: reference.View, scan: Scan) -> Iterator[Said]:
        rule, now = self.rule, scan.as_of
        met = reference.truth(_full(rule), view)
        if met is None and rule.unknown == "hold":
            return
        if met is False:
            since = self.since.pop(w, None)
            if w in self.said and rule.resolved and since is not None:
                yield w, f"{_stamp(since)}:resolved", None, now, None
            self.said.discard(w)
            return
        since = self.since.setdefault(w, now)
        ripe = since if rule.for_ is None else since + rule.for_.timedelta
        if w in self.said:
            due = [(k, at) for k, at in self._repeats(ripe) if scan.after < at <= now]
            if due:
                yield w, f"{_stamp(since)}#{due[-1][0]}", None, due[-1][1], None
        elif ripe <= now:
            self.said.add(w)
            yield w, _stamp(since), None, ripe if ripe > scan.after else now, None

    def _repeats(self, ripe: datetime) -> Iterator[tuple[int, datetime]]:
        if self.rule.repeat is not None:
            calendar = Calendar(self.rule.calendar, self.zone)
            for k in range(1, self.rule.repeat.max + 1):
                yield k, calendar.instant(ripe, self.rule.repeat.every.times(k))


def _full(rule: Rule) -> Any:
    from vigil.compliance.rules.clauses import All, Not

    mine = rule.when if rule.when is not None else Not(not_=rule.require)
    return mine if rule.where is None else All(all=(rule.where, mine))


def _told(findings: tuple[Finding, ...]) -> list[Said]:
    return sorted(((x.workspace, x.occurrence, x.step, x.fire_at, x.suppressed) for x in findings), key=repr)


@share(0.7)
@given(histories(), conditions("r"))
def test_a_condition_is_said_when_it_has_lasted_and_once_until_it_clears(
    history: History, written: dict[str, Any]
) -> None:
    rule = of(written)
    ledger, watcher = Ledger(), Watcher(False, history.zone, history.required)
    model = Condition(rule, history.zone)
    for scan in scans(history, ledger):
        facts = Facts.of(x for some in ledger.known.values() for x in some.values())
        wanted = [
            s for w, view in views(history, facts, scan.as_of).items() for s in model.scan(w, view, scan)
        ]
        note(f"{scan.as_of}: {wanted}")
        assert _told(watcher.evaluate(ledger, scan, RuleSet((rule,))).findings) == sorted(wanted, key=repr)


@dataclass
class Milestone:
    """One milestone. `open` remembers, for workspaces that could not be read, since when their moments wait."""

    rule: Rule
    calendar: Calendar
    open: dict[int, datetime] = field(default_factory=dict)

    def scan(self, w: int, view: reference.View, scan: Scan) -> Iterator[Said]:
        due = self._date(view.workspace)
        if due is None:
            self.open.pop(w, None)
            return
        attribute = (self.rule.due or "").startswith("attr.")
        blind = attribute and "attrs" in view.workspace.unread
        met = None if blind else True if self.rule.where is None else reference.truth(self.rule.where, view)
        if met is None and self.rule.unknown == "hold":
            self.open.setdefault(w, scan.after)
            return
        after = self.open.pop(w, scan.after)
        if met is False:
            return
        fresh = any(self._became_known(c, scan) for c in scan.changes if c.workspace == w)
        for step in self.rule.steps:
            repeat = step.repeat or self.rule.repeat
            for k in range((repeat.max if repeat else 0) + 1):
                at = self._moment(due, step.at, repeat.every.times(k) if repeat and k else None)
                if at <= scan.as_of and (at > after or (fresh and k == 0)):
                    name = _stamp(due) if isinstance(due, datetime) else due.isoformat()
                    yield w, f"{name}#{k}" if k else name, step.id, at, self._late(at, after, scan.as_of)

    def _date(self, workspace: f.Workspace) -> date | None:
        """The first attribute, by its whole name, that holds a date; dates before instants."""
        name = (self.rule.due or "").removeprefix("attr.")
        if name in ("created", "modified"):
            return getattr(workspace, name)
        keys = sorted(k for k in workspace.attrs if k == name or k.endswith("." + name))
        values = [workspace.attrs[k] for k in keys]
        dates = [v for v in values if isinstance(v, date)]
        return dates[0] if dates else None

    def _became_known(self, change: Any, scan: Scan) -> bool:
        match change.before, change.after:
            case None, f.Workspace(created=created):
                return created > scan.after
            case f.Workspace() as before, f.Workspace() as after:
                return self._date(before) != self._date(after)
        return False

    def _moment(self, due: date, offset: Any, repeat: Any) -> datetime:
        if repeat is None:
            return self.calendar.instant(due, offset)
        try:
            base = self.calendar.place(due, offset)
        except OverflowError:
            return self.calendar.instant(due, offset)
        return self.calendar.instant(base, repeat)

    def _late(self, at: datetime, after: datetime, now: datetime) -> Why | None:
        late = self.rule.late
        if late is not None and now - at > late.within.timedelta:
            return Why.LATE_DROP
        if at > after:
            return None
        if late is None:
            return Why.TOO_LATE
        return {"send": None, "digest": Why.LATE_DIGEST, "drop": Why.LATE_DROP}[late.policy]


@share(0.7)
@given(histories(), milestones("r"))
def test_a_milestone_is_sent_in_the_window_that_holds_it_and_in_no_other(
    history: History, written: dict[str, Any]
) -> None:
    rule = of(written)
    ledger, watcher = Ledger(), Watcher(False, history.zone, history.required)
    model = Milestone(rule, Calendar(rule.calendar, history.zone))
    for scan in scans(history, ledger):
        facts = Facts.of(x for some in ledger.known.values() for x in some.values())
        wanted = [
            s for w, view in views(history, facts, scan.as_of).items() for s in model.scan(w, view, scan)
        ]
        note(f"{scan.as_of}: {wanted}")
        assert _told(watcher.evaluate(ledger, scan, RuleSet((rule,))).findings) == sorted(wanted, key=repr)


def _fits(event: Event, rule: Rule) -> bool:
    same = {"evidence_added": "document_added", "status_changed": "attribute_changed"}
    names = {"type": "document_type"}
    for pattern in rule.events:
        if same.get(pattern.event.value, pattern.event.value) != event.kind:
            continue
        for key, allowed in pattern.filters.items():
            if key == "field":
                attribute = str(event.fields["attr"])
                ends = [str(name).removeprefix("attr.") for name in allowed]
                if not any(attribute == end or attribute.endswith("." + end) for end in ends):
                    break
            elif event.fields.get(names.get(key, key)) not in allowed:
                break
        else:
            return True
    return False


@share(0.7)
@given(histories(), transitions("r"))
def test_a_transition_is_sent_for_each_event_that_fits_at_the_scan(
    history: History, written: dict[str, Any]
) -> None:
    rule = of(written)
    ledger, watcher = Ledger(), Watcher(False, history.zone, history.required)
    for n, scan in enumerate(scans(history, ledger)):
        facts = Facts.of(x for some in ledger.known.values() for x in some.values())
        steps = [s for w in facts.workspaces for s in facts.steps.get(w, ())]
        events = [
            *derive(scan.changes, Looked(scan.complete), scan.as_of),
            *overdue(steps, scan.after, scan.as_of),
        ]
        wanted: list[Said] = []
        seen = views(history, facts, scan.as_of)
        for e in events if n else []:
            if e.workspace in seen and _fits(e, rule):
                wanted += _of_event(e, rule, seen[e.workspace], scan)
        note(f"{scan.as_of}: {wanted}")
        assert _told(watcher.evaluate(ledger, scan, RuleSet((rule,))).findings) == sorted(wanted, key=repr)


def _of_event(e: Event, rule: Rule, view: reference.View, scan: Scan) -> Iterator[Said]:
    met = True if rule.where is None else reference.truth(rule.where, reference.of_event(view, e))
    if met is None and rule.unknown == "finding":
        met = True
    if met is False:
        return
    mine = [s for s in view.steps if (s.process, s.step) == (e.fields.get("process"), e.fields.get("step"))]
    done = any(s.completed_at is not None for s in mine)
    stale = done and e.kind in ("step_assigned", "escalated")
    reason = Why.UNREAD if met is None else Why.ALREADY_DONE if stale else None
    yield e.workspace, e.occurrence, None, e.at if scan.after < e.at <= scan.as_of else scan.as_of, reason

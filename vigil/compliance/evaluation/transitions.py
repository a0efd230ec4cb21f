"""Transitions: the events that match a rule, if its `where` holds at the tick."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from vigil.compliance import facts as f
from vigil.compliance.evaluation.clause_compiler import ClauseScope, because, met
from vigil.compliance.evaluation.columns import columns
from vigil.compliance.evaluation.results import Finding, Why
from vigil.compliance.evaluation.sentences import EMPTY, WITHHELD, title, value
from vigil.compliance.evaluation.tables import names
from vigil.compliance.evaluation.window import Input, Window
from vigil.compliance.events import Event
from vigil.compliance.facts import Value
from vigil.compliance.rules.clauses import FieldLeaf, FieldRef, leaves
from vigil.compliance.rules.model import Rule, events_used, fields_used
from vigil.compliance.rules.operands import show
from vigil.compliance.rules.patterns import EVENT_KEYS, WAITING, EventKind, EventPattern


def findings(
    rule: Rule, scope: ClauseScope, events: Sequence[Event], given: Input, window: Window
) -> list[Finding]:
    """One finding for each step and each event of `events`, all of the scope's workspaces, that matches a pattern of the rule."""
    after = window.of(rule.name) if rule.name in window.starts else None
    mine, fitting = [], []
    for event in events:
        fit = _fits(rule, event) if after is None or event.at > after else False
        if fit is not False:
            mine.append(event)
            fitting.append(fit)
    out, among = [], fields_used(rule)
    for event, fit, (held, why) in zip(mine, fitting, _where(rule, scope, mine), strict=True):
        if held is False:
            continue
        held = held and fit
        suppressed = Why.UNREAD if held is None else Why.ALREADY_DONE if _stale(event, given) else None
        out += [
            Finding(
                rule.name,
                event.workspace,
                event.occurrence,
                step.id,
                event.at if window.after < event.at <= window.as_of else window.as_of,
                (say(event, among, scope.now.zone, scope.sensitive), *why),
                event,
                suppressed=suppressed,
            )
            for step in rule.all_steps
        ]
    return out


def waits_for_escalation(rule: Rule) -> bool:
    """Whether the clock alone produces events of the rule: due dates of open steps."""
    return EventKind.ESCALATED in events_used(rule)


def next_due(steps: Mapping[int, Sequence[f.Step]], as_of: datetime) -> dict[int, datetime]:
    """The next future due date among each workspace's open steps."""
    out: dict[int, datetime] = {}
    for workspace, some in steps.items():
        ahead = [s.due for s in some if s.is_open and s.due is not None and s.due > as_of]
        if ahead:
            out[workspace] = min(ahead)
    return out


def _fits(rule: Rule, event: Event) -> bool | None:
    """Whether an event is one of the rule's; None if that depends on what Extended ECM does not tell of it."""
    found = [fits(p, event) for p in rule.events if not event.learnt or keys_needed(rule, p) & event.learnt]
    return True if True in found else None if None in found else False


def keys_needed(rule: Rule, pattern: EventPattern) -> set[str]:
    """The keys of an event on which the rule depends where `pattern` selects it: of its filters, of `where` and of recipients."""
    keys = {pattern.event.spec.filters[name] for name in pattern.filters}
    keys |= {x.ref.name for x in leaves(rule.where) if isinstance(x, FieldLeaf) and x.ref.root == "event"}
    keys |= {to.value for to in rule.recipients() if to.kind == "event"}
    return keys | {"by" for to in rule.recipients() if to.kind == "step" and to.value == "completed_by"}


def fits(pattern: EventPattern, event: Event) -> bool | None:
    """Whether an event has the pattern's kind and meets every filter; None if a filter is about what Extended ECM does not tell."""
    if pattern.event.of_events != event.kind:
        return False
    unknown = False
    for name, allowed in pattern.filters.items():
        if pattern.event.spec.filters[name] in event.unknown:
            unknown = True
            continue
        if name == "field":
            if not any(
                names(FieldRef.parse(show(field)).name, str(event.fields["attr"])) for field in allowed
            ):
                return False
        elif not _among(event.fields.get(pattern.event.spec.filters[name]), allowed):
            return False
    return None if unknown else True


def _among(value: Value, allowed: Collection[Value]) -> bool:
    """Whether a value is allowed. An unquoted value of a file is also compared as text."""
    values = value if isinstance(value, tuple) else (value,)
    return any(
        v == a or (v is not None and a is not None and show(v) == show(a)) for v in values for a in allowed
    )


def _where(
    rule: Rule, scope: ClauseScope, events: Sequence[Event]
) -> list[tuple[bool | None, tuple[str, ...]]]:
    """For each event whether the rule's `where` holds now (None: unknown), with the leaves that decided."""
    if rule.where is None or not events:
        return [(True, ())] * len(events)
    mine = of_events(scope, events)
    out: list[tuple[bool | None, tuple[str, ...]]] = [(held, ()) for held in met(rule.where, mine)]
    for outcome in (True, None):
        numbers = [n for n, (held, _) in enumerate(out) if held is outcome]
        why = because(rule.where, mine.at(numbers), outcome, fields_used(rule)) if numbers else []
        said = True if outcome is None and rule.unknown == "finding" else outcome
        for number, reasons in zip(numbers, why, strict=True):
            out[number] = (said, reasons)
    return out


def of_events(scope: ClauseScope, events: Sequence[Event]) -> ClauseScope:
    """The scope with a row for each event instead of one for each workspace, and the events' fields as columns."""
    fields = {}
    found: dict[str, Any] = {"id": [e.workspace for e in events], "number": range(len(events))}
    for key in EVENT_KEYS:
        some = list(columns(f"event.{key}", [_field(e, key) for e in events]))
        fields[key] = tuple(column for column, _ in some)
        found |= {column.name: series for column, series in some}
        if any(key in e.unknown for e in events):
            found[f"unread:event.{key}"] = [key in e.unknown for e in events]
    joined = pl.DataFrame(found)
    about = scope.frame.filter(pl.col("id").is_in(joined["id"].unique().implode()))
    return scope.only(joined.join(about, on="id", how="left", maintain_order="left"), fields)


def _field(event: Event, key: str) -> Value:
    return event.at if key == "at" else event.fields.get(key)


def _stale(event: Event, given: Input) -> bool:
    """Whether a step was completed before a notice could be sent that it waits, or that it is late."""
    if event.kind not in WAITING:
        return False
    name = event.fields["process"], event.fields.get("subprocess"), event.fields["step"]
    return any(
        (s.process, s.subprocess, s.step) == name and not s.is_open
        for s in given.facts.steps.get(event.workspace, ())
    )


def say(event: Event, among: Collection[str], zone: str, sensitive: Collection[str] = ()) -> str:
    """An event as a sentence. `among` are the rule's fields: attributes with the same name are distinguished.

    For `sensitive` attributes, as Category.attribute, the sentence only says that they changed.
    """
    return EventKind(event.kind).spec.sentence(event.fields, _Words(among, zone, sensitive))


@dataclass(frozen=True, slots=True)
class _Words:
    """See `patterns.Words`."""

    among: Collection[str]
    zone: str
    sensitive: Collection[str]

    def by(self, fields: Mapping[str, Value]) -> str:
        return f" by {fields['by']}" if fields.get("by") else ""

    def change(self, fields: Mapping[str, Value]) -> str:
        what = title(f"attr.{fields['attr']}", self.among)
        if fields["attr"] in self.sensitive:
            return f"{what} changed, and is {WITHHELD}"
        return _changed(what, fields["from"], fields["to"], self.zone)

    def members(self, fields: Mapping[str, Value]) -> str:
        role, some = title(f"role.{fields['role']}"), []
        for key, did in (("added", "added to"), ("removed", "removed from")):
            names = fields[key]
            if isinstance(names, tuple) and names:
                some.append(f"{value(names, self.zone)} {'was' if len(names) == 1 else 'were'} {did}")
        return f"{' and '.join(some)} {role}"


def _changed(what: str, old: Value, new: Value, zone: str) -> str:
    before, now = value(old, zone), value(new, zone)
    if EMPTY in (before, now):
        return f"{what} was {before} and is now {now}"
    return f"{what} went from {before} to {now}"

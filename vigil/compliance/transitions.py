"""Transitions: the events that a rule waits for, where its `where` holds at the tick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from vigil.compliance.clauses import FieldRef
from vigil.compliance.conditions import Scope, compile_clause, explain, scope
from vigil.compliance.events import Event
from vigil.compliance.facts import Value
from vigil.compliance.operators import show
from vigil.compliance.rules import EVENT_KEYS, EventKind, EventPattern, Rule, events_used
from vigil.compliance.tables import Table, column
from vigil.compliance.verdicts import Finding, Outcome, Standing, Why

if TYPE_CHECKING:
    from vigil.compliance.evaluate import Input, Window

KINDS: Mapping[EventKind, str] = {
    EventKind.EVIDENCE_ADDED: "document_added",
    EventKind.STATUS_CHANGED: "attribute_changed",
}
"""Event kinds of the rule model that are another kind of event to the machine."""

FILTERS: Mapping[str, str] = {"type": "document_type", "name": "document"}
"""Filters whose event field has another name."""


def findings(rule: Rule, table: Table, given: Input, window: Window) -> list[Finding]:
    """One finding a step for each event in the window that a pattern of the rule fits."""
    after = window.of(rule.name) if rule.name in window.starts else None
    mine = set(table.workspaces["id"].to_list())
    events = [
        e
        for e in given.events
        if e.workspace in mine
        and (after is None or e.at > after)
        and any(fits(p, e, table) for p in rule.events)
    ]
    if not events:
        return []
    why = _where(rule, table, events, window, given.zone)
    out = []
    for number, event in enumerate(events):
        if number not in why:
            continue
        fire_at = event.at if window.after < event.at <= window.as_of else window.as_of
        stale = _stale(event, given)
        for step in rule.all_steps:
            finding = Finding(
                rule.name,
                event.workspace,
                event.occurrence,
                step.id,
                fire_at,
                (say(event), *why[number]),
                event,
            )
            out.append(replace(finding, suppressed=Why.ALREADY_DONE) if stale else finding)
    return out


def upcoming(rule: Rule, table: Table, given: Input, window: Window) -> list[Standing]:
    """When to look again at workspaces whose open steps have a due date ahead, for a rule that waits for escalations."""
    if EventKind.ESCALATED not in events_used(rule):
        return []
    out = []
    for workspace in table.workspaces["id"].to_list():
        ahead = [
            s.due
            for s in given.facts.steps.get(workspace, ())
            if s.completed_at is None and s.due is not None and s.due > window.as_of
        ]
        if ahead:
            out.append(Standing(rule.name, workspace, Outcome.CLEAR, None, min(ahead)))
    return out


def fits(pattern: EventPattern, event: Event, table: Table) -> bool:
    """Whether an event is of the pattern's kind and meets every filter."""
    if KINDS.get(pattern.event, pattern.event.value) != event.kind:
        return False
    for name, allowed in pattern.filters.items():
        if name == "field":
            attributes = {table.attributes.get(FieldRef.parse(str(field)).name) for field in allowed}
            if f"attr:{event.fields.get('attr')}" not in attributes:
                return False
        elif not _among(event.fields.get(FILTERS.get(name, name)), allowed):
            return False
    return True


def _among(value: Value, allowed: Sequence[Value]) -> bool:
    values = value if isinstance(value, tuple) else (value,)
    return any(
        v == a or (v is not None and a is not None and show(v) == show(a)) for v in values for a in allowed
    )


def _where(
    rule: Rule, table: Table, events: Sequence[Event], window: Window, zone: str
) -> dict[int, tuple[str, ...]]:
    """The numbers of the events for which the rule's `where` holds now, with the leaves that decided."""
    if rule.where is None:
        return dict.fromkeys(range(len(events)), ())
    ready = scope(table, [rule.where], window.as_of, zone)
    frame = pl.DataFrame(
        {"number": range(len(events)), "workspace": [e.workspace for e in events]}
    ).with_columns(column([_field(e, key) for e in events]).alias(f"event:{key}") for key in EVENT_KEYS)
    joined = frame.join(ready.frame, left_on="workspace", right_on="id").with_columns(
        pl.col("number").alias("id")
    )
    mine = Scope(joined, ready.attributes, ready.as_of, ready.zone)
    held = joined.filter(compile_clause(rule.where, mine))["number"].to_list()
    return explain(rule.where, mine, held, True)


def _field(event: Event, key: str) -> Value:
    return event.at if key == "at" else event.fields.get(key)


def _stale(event: Event, given: Input) -> bool:
    """A step that was completed before anyone could be told that it waits."""
    if event.kind != "step_assigned":
        return False
    name = event.fields["process"], event.fields["step"]
    return any(
        (s.process, s.step) == name and s.completed_at is not None
        for s in given.facts.steps.get(event.workspace, ())
    )


def say(event: Event) -> str:
    """An event as a sentence for people."""
    fields = event.fields
    by = f" by {show(fields['by'])}" if fields.get("by") else ""
    match event.kind:
        case "document_added":
            return f'{show(fields["document_type"]) if fields["document_type"] else "document"} "{fields["document"]}" was added{by}'
        case "version_added":
            return f'version {fields["version"]} of "{fields["document"]}" was added{by}'
        case "attribute_changed":
            return f"{fields['attr']} went from {show(fields['from'])} to {show(fields['to'])}"
        case "step_assigned":
            return f'the step "{fields["title"]}" was assigned'
        case "step_completed":
            return f'the step "{fields["title"]}" was completed{by} with {show(fields["disposition"])}'
        case "escalated":
            return f'the step "{fields["title"]}" passed its due date'
        case _:
            return f"a comment was added{by}"

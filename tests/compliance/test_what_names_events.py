"""The occurrence of each kind of event is read as it was meant, whatever people, groups and fields are called, and names its kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.compliance.cases import NINE, case
from vigil.compliance import facts as f
from vigil.compliance.evaluation import escalations
from vigil.compliance.evaluation.escalations import EscalatableNotice, EscalationRow, event_of
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Window
from vigil.compliance.events import Change, Event, Looked, derive, overdue
from vigil.compliance.occurrence import Occurrence
from vigil.compliance.rules.loader import load_text
from vigil.compliance.rules.patterns import EventKind

HOUR = timedelta(hours=1)
LATER = NINE + HOUR
KINDS = {kind.of_events for kind in EventKind}
UNTOLD = {"document_added", "version_added", "step_assigned", "step_completed", "escalated"}
"""The kinds whose texts need more than their occurrence says."""

endings = st.sampled_from(
    (
        "#2",
        ":resolved",
        "#escalated1",
        ";",
        "@2026-03-02T09:00:00Z",
        ":changed:2026-03-02T09:00:00Z:0a",
        ":1",
        ",",
    )
)
names = st.builds("".join, st.lists(st.text(max_size=4) | endings, min_size=1, max_size=3))


def events(name: str) -> list[Event]:
    """One event of each kind at least, of which every person, group and field is called `name`."""
    first, second = case(1), replace(case(1), attrs={f"C.{name}": "x"}, modified=NINE)
    paper = f.Document(52, 1, name, name, NINE, name, NINE)
    newer = replace(paper, version=2, modified=LATER)
    step = f.Step(1, 5, 6, name, (f.user("ada"),), NINE, due=NINE)
    given = f.group(name)
    changes = [
        Change("workspace", "1", 1, LATER, first, second),
        Change("workspace", "1", 1, LATER, None, replace(first, created=NINE), first=True),
        Change("roles", "1", 1, LATER, f.Roles(1, {name: ()}), f.Roles(1, {name: (given,)})),
        Change("document", "52", 1, LATER, None, paper, first=True),
        Change("document", "52", 1, LATER, paper, newer),
        Change("step", "5:6", 1, LATER, None, step, first=True),
        Change("step", "5:6", 1, LATER, step, replace(step, assignees=(f.user("bob"), given))),
        Change("step", "5:6", 1, LATER, step, replace(step, completed_at=LATER, completed_by=name)),
        Change(
            "audit", "1", 1, LATER, None, f.AuditEvent(1, "Comment Added", NINE, name, name, 3), first=True
        ),
    ]
    return [*derive(changes, Looked(NINE - HOUR), LATER), *overdue([step], NINE - HOUR, LATER)]


def said(event: Event) -> EscalatableNotice:
    return EscalatableNotice("r", event.workspace, event.occurrence, None, event.at, event.at)


def test_every_kind_of_event_is_here() -> None:
    assert {e.kind for e in events("x")} == KINDS, "add a change that makes an event of the new kind"


def read_back(event: Event) -> Iterator[bool]:
    named = event.occurrence
    yield Occurrence.parse(named) == Occurrence(named)
    for made in (
        Occurrence(named, repeat=2),
        Occurrence(named, resolved=True),
        Occurrence(named, escalation=1),
    ):
        yield Occurrence.parse(str(made)) == made


@given(names)
@example("Team #2")
@example("Team #escalated1")
@example("The :resolved")
def test_no_name_makes_an_event_a_repeat_or_an_end(name: str) -> None:
    for event in events(name):
        assert all(read_back(event)), event


@given(names)
def test_only_a_name_that_would_mislead_changes_an_occurrence(name: str) -> None:
    plain = f"step:5:6:assigned:2026-03-02T09:00:00Z:user:bob,group:{name}"
    (given,) = (e.occurrence for e in events(name) if e.occurrence.startswith(plain))
    assert given == plain if Occurrence.parse(plain).is_first else given == f"{plain};"


RULES = load_text(
    {
        "rules.yaml": """
rule: waits
kind: transition
description: Tells of a step.
subject: {workspace_type: Case}
events: [step_assigned]
to: [step: assignee]
escalate:
  - {after: 1d, unless: acknowledged, to: [role: steward]}
"""
    }
)


@pytest.mark.parametrize("name", ["Team #2", "Team #escalated1", "x:resolved", "board"])
def test_a_step_given_to_a_group_escalates_once_whatever_its_name(name: str) -> None:
    (event,) = [
        e for e in events(name) if e.occurrence.startswith("step:5:6:assigned") and "group:" in e.occurrence
    ]
    row = EscalationRow("waits", 1, event.occurrence, "", NINE, NINE, NINE, heard=True, acknowledged=False)
    made = replace(row, occurrence=str(Occurrence(event.occurrence, escalation=1)))
    window = Window(NINE, NINE + 24 * HOUR)
    for rows, due in (([row], [event.occurrence]), ([row, made], [])):
        found = escalations.due(RULES, escalations.escalatable(rows), window, "UTC")
        assert [d.said.occurrence for d in found] == due


@given(names)
@example("x@2026-03-02T09:00:00Z")
def test_an_event_that_facts_no_longer_show_is_told_as_no_other_kind(name: str) -> None:
    for event in events(name):
        again = event_of(said(event), Facts.of([replace(case(1), created=NINE - HOUR)]))
        assert again.kind == ("" if event.kind in UNTOLD else event.kind), event
        assert (again.occurrence, again.at, again.fields["at"]) == (event.occurrence, event.at, event.at)


def test_a_version_that_is_no_longer_known_is_not_told_as_its_document() -> None:
    paper = f.Document(52, 1, "Plan", None, NINE, "ada", LATER, version=3)
    notice = EscalatableNotice("r", 1, "document:52:2", None, NINE, NINE)
    assert event_of(notice, Facts.of([case(1), paper])).kind == ""
    newest = replace(notice, occurrence="document:52:3")
    assert event_of(newest, Facts.of([case(1), paper])).kind == "version_added"


def test_a_step_that_was_given_to_others_is_still_known() -> None:
    step = f.Step(1, 5, 6, "Check", (f.user("bob"),), NINE)
    notice = EscalatableNotice(
        "r", 1, "step:5:6:assigned:2026-03-02T09:00:00Z:group:Team #2;", None, NINE, NINE
    )
    assert event_of(notice, Facts.of([case(1), step])).kind == "step_assigned"

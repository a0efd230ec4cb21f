"""Whether a notice is still true, whoever asks: the rule's kind decides, and what cannot be known counts as true."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from vigil.compliance import facts as f
from vigil.compliance.evaluation.results import Outcome
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.evaluation.still_true import CurrentState, NoLonger
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input
from vigil.compliance.events import overdue, stamp
from vigil.compliance.rules.clauses import FieldLeaf
from vigil.compliance.rules.model import Recipient, Rule, RuleKind, Subject

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEGAN = stamp(NOON)
PLACE = f.Workspace(
    7,
    "Contract",
    "Steel",
    NOON - 9 * HOUR,
    NOON,
    {
        "Contract.expires": date(2026, 6, 1),
        "Contract.status": "active",
        "Contract.signed": date(2025, 1, 1),
        "Contract.Terms.until": (date(2027, 1, 1), date(2028, 1, 1)),
    },
)
ACTIVE = FieldLeaf(field="attr.status", op="eq", value="active")


def rule(kind: RuleKind, due: str | None = None, where: FieldLeaf | None = None) -> Rule:
    return Rule(
        name="r",
        kind=kind,
        subject=Subject(workspace_type="Contract"),
        to=(Recipient(user="ada"),),
        due=due,
        where=where,
    )


def asked(
    given: Rule | None,
    occurrence: str,
    *facts: f.Fact,
    standing: RuleState | None = None,
    waiting: Collection[tuple[str, int, str]] = (),
) -> NoLonger | None:
    found = Facts.of(facts or [PLACE])
    now = CurrentState(Input(found, rule_states=[standing] if standing else []), NOON)
    return now.no_longer(given, ("r", 7, occurrence), waiting)


def standing(outcome: str, since: datetime | None = NOON) -> RuleState:
    return RuleState("r", 7, outcome, since)


@pytest.mark.parametrize(
    ("occurrence", "now", "why"),
    [
        (BEGAN, standing(Outcome.FINDING), None),
        (BEGAN, standing(Outcome.HELD), None),  # cannot be read now: nothing says that it ended
        (f"{BEGAN}#2", standing(Outcome.FINDING), None),
        (f"{BEGAN}#escalated1", standing(Outcome.FINDING), None),
        (BEGAN, None, NoLonger.CLEARED),
        (BEGAN, standing(Outcome.HOLDING), NoLonger.CLEARED),
        (BEGAN, standing(Outcome.FINDING, NOON + HOUR), NoLonger.CLEARED),  # it ended, and began once more
        (f"{BEGAN}#2", None, NoLonger.CLEARED),
        (f"{BEGAN}#escalated1", None, NoLonger.CLEARED),
        (f"{BEGAN}:resolved", None, None),
        (f"{BEGAN}:resolved", standing(Outcome.FINDING, NOON + HOUR), None),
    ],
)
def test_a_condition_is_true_while_its_finding_is_open(
    occurrence: str, now: RuleState | None, why: NoLonger | None
) -> None:
    assert asked(rule(RuleKind.CONDITION), occurrence, standing=now) is why


@pytest.mark.parametrize(
    ("due", "occurrence", "why"),
    [
        ("attr.expires", "2026-06-01", None),
        ("attr.expires", "2026-06-01#3", None),
        ("attr.Contract.expires", "2026-06-01#escalated1", None),
        ("attr.expires", "2026-07-01", NoLonger.MOVED),
        ("attr.expires", "2025-01-01", NoLonger.MOVED),  # another attribute has that date
        ("attr.expires", "2027-01-01", NoLonger.MOVED),  # a row of a set has it
        ("attr.nothing", "2026-06-01", NoLonger.MOVED),
        ("created", stamp(NOON - 9 * HOUR), None),
        ("created", stamp(NOON), NoLonger.MOVED),  # it was modified then
        ("modified", stamp(NOON), None),
        ("attr.expires", "2026-06-01:resolved", NoLonger.REOPENED),
        ("attr.expires", "2026-05-01:resolved", None),
    ],
)
def test_a_milestone_is_true_while_its_own_date_stands(
    due: str, occurrence: str, why: NoLonger | None
) -> None:
    assert asked(rule(RuleKind.MILESTONE, due), occurrence) is why


def test_a_milestone_is_true_unless_where_says_otherwise() -> None:
    given = rule(RuleKind.MILESTONE, "created", ACTIVE)
    named = stamp(PLACE.created)
    closed = replace(PLACE, attrs={**PLACE.attrs, "Contract.status": "closed"})
    assert asked(given, named) is None
    assert asked(given, named, closed) is NoLonger.EXCLUDED
    assert asked(given, f"{named}:resolved", closed) is None
    unread = replace(PLACE, attrs={}, unread=frozenset({"attrs"}))
    assert asked(given, named, unread) is None, "nothing says that the status is another one"


def test_a_step_event_is_true_until_its_completion_and_other_events_stay_true() -> None:
    step = f.Step(7, 5, 1, "Check", ("ada",), NOON - 3 * HOUR, NOON - HOUR)
    done = replace(step, completed_at=NOON, completed_by="ada")
    (late,) = overdue([step], NOON - 9 * HOUR, NOON)
    given = rule(RuleKind.TRANSITION)
    for occurrence in (f"step:5:1:assigned:{stamp(step.assigned_at)}", f"{late.occurrence}#escalated1"):
        assert asked(given, occurrence, PLACE, step) is None
        assert asked(given, occurrence, PLACE, done) is NoLonger.COMPLETED
        assert asked(given, occurrence.replace("step:5:1", "step:5:11"), PLACE, done) is None
    assert asked(given, f"step:5:1:completed:{BEGAN}", PLACE, done) is None
    assert asked(given, f"document:9:{BEGAN}", PLACE, done) is None


@pytest.mark.parametrize("kind", RuleKind)
def test_nothing_is_true_of_a_workspace_that_is_gone(kind: RuleKind) -> None:
    elsewhere = replace(PLACE, id=8)
    assert asked(rule(kind, "created"), BEGAN, elsewhere) is NoLonger.GONE
    assert asked(None, BEGAN, elsewhere) is NoLonger.GONE
    assert asked(None, BEGAN) is None, "of a rule that is not in force nothing tells that it ended"


@pytest.mark.parametrize("kind", [RuleKind.CONDITION, RuleKind.MILESTONE])
def test_the_end_of_what_a_person_never_heard_of_is_no_news(kind: RuleKind) -> None:
    given, end = rule(kind, "created"), f"{BEGAN}:resolved"
    assert asked(given, end, waiting={("r", 7, BEGAN)}) is NoLonger.UNHEARD
    assert asked(given, end, waiting={("r", 8, BEGAN), ("other", 7, BEGAN)}) is None

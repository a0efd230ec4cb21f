"""A step that was completed at an unknown time, and a document of unknown type: named, never guessed, never silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.compliance.cases import NINE, Cases, case, names, paper, rules, step
from vigil.compliance import facts as f
from vigil.compliance.evaluation.results import Outcome, Why
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.events import OLD, Change, Looked, derive, news, overdue
from vigil.compliance.notify.routing import Directory, route

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOTHING_TOLD = frozenset({"completed_at", "completed_by", "disposition"})
WHOLE = Looked(NINE, parts={"workspaces", "documents", "steps", "comments"})

COMPLETED = "rule: completed\nkind: transition\nevents: [step_completed]"
REFUSED = "rule: refused\nkind: transition\nevents: [{step_completed: {disposition: refused}}]"
LATE = "rule: late\nkind: transition\nevents: [escalated]"
ADDED = "rule: added\nkind: transition\nevents: [document_added]"
REPORT = "rule: report\nkind: transition\nevents: [{document_added: {type: Report}}]"
FIELD = (
    "rule: field\nkind: transition\nevents: [document_added]\n"
    "where: {field: event.document_type, op: eq, value: Report}"
)
MISSING = "rule: missing\nkind: condition\nrequire: {document: Report, state: present}"


def undated(of: f.Step) -> f.Step:
    return replace(of, unknown=NOTHING_TOLD)


def untyped(of: f.Document) -> f.Document:
    return replace(of, type=None, unknown=frozenset({"type"}))


def change(before: f.Step | None, after: f.Step) -> Change:
    return Change("step", "1", 1, NINE + HOUR, before, after, before is None)


# -- steps


def test_a_completion_at_an_unknown_time_is_told_when_seen_named_by_its_start() -> None:
    cases = Cases(rules(COMPLETED))
    first = step(1, NINE - HOUR)
    cases.scan(NINE, [case(), first])
    found = cases.scan(NINE + HOUR, [case(), undated(first)])
    assert names(found) == ["completed step:77:1:completed:after:2026-03-02T08:00:00Z"]
    assert [x.fire_at for x in found] == [NINE + HOUR]
    assert cases.scan(NINE + 2 * HOUR, [case(), undated(first)]) == []


def test_the_name_of_a_completion_does_not_depend_on_the_clock() -> None:
    first = step(1, NINE - HOUR)
    seen = [replace(change(first, undated(first)), seen_at=NINE + n * HOUR) for n in (1, 2)]
    assert len({e.occurrence for c in seen for e in derive([c], WHOLE, NINE + 3 * HOUR)}) == 1


def test_a_step_that_is_started_again_is_completed_again() -> None:
    first, again = step(1, NINE - HOUR), step(1, NINE)
    both = [
        e.occurrence
        for before, after in ((first, undated(first)), (undated(first), undated(again)))
        for e in derive([change(before, after)], WHOLE, NINE + HOUR)
        if e.kind == "step_completed"
    ]
    assert len(set(both)) == 2


def test_a_date_that_becomes_known_later_is_no_second_completion() -> None:
    cases = Cases(rules(COMPLETED))
    first = step(1, NINE - HOUR)
    cases.scan(NINE, [case(), first])
    assert len(cases.scan(NINE + HOUR, [case(), undated(first)])) == 1
    dated = replace(first, completed_at=NINE, completed_by="bob")
    assert cases.scan(NINE + 2 * HOUR, [case(), dated]) == []
    assert cases.scan(NINE + 3 * HOUR, [case(), undated(first)]) == []


@pytest.mark.parametrize(
    ("started", "told"), [(NINE + HOUR / 2, True), (NINE - OLD / 2, True), (NINE - 2 * OLD, False)]
)
def test_a_step_that_was_completed_when_first_seen_is_news_if_it_began_recently(started, told) -> None:  # type: ignore[no-untyped-def]
    found = news([change(None, undated(step(1, started)))], WHOLE, NINE + HOUR)
    assert [e.kind for e in found.events if e.kind == "step_completed"] == ["step_completed"] * told


def test_an_unknown_disposition_is_not_judged_and_is_judged_once_it_is_known() -> None:
    cases = Cases(rules(COMPLETED, REFUSED))
    first = step(1, NINE - HOUR)
    cases.scan(NINE, [case(), first])
    name = "step:77:1:completed:after:2026-03-02T08:00:00Z"
    found = names(cases.scan(NINE + HOUR, [case(), undated(first)]))
    assert found == [f"completed {name}", f"refused {name} ({Why.UNREAD})"]
    told = replace(first, completed_at=NINE + HOUR / 2, completed_by="bob", disposition="refused")
    assert names(cases.scan(NINE + 2 * HOUR, [case(), told])) == [f"refused {name}"]


def test_a_disposition_that_becomes_known_and_is_another_one_is_no_finding() -> None:
    cases = Cases(rules(REFUSED))
    first = step(1, NINE - HOUR)
    cases.scan(NINE, [case(), first])
    cases.scan(NINE + HOUR, [case(), undated(first)])
    told = replace(first, completed_at=NINE, completed_by="bob", disposition="signed")
    assert cases.scan(NINE + 2 * HOUR, [case(), told]) == []


@pytest.mark.parametrize("end", [{"unknown": NOTHING_TOLD}, {"stopped": True}])
def test_a_completed_or_stopped_step_is_not_late(end: dict[str, object]) -> None:
    over = replace(step(1, NINE, due=NINE + HOUR), **end)  # type: ignore[arg-type]
    assert not over.is_open
    assert overdue([over], NINE, NINE + 2 * HOUR) == []


def test_a_stopped_step_was_not_completed() -> None:
    cases = Cases(rules(COMPLETED))
    first = step(1, NINE - HOUR)
    cases.scan(NINE, [case(), first])
    assert cases.scan(NINE + HOUR, [case(), replace(first, stopped=True)]) == []


@pytest.mark.parametrize("end", [{"unknown": NOTHING_TOLD}, {"stopped": True}])
def test_that_a_step_is_late_is_no_news_once_it_has_ended(end: dict[str, object]) -> None:
    cases = Cases(rules(LATE))
    first = step(1, NINE - HOUR, due=NINE + HOUR)
    cases.scan(NINE, [case(), first])
    # The step was open at its due date, and had ended when that was found.
    assert cases.scan(NINE + 2 * HOUR, [case(), replace(first, **end)]) == []  # type: ignore[arg-type]


# -- recipients


def told(*to: str, fallback: str = "") -> list[tuple[str | None, Why | None, tuple[str, ...]]]:
    recipients = ", ".join(to)
    text = f"rule: r\nkind: transition\nevents: [step_completed]\n{fallback}steps: [{{id: s, to: [{recipients}]}}]"
    cases = Cases(rules(text))
    first = step(1, NINE - HOUR)
    cases.scan(NINE, [case(), first])
    found = cases.scan(NINE + HOUR, [case(), undated(first)])
    directory = Directory.of([f.User("ada", 1, "Ada"), f.User("bob", 2, "Bob")])
    facts = Facts.of([case(), undated(first)])
    return [(r.person, r.reason, r.lacks) for r in route(found, cases.rules, facts, directory)]


LACKS = ("who completed the step of Case 1 is not known: Extended ECM does not tell",)


def test_a_recipient_who_is_not_known_is_named_also_beside_others() -> None:
    assert told("step: completed_by") == [(None, Why.WHO, LACKS)]
    assert told("step: completed_by", "user: ada") == [(None, Why.WHO, LACKS), ("ada", None, ())]


def test_the_fallback_is_told_in_place_of_somebody_who_is_not_known() -> None:
    assert told("step: completed_by", fallback="fallback: [user: bob]\n") == [
        (None, Why.WHO, LACKS),
        ("bob", None, ()),
    ]


# -- documents


def test_an_unknown_type_is_judged_by_no_rule_that_needs_it_and_by_every_other() -> None:
    cases = Cases(rules(ADDED, REPORT, FIELD))
    cases.scan(NINE, [case()])
    found = cases.scan(NINE + HOUR, [case(), untyped(paper(7, at=NINE + HOUR / 2))])
    assert names(found) == [
        "added document:7",
        f"field document:7 ({Why.UNREAD})",
        f"report document:7 ({Why.UNREAD})",
    ]


def test_a_type_that_becomes_known_makes_a_document_news_to_rules_that_waited() -> None:
    cases = Cases(rules(ADDED, REPORT, FIELD))
    cases.scan(NINE, [case()])
    new = paper(7, at=NINE + HOUR / 2)
    cases.scan(NINE + HOUR, [case(), untyped(new)])
    assert names(cases.scan(NINE + 2 * HOUR, [case(), new])) == ["field document:7", "report document:7"]
    assert cases.scan(NINE + 3 * HOUR, [case(), new]) == []


def test_the_types_of_old_documents_are_no_news_when_they_become_known() -> None:
    old = paper(7, at=NINE - 2 * DAY)
    one = Change("document", "7", 1, NINE + HOUR, untyped(old), old)
    found = news([one], WHOLE, NINE + HOUR)
    assert (found.events, found.old) == ((), {1: 1})


@pytest.mark.parametrize(
    ("state", "known", "outcome"),
    [
        ("present", [], Outcome.NOT_EVALUATED),
        ("present", [paper(1)], Outcome.CLEAR),
        ("absent", [], Outcome.NOT_EVALUATED),
        ("absent", [paper(1)], Outcome.FINDING),
        ("valid", [paper(1, expires=NINE.date() - DAY)], Outcome.NOT_EVALUATED),
        ("valid", [paper(1)], Outcome.CLEAR),
        ("expired", [paper(1)], Outcome.FINDING),
        ("expired", [paper(1, expires=NINE.date() - DAY)], Outcome.NOT_EVALUATED),
    ],
)
def test_a_rule_judges_documents_as_far_as_an_unknown_type_changes_nothing(
    state: str, known: list[f.Document], outcome: Outcome
) -> None:
    text = f"rule: r\nkind: condition\nrequire: {{document: Report, state: {state}}}"
    cases = Cases(rules(text))
    found = cases.scan(NINE, [case(), untyped(paper(9)), *known])
    standing = cases.state("r")
    assert (standing.outcome if standing else Outcome.CLEAR) == outcome
    assert bool(found) == (outcome is Outcome.FINDING)
    sure = Cases(rules(text))
    sure.scan(NINE, [case(), *known])
    without = sure.state("r")
    assert without is None or without.outcome is not Outcome.NOT_EVALUATED, "without it everything is known"


# -- what was known stays known


def test_what_was_known_of_a_step_or_a_document_stays_known() -> None:
    dated = replace(step(1, NINE), completed_at=NINE + HOUR, completed_by="bob", disposition="ok")
    assert f.completed_from(undated(step(1, NINE)), dated) == dated
    again = undated(step(1, NINE + HOUR))
    assert f.completed_from(again, dated) == again, "the step began again"
    assert f.completed_from(undated(step(1, NINE)), step(1, NINE)) == undated(step(1, NINE))
    assert f.completed_from(untyped(paper(7)), paper(7)) == paper(7)
    assert f.completed_from(untyped(paper(7)), untyped(paper(7))) == untyped(paper(7))

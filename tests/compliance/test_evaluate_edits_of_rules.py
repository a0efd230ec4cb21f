"""A rule that is new, edited, or gone: what was said stays said, and nothing from before it counts."""

from __future__ import annotations

from datetime import date

import pytest

from tests.compliance.cases import NINE, Cases, case, days, names, paper, rules
from vigil.compliance.evaluation.evaluate import evaluate
from vigil.compliance.evaluation.results import Outcome
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input, Window

OPEN = "rule: open\nkind: condition\nwhen: {field: attr.status, op: eq, value: open}\nresolved: true"


def test_for_a_new_rule_nothing_from_before_it_counts() -> None:
    cases = Cases(rules(OPEN))
    cases.scan(NINE, [case(due=date(2026, 3, 3))])
    cases.rules = rules(
        OPEN,
        "rule: due\nkind: milestone\ndue: attr.due\nsteps: [{id: d, at: 0d, to: [user: ada]}]",
        "rule: new\nkind: transition\nevents: [document_added]",
    )
    assert cases.scan(days(2), [case(due=date(2026, 3, 3)), paper(1, at=days(1))]) == []


DUE = """\
rule: due
kind: milestone
due: attr.due
steps: [{id: d, at: 0d, to: [user: ada]}]
late: {within: 7d, policy: send}"""


@pytest.mark.parametrize("policy", ["send", "digest", "drop"])
def test_a_date_that_moved_just_before_its_rule_came_is_not_late_for_it(policy: str) -> None:
    # Its moment was told though it lies before the rule's first look: the run saw the date move.
    cases = Cases(rules(OPEN))
    cases.scan(NINE, [case(due=date(2026, 4, 1))])
    cases.rules = rules(OPEN, DUE.replace("send", policy))
    assert cases.scan(days(2), [case(due=date(2026, 3, 3))]) == []
    assert cases.scan(days(3)) == []


def test_of_a_date_that_moves_later_the_same_rule_tells_what_is_late() -> None:
    cases = Cases(rules(OPEN, DUE))
    cases.scan(NINE, [case(due=date(2026, 4, 1))])
    assert cases.scan(days(2), []) == []
    assert names(cases.scan(days(3), [case(due=date(2026, 3, 3))])) == ["due 2026-03-03 d"]


def test_a_finding_that_was_said_stays_one_when_its_rule_asks_for_a_longer_time() -> None:
    # Once it fell back to holding: its end was never told, and it was said again when the longer time was over.
    cases = Cases(rules(OPEN))
    cases.scan(NINE, [case(status="open")])
    cases.rules = rules(OPEN + "\nfor: 30d")
    assert cases.scan(days(1), []) == []
    standing = cases.state("open")
    assert standing is not None and standing.outcome == Outcome.FINDING
    assert names(cases.scan(days(2), [case()])) == ["open 2026-03-02T09:00:00Z:resolved"]


def test_an_edit_that_says_the_same_says_nothing_again() -> None:
    cases = Cases(rules(OPEN))
    cases.scan(NINE, [case(status="open")])
    cases.rules = rules(OPEN + "\ndescription: The case is open.\nversion: 2")
    assert cases.scan(days(1)) == []


def test_what_is_not_remembered_any_more_is_named() -> None:
    given = rules(OPEN)
    before = [
        RuleState("open", 1, Outcome.FINDING, NINE),
        RuleState("open", 2, Outcome.FINDING, NINE),
        RuleState("other", 1, Outcome.FINDING, NINE),
    ]
    facts = Facts.of([case(1, status="open"), case(2)])
    result = evaluate(Input(facts, rule_states=before), given, Window(NINE, days(1)))
    assert result.forgotten == (("open", 2),)
    assert set(result.evaluated) == {("open", 1), ("open", 2)} and len(result.evaluated) == 2
    assert ("open", 1) in result.evaluated and ("other", 1) not in result.evaluated
    assert result.counts == {"finding": 1, "clear": 1}


def test_outcomes_are_counted_once_each_also_where_the_clock_may_change_them() -> None:
    # Those that are clear until a date were counted twice.
    late = "rule: late\nkind: condition\nwhen: {field: attr.due, op: before, value: as_of}"
    cases = Cases(rules(late))
    cases.scan(NINE, [case(1, due=date(2026, 4, 1)), case(2, due=date(2026, 1, 1)), case(3)])
    assert cases.last.counts == {"clear": 2, "finding": 1}

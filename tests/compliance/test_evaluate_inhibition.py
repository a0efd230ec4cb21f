"""`inhibit_by`: what is silenced, for how long, and that somebody is always told of something."""

from __future__ import annotations

from datetime import date

from tests.compliance.cases import NINE, Cases, case, days, names, paper, rules
from vigil.compliance.evaluation.results import Outcome
from vigil.compliance.rules.model import RuleSet, Status


def condition(name: str, attribute: str, more: str = "") -> str:
    return f"rule: {name}\nkind: condition\nwhen: {{field: attr.{attribute}, op: present}}\n{more}"


DISPUTE = condition("dispute", "dispute")
PAPER = condition("paper", "paper", "inhibit_by: [dispute]")
SILENT = "(another rule has an open finding for the workspace)"


def test_a_finding_is_silenced_while_the_other_one_is_open() -> None:
    cases = Cases(rules(DISPUTE, PAPER))
    cases.scan(NINE, [case(dispute=1)])
    assert names(cases.scan(days(1), [case(dispute=1, paper=1)])) == [f"paper 2026-03-03T09:00:00Z {SILENT}"]
    standing = cases.state("paper")
    assert standing is not None and standing.outcome == Outcome.INHIBITED


def test_it_is_said_when_the_other_one_clears() -> None:
    # Once the silence was for good: nobody ever heard of the second finding.
    cases = Cases(rules(DISPUTE, PAPER))
    cases.scan(NINE, [case(dispute=1, paper=1)])
    assert cases.scan(days(1), [case(dispute=1, paper=1, x=1)]) == []
    assert names(cases.scan(days(2), [case(paper=1)])) == ["paper 2026-03-02T09:00:00Z"]


def test_a_condition_that_cleared_at_this_very_scan_inhibits_nothing() -> None:
    cases = Cases(rules(DISPUTE, PAPER))
    cases.scan(NINE, [case(dispute=1)])
    assert names(cases.scan(days(1), [case(paper=1)])) == ["paper 2026-03-03T09:00:00Z"]


def test_the_end_of_the_other_one_silences_nothing() -> None:
    cases = Cases(rules(condition("dispute", "dispute", "resolved: true"), PAPER))
    cases.scan(NINE, [case(dispute=1)])
    assert names(cases.scan(days(1), [case(paper=1)])) == [
        "dispute 2026-03-02T09:00:00Z:resolved",
        "paper 2026-03-03T09:00:00Z",
    ]


def test_of_two_that_silence_each_other_the_first_speaks() -> None:
    cases = Cases(
        rules(condition("one", "x", "inhibit_by: [two]"), condition("two", "y", "inhibit_by: [one]"))
    )
    assert names(cases.scan(NINE, [case(x=1, y=1)])) == [
        "one 2026-03-02T09:00:00Z",
        f"two 2026-03-02T09:00:00Z {SILENT}",
    ]


def test_what_is_silenced_silences_nobody() -> None:
    last = condition("last", "z", "inhibit_by: [middle]")
    middle = condition("middle", "y", "inhibit_by: [first]")
    cases = Cases(rules(last, middle, condition("first", "x")))
    assert names(cases.scan(NINE, [case(x=1, y=1, z=1)])) == [
        "first 2026-03-02T09:00:00Z",
        "last 2026-03-02T09:00:00Z",
        f"middle 2026-03-02T09:00:00Z {SILENT}",
    ]


def test_a_rule_in_shadow_silences_no_live_one() -> None:
    given = rules(DISPUTE, PAPER)
    shadow = [r.model_copy(update={"status": Status.SHADOW}) if r.name == "dispute" else r for r in given]
    cases = Cases(RuleSet(tuple(shadow)))
    assert f"paper 2026-03-02T09:00:00Z {SILENT}" not in names(cases.scan(NINE, [case(dispute=1, paper=1)]))


def test_an_open_finding_inhibits_a_milestone_and_an_event_for_good() -> None:
    due = "rule: due\nkind: milestone\ndue: attr.due\ninhibit_by: [dispute]\nsteps: [{id: d, at: 0d, to: [user: ada]}]"
    new = "rule: new\nkind: transition\nevents: [document_added]\ninhibit_by: [dispute]"
    cases = Cases(rules(DISPUTE, due, new))
    whole = case(dispute=1, due=date(2026, 3, 3))
    cases.scan(NINE, [whole])
    assert names(cases.scan(days(1), [whole, paper(1, at=days(0.5))])) == [
        f"due 2026-03-03 d {SILENT}",
        f"new document:1 {SILENT}",
    ]
    assert cases.scan(days(2), [case(due=date(2026, 3, 3)), paper(1, at=days(0.5))]) == []


def test_an_event_silences_no_condition() -> None:
    new = "rule: new\nkind: transition\nevents: [document_added]"
    cases = Cases(rules(new, condition("paper", "paper", "inhibit_by: [new]")))
    cases.scan(NINE, [case()])
    assert names(cases.scan(days(1), [case(paper=1), paper(1, at=days(0.5))])) == [
        "new document:1",
        "paper 2026-03-03T09:00:00Z",
    ]


def test_an_other_workspace_is_none_of_its_business() -> None:
    cases = Cases(rules(DISPUTE, PAPER))
    assert names(cases.scan(NINE, [case(1, dispute=1), case(2, paper=1)])) == [
        "dispute 2026-03-02T09:00:00Z",
        "paper 2026-03-02T09:00:00Z",
    ]

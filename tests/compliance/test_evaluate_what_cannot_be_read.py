"""A field that could not be read is not a violation, ends nothing, and loses no moment."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tests.compliance.cases import NINE, Cases, case, days, names, paper, rules
from vigil.compliance import facts as f
from vigil.compliance.evaluation.results import Outcome

MISSING = "rule: missing\nkind: condition\nrequire: {document: Report}\nresolved: true"


def test_what_could_not_be_read_is_not_a_violation() -> None:
    cases = Cases(rules(MISSING))
    assert cases.scan(NINE, [case()], unread=["documents"]) == []
    state = cases.state("missing")
    assert state is not None and state.outcome == Outcome.NOT_EVALUATED
    assert state.why == ("document Report could not be looked up",)
    assert cases.last.counts == {"not_evaluated": 1}


def test_with_unknown_finding_it_is_one_and_says_why() -> None:
    cases = Cases(rules(MISSING + "\nunknown: finding"))
    (found,) = cases.scan(NINE, [case()], unread=["documents"])
    assert found.why == ("document Report could not be looked up",)


def test_a_finding_stays_open_while_it_cannot_be_read_and_is_not_said_again() -> None:
    cases = Cases(rules(MISSING))
    assert len(cases.scan(NINE, [case()])) == 1
    assert cases.scan(days(1), [case()], unread=["documents"]) == []
    state = cases.state("missing")
    assert state is not None and state.outcome == Outcome.HELD and state.since == NINE
    assert cases.scan(days(2), [case()]) == []


def test_a_finding_that_clears_while_it_cannot_be_read_is_resolved_after() -> None:
    # Once the end of such a finding was never told: its state had forgotten that it had been said.
    cases = Cases(rules(MISSING))
    cases.scan(NINE, [case()])
    cases.scan(days(1), [case(), paper(1, at=days(0.5))], unread=["documents"])
    found = cases.scan(days(2), [case(), paper(1, at=days(0.5))])
    assert names(found) == ["missing 2026-03-02T09:00:00Z:resolved"]


def test_what_was_never_said_has_no_end() -> None:
    cases = Cases(rules(MISSING + "\nfor: 7d"))
    cases.scan(NINE, [case()])
    assert cases.scan(days(1), [case(), paper(1, at=days(0.5))]) == []


def test_time_that_cannot_be_read_counts_for_a_condition_that_still_holds_after() -> None:
    cases = Cases(rules(MISSING + "\nfor: 3d"))
    cases.scan(NINE, [case()])
    assert cases.scan(days(2), [case()], unread=["documents"]) == []
    assert cases.scan(days(4)) == []
    assert names(cases.scan(days(5), [case()])) == ["missing 2026-03-02T09:00:00Z"]


DUE = (
    "rule: due\nkind: milestone\ndue: attr.due\nwhere: {document: Report, state: absent}\n"
    "steps: [{id: week, at: -1w, to: [user: ada]}]"
)


def test_a_moment_that_passes_while_nobody_can_tell_is_said_when_somebody_can() -> None:
    cases = Cases(rules(DUE))
    due = date(2026, 3, 11)
    cases.scan(NINE, [case(due=due)])
    assert cases.scan(days(1), [case(due=due)], unread=["documents"]) == []
    assert cases.scan(days(3)) == []
    found = cases.scan(days(4), [case(due=due)])
    assert names(found) == ["due 2026-03-11 week"]
    assert cases.scan(days(5), [case(due=due)]) == []


def test_a_missed_milestone_is_not_sent_where_the_rule_does_not_apply_after_all() -> None:
    cases = Cases(rules(DUE))
    due = date(2026, 3, 11)
    cases.scan(NINE, [case(due=due)])
    cases.scan(days(3), [case(due=due)], unread=["documents"])
    assert cases.scan(days(4), [case(due=due), paper(1, at=days(0.5))]) == []


def test_a_date_that_cannot_be_read_any_more_is_not_taken_for_what_it_was() -> None:
    cases = Cases(rules(DUE))
    cases.scan(NINE, [case(due=date(2026, 3, 11))])
    assert cases.scan(days(3), [case(at=days(1), due=date(2026, 9, 9))], unread=["attrs"]) == []
    state = cases.state("due")
    assert state is not None and state.why == ("due could not be read",)
    assert cases.scan(days(4), [case(at=days(1), due=date(2026, 9, 9))]) == []


def test_with_unknown_finding_the_moment_is_said_at_once_with_the_reason() -> None:
    cases = Cases(rules(DUE + "\nunknown: finding"))
    cases.scan(NINE, [case(due=date(2026, 3, 11))])
    (found,) = cases.scan(days(3), [case(due=date(2026, 3, 11))], unread=["documents"])
    assert found.why == ("due is 11 March 2026", "document Report could not be looked up")


def test_an_event_of_which_nobody_can_tell_whether_it_matters_has_its_reason() -> None:
    rule = (
        "rule: new\nkind: transition\nevents: [document_added]\nwhere: {field: attr.vip, op: eq, value: true}"
    )
    cases = Cases(rules(rule))
    cases.scan(NINE, [case(vip=True)])
    found = cases.scan(days(1), [case(vip=True), paper(1, at=days(0.5))], unread=["attrs"])
    assert names(found) == ["new document:1 (a field that decides could not be read)"]
    assert found[0].why[1:] == ("vip could not be read",)


def test_related_workspaces_are_not_read_yet_and_so_never_decide() -> None:
    rule = "rule: r\nkind: condition\nwhen: {field: related.Case.attr.status, op: eq, value: open}"
    cases = Cases(rules(rule))
    assert cases.scan(NINE, [case(status="open")]) == []
    state = cases.state("r")
    assert state is not None and state.outcome == Outcome.NOT_EVALUATED


def test_of_a_workspace_that_is_gone_nothing_clears_and_nothing_waits() -> None:
    cases = Cases(
        rules(MISSING, "rule: due\nkind: milestone\ndue: attr.due\nsteps: [{id: d, at: 0d, to: [user: ada]}]")
    )
    cases.scan(NINE, [case(due=date(2026, 3, 20)), f.MissingDocuments(1, ())])
    assert cases.scan(days(1), gone=[1]) == []
    missing, due = cases.state("missing"), cases.state("due")
    assert missing is not None and missing.outcome == Outcome.FINDING
    assert due is not None and due.next_check_at is None
    assert cases.scan(days(30)) == []
    # It is readable again: the finding was said before it went, and is still one.
    assert cases.scan(days(31), [case(due=date(2026, 3, 20))]) == []


def test_a_milestone_at_the_instant_of_a_scan_is_not_sent_by_the_next_window() -> None:
    cases = Cases(rules(DUE))
    due, moment = date(2026, 3, 11), datetime(2026, 3, 4, 7, tzinfo=UTC)
    cases.scan(NINE, [case(due=due)])
    assert names(cases.scan(moment)) == ["due 2026-03-11 week"]
    assert cases.scan(days(3), [case(due=due)], unread=["documents"]) == []
    assert cases.scan(days(4), [case(due=due)]) == []

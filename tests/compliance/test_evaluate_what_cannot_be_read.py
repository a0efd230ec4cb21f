"""A field that could not be read is not a violation, ends nothing, and loses no moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from tests.compliance.office import NINE, Office, case, names, paper, rules
from vigil.compliance import facts as f
from vigil.compliance.verdicts import Outcome

MISSING = "rule: missing\nkind: condition\nrequire: {document: Report}\nresolved: true"


def days(n: float) -> datetime:
    return NINE + timedelta(days=n)


def test_what_could_not_be_read_is_not_a_violation() -> None:
    office = Office(rules(MISSING))
    assert office.look(NINE, [case()], unread=["documents"]) == []
    standing = office.standing("missing")
    assert standing is not None and standing.outcome == Outcome.NOT_EVALUATED
    assert standing.why == ("document Report could not be looked up",)
    assert office.last.counts == {"not_evaluated": 1}


def test_with_unknown_finding_it_is_one_and_says_why() -> None:
    office = Office(rules(MISSING + "\nunknown: finding"))
    (found,) = office.look(NINE, [case()], unread=["documents"])
    assert found.why == ("document Report could not be looked up",)


def test_a_finding_stays_open_while_it_cannot_be_read_and_is_not_said_again() -> None:
    office = Office(rules(MISSING))
    assert len(office.look(NINE, [case()])) == 1
    assert office.look(days(1), [case()], unread=["documents"]) == []
    standing = office.standing("missing")
    assert standing is not None and standing.outcome == Outcome.HELD and standing.since == NINE
    assert office.look(days(2), [case()]) == []


def test_a_finding_that_clears_while_it_cannot_be_read_is_resolved_after() -> None:
    # Once the end of such a finding was never told: its standing had forgotten that it had been said.
    office = Office(rules(MISSING))
    office.look(NINE, [case()])
    office.look(days(1), [case(), paper(1, at=days(0.5))], unread=["documents"])
    found = office.look(days(2), [case(), paper(1, at=days(0.5))])
    assert names(found) == ["missing 2026-03-02T09:00:00Z:resolved"]


def test_what_was_never_said_has_no_end() -> None:
    office = Office(rules(MISSING + "\nfor: 7d"))
    office.look(NINE, [case()])
    assert office.look(days(1), [case(), paper(1, at=days(0.5))]) == []


def test_time_that_cannot_be_read_counts_for_a_condition_that_still_holds_after() -> None:
    office = Office(rules(MISSING + "\nfor: 3d"))
    office.look(NINE, [case()])
    assert office.look(days(2), [case()], unread=["documents"]) == []
    assert office.look(days(4)) == []
    assert names(office.look(days(5), [case()])) == ["missing 2026-03-02T09:00:00Z"]


DUE = (
    "rule: due\nkind: milestone\ndue: attr.due\nwhere: {document: Report, state: absent}\n"
    "steps: [{id: week, at: -1w, to: [user: ada]}]"
)


def test_a_moment_that_passes_while_nobody_can_tell_is_said_when_somebody_can() -> None:
    office = Office(rules(DUE))
    due = date(2026, 3, 11)
    office.look(NINE, [case(due=due)])
    assert office.look(days(1), [case(due=due)], unread=["documents"]) == []
    assert office.look(days(3)) == []
    found = office.look(days(4), [case(due=due)])
    assert names(found) == ["due 2026-03-11 week"]
    assert office.look(days(5), [case(due=due)]) == []


def test_a_moment_that_passed_meanwhile_is_not_said_where_the_rule_turns_out_not_to_be_about_it() -> None:
    office = Office(rules(DUE))
    due = date(2026, 3, 11)
    office.look(NINE, [case(due=due)])
    office.look(days(3), [case(due=due)], unread=["documents"])
    assert office.look(days(4), [case(due=due), paper(1, at=days(0.5))]) == []


def test_a_date_that_cannot_be_read_any_more_is_not_taken_for_what_it_was() -> None:
    office = Office(rules(DUE))
    office.look(NINE, [case(due=date(2026, 3, 11))])
    assert office.look(days(3), [case(at=days(1), due=date(2026, 9, 9))], unread=["attrs"]) == []
    standing = office.standing("due")
    assert standing is not None and standing.why == ("due could not be read",)
    assert office.look(days(4), [case(at=days(1), due=date(2026, 9, 9))]) == []


def test_with_unknown_finding_the_moment_is_said_at_once_with_the_reason() -> None:
    office = Office(rules(DUE + "\nunknown: finding"))
    office.look(NINE, [case(due=date(2026, 3, 11))])
    (found,) = office.look(days(3), [case(due=date(2026, 3, 11))], unread=["documents"])
    assert found.why == ("due is 11 March 2026", "document Report could not be looked up")


def test_an_event_of_which_nobody_can_tell_whether_it_matters_has_its_reason() -> None:
    rule = (
        "rule: new\nkind: transition\nevents: [document_added]\nwhere: {field: attr.vip, op: eq, value: true}"
    )
    office = Office(rules(rule))
    office.look(NINE, [case(vip=True)])
    found = office.look(days(1), [case(vip=True), paper(1, at=days(0.5))], unread=["attrs"])
    assert names(found) == ["new document:1 (a field that decides could not be read)"]
    assert found[0].why[1:] == ("vip could not be read",)


def test_related_workspaces_are_not_read_yet_and_so_never_decide() -> None:
    rule = "rule: r\nkind: condition\nwhen: {field: related.Case.attr.status, op: eq, value: open}"
    office = Office(rules(rule))
    assert office.look(NINE, [case(status="open")]) == []
    standing = office.standing("r")
    assert standing is not None and standing.outcome == Outcome.NOT_EVALUATED


def test_of_a_workspace_that_is_gone_nothing_clears_and_nothing_waits() -> None:
    office = Office(
        rules(MISSING, "rule: due\nkind: milestone\ndue: attr.due\nsteps: [{id: d, at: 0d, to: [user: ada]}]")
    )
    office.look(NINE, [case(due=date(2026, 3, 20)), f.MissingDocuments(1, ())])
    assert office.look(days(1), gone=[1]) == []
    missing, due = office.standing("missing"), office.standing("due")
    assert missing is not None and missing.outcome == Outcome.FINDING
    assert due is not None and due.next_check_at is None
    assert office.look(days(30)) == []
    # It is readable again: the finding was said before it went, and is still one.
    assert office.look(days(31), [case(due=date(2026, 3, 20))]) == []


def test_a_moment_at_the_very_instant_of_a_look_is_not_said_again_by_a_window_that_stays_open_from_there() -> (
    None
):
    office = Office(rules(DUE))
    due, moment = date(2026, 3, 11), datetime(2026, 3, 4, 7, tzinfo=UTC)
    office.look(NINE, [case(due=due)])
    assert names(office.look(moment)) == ["due 2026-03-11 week"]
    assert office.look(days(3), [case(due=due)], unread=["documents"]) == []
    assert office.look(days(4), [case(due=due)]) == []

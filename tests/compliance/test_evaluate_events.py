"""What two observations show: changes there and back, bursts, what is seen late, and what nobody can have seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.compliance.cases import NINE, Cases, case, names, paper, rules, step
from vigil.compliance import facts as f
from vigil.compliance.events import Change, Looked, derive, overdue, unseen

STATUS = "rule: status\nkind: transition\nevents: [{status_changed: {field: attr.status}}]"
VERSION = "rule: version\nkind: transition\nevents: [version_added]"
ADDED = "rule: added\nkind: transition\nevents: [document_added]"


def at(hours: float) -> datetime:
    return NINE + timedelta(hours=hours)


KINDS = {f.Workspace: "workspace", f.Document: "document", f.Step: "step", f.AuditEvent: "audit"}


def change(before: f.Fact | None, after: f.Fact | None, seen: datetime) -> Change:
    workspace = after.id if isinstance(after, f.Workspace) else after.workspace  # type: ignore[union-attr]
    return Change(KINDS[type(after)], "1", workspace, seen, before, after, before is None)


def test_there_and_back_within_one_window_is_not_seen_and_across_windows_twice() -> None:
    cases = Cases(rules(STATUS))
    cases.scan(NINE, [case(status="open")])
    assert cases.scan(at(6), [case(at=at(2), status="open")]) == []
    assert names(cases.scan(at(12), [case(at=at(8), status="waiting")])) == [
        "status C.status@2026-03-02T17:00:00Z"
    ]
    assert names(cases.scan(at(18), [case(at=at(14), status="open")])) == [
        "status C.status@2026-03-02T23:00:00Z"
    ]


def test_each_version_of_one_window_is_an_event_of_its_own() -> None:
    cases = Cases(rules(VERSION))
    first = paper(7, at=at(-5))
    cases.scan(NINE, [case(), first])
    three = tuple(f.Version(n, at(n), "bob") for n in (2, 3, 4))
    found = cases.scan(at(6), [case(), replace(first, version=4, versions=three, modified=at(4))])
    assert names(found) == ["version document:7:2", "version document:7:3", "version document:7:4"]
    assert [x.fire_at for x in found] == [at(2), at(3), at(4)]


def test_versions_that_were_not_listed_are_not_made_up() -> None:
    cases = Cases(rules(VERSION))
    first = paper(7, at=at(-5))
    cases.scan(NINE, [case(), first])
    assert names(cases.scan(at(6), [case(), replace(first, version=4, modified=at(4))])) == [
        "version document:7:4"
    ]


def test_a_burst_of_five_hundred_events_on_one_workspace_is_told_whole() -> None:
    cases = Cases(rules(ADDED, "rule: said\nkind: transition\nevents: [comment_added]"))
    cases.scan(NINE, [case()])
    papers = [paper(n, at=at(1)) for n in range(1, 251)]
    said = [f.AuditEvent(1, "Comment Added", at(1), "bob", "a word", n) for n in range(250)]
    found = cases.scan(at(2), [case(), *papers, *said])
    assert len({(x.rule, x.occurrence) for x in found}) == len(found) == 500


def test_from_unset_to_another_way_of_unset_is_no_change() -> None:
    cases = Cases(rules(STATUS))
    cases.scan(NINE, [case(status="")])
    assert cases.scan(at(1), [case(at=at(1), status=None)]) == []
    assert cases.scan(at(2), [case(at=at(2), status=())]) == []
    assert cases.scan(at(3), [case(at=at(3))]) == []


def test_values_that_were_never_read_are_not_values_that_changed() -> None:
    cases = Cases(rules(STATUS))
    cases.scan(NINE, [case(status="open")], unread=["attrs"])
    assert cases.scan(at(1), [case(status="open")]) == []
    assert len(cases.scan(at(2), [case(at=at(2), status="closed")])) == 1


def test_a_change_while_the_attributes_were_unreadable_is_found_afterwards() -> None:
    cases = Cases(rules(STATUS))
    cases.scan(NINE, [case(status="open")])
    assert cases.scan(at(1), [case(at=at(0.5), status="closed")], unread=["attrs"]) == []
    found = cases.scan(at(2), [case(at=at(0.5), status="closed")])
    assert [x.event.fields["to"] for x in found if x.event] == ["closed"]


def test_what_two_observations_show_is_news_whatever_its_instant() -> None:
    # The version was made in the second of the last look, and not yet there when its page was read.
    known, seen = (
        paper(7, at=at(-5)),
        replace(paper(7, at=at(-5)), version=2, versions=(f.Version(2, NINE, "bob"),)),
    )
    assert [e.occurrence for e in derive([change(known, seen, at(1))], Looked(NINE), at(1))] == [
        "document:7:2"
    ]
    before, after = case(status="open"), case(at=NINE, status="closed")
    assert len(derive([change(before, after, at(1))], Looked(NINE), at(1))) == 1


def test_what_is_seen_for_the_first_time_is_news_only_if_it_is_new() -> None:
    old, new = paper(1, at=at(-1)), paper(2, at=at(0.5))
    changes = [change(None, old, at(1)), change(None, new, at(1))]
    assert [e.occurrence for e in derive(changes, Looked(NINE), at(1))] == ["document:2"]


def test_what_happened_at_the_very_instant_of_a_scan_was_seen_by_it() -> None:
    changes = [change(None, paper(1, at=NINE), at(1)), change(None, paper(2, at=at(1)), at(1))]
    assert [e.occurrence for e in derive(changes, Looked(NINE), at(1))] == ["document:2"]


def test_what_an_incremental_scan_finds_is_dated_from_the_scan_before() -> None:
    changes = [change(None, paper(1, at=at(-1)), at(1)), change(None, paper(2, at=at(-3)), at(1))]
    assert derive(changes, Looked(NINE), at(1)) == []
    assert [e.occurrence for e in derive(changes, Looked(NINE, {"document": at(-2)}), at(1))] == [
        "document:1"
    ]
    assert derive(changes, Looked(NINE, {"step": at(-2)}), at(1)) == []
    assert derive(changes, Looked(NINE, {"document": at(0.5)}), at(1)) == [], (
        "a round never makes the window shorter"
    )


def test_no_scan_makes_old_things_of_a_newly_seen_workspace_new() -> None:
    changes = [change(None, case(at=at(-3)), at(1)), change(None, paper(1, at=at(-1)), at(1))]
    assert derive(changes, Looked(NINE, {"document": at(-2)}), at(1)) == []


def test_what_is_made_while_the_run_goes_on_is_told_by_it() -> None:
    # The run began at one; the page was read a minute later, and the change is not looked at again.
    changes = [change(None, paper(1, at=at(1.01)), at(1))]
    (event,) = derive(changes, Looked(NINE), at(1))
    assert event.at == at(1) and event.fields["at"] == at(1.01)


def test_a_step_is_late_when_it_passed_its_date_open_whenever_it_is_scanned() -> None:
    open_, late = step(1, at(-9), at(1)), step(2, at(-9), at(1))
    done = replace(late, completed_at=at(2), completed_by="bob", disposition="ok")
    in_time = replace(step(3, at(-9), at(1)), completed_at=at(0.5), completed_by="bob", disposition="ok")
    assert [e.fields["step"] for e in overdue([open_, done, in_time], NINE, at(6))] == [1, 2]
    assert overdue([open_, done, in_time], at(6), at(7)) == []


def test_a_step_that_is_late_from_its_beginning_is_late_from_its_assignment() -> None:
    (event,) = overdue([step(1, at(2), at(-9))], NINE, at(6))
    assert event.at == at(2)


def test_nobody_is_told_of_a_lateness_that_is_over() -> None:
    cases = Cases(rules("rule: late\nkind: transition\nevents: [escalated]"))
    cases.scan(NINE, [case(), step(1, at(-9), at(1))])
    done = replace(step(1, at(-9), at(1)), completed_at=at(2), completed_by="bob", disposition="ok")
    (found,) = cases.scan(at(6), [case(), done])
    assert names([found]) == [
        "late step:77:1:late:2026-03-02T10:00:00Z (the step was completed before anyone could be told of it)"
    ]


def test_a_due_date_ahead_is_evaluated_when_it_comes() -> None:
    cases = Cases(rules("rule: late\nkind: transition\nevents: [escalated]"))
    cases.scan(NINE, [case(), step(1, at(-9), at(5))])
    state = cases.state("late")
    assert state is not None and state.next_check_at == at(5)
    assert names(cases.scan(at(5))) == ["late step:77:1:late:2026-03-02T14:00:00Z"]
    assert cases.state("late") is None


def audit(
    hours: float, workspace: int = 1, position: int = 0, type: str = "Attribute Value Changed"
) -> Change:
    row = f.AuditEvent(workspace, type, at(hours), "bob", "", position)
    return change(None, row, at(6))


def test_changes_that_the_audit_trail_knows_and_nobody_saw_are_counted() -> None:
    seen = change(case(status="open"), case(at=at(3), status="closed"), at(6))
    trail = [audit(1), audit(2), audit(3)]
    assert unseen([seen, *trail], Looked(NINE)) == {1: 2}


def test_the_audit_trail_is_counted_from_the_last_scan_on() -> None:
    trail = [audit(1), audit(1, position=1), audit(0), audit(2, type="Comment Added")]
    assert unseen(trail, Looked(NINE)) == {1: 2}


def test_one_row_for_many_attributes_hides_nothing() -> None:
    before, after = case(status="open", n=1, x=1), case(at=at(1), status="closed", n=2, x=2)
    assert unseen([change(before, after, at(6)), audit(1), audit(1, 2)], Looked(NINE)) == {2: 1}


def test_the_making_of_a_workspace_is_no_change_of_it() -> None:
    made = f.Workspace(1, "Case", "one", at(1), at(3), {"C.status": "open"})
    assert unseen([change(None, made, at(6)), audit(1), audit(3)], Looked(NINE)) == {1: 1}


def test_stamps_are_of_utc_whatever_offset_the_data_has() -> None:
    rome = datetime.fromisoformat("2026-03-02T12:00:00+01:00")
    (event,) = derive([change(None, replace(paper(1), created=rome), at(6))], Looked(NINE), at(6))
    assert event.at == rome and event.at.astimezone(UTC).hour == 11


def test_attributes_that_could_never_be_read_do_not_change_when_they_are() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    before = f.Workspace(1, "Contract", "One", at, at, {}, frozenset({"attrs"}))
    after = f.Workspace(1, "Contract", "One", at, at, {"Contract.status": "active"})
    change = Change("workspace", "1", 1, at + timedelta(hours=1), before, after)
    assert derive([change], Looked(at), at + timedelta(hours=2)) == []


def test_a_where_that_looks_at_nothing_that_is_there_is_asked_of_each_event() -> None:
    """A clause over no column is one value, which was taken for one event: found by the property of incremental evaluation."""
    cases = Cases(
        rules("rule: r\nkind: transition\nevents: [step_assigned]\nwhere: {field: attr.nothing, op: absent}")
    )
    cases.scan(NINE, [case()])
    found = cases.scan(at(1), [case(), step(1, at(0.5)), step(2, at(0.5))])
    assert len(found) == 2

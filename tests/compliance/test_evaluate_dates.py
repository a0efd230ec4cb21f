"""Dates: far away, moved, gone and back; instants; local days that begin late; repeats in the site's own zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.compliance.cases import NINE, Cases, case, days, names, paper, rules
from vigil.compliance import facts as f

DUE = "rule: due\nkind: milestone\ndue: attr.due\nsteps: [{id: week, at: -1w, to: [user: ada]}]"


def test_a_date_at_the_end_of_the_calendar_is_never_due_and_never_checked() -> None:
    later = "rule: later\nkind: milestone\ndue: attr.due\nsteps: [{id: after, at: +1y, to: [user: ada]}]"
    cases = Cases(rules(DUE, later))
    assert cases.scan(NINE, [case(due=date(9999, 12, 31))]) == []
    assert cases.scan(days(4000)) == []
    assert cases.state("due") is not None and cases.state("later") is None


@pytest.mark.parametrize("length", ["36h", "30d", "1mo", "1y"])
@pytest.mark.parametrize("last", [date.max, (date.max,), datetime(9999, 12, 31, 9, tzinfo=UTC)])
def test_a_change_after_the_end_of_the_calendar_never_comes(length: str, last: f.Value) -> None:
    given = f"rule: old\nkind: condition\nwhen: {{field: attr.due, op: older_than, value: {length}}}"
    cases = Cases(rules(given))
    assert cases.scan(NINE, [case(due=last)]) == []
    assert cases.state("old") is None, "it is to be looked at again at an instant that never comes"


def test_a_date_at_the_beginning_of_the_calendar_is_past() -> None:
    cases = Cases(
        rules("rule: old\nkind: condition\nwhen: {field: attr.due, op: older_than, value: 1mo}", DUE)
    )
    assert names(cases.scan(NINE, [case(due=date(1, 1, 1))])) == ["old 2026-03-02T09:00:00Z"]


def test_a_date_that_vanishes_and_comes_back_is_said_under_its_one_name() -> None:
    cases = Cases(rules(DUE))
    due = date(2026, 3, 20)
    cases.scan(NINE, [case(due=due)])
    assert cases.scan(days(2), [case(at=days(2))]) == []
    assert cases.state("due") is None
    assert cases.scan(days(3), [case(at=days(3), due=due)]) == []
    assert names(cases.scan(days(12))) == ["due 2026-03-20 week"]


def test_a_date_that_moves_forth_and_back_is_named_by_itself_each_time() -> None:
    cases = Cases(rules(DUE))
    cases.scan(NINE, [case(due=date(2026, 3, 10))])
    assert names(cases.scan(days(1), [])) == ["due 2026-03-10 week"]
    assert names(cases.scan(days(2), [case(at=days(2), due=date(2026, 3, 20))])) == []
    # It moves back to where it has been said: the same name, which the outbox knows.
    again = cases.scan(days(3), [case(at=days(3), due=date(2026, 3, 10))])
    assert names(again) == ["due 2026-03-10 week (its instant had passed when it became known)"]


def test_a_milestone_between_two_scans_is_sent_though_its_date_came_only_then() -> None:
    cases = Cases(rules(DUE))
    cases.scan(NINE, [case()])
    found = cases.scan(days(3), [case(at=days(2), due=date(2026, 3, 11))])
    assert names(found) == ["due 2026-03-11 week"]
    assert found[0].fire_at == datetime(2026, 3, 4, 7, tzinfo=UTC)  # 08:00 in Rome


@pytest.mark.parametrize("field", ["created", "modified", "attr.at"])
def test_an_instant_keeps_its_time_of_day(field: str) -> None:
    text = f"rule: r\nkind: milestone\ndue: {field}\nsteps: [{{id: month, at: +1mo, to: [user: ada]}}]"
    cases = Cases(rules(text))
    at = datetime(2026, 3, 15, 14, 30, tzinfo=UTC)
    cases.scan(datetime(2026, 3, 16, tzinfo=UTC), [f.Workspace(1, "Case", "one", at, at, {"C.at": at})])
    found = cases.scan(datetime(2026, 4, 16, tzinfo=UTC))
    assert names(found) == ["r 2026-03-15T14:30:00Z month"]
    assert found[0].fire_at == datetime(
        2026, 4, 15, 13, 30, tzinfo=UTC
    )  # 15:30 in Rome, before and after the change of clocks


def test_nothing_happened_for_a_month_is_a_milestone_of_the_last_change() -> None:
    text = "rule: idle\nkind: milestone\ndue: modified\nsteps: [{id: nudge, at: +30d, to: [user: ada]}]"
    cases = Cases(rules(text))
    cases.scan(NINE, [case(at=days(-1))])
    assert cases.scan(days(20), [case(at=days(19), x=1)]) == []
    assert cases.scan(days(40)) == []
    assert names(cases.scan(days(50))) == ["idle 2026-03-21T09:00:00Z nudge"]


def test_a_day_that_begins_at_one_oclock_is_evaluated_when_it_begins() -> None:
    # Beirut's clocks skip from midnight to one on 31 March 2024: that day begins at 22:00 UTC, as if it were midnight.
    text = "rule: r\nkind: condition\nwhen: {field: attr.due, op: before, value: as_of}"
    cases = Cases(rules(text), zone="Asia/Beirut")
    begins = datetime(2024, 3, 30, 22, tzinfo=UTC)
    assert cases.scan(begins - timedelta(days=2), [case(due=date(2024, 3, 30))]) == []
    standing = cases.state("r")
    assert standing is not None and standing.next_check_at == begins
    assert cases.scan(begins - timedelta(seconds=1)) == []
    assert len(cases.scan(begins)) == 1


def test_a_window_of_days_reaches_its_date_across_a_change_of_clocks() -> None:
    # Counted in hours the thirtieth day would begin at one in the morning: a look at midnight came too early, the next too late.
    text = "rule: r\nkind: condition\nwhen: {field: attr.due, op: within, value: 30d}"
    cases = Cases(rules(text))
    assert cases.scan(NINE, [case(due=date(2026, 4, 15))]) == []
    standing = cases.state("r")
    assert standing is not None and standing.next_check_at == datetime(2026, 3, 15, 23, tzinfo=UTC)
    assert len(cases.scan(datetime(2026, 3, 16, 3, tzinfo=UTC))) == 1


def test_a_month_before_the_last_of_march_is_the_last_of_february() -> None:
    text = "rule: r\nkind: condition\nwhen: {field: attr.due, op: within, value: 1mo}"
    cases = Cases(rules(text), zone="UTC")
    assert cases.scan(datetime(2026, 2, 27, 12, tzinfo=UTC), [case(due=date(2026, 3, 31))]) == []
    assert len(cases.scan(datetime(2026, 2, 28, tzinfo=UTC))) == 1


def test_one_date_of_a_list_is_enough_and_the_clock_brings_it() -> None:
    text = "rule: r\nkind: condition\nwhen: {field: attr.dates, op: within, value: 2d}"
    cases = Cases(rules(text))
    assert cases.scan(NINE, [case(dates=(date(2026, 5, 1), date(2026, 3, 10)))]) == []
    assert cases.scan(days(5)) == []
    assert len(cases.scan(days(6))) == 1


def test_repeats_count_business_days_in_the_zone_of_the_site() -> None:
    text = (
        "rule: r\nkind: condition\nwhen: {field: attr.x, op: present}\n"
        "calendar: {holidays: IT}\nrepeat: {every: 1bd, max: 9}"
    )
    cases = Cases(rules(text))
    # 23:30 UTC on Friday is Saturday in Rome: the next business day at that hour is Monday 00:30, and not Sunday 23:30 UTC of London.
    friday = datetime(2026, 3, 6, 23, 30, tzinfo=UTC)
    cases.scan(friday, [case(x=1)])
    standing = cases.state("r")
    assert standing is not None and standing.next_check_at == datetime(2026, 3, 8, 23, 30, tzinfo=UTC)


def test_a_document_is_valid_up_to_and_including_its_day() -> None:
    text = "rule: r\nkind: condition\nrequire: {document: Report, state: valid}\nresolved: true"
    cases = Cases(rules(text))
    assert cases.scan(NINE, [case(), paper(1, at=days(-3), expires=date(2026, 3, 5))]) == []
    assert cases.scan(datetime(2026, 3, 5, 22, 59, tzinfo=UTC)) == []
    said = cases.scan(datetime(2026, 3, 5, 23, tzinfo=UTC))
    assert names(said) == ["r 2026-03-05T23:00:00Z"]
    renewed: list[f.Fact] = [case(), paper(1, at=days(-3), expires=date(2026, 3, 5)), paper(2, at=days(5))]
    assert names(cases.scan(days(5), renewed)) == ["r 2026-03-05T23:00:00Z:resolved"]

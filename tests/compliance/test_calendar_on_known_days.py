"""Offsets on days that anyone can look up: holidays, weekends, month ends, leap days, clock changes."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, time

import pytest
from pydantic import ValidationError

from vigil.compliance.calendar import ALWAYS, NEVER, Calendar, CalendarSpec, calendar_for
from vigil.compliance.durations import Duration, Offset

ROME = Calendar(CalendarSpec(holidays=("IT",)), "Europe/Rome")
NEW_YORK = Calendar(CalendarSpec(zone="America/New_York", holidays=("US",)), "Europe/Rome")
PLAIN = Calendar(None, "UTC")


def day(text: str) -> date:
    return date.fromisoformat(text)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("due", "offset", "lands"),
    [
        ("2013-04-02", "-2bd", "2013-03-28"),  # Easter Monday and the weekend lie between
        ("2013-04-26", "-1bd", "2013-04-24"),  # Liberation Day
        ("2013-05-01", "-1bd", "2013-04-30"),  # from a holiday the count begins the same
        ("2013-04-06", "-1bd", "2013-04-05"),  # from a Saturday
        ("2013-04-06", "+1bd", "2013-04-08"),
        ("2013-04-05", "+1bd", "2013-04-08"),
        ("2013-04-06", "0bd", "2013-04-06"),
        ("2013-04-07", "-1d", "2013-04-06"),  # a plain offset stays on its Saturday
        ("2026-03-31", "-1mo", "2026-02-28"),
        ("2024-03-31", "-1mo", "2024-02-29"),
        ("2024-02-29", "+1y", "2025-02-28"),
        ("2024-02-29", "+4y", "2028-02-29"),
        ("2026-01-31", "+1mo", "2026-02-28"),
        ("2026-01-15", "-2w", "2026-01-01"),
        ("2024-03-01", "-1d", "2024-02-29"),
    ],
)
def test_an_offset_lands_on_its_day(due: str, offset: str, lands: str) -> None:
    assert ROME.shift(day(due), Offset.parse(offset)) == day(lands)


@pytest.mark.parametrize(
    ("roll", "offset", "lands"),
    [
        ("back", "-1d", "2013-03-29"),  # the day before Easter Sunday
        ("forward", "-1d", "2013-04-02"),
        ("back", "-1bd", "2013-03-29"),
        ("forward", "0d", "2013-04-02"),
        ("back", "0bd", "2013-03-29"),
        ("forward", "+1mo", "2013-04-30"),
    ],
)
def test_an_offset_rolls_off_a_day_off_where_the_calendar_says_so(roll: str, offset: str, lands: str) -> None:
    spec = CalendarSpec.model_validate({"holidays": "IT", "roll": roll})
    assert Calendar(spec, "Europe/Rome").shift(day("2013-03-31"), Offset.parse(offset)) == day(lands)


def test_the_sites_own_days_off_count_like_holidays() -> None:
    spec = CalendarSpec(holidays=("DE-BY", "IT"), extra=(day("2026-08-14"),))
    calendar = Calendar(spec, "Europe/Berlin")
    off = ["2026-08-14", "2026-08-15", "2026-06-04", "2026-10-03", "2026-04-25"]
    assert [d for d in off if calendar.is_business_day(day(d))] == []
    assert calendar.is_business_day(day("2026-08-13"))
    assert calendar.shift(day("2026-08-17"), Offset.parse("-1bd")) == day("2026-08-13")


def test_a_date_fires_at_eight_in_the_sites_zone_unless_the_calendar_differs() -> None:
    assert ROME.instant(day("2026-01-15"), Offset.parse("0d")) == utc("2026-01-15T07:00")
    assert ROME.instant(day("2026-07-15"), Offset.parse("0d")) == utc("2026-07-15T06:00")
    noon = Calendar(CalendarSpec(zone="America/New_York", at=time(12)), "Europe/Rome")
    assert noon.instant(day("2026-01-15"), Offset.parse("-1d")) == utc("2026-01-14T17:00")


def test_an_instant_keeps_its_time_of_day_across_a_clock_change() -> None:
    due = utc("2026-03-30T12:30")  # 14:30 in Rome, the day after the clocks went forward
    assert ROME.instant(due, Offset.parse("-2d")) == utc("2026-03-28T13:30")
    assert ROME.instant(due, Offset.parse("-48h")) == utc("2026-03-28T12:30")
    assert ROME.instant(due, Offset.parse("-1bd")) == utc("2026-03-27T13:30")


def test_hours_from_a_date_are_counted_from_its_time_of_day() -> None:
    assert ROME.instant(day("2026-03-29"), Offset.parse("-36h")) == utc("2026-03-27T18:00")


@pytest.mark.parametrize(
    ("calendar", "on", "wall", "fires"),
    [
        (ROME, "2026-03-29", time(2, 30), "2026-03-29T01:00"),  # skipped: 03:00 is the first that exists
        (ROME, "2026-03-29", time(2, 0), "2026-03-29T01:00"),
        (ROME, "2026-03-29", time(3, 0), "2026-03-29T01:00"),
        (ROME, "2026-03-29", time(1, 59), "2026-03-29T00:59"),
        (ROME, "2026-10-25", time(2, 30), "2026-10-25T00:30"),  # twice: the first
        (NEW_YORK, "2026-03-08", time(2, 30), "2026-03-08T07:00"),
        (NEW_YORK, "2026-11-01", time(1, 30), "2026-11-01T05:30"),
        (Calendar(None, "Pacific/Apia"), "2011-12-30", time(8), "2011-12-30T10:00"),  # a day that never was
        (
            Calendar(None, "Australia/Lord_Howe"),
            "2026-10-04",
            time(2, 15),
            "2026-10-03T15:30",
        ),  # half an hour
    ],
)
def test_a_local_time_that_is_skipped_or_comes_twice(
    calendar: Calendar, on: str, wall: time, fires: str
) -> None:
    assert calendar.at(day(on), wall) == utc(fires)


def test_the_second_of_two_equal_local_times_stays_the_second() -> None:
    second = utc("2026-10-25T01:30")  # 02:30 in Rome for the second time
    assert ROME.instant(second, Offset.parse("0d")) == second


def test_repeats_follow_the_first_by_the_calendar() -> None:
    moments = ROME.moments(day("2026-04-10"), Offset.parse("-5bd"), Offset.parse("1bd"), 5)
    assert [m.date().isoformat() for m in moments] == [
        "2026-04-02",  # Thursday before Easter: Monday the 6th is a holiday
        "2026-04-03",
        "2026-04-07",
        "2026-04-08",
        "2026-04-09",
        "2026-04-10",
    ]


def test_monthly_repeats_are_counted_from_the_first_and_do_not_drift() -> None:
    moments = PLAIN.moments(day("2026-01-31"), Offset.parse("0d"), Offset.parse("1mo"), 3)
    assert [m.date().isoformat() for m in moments] == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]


def test_repeats_of_an_instant_keep_its_time_of_day() -> None:
    first = utc("2026-03-28T13:30")
    assert ROME.repeats(first, Offset.parse("1d"), 2) == (utc("2026-03-29T12:30"), utc("2026-03-30T12:30"))


def test_dates_that_stand_for_no_end_and_for_ever_leave_the_calendar_quietly() -> None:
    assert ROME.instant(day("9999-12-31"), Offset.parse("+1d")) == NEVER
    assert ROME.instant(day("9999-12-31"), Offset.parse("+1mo")) == NEVER
    assert ROME.instant(day("0001-01-01"), Offset.parse("-90d")) == ALWAYS
    assert NEW_YORK.instant(day("9999-12-31"), Offset.parse("+20h")) == NEVER
    assert ROME.moments(day("9999-12-31"), Offset.parse("+1d"), Offset.parse("1d"), 2) == (NEVER,) * 3
    assert ROME.instant(day("9999-12-31"), Offset.parse("-5bd")).year == 9999


def test_calendars_of_one_specification_are_one_and_survive_a_process_boundary() -> None:
    spec = CalendarSpec(holidays=("IT",))
    assert calendar_for(spec, "Europe/Rome") is calendar_for(CalendarSpec(holidays=("IT",)), "Europe/Rome")
    copy = pickle.loads(pickle.dumps(ROME))
    assert copy.instant(day("2013-04-02"), Offset.parse("-2bd")) == utc("2013-03-28T07:00")


def test_an_unknown_zone_or_country_is_refused() -> None:
    with pytest.raises(ValidationError, match='unknown time zone "Europe/Berln"'):
        CalendarSpec(zone="Europe/Berln")
    with pytest.raises(ValidationError, match='no holidays are known for "ZZ"'):
        CalendarSpec(holidays=("ZZ",))


def test_a_duration_of_months_clips_to_the_months_end() -> None:
    assert Duration.parse("1mo").after(utc("2026-01-31T10:00")) == utc("2026-02-28T10:00")
    assert Duration.parse("1y").before(utc("2024-02-29T10:00")) == utc("2023-02-28T10:00")
    assert Duration.parse("36h").after(utc("2026-01-31T10:00")) == utc("2026-02-01T22:00")

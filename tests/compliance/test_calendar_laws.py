"""Laws of the calendar, on any day in zones whose clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given
from hypothesis import strategies as st

from vigil.compliance.calendar import Calendar, CalendarSpec
from vigil.compliance.durations import Offset

ROME = Calendar(CalendarSpec(holidays=("IT",)), "Europe/Rome")
NEW_YORK = Calendar(CalendarSpec(holidays=("US",)), "America/New_York")
LORD_HOWE = Calendar(CalendarSpec(holidays=("AU",)), "Australia/Lord_Howe")

calendars = st.sampled_from([ROME, NEW_YORK, LORD_HOWE])
days = st.dates(date(1995, 1, 1), date(2045, 12, 31))
walls = st.times().map(lambda t: t.replace(microsecond=0, fold=0))
counts = st.integers(1, 60)
offsets = st.builds(Offset, st.integers(-60, 60), st.sampled_from(["d", "bd", "w", "mo", "y", "h"]))
instants = st.datetimes(datetime(1995, 1, 1), datetime(2045, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ONE_DAY = timedelta(days=1)


@given(calendars, days, counts)
def test_business_days_back_are_the_inverse_of_business_days_forth(
    calendar: Calendar, day: date, n: int
) -> None:
    assume(calendar.is_business_day(day))
    there = calendar.shift(day, Offset(n, "bd"))
    assert calendar.is_business_day(there)
    assert calendar.shift(there, Offset(-n, "bd")) == day


@given(calendars, days, counts)
def test_n_business_days_lie_between_a_day_and_the_nth_one_before_it(
    calendar: Calendar, day: date, n: int
) -> None:
    there = calendar.shift(day, Offset(-n, "bd"))
    between = ((there + ONE_DAY * k) for k in range((day - there).days))
    assert sum(calendar.is_business_day(d) for d in between) == n


@given(calendars, days, counts, counts)
def test_business_days_add_up(calendar: Calendar, day: date, n: int, m: int) -> None:
    twice = calendar.shift(calendar.shift(day, Offset(n, "bd")), Offset(m, "bd"))
    assert twice == calendar.shift(day, Offset(n + m, "bd"))


@given(calendars, days, st.integers(-600, 600))
def test_months_keep_the_day_or_clip_to_the_months_end(calendar: Calendar, day: date, n: int) -> None:
    there = calendar.shift(day, Offset(n, "mo"))
    assert (there.year * 12 + there.month) - (day.year * 12 + day.month) == n
    assert there.day == day.day or (there.day < day.day and (there + ONE_DAY).day == 1)


@given(calendars, days, st.integers(-40, 40))
@example(ROME, date(2024, 2, 29), 1)
@example(ROME, date(2024, 2, 29), -4)
def test_a_year_is_twelve_months(calendar: Calendar, day: date, n: int) -> None:
    assert calendar.shift(day, Offset(n, "y")) == calendar.shift(day, Offset(12 * n, "mo"))


@given(calendars, days, walls)
@example(ROME, date(2026, 3, 29), time(2, 30))
@example(ROME, date(2026, 10, 25), time(2, 30))
@example(NEW_YORK, date(2026, 3, 8), time(2, 0))
@example(NEW_YORK, date(2026, 11, 1), time(1, 59, 59))
@example(LORD_HOWE, date(2026, 10, 4), time(2, 15))
def test_a_wall_time_fires_the_first_time_a_clock_shows_it_or_something_later(
    calendar: Calendar, day: date, wall: time
) -> None:
    """Checked by walking the zone's own clock, not by the arithmetic under test."""
    fires = calendar.at(day, wall)
    shows = fires.astimezone(calendar.zone).replace(tzinfo=None)
    wanted = datetime.combine(day, wall)
    second_before = (fires - timedelta(seconds=1)).astimezone(calendar.zone).replace(tzinfo=None)
    if shows == wanted:
        assert fires.astimezone(calendar.zone).fold == 0 or second_before >= wanted
    else:
        assert shows > wanted
    assert second_before < wanted


@given(
    calendars,
    st.one_of(days, instants),
    offsets,
    st.lists(instants, min_size=1, max_size=8),
    instants,
    instants,
)
def test_windows_tile_however_they_are_cut(
    calendar: Calendar,
    due: date | datetime,
    offset: Offset,
    cuts: list[datetime],
    a: datetime,
    b: datetime,
) -> None:
    moments = calendar.moments(due, offset, Offset(1, "bd"), 5)
    edges = [min(a, b), *sorted(c for c in cuts if min(a, b) < c < max(a, b)), max(a, b)]

    def within(after: datetime, until: datetime) -> list[datetime]:
        return [m for m in moments if after < m <= until]

    pieces = [m for after, until in pairwise(edges) for m in within(after, until)]
    assert sorted(pieces) == sorted(within(edges[0], edges[-1]))


@given(
    calendars,
    st.one_of(days, instants),
    offsets,
    st.sampled_from(["d", "bd", "w", "mo", "h"]),
    st.integers(1, 5),
)
def test_repeats_come_one_after_another(
    calendar: Calendar, due: date | datetime, offset: Offset, unit: str, every: int
) -> None:
    moments = calendar.moments(due, offset, Offset(every, unit), 6)
    assert len(moments) == 7
    assert all(one < other for one, other in pairwise(moments))
    assert moments[0] == calendar.instant(due, offset)


@given(calendars, instants, st.integers(-1000, 1000))
def test_hours_are_hours_that_pass(calendar: Calendar, due: datetime, n: int) -> None:
    assert calendar.instant(due, Offset(n, "h")) - due == timedelta(hours=n)


@given(calendars, instants, st.integers(-400, 400))
def test_days_from_an_instant_keep_the_time_on_the_wall(calendar: Calendar, due: datetime, n: int) -> None:
    due = due.replace(microsecond=0)
    there = calendar.instant(due, Offset(n, "d")).astimezone(calendar.zone)
    here = due.astimezone(calendar.zone)
    assert there.date() - here.date() == timedelta(days=n) or there.time() < time(1)
    skipped = there.replace(tzinfo=None) - datetime.combine(here.date() + n * ONE_DAY, here.time())
    assert timedelta(0) <= skipped <= timedelta(hours=1)


@given(calendars, days, offsets, st.sampled_from(["Europe/Rome", "Asia/Tokyo", "America/New_York"]))
def test_the_day_of_an_instant_does_not_depend_on_the_zone_it_is_written_in(
    calendar: Calendar, due: date, offset: Offset, zone: str
) -> None:
    instant = calendar.instant(due, Offset(0, "d"))
    assert calendar.instant(instant.astimezone(ZoneInfo(zone)), offset) == calendar.instant(instant, offset)
    assert calendar.day(instant.astimezone(ZoneInfo(zone))) == due


@given(st.sampled_from(["back", "forward"]), days, offsets)
def test_what_rolls_lands_on_a_business_day_in_its_direction(roll: str, day: date, offset: Offset) -> None:
    assume(offset.unit != "h")
    rolling = Calendar(CalendarSpec.model_validate({"holidays": "IT", "roll": roll}), "Europe/Rome")
    there, plain = rolling.shift(day, offset), ROME.shift(day, offset)
    assert rolling.is_business_day(there)
    assert there <= plain if roll == "back" else there >= plain

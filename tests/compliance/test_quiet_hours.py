"""Quiet hours end when the person's own clock says so, on the days of clock changes too."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil.compliance.quiet_hours import QuietSpan, opens

BERLIN = "Europe/Berlin"
NIGHT = QuietSpan(time(22), time(7))


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-01-12 21:59", "2026-01-12 21:59"),
        ("2026-01-12 22:00", "2026-01-13 07:00"),
        ("2026-01-13 00:00", "2026-01-13 07:00"),
        ("2026-01-13 06:59", "2026-01-13 07:00"),
        ("2026-01-13 07:00", "2026-01-13 07:00"),
        ("2026-01-13 12:00", "2026-01-13 12:00"),
    ],
)
def test_a_night_past_midnight_ends_in_the_morning(at: str, said: str) -> None:
    assert opens(berlin(at), [NIGHT], BERLIN) == berlin(said)


@pytest.mark.parametrize(("at", "said"), [("11:59", "11:59"), ("12:00", "14:00"), ("14:00", "14:00")])
def test_a_span_within_a_day_ends_on_that_day(at: str, said: str) -> None:
    noon = QuietSpan(time(12), time(14))
    assert opens(berlin(f"2026-01-12 {at}"), [noon], BERLIN) == berlin(f"2026-01-12 {said}")


def test_the_night_of_the_spring_change_is_an_hour_shorter() -> None:
    at = berlin("2026-03-28 22:00")
    assert opens(at, [NIGHT], BERLIN) - at == timedelta(hours=8)


def test_the_night_of_the_autumn_change_is_an_hour_longer() -> None:
    at = berlin("2026-10-24 22:00")
    assert opens(at, [NIGHT], BERLIN) - at == timedelta(hours=10)


def test_an_end_that_the_clocks_skip_is_the_first_instant_after_the_gap() -> None:
    early = QuietSpan(time(22), time(2, 30))
    assert opens(berlin("2026-03-29 01:30"), [early], BERLIN) == berlin("2026-03-29 03:00")


def test_hours_that_the_clocks_show_twice_are_quiet_twice() -> None:
    early = QuietSpan(time(2), time(2, 30))
    assert opens(berlin("2026-10-25 02:10"), [early], BERLIN) == berlin("2026-10-25 02:30")
    assert opens(berlin("2026-10-25 02:10", fold=1), [early], BERLIN) == berlin("2026-10-25 02:30", fold=1)


def test_the_zone_decides_and_not_the_machine() -> None:
    at = datetime(2026, 1, 12, 23, 0, tzinfo=UTC)
    assert opens(at, [NIGHT], "America/New_York") == at
    assert opens(at, [NIGHT], "Asia/Tokyo") == at  # 08:00 there
    assert opens(at, [NIGHT], BERLIN) == datetime(2026, 1, 13, 6, 0, tzinfo=UTC)


def test_the_rules_hours_and_the_persons_are_both_obeyed() -> None:
    rule = QuietSpan(time(6), time(9))
    assert opens(berlin("2026-01-12 23:00"), [NIGHT, rule], BERLIN) == berlin("2026-01-13 09:00")
    assert opens(berlin("2026-01-12 23:00"), [rule, NIGHT], BERLIN) == berlin("2026-01-13 09:00")


def test_hours_that_leave_no_time_of_the_day_yield_to_the_persons_own() -> None:
    working = QuietSpan(time(7), time(22))
    assert opens(berlin("2026-01-12 23:00"), [NIGHT, working], BERLIN) == berlin("2026-01-13 07:00")
    assert opens(berlin("2026-01-12 12:00"), [NIGHT, working], BERLIN) == berlin("2026-01-12 12:00")


def test_equal_times_are_no_quiet_hours() -> None:
    at = berlin("2026-01-12 22:00")
    assert opens(at, [QuietSpan(time(22), time(22))], BERLIN) == at


def test_an_unknown_zone_is_said() -> None:
    with pytest.raises(ValueError, match="Europe/Atlantis"):
        opens(berlin("2026-01-12 22:00"), [NIGHT], "Europe/Atlantis")


ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "UTC",
]
CLOCKS = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))


@settings(deadline=None)
@given(
    st.integers(0, 2 * 366 * 24 * 60).map(
        lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    st.builds(QuietSpan, CLOCKS, CLOCKS),
    st.sampled_from(ZONES),
)
def test_it_is_the_first_instant_that_is_not_quiet(at: datetime, span: QuietSpan, zone: str) -> None:
    said = opens(at, [span], zone)
    if span.start == span.end:
        assert said == at
        return
    here = ZoneInfo(zone)
    assert not span.holds(said.astimezone(here).time())
    assert at <= said <= at + timedelta(hours=49)
    step = at
    while step < said:
        assert span.holds(step.astimezone(here).time()), f"{step} was not quiet"
        step += timedelta(minutes=15)

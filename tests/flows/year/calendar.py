"""Where an offset from a date falls, by dateutil, holidays and zoneinfo alone: nothing of Vigil's."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays
from dateutil.relativedelta import relativedelta
from dateutil.tz import datetime_exists

from tests.flows.year.rules import Rule

UNITS = {"d": "days", "w": "weeks", "mo": "months", "y": "years", "h": "hours"}


def parts(offset: str) -> tuple[int, str]:
    """`-5bd` as a number and a unit."""
    found = re.fullmatch(r"([+-]?\d+)(bd|mo|d|w|y|h)", offset)
    assert found is not None, offset
    return int(found[1]), found[2]


@cache
def closed(country: str, day: date) -> bool:
    """Whether nobody works on a day: a weekend, or a holiday of the country."""
    return day.weekday() >= 5 or day in _holidays(country)


@cache
def _holidays(country: str) -> holidays.HolidayBase:
    return holidays.country_holidays(country)


def day_of(day: date, n: int, unit: str, calendar: Rule) -> date:
    """The day that lies `n` units from `day`."""
    country, roll = calendar["holidays"], calendar.get("roll")
    if unit == "bd":
        for _ in range(abs(n)):
            day += timedelta(days=1 if n > 0 else -1)
            while closed(country, day):
                day += timedelta(days=1 if n > 0 else -1)
        return day
    units: dict[str, Any] = {UNITS[unit]: n}
    day += relativedelta(**units)
    while roll and closed(country, day):
        day += timedelta(days=1 if roll == "forward" else -1)
    return day


def instant_of(due: date | datetime, offset: str, calendar: Rule) -> datetime:
    """The UTC instant of an offset from a date, or from an instant, which keeps its own time of day."""
    zone, (n, unit) = ZoneInfo(calendar["zone"]), parts(offset)
    if not isinstance(due, datetime):
        return wall(day_of(due, n, unit, calendar), time.fromisoformat(calendar["at"]), zone)
    if unit == "h":
        return due.astimezone(UTC) + timedelta(hours=n)
    local = due.astimezone(zone)
    moved = day_of(local.date(), n, unit, calendar)
    return due.astimezone(UTC) if moved == local.date() else wall(moved, local.time(), zone)


def wall(day: date, at: time, zone: ZoneInfo) -> datetime:
    """When clocks show a time: the first of two, or the first minute after it that there is."""
    local = datetime.combine(day, at).replace(tzinfo=zone, fold=0)
    while not datetime_exists(local):
        local += timedelta(minutes=1)
    return local.astimezone(UTC)


def moments(due: date | datetime, step: Rule, calendar: Rule) -> list[datetime]:
    """The instant of a step, then those of its repeats, each counted from the first's own day."""
    first = instant_of(due, step["at"], calendar)
    if "repeat" not in step:
        return [first]
    assert not isinstance(due, datetime), "no rule of the year repeats from an instant"
    base = day_of(due, *parts(step["at"]), calendar)
    every = step["repeat"]["every"]
    n, unit = parts(every)
    again = range(1, step["repeat"]["max"] + 1)
    return [first, *(instant_of(base, f"{n * k}{unit}", calendar) for k in again)]


__all__ = ["instant_of", "moments", "parts"]

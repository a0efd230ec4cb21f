"""Converts columns of days and instants to a zone's local time, with the results of `vigil.compliance.calendar`, a column at once.

Python's zoneinfo decides, never the column library's own zone tables: two tables that differ by one rule would send twice or never. It
is called once for each distinct day, and for each row only on days with a clock change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from vigil.compliance.calendar import ALWAYS, NEVER, Calendar, calendar_for
from vigil.compliance.durations import Offset

INSTANT = pl.Datetime("us", "UTC")
_WALL = pl.Datetime("us")
_LENGTH = pl.Duration("us")
_DAY = timedelta(days=1)
_LAST = date.max
_FEW = 64
"""Up to this number of values, calling the function for each is cheaper than finding the distinct ones."""


def mapped(values: pl.Series, function: Callable[[Any], Any], dtype: Any) -> pl.Series:
    """`function` of each value, called once for each distinct one. Null stays null."""
    if len(values) <= _FEW:
        asked = [None if v is None else function(v) for v in values.to_list()]
        return pl.Series(values.name, asked, dtype=dtype)
    distinct = values.drop_nulls().unique()
    if distinct.is_empty():
        return (
            pl.Series(values.name, [None], dtype=dtype).extend_constant(None, len(values)).head(len(values))
        )
    answers = pl.Series([function(v) for v in distinct.to_list()], dtype=dtype)
    return values.replace_strict(distinct, answers, default=None, return_dtype=dtype)


@lru_cache(maxsize=65_536)
def begin(day: date, zone: str) -> datetime | None:
    """The first instant of a local day, also if the clocks skip midnight. None if it is outside the calendar."""
    try:
        return calendar_for(None, zone).at(day, time(0))
    except OverflowError:
        return None


def begins(days: pl.Series, zone: str) -> pl.Series:
    """The first instant of each local day; null for days that Python's calendar does not have."""
    known = pl.DataFrame({"d": days}).select(pl.when(pl.col("d") <= _LAST).then("d"))["d"]
    return mapped(known, lambda d: begin(d, zone), INSTANT)


def local_day(at: datetime, zone: str) -> date:
    """The local date at `at`."""
    return at.astimezone(ZoneInfo(zone)).date()


def walls(instants: pl.Series, zone: ZoneInfo) -> pl.Series:
    """The local time of each instant, without zone."""
    plain = instants.dt.replace_time_zone(None)
    if zone.key == "UTC":
        return plain
    shift = mapped(plain.dt.date(), lambda d: _offset_of_day(d, zone), _LENGTH)
    shown = plain + shift
    return _one_by_one(shown, instants, shift, lambda at: _wall(at, zone), _WALL)


def local_days(instants: pl.Series, zone: str) -> pl.Series:
    """The local date of each instant."""
    return walls(instants, ZoneInfo(zone)).dt.date()


def instants_of(shown: pl.Series, calendar: Calendar) -> pl.Series:
    """The instants of local times: the first of two, or the next that exists."""
    if calendar.zone.key == "UTC":
        return shown.dt.replace_time_zone("UTC")
    shift = mapped(shown.dt.date(), lambda d: _offset_of_local_day(d, calendar.zone), _LENGTH)
    found = (shown - shift).dt.replace_time_zone("UTC")
    return _one_by_one(found, shown, shift, lambda wall: _at(calendar, wall), INSTANT)


def moved(due: pl.Series, offset: Offset, calendar: Calendar) -> pl.Series:
    """`Calendar.instant` of each date or instant in `due`: NEVER or ALWAYS if that is outside the calendar."""
    if due.dtype == pl.Date:
        return mapped(due, lambda d: calendar.instant(d, offset), INSTANT)
    if offset.unit == "h":
        return _kept_in(due + timedelta(hours=offset.n), due)
    shown = walls(due, calendar.zone)
    days = shown.dt.date()
    later = mapped(days, lambda d: _shifted(calendar, d, offset), pl.Date)
    found = instants_of(later.cast(_WALL) + (shown - days.cast(_WALL)), calendar)
    frame = pl.DataFrame({"due": due, "days": days, "later": later, "found": found})
    # Rebuilding an instant from its own wall time would lose which of two equal times it was.
    same = frame.select(pl.when(pl.col("later") == pl.col("days")).then("due").otherwise("found").alias("at"))
    return _kept_in(same["at"], due)


def _kept_in(found: pl.Series, due: pl.Series) -> pl.Series:
    """Instants that Python has; NEVER or ALWAYS for the others, by their end of the calendar."""
    beyond = (
        pl.when(pl.col("due").dt.year() > 5000)
        .then(pl.lit(NEVER, INSTANT))
        .otherwise(pl.lit(ALWAYS, INSTANT))
    )
    inside = pl.col("at").is_between(pl.lit(ALWAYS, INSTANT), pl.lit(NEVER, INSTANT))
    frame = pl.DataFrame({"at": found, "due": due})
    return frame.select(
        pl.when(inside).then("at").when(pl.col("due").is_not_null()).then(beyond).alias("at")
    )["at"]


def _one_by_one(
    found: pl.Series, given: pl.Series, shift: pl.Series, function: Callable[[Any], Any], dtype: Any
) -> pl.Series:
    """`found`, with the rows computed individually for which the zone has no single offset on that day."""
    odd = given.is_not_null() & shift.is_null()
    if not odd.any():
        return found
    answers = pl.Series([function(v) for v in given.filter(odd).to_list()], dtype=dtype)
    return found.scatter(odd.arg_true(), answers)


def _wall(at: datetime, zone: ZoneInfo) -> datetime | None:
    try:
        return at.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        return None


def _at(calendar: Calendar, wall: datetime) -> datetime | None:
    try:
        return calendar.at(wall.date(), wall.time())
    except OverflowError:
        return None


def _shifted(calendar: Calendar, day: date, offset: Offset) -> date | None:
    try:
        return calendar.shift(day, offset)
    except OverflowError:
        return None


@lru_cache(maxsize=65_536)
def _offset_of_day(day: date, zone: ZoneInfo) -> timedelta | None:
    """The zone's offset on a day of UTC; None if it changes."""
    if day in (_LAST, date.min):
        return None
    first = datetime.combine(day, time(0), UTC)
    offsets = {at.astimezone(zone).utcoffset() for at in (first, first + _DAY)}
    return offsets.pop() if len(offsets) == 1 else None


@lru_cache(maxsize=65_536)
def _offset_of_local_day(day: date, zone: ZoneInfo) -> timedelta | None:
    """The zone's offset on a local day; None if it changes, or if the day's begin or end is ambiguous."""
    if day in (_LAST, date.min):
        return None
    ends = [datetime.combine(d, time(0), zone) for d in (day, day + _DAY)]
    offsets = {at.replace(fold=fold).utcoffset() for at in ends for fold in (0, 1)}
    return offsets.pop() if len(offsets) == 1 else None

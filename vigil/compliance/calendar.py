"""Computes dates and instants from offsets. Pure: dates and offsets in, UTC instants out.

docs/semantics.md#milestones defines the meaning:

- A date fires at the calendar's time of day (default 08:00) in its zone. An instant keeps its own time of day there.
- ``-2bd`` is the second business day before the date. Business days: Monday to Friday without the holidays.
- Other offsets count weekends and holidays, unless the calendar has `roll`. Months are limited to the month's end.
- A local time that a clock change skips becomes the first instant after it; one that occurs twice, the first.
- ``h`` counts elapsed hours, across clock changes too.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

import holidays
from dateutil.relativedelta import relativedelta
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from vigil.compliance.durations import Offset

NEVER = datetime.max.replace(tzinfo=UTC)
"""The result of an offset beyond the end of the calendar, as 9999-12-31 + 1d."""

ALWAYS = datetime.min.replace(tzinfo=UTC)
"""The result of an offset before the beginning of the calendar, as 0001-01-01 - 90d."""

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_NO_HOLIDAYS = (
    'no holidays are known for "{found}"; write a country such as DE, or a part of one such as DE-BY'
)
_SATURDAY = 5
_DAY = timedelta(days=1)


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """Every zone name in this machine's time zone data."""
    return frozenset(available_timezones())


@lru_cache(maxsize=1)
def holiday_codes() -> frozenset[str]:
    """Every country (``DE``), subdivision (``DE-BY``) and market (``ECB``) with known holidays."""
    tables = holidays.list_supported_countries(include_aliases=True)
    subdivisions = {f"{country}-{part}" for country, parts in tables.items() for part in parts}
    return frozenset(tables) | subdivisions | frozenset(holidays.list_supported_financial())


def _zone(name: str) -> str:
    if name not in zones():
        raise PydanticCustomError("unknown", 'unknown time zone "{found}"', {"found": name, "of": "zone"})
    return name


def _codes(given: tuple[str, ...]) -> tuple[str, ...]:
    for code in given:
        if code not in holiday_codes():
            raise PydanticCustomError("unknown", _NO_HOLIDAYS, {"found": code, "of": "holidays"})
    return given


def clock(given: object) -> time:
    """Parse a time of day in rules, ``08:00``. Raises ValueError with the allowed form."""
    if isinstance(given, time):
        return given
    found = _CLOCK.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise ValueError(f'"{given}" is not a time of day; write it as "08:00"')
    return time(int(found[1]), int(found[2]))


_ClockText = Annotated[str, Field(pattern=r"^([01]?\d|2[0-3]):[0-5]\d$", examples=["08:00"])]
ClockTime = Annotated[
    time,
    BeforeValidator(clock, json_schema_input_type=_ClockText),
    PlainSerializer(lambda at: at.strftime("%H:%M"), return_type=str, when_used="json"),
]
ZoneName = Annotated[str, AfterValidator(_zone)]
HolidayCodes = Annotated[
    tuple[str, ...],
    BeforeValidator(
        lambda given: (given,) if isinstance(given, str) else given,
        json_schema_input_type=str | tuple[str, ...],
    ),
    AfterValidator(_codes),
]


def _day_off(given: object) -> date:
    """Parse a date in rules. Numbers are refused: 20260101 would be read as seconds since 1970."""
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    if not isinstance(given, str):
        raise ValueError(f'"{given}" is not a date; write it as 2026-12-24')
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise ValueError(f'"{given}" is not a date; write it as 2026-12-24') from None


DayOff = Annotated[date, BeforeValidator(_day_off)]
DaysOff = Annotated[
    tuple[DayOff, ...],
    BeforeValidator(
        lambda given: (given,) if isinstance(given, str | date) else given,
        json_schema_input_type=str | tuple[str, ...],
    ),
]


class CalendarSpec(BaseModel):
    """The calendar of a rule."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: ZoneName | None = Field(default=None, description="Such as Europe/Berlin; default the site's own")
    holidays: HolidayCodes = Field(
        default=(), description="Country, such as DE, or part of one, such as DE-BY; one or a list"
    )
    extra: DaysOff = Field(
        default=(), description="The site's own days off: dates, or an .ics or .yaml file beside the rules"
    )
    at: ClockTime = Field(default=time(8), description='Time of day at which dates fire, "08:00"')
    roll: Literal["back", "forward"] | None = Field(
        default=None, description="Where an offset other than bd goes when it falls on a day off"
    )


@lru_cache(maxsize=4096)
def _holidays(code: str, year: int) -> frozenset[date]:
    if code in holidays.list_supported_financial():
        return frozenset(holidays.financial_holidays(code, years=year))
    country, _, part = code.partition("-")
    return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year))


class Calendar:
    """Business days, shifts and instants of one specification. Caches its results; picklable."""

    def __init__(self, spec: CalendarSpec | None, default_zone: str) -> None:
        """`default_zone` is the site's, for a specification without a zone. Raises ValueError if it is unknown."""
        self.spec = spec or CalendarSpec()
        self.zone = ZoneInfo(_zone(self.spec.zone or default_zone))
        self._default_zone = default_zone
        self._extra = frozenset(self.spec.extra)
        self._days_off = lru_cache(maxsize=1024)(self._compute_days_off)
        self._shifted = lru_cache(maxsize=65_536)(self._compute_shift)
        self._instants = lru_cache(maxsize=65_536)(self._compute_instant)

    def __reduce__(self) -> tuple[type[Calendar], tuple[CalendarSpec, str]]:
        return Calendar, (self.spec, self._default_zone)

    def is_business_day(self, day: date) -> bool:
        """Monday to Friday, except holidays and the site's own days off."""
        return day.weekday() < _SATURDAY and day not in self._days_off(day.year)

    def shift(self, day: date, offset: Offset) -> date:
        """The day at `offset` from `day`.

        Raises ValueError for hours, which move no date, and OverflowError outside the calendar.
        """
        return self._shifted(day, offset)

    def place(self, due: date | datetime, offset: Offset) -> date | datetime:
        """The result of `offset` from `due`: a date for a date, an instant (UTC) for an instant or for hours.

        OverflowError outside the calendar.
        """
        if isinstance(due, datetime):
            if offset.unit == "h":
                return due.astimezone(UTC) + timedelta(hours=offset.n)
            local = due.astimezone(self.zone)
            day = self.shift(local.date(), offset)
            # Rebuilding an instant from its local time would lose which of two equal times it was.
            return due.astimezone(UTC) if day == local.date() else self.at(day, local.time())
        if offset.unit == "h":
            return self.at(due, self.spec.at) + timedelta(hours=offset.n)
        return self.shift(due, offset)

    def instant(self, due: date | datetime, offset: Offset) -> datetime:
        """The UTC instant at which `offset` from `due` fires. Outside the calendar: `NEVER` or `ALWAYS`."""
        return self._instants(due, offset)

    def moments(
        self, due: date | datetime, offset: Offset, every: Offset | None = None, times: int = 0
    ) -> tuple[datetime, ...]:
        """The instant of `offset` from `due`, then its repeats: the k-th is k x `every` after the first.

        If the calendar rolls, two repeats may have one instant: they keep their numbers.
        """
        first = self.instant(due, offset)
        if every is None or times == 0:
            return (first,)
        if first in (NEVER, ALWAYS):
            return (first,) * (times + 1)
        base = self.place(due, offset)
        return (first, *self.repeats(base, every, times))

    def repeats(self, base: date | datetime, every: Offset, times: int) -> tuple[datetime, ...]:
        """The repeats of a notice that was due at `base`, without itself: `times` instants, `every` apart."""
        return tuple(self.instant(base, every.times(k)) for k in range(1, times + 1))

    def at(self, day: date, wall: time) -> datetime:
        """The UTC instant of the local time `wall` on `day`: the first of two, or the next that exists."""
        local = datetime.combine(day, wall.replace(tzinfo=None, fold=0))
        before = _offset(self.zone, local)
        after = _offset(self.zone, local.replace(fold=1))
        if before >= after:
            return (local - before).replace(tzinfo=UTC)
        return _change(self.zone, (local - after).replace(tzinfo=UTC), (local - before).replace(tzinfo=UTC))

    def day(self, instant: datetime) -> date:
        """The local date of an instant in the zone."""
        return instant.astimezone(self.zone).date()

    def _compute_days_off(self, year: int) -> frozenset[date]:
        return self._extra.union(*(_holidays(code, year) for code in self.spec.holidays))

    def _compute_shift(self, day: date, offset: Offset) -> date:
        n = offset.n
        match offset.unit:
            case "bd" if n:
                return self._business(day, n)
            case "d" | "w":
                moved = day + timedelta(days=n * (7 if offset.unit == "w" else 1))
            case "mo" | "y":
                moved = _months(day, n * (12 if offset.unit == "y" else 1))
            case "bd":
                moved = day
            case _:
                raise ValueError(f"{offset} moves no date")
        return self._roll(moved)

    def _business(self, day: date, n: int) -> date:
        step = _DAY if n > 0 else -_DAY
        left = abs(n)
        while left:
            day += step
            left -= self.is_business_day(day)
        return day

    def _roll(self, day: date) -> date:
        if self.spec.roll is None or self.is_business_day(day):
            return day
        return self._business(day, 1 if self.spec.roll == "forward" else -1)

    def _compute_instant(self, due: date | datetime, offset: Offset) -> datetime:
        try:
            place = self.place(due, offset)
            return place if isinstance(place, datetime) else self.at(place, self.spec.at)
        except OverflowError:
            # Many systems use 9999-12-31 for "no end", and 0001-01-01 for "no beginning".
            return NEVER if due.year > 5000 else ALWAYS


def _months(day: date, months: int) -> date:
    try:
        return day + relativedelta(months=months)
    except ValueError as off:
        raise OverflowError(str(off)) from off


def _offset(zone: ZoneInfo, local: datetime) -> timedelta:
    offset = local.replace(tzinfo=zone).utcoffset()
    assert offset is not None  # every ZoneInfo has one
    return offset


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The instant in (before, after] at which the zone's offset changes, to the second."""
    old = before.astimezone(zone).utcoffset()
    seconds = int((after - before).total_seconds())
    low, high = 0, seconds
    while high - low > 1:
        middle = (low + high) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)


@lru_cache(maxsize=256)
def calendar_for(spec: CalendarSpec | None, default_zone: str) -> Calendar:
    """The shared calendar of a specification, so that rules with the same calendar share its cache."""
    return Calendar(spec, default_zone)

"""Where on the calendar an offset falls. Pure: dates and offsets in, UTC instants out.

design.md section 3 and estates/README.md fix the meaning.
"""

from __future__ import annotations

import re
from datetime import date, time
from functools import cached_property, lru_cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def _zone(name: str) -> str:
    if name not in zones():
        raise ValueError(f'unknown time zone "{name}"')
    return name


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """Every zone name that this machine's time zone data has."""
    return frozenset(available_timezones())


def clock(given: object) -> time:
    """A time of day as rules write it, ``08:00``. Raises ValueError with the form that is allowed."""
    if isinstance(given, time):
        return given
    found = _CLOCK.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise ValueError(f'"{given}" is not a time of day: write it as "08:00"')
    return time(int(found[1]), int(found[2]))


ClockTime = Annotated[
    time,
    BeforeValidator(
        clock, json_schema_input_type=Annotated[str, Field(pattern=r"^([01]?\d|2[0-3]):[0-5]\d$")]
    ),
]
ZoneName = Annotated[str, AfterValidator(_zone)]


class CalendarSpec(BaseModel):
    """What a rule says about its calendar. Without `zone` it is the estate's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: ZoneName | None = Field(
        default=None, description="Time zone, such as Europe/Berlin; default the site's"
    )
    holidays: Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)] = (
        Field(default=(), description="Country, such as DE, or subdivision, such as DE-BY; one or a list")
    )
    extra: tuple[date, ...] = Field(default=(), description="The site's own days off")
    at: ClockTime = Field(default=time(8), description='Time of day at which dates fire, "08:00"')
    roll: Literal["back", "forward"] | None = Field(
        default=None, description="Where an offset other than bd goes when it falls on a day off"
    )

    @cached_property
    def tz(self) -> ZoneInfo | None:
        return ZoneInfo(self.zone) if self.zone else None

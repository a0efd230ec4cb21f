"""The instants that people can give: values must have a day in every zone, and clocks need a margin for the offsets of rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FIRST = datetime(1900, 1, 1, tzinfo=UTC)
LAST = datetime(9900, 1, 1, tzinfo=UTC)
_EDGE = timedelta(days=1)


def in_every_zone(at: datetime) -> bool:
    """Whether an aware instant has a day in every zone: the bounds of a value."""
    return datetime.min.replace(tzinfo=UTC) + _EDGE <= at <= datetime.max.replace(tzinfo=UTC) - _EDGE


def is_clock(at: datetime) -> bool:
    """Whether a clock can be set to an aware instant: rules use earlier and later ones."""
    return FIRST <= at < LAST


OFF_CLOCK = f"lies off the calendar: from {FIRST.year} to {LAST.year - 1}"

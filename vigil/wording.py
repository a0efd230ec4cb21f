"""Common wording of pages, messages and logs: numbers with their nouns, lists, days, instants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def counted(n: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun: "1 finding", "2 findings", "1,234 findings". `plural` if it is not the singular with an s."""
    return f"{n:,} {singular if n == 1 else plural or f'{singular}s'}"


def listed(items: Sequence[str], joint: str = "and") -> str:
    """Items as a list in a sentence: "a", "a and b", "a, b and c"."""
    return f" {joint} ".join(x for x in (", ".join(items[:-1]), *items[-1:]) if x)


def day(at: date) -> str:
    """A date in words: "2 March 2026"."""
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}"


def instant(at: datetime, zone: str, named: bool = True) -> str:
    """An aware instant in a zone's own time: "2 March 2026 09:15 (Europe/Berlin)", with seconds unless they are 0.

    `named` says whether to name the zone: a page that names its zone once leaves it out.
    """
    local = at.astimezone(_zone(zone))
    clock = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
    return f"{day(local)} {clock}{f' ({zone})' if named else ''}"


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)

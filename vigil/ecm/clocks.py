"""How far Extended ECM's clocks are from ours, by the `Date` header of its answers. Its nodes' clocks may differ.

Contract: docs/contracts/ecm.md#login.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

PLAUSIBLE = timedelta(days=1)
"""A header that is further from our clock than this says nothing of a clock."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Skew:
    """By how much clocks of Extended ECM are ahead of ours, at least and at most; below zero they are behind."""

    least: timedelta
    most: timedelta

    @property
    def spread(self) -> timedelta:
        """How far the clocks of two nodes may be from each other."""
        return self.most - self.least


def joined(one: Skew | None, other: Skew | None) -> Skew | None:
    """What holds for the clocks of both; None where nothing was measured."""
    if one is None or other is None:
        return one or other
    return Skew(min(one.least, other.least), max(one.most, other.most))


def measured(header: str | None, asked: datetime, answered: datetime) -> Skew | None:
    """The skew that one answer shows. None without a header, or with one that is no plausible date.

    The header was written between `asked` and `answered`, both by our clock, and tells whole seconds, cut off.
    """
    try:
        theirs = parsedate_to_datetime(header or "")
    except (ValueError, OverflowError):
        return None
    least = (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)) - answered
    found = Skew(least, least + (answered - asked) + _SECOND)
    return found if found.least >= -PLAUSIBLE and found.most <= PLAUSIBLE else None

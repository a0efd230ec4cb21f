"""Measures the difference between Extended ECM's clocks and ours from the `Date` headers of its responses. Its nodes' clocks may
differ.

Contract: docs/contracts/ecm.md#login.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

PLAUSIBLE = timedelta(days=1)
"""A header that differs from our clock by more than this is ignored."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Skew:
    """How far clocks of Extended ECM are ahead of ours, at least and at most; negative if they are behind."""

    least: timedelta
    most: timedelta

    @property
    def spread(self) -> timedelta:
        """The maximum difference between the clocks of two nodes."""
        return self.most - self.least


def joined(one: Skew | None, other: Skew | None) -> Skew | None:
    """The skew that covers both; None if nothing was measured."""
    if one is None or other is None:
        return one or other
    return Skew(min(one.least, other.least), max(one.most, other.most))


def measured(header: str | None, asked: datetime, answered: datetime) -> Skew | None:
    """The skew that one response shows. None without a header, or with an implausible one.

    The header was written between `asked` and `answered`, both by our clock, and is truncated to whole seconds.
    """
    try:
        theirs = parsedate_to_datetime(header or "")
    except (ValueError, OverflowError):
        return None
    least = (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)) - answered
    found = Skew(least, least + (answered - asked) + _SECOND)
    return found if found.least >= -PLAUSIBLE and found.most <= PLAUSIBLE else None

"""What a run makes of clocks that differ: how far below its marks it looks again, and what it says of them. Decision 0019.

Clocks only bound what is asked for. Whether something is new is decided by what was known before.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from vigil.compliance.events import OLD
from vigil.ecm.clocks import Skew, joined

if TYPE_CHECKING:
    from vigil.ledger.watermarks import Evaluated
    from vigil.service.run import Run

APART = timedelta(hours=2)
"""How far apart two clocks may be without a run having measured it: dates of nodes an hour behind and an hour ahead."""

NOTICED = timedelta(minutes=1)
"""A skew from which on a person should hear of it."""

log = logging.getLogger("vigil.run")


def kept(evaluated: Evaluated) -> Skew | None:
    """The skew that the last run measured."""
    seconds = evaluated.skew
    return None if seconds is None else Skew(*(timedelta(seconds=s) for s in seconds))


def to_keep(skew: Skew | None) -> tuple[float, float] | None:
    """A skew as a position keeps it, in seconds."""
    return None if skew is None else (skew.least.total_seconds(), skew.most.total_seconds())


def lag(evaluated: Evaluated, run: Run) -> timedelta:
    """By how much dates that Extended ECM writes lie behind our clock, at most: as the last run or this one measured it."""
    skew = joined(kept(evaluated), run.skew)
    return timedelta() if skew is None else -skew.least


def below(evaluated: Evaluated, run: Run) -> timedelta:
    """How far below a date that Extended ECM wrote, or an instant of ours, a later change may be dated."""
    skew = joined(kept(evaluated), run.skew)
    return APART if skew is None else max(APART, skew.spread, -skew.least)


def not_ahead(newest: datetime, run: Run) -> datetime:
    """The newest date of a list, but not one that no clock shows yet: what changes next would seem old beside it."""
    ahead = timedelta() if run.skew is None else run.skew.most
    return min(newest, run.as_of + ahead)


def audit_from(complete: datetime) -> datetime:
    """From when on the audit trail of a workspace is read.

    Twice as far back as anything can be news, so that what was there at the first look is known at all later ones.
    """
    return complete - 2 * OLD


def said(skew: Skew) -> str | None:
    """A skew as a person should hear of it; None when it is too small for that."""
    early, late = -skew.least, skew.most
    if max(early, late) <= NOTICED:
        return None
    parts = [f"up to {rounded(x)} {way}" for x, way in ((early, "behind"), (late, "ahead of")) if x > NOTICED]
    return f"the clocks of Extended ECM are {' and '.join(parts)} ours"


def warn(run: Run) -> None:
    """Say in the run's log that clocks are apart."""
    words = None if run.skew is None else said(run.skew)
    if words is not None:
        log.warning(
            "run %d: %s: set both by NTP. Nothing is lost by it, but due dates are told by our clock",
            run.id,
            words,
        )


def rounded(length: timedelta) -> timedelta:
    """A length as people are told it: in whole seconds."""
    return timedelta(seconds=round(length.total_seconds()))

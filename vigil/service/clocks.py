"""Handles clock differences: how far below its watermarks a run reads again, and what it reports. Decision 0019.

Clocks only bound what is read. Whether an item is new depends on what the ledger knew.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from vigil.compliance.events import OLD
from vigil.ecm.clocks import Skew, joined

if TYPE_CHECKING:
    from vigil.ledger.watermarks import Evaluated
    from vigil.service.run import Run

APART = timedelta(hours=2)
"""The assumed difference between two clocks that no run has measured: one node an hour behind and one an hour ahead."""

NOTICED = timedelta(minutes=1)
"""The skew above which a run reports it."""

log = logging.getLogger("vigil.run")


REMEMBERED = timedelta(days=1)
"""For how long, and up to twice as long, a measured difference counts: a run may not meet the node whose clock differs."""


def kept(evaluated: Evaluated) -> Skew | None:
    """The skew that earlier runs measured, of the last day or two."""
    return joined(_skew(evaluated.skew), _skew(evaluated.skew_before))


def remembered(before: Evaluated, run: Run) -> dict[str, Any]:
    """The fields of `Evaluated` with the skew of this run and of those before it."""
    since = before.skew_since
    if since is not None and timedelta(0) <= run.as_of - since < REMEMBERED:
        measured = joined(_skew(before.skew), run.skew)
        return {"skew": _plain(measured), "skew_before": before.skew_before, "skew_since": since}
    return {"skew": _plain(run.skew), "skew_before": before.skew, "skew_since": run.as_of}


def _skew(seconds: tuple[float, float] | None) -> Skew | None:
    return None if seconds is None else Skew(*(timedelta(seconds=s) for s in seconds))


def _plain(skew: Skew | None) -> tuple[float, float] | None:
    return None if skew is None else (skew.least.total_seconds(), skew.most.total_seconds())


def lag(evaluated: Evaluated, run: Run) -> timedelta:
    """How far, at most, Extended ECM's dates are behind our clock, as this run or one of the last days measured."""
    skew = joined(kept(evaluated), run.skew)
    return timedelta() if skew is None else -skew.least


def below(evaluated: Evaluated, run: Run) -> timedelta:
    """How far below a date of Extended ECM, or an instant of ours, a later change may be dated."""
    skew = joined(kept(evaluated), run.skew)
    return APART if skew is None else max(APART, skew.spread, -skew.least)


def not_ahead(newest: datetime, run: Run) -> datetime:
    """The newest date of a list, limited to the present: otherwise the next change would seem older than it."""
    ahead = timedelta() if run.skew is None else run.skew.most
    return min(newest, run.as_of + ahead)


def audit_from(complete: datetime) -> datetime:
    """The instant from which the audit trail of a workspace is read.

    It is twice as far back as anything can count as new, so that later runs know every row that existed at the first reading.
    """
    return complete - 2 * OLD


def sentence(skew: Skew) -> str | None:
    """The text about a skew; None if it is too small to report."""
    early, late = -skew.least, skew.most
    if max(early, late) <= NOTICED:
        return None
    parts = [f"up to {rounded(x)} {way}" for x, way in ((early, "behind"), (late, "ahead of")) if x > NOTICED]
    return f"the clocks of Extended ECM are {' and '.join(parts)} ours"


def warn(run: Run) -> None:
    """Log that the clocks differ."""
    words = None if run.skew is None else sentence(run.skew)
    if words is not None:
        log.warning(
            "run %d: %s: synchronise both by NTP. No notice is lost, but due dates go by our clock",
            run.id,
            words,
        )


def rounded(length: timedelta) -> timedelta:
    """A length in whole seconds."""
    return timedelta(seconds=round(length.total_seconds()))

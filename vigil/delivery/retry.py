"""When a message is tried again, and when it is given up. Pure: time and chance are arguments.

Contract: shared/contracts/fcm.md, "Errors". The first wait is at least 10 s, each next one twice as long,
with jitter that only lengthens; `Retry-After` is obeyed and never undercut; a 429 without it waits 60 s.
Given up 60 minutes after the first try, or when the time to live is over if that is sooner.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from vigil.delivery.transport import Sent

GIVE_UP = timedelta(minutes=60)
FIRST_WAIT = 10.0  # seconds
LONGEST_WAIT = 900.0
QUOTA_WAIT = 60.0
JITTER = 0.5  # waits are lengthened by up to this share
OBEYED_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No further try. `reason` is the outbox row's; `last` the code of the last attempt, `unknown` whether
    that attempt
    may have been accepted."""

    reason: str
    last: str
    unknown: bool


def next_try(
    first_try: datetime,
    attempt: int,
    sent: Sent,
    now: datetime,
    rng: random.Random,
    expires_at: datetime | None = None,
) -> datetime | GiveUp:
    """The instant of the next try after `attempt` (1 for the first) ended in `sent`, or GiveUp.

    `sent` is a retry or an unknown; `expires_at` the end of the message's time to live, None for no such end.
    """
    if sent.outcome not in ("retry", "unknown"):
        raise ValueError(f"an attempt that was {sent.outcome} has no next try")
    at = now + timedelta(seconds=wait(attempt, sent, rng))
    end = first_try + GIVE_UP
    if expires_at is not None:
        end = min(end, expires_at)
    return at if at < end else GiveUp("expired", sent.code, sent.outcome == "unknown")


def wait(attempt: int, sent: Sent, rng: random.Random) -> float:
    """Seconds to wait after attempt number `attempt`."""
    if sent.retry_after is not None:
        # At least a second more, so that a whole batch told the same does not come back in one instant.
        return sent.retry_after + rng.uniform(0, max(1.0, sent.retry_after * OBEYED_JITTER))
    if sent.code == "QUOTA_EXCEEDED":
        return QUOTA_WAIT * (1 + rng.uniform(0, JITTER))
    doubled: float = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt - 1, 10))
    return doubled * (1 + rng.uniform(0, JITTER))

"""When a message is retried, and when it is given up. Pure: time and randomness are arguments.

Contract: docs/contracts/fcm.md#retry. The first wait is at least 10 s, each next one twice as long, with jitter that only lengthens; a
429 without `Retry-After` waits 60 s. A message is given up 60 minutes after the first try, or at the end of its time to live if that
is sooner.

`Retry-After` is obeyed, with two bounds. It counts as `LONGEST_ASKED` at most, so that no header can stop delivery for long. If it
leads past the message's end, the message gets one last try before the end: the header may come from a proxy or a wrong clock, and
obeying it would mean that the person never gets the notice.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from vigil.delivery.transport import Sent

GIVE_UP = timedelta(minutes=60)
FIRST_WAIT = 10.0  # seconds
LONGEST_WAIT = 900.0
LONGEST_ASKED = 3_000.0  # with its jitter still within the hour
LAST_CALL = (
    300.0  # seconds before a message's end: runs are minutes apart, and one of them must happen in time
)
QUOTA_WAIT = 60.0
JITTER = 0.5  # waits are lengthened by up to this share
OBEYED_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No further try. `reason` is the outbox row's; `last` the code of the last attempt, `unknown` whether that attempt may have
    been accepted.
    """

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

    `sent` is a retry or an unknown, ValueError otherwise; `expires_at` is the end of the message's time to live, None for no such end.
    """
    if sent.outcome not in ("retry", "unknown"):
        raise ValueError(f"an attempt that was {sent.outcome} has no next try")
    # Differences: an instant at the end of the calendar, which a row may have, has no hour after it.
    left = GIVE_UP - (now - first_try)
    if expires_at is not None:
        left = min(left, expires_at - now)
    seconds = wait(attempt, sent, rng)
    if seconds >= left.total_seconds() and sent.retry_after is not None:
        seconds = _last_call(attempt, left.total_seconds(), rng)
    if seconds >= left.total_seconds():
        return GiveUp("expired", sent.code, sent.outcome == "unknown")
    return now + timedelta(seconds=seconds)


def _last_call(attempt: int, left: float, rng: random.Random) -> float:
    """Seconds until the last try of a message that was told to wait beyond its end, in `left` seconds; inf for no more tries.

    A message that was tried before has had its last try when the end is near. A short life has it halfway.
    """
    if attempt > 1 and left < 2 * LAST_CALL:
        return math.inf
    seconds = left - min(LAST_CALL, left / 2) * (1 + rng.uniform(0, OBEYED_JITTER))
    return seconds if seconds >= FIRST_WAIT else math.inf


def wait(attempt: int, sent: Sent, rng: random.Random) -> float:
    """Seconds to wait after attempt number `attempt`: 0 to `LONGEST_ASKED` and a tenth, whatever `sent` and the row contain."""
    if sent.retry_after is not None:
        asked = min(LONGEST_ASKED, max(0.0, sent.retry_after))
        # At least a second more, so that a whole batch with the same header does not retry at one instant.
        return asked + rng.uniform(0, max(1.0, asked * OBEYED_JITTER))
    if sent.code == "QUOTA_EXCEEDED":
        return QUOTA_WAIT * (1 + rng.uniform(0, JITTER))
    doubled: float = min(LONGEST_WAIT, FIRST_WAIT * 2 ** max(0, min(attempt - 1, 10)))
    return doubled * (1 + rng.uniform(0, JITTER))

"""Retries: only this layer retries, with exponential back-off and jitter.

Nothing above this layer retries, so that a call costs at most ``retries + 1`` attempts and never a product of them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

from vigil.ecm.errors import EcmError

T = TypeVar("T")


class Retryable(Exception):
    """A retryable failure of an attempt. `after` is the server's Retry-After in seconds, `times` a lower limit of retries than the
    policy's, for failures that rarely go away.
    """

    def __init__(self, error: EcmError, *, after: float | None = None, times: int | None = None) -> None:
        self.error = error
        self.after = after
        self.times = times
        super().__init__(str(error))


@dataclass(frozen=True, slots=True)
class Policy:
    """Pauses are drawn from (0, min(longest, first * 2**n)) seconds: full jitter, so that many clients do not retry in step."""

    retries: int
    total_timeout: float
    first: float = 0.2
    longest: float = 10.0
    random: random.Random = field(default_factory=random.Random)

    def pause(self, failures: int, after: float | None) -> float:
        if after is not None:
            return after + self.random.uniform(0, self.first)
        return self.random.uniform(0, min(self.longest, self.first * 2 ** (failures - 1)))


async def retry(once: Callable[[float], Awaitable[T]], policy: Policy, retried: Callable[[], None]) -> T:
    """Call `once(deadline)` until it succeeds, within the policy. Only for calls that change nothing on the server.

    The deadline is in `time.monotonic` seconds. Raises the last attempt's error.
    """
    deadline = monotonic() + policy.total_timeout
    failures = 0
    while True:
        try:
            return await once(deadline)
        except Retryable as again:
            failures += 1
            allowed = policy.retries if again.times is None else min(policy.retries, again.times)
            pause = policy.pause(failures, again.after)
            if failures > allowed or monotonic() + pause >= deadline:
                raise again.error from again.__cause__
        retried()
        await asyncio.sleep(pause)

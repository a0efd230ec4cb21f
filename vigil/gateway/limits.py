"""Rate limits of callers: a token bucket for each key, in this process's memory.

Each gateway process counts for itself: with N processes behind a balancer the limit is N times as high.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from threading import Lock

KEPT = 100_000  # keys; the least recently used one is removed first, and starts again with a full bucket


@dataclass(frozen=True, slots=True)
class Limit:
    """Bursts of `burst` requests, and `per_minute` in the long run."""

    per_minute: float
    burst: int


class Buckets:
    """One bucket for each key. Thread-safe."""

    def __init__(self, limit: Limit, clock: Callable[[], float] = time.monotonic, kept: int = KEPT) -> None:
        self._rate = limit.per_minute / 60
        self._burst = float(limit.burst)
        self._clock = clock
        self._kept = kept
        self._lock = Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> (tokens, filled at)

    def __len__(self) -> int:
        """How many keys are known."""
        return len(self._buckets)

    def take(self, key: str) -> float:
        """0 and the request is counted, or the seconds until the next one may be made."""
        now = self._clock()
        with self._lock:
            tokens, filled = self._buckets.pop(key, (self._burst, now))
            tokens = min(self._burst, tokens + (now - filled) * self._rate)
            granted = tokens >= 1
            self._buckets[key] = (tokens - granted, now)
            if len(self._buckets) > self._kept:
                self._buckets.popitem(last=False)
        return 0.0 if granted else (1 - tokens) / self._rate


def network_of(address: str) -> str:
    """The key of an address for counting: itself, or for IPv6 its /64, of which one household has 2^64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
    return address

"""Protects the server: a rate limiter in normal operation, a circuit breaker when the server fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from vigil.ecm.errors import NotAsked, NotReadable, Refused
from vigil.ecm.retry import Retryable


class RateLimiter:
    """A rate limiter: at most `per_second` starts a second, evenly spaced without bursts; None sets no limit."""

    def __init__(self, per_second: float | None) -> None:
        self._gap = 1.0 / per_second if per_second else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Return when the caller may start. Callers are served in their order of arrival."""
        if not self._gap:
            return
        now = monotonic()
        start = max(now, self._next)
        self._next = start + self._gap
        if start > now:
            await asyncio.sleep(start - now)


class CircuitBreaker:
    """A circuit breaker: stops calls to a failing server, and lets one request through at a time to probe whether it works again.

    It opens after `threshold` failures in a row, for `pause` seconds, twice as long after each failed probe, up to `longest`. While it
    is open callers wait. After `hopeless` failed probes, or a probe that fails `patience` seconds after it opened, the server is given
    up: every further call fails at once with NotAsked, so that a run against a dead server ends within a minute and not after every
    call's own time-out.
    """

    def __init__(
        self,
        threshold: int = 20,
        pause: float = 0.5,
        longest: float = 30.0,
        hopeless: int = 6,
        patience: float = 60.0,
    ) -> None:
        self._threshold = threshold
        self._first_pause = pause
        self._longest = longest
        self._hopeless = hopeless
        self._patience = patience
        self._opened = 0.0
        self._failures = 0
        self._trips = 0
        self._until: float | None = None  # None: closed
        self._probing = False
        self._moved = asyncio.Event()  # set when a probe has ended, with either result

    @property
    def open(self) -> bool:
        return self._until is not None

    @property
    def given_up(self) -> bool:
        return self._trips > self._hopeless

    @asynccontextmanager
    async def admitted(self, path: str, deadline: float) -> AsyncIterator[None]:
        """Wait for admission, run one attempt, and record its result. Raises Unavailable instead of waiting in vain."""
        probe = await self._admit(path, deadline)
        try:
            yield
        except Retryable as again:
            # A response in ECM's own words shows that the server works, whatever it contains.
            self._learn(ok=isinstance(again.error, NotReadable), probe=probe)
            raise
        except (NotReadable, Refused):
            self._learn(ok=True, probe=probe)
            raise
        except BaseException:
            self._release(probe)  # cancelled, or a fault in Vigil: says nothing about the server
            raise
        else:
            self._learn(ok=True, probe=probe)

    async def _admit(self, path: str, deadline: float) -> bool:
        while self._until is not None:
            if self.given_up:
                raise NotAsked(path, f"not asked: the last {self._failures} calls to the server failed")
            wait = self._until - monotonic()
            if wait <= 0 and not self._probing:
                self._probing = True
                self._moved.clear()
                return True
            if monotonic() + max(wait, 0) >= deadline:
                raise NotAsked(path, f"not asked: the last {self._failures} calls to the server failed")
            if self._probing:
                await self._wait_for_probe(deadline)
            else:
                await asyncio.sleep(wait)
        return False

    async def _wait_for_probe(self, deadline: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, deadline - monotonic())):
                await self._moved.wait()
        except TimeoutError:
            return  # the loop in _admit sees the deadline and raises

    def _learn(self, *, ok: bool, probe: bool) -> None:
        if ok:
            self._failures = self._trips = 0
            self._until = None
        else:
            self._failures += 1
            if probe or (self._until is None and self._failures >= self._threshold):
                self._trips += 1
                self._opened = self._opened if probe else monotonic()
                if monotonic() - self._opened > self._patience:
                    self._trips = self._hopeless + 1
                pause = min(self._longest, self._first_pause * 2 ** (self._trips - 1))
                self._until = monotonic() + pause
        self._release(probe)

    def _release(self, probe: bool) -> None:
        if probe:
            self._probing = False
            self._moved.set()

"""The sender's rate limiters: one for the project, which slows down after a 429, and one for each device.

Contract: docs/contracts/fcm.md#quota: 600,000 a minute for a project, 240 a minute and 5,000 an hour for one device. Both take the
time as an argument.
"""

from __future__ import annotations

MINUTE, HOUR = 60.0, 3_600.0  # seconds


class ProjectRate:
    """At most `full` sends a second. `slow` halves the rate, at most once a second; it grows back by 5 % of full a second. The
    minimum is a thousandth of full: a sender that stops completely never learns that it may continue.
    """

    BURST = 0.1  # seconds of the full rate that may go at once
    GROWTH = 0.05
    FLOOR = 0.001

    def __init__(self, full: float) -> None:
        self.full = full
        self.rate = full
        self._tokens = max(1.0, full * self.BURST)
        self._filled_at: float | None = None
        self._slowed_at = float("-inf")

    def take(self, now: float, longest: float) -> float:
        """Seconds to wait before this send, 0 nearly always. If the result is above `longest`, nothing was taken: defer the
        message.
        """
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        self._fill(now)
        wait = max(0.0, (1.0 - self._tokens) / self.rate)
        if wait <= longest:
            self._tokens -= 1.0
        return wait

    def slow(self, now: float) -> None:
        """FCM answered 429. Responses to requests that were in flight together count once."""
        self._fill(now)
        if now - self._slowed_at >= 1.0:
            self._slowed_at = now
            self.rate = max(self.full * self.FLOOR, self.rate / 2)
            self._tokens = min(self._tokens, 1.0)

    def _fill(self, now: float) -> None:
        passed = 0.0 if self._filled_at is None else max(0.0, now - self._filled_at)
        self._filled_at = now
        if self.rate < self.full:
            self.rate = min(self.full, self.rate + self.full * self.GROWTH * passed)
        self._tokens = min(max(1.0, self.rate * self.BURST), self._tokens + passed * self.rate)


class DeviceRates:
    """The sends that each device may still get: never more than the limit in any minute or hour, wherever it begins.

    Devices without sends for an hour are removed when more than `kept` are known.
    """

    def __init__(self, per_minute: int | None, per_hour: int | None, kept: int = 50_000) -> None:
        self._limits = [
            (n, length) for n, length in ((per_minute, MINUTE), (per_hour, HOUR)) if n is not None
        ]
        self._kept = max((n for n, _ in self._limits), default=0)
        self._sends: dict[str, list[float]] = {}  # the newest `_kept` at most, oldest first
        self._held: dict[str, float] = {}
        self._kept_devices = self._sweep_at = kept

    def __len__(self) -> int:
        """How many devices are known."""
        return len(self._sends)

    def take(self, token: str, now: float) -> float:
        """0 and the send is counted, or the seconds until the device may be tried again."""
        wait = self._held.get(token, now) - now
        if wait <= 0 and not self._limits:
            return 0.0
        sends = self._sends.get(token)
        if sends is None:
            sends = self._new(token, now)
        for most, length in self._limits:
            if len(sends) >= most:
                wait = max(wait, sends[-most] + length - now)
        if wait > 0:
            return wait
        sends.append(now)
        if len(sends) > 2 * self._kept:
            del sends[: -self._kept]
        return 0.0

    def hold(self, token: str, now: float, seconds: float) -> None:
        """FCM answered that this device's quota is used up."""
        self._held[token] = now + seconds

    def _new(self, token: str, now: float) -> list[float]:
        if len(self._sends) >= self._sweep_at:
            self._sends = {t: sends for t, sends in self._sends.items() if sends and sends[-1] > now - HOUR}
            self._held = {t: until for t, until in self._held.items() if until > now}
            # Twice the remaining number, so that the cost of cleaning up stays a constant share of the sends.
            self._sweep_at = max(self._kept_devices, 2 * len(self._sends))
        return self._sends.setdefault(token, [])

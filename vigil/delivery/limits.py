"""The sender's own brakes: a rate for the project that yields to 429, and one for each device.

Contract: shared/contracts/fcm.md, "Errors" (quota): 600,000 a minute a project, 240 a minute and 5,000 an
hour for one device. Both are token buckets; both take the time as an argument.
"""

from __future__ import annotations

from dataclasses import dataclass

UNLIMITED = 1e12  # sends; infinity would make the arithmetic below undefined


class ProjectRate:
    """At most `full` sends a second. `slow` halves the rate, at most once a second; it grows back by 5 % of
    full a
    second. A thousandth of full is the floor: the sender that stops altogether never learns that it may go
    on."""

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
        """Seconds to wait before this send, 0 nearly always. Above `longest` nothing was taken: hold the
        message.
        """
        self._fill(now)
        wait = max(0.0, (1.0 - self._tokens) / self.rate)
        if wait <= longest:
            self._tokens -= 1.0
        return wait

    def slow(self, now: float) -> None:
        """FCM said 429. The answers to requests that were in flight together count once."""
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


@dataclass(slots=True)
class _Device:
    minute: float
    hour: float
    at: float
    held_until: float = 0.0


class DeviceRates:
    """Sends that one device may still get. Devices that have been quiet for an hour are forgotten."""

    KEPT = 50_000

    def __init__(self, per_minute: int | None, per_hour: int | None) -> None:
        self._per_minute = float(per_minute) if per_minute is not None else UNLIMITED
        self._per_hour = float(per_hour) if per_hour is not None else UNLIMITED
        self._devices: dict[str, _Device] = {}

    def take(self, token: str, now: float) -> float:
        """0 and the send is counted, or the seconds after which the device may be tried again."""
        device = self._known(token, now)
        wait = max(
            device.held_until - now,
            (1.0 - device.minute) * 60 / self._per_minute,
            (1.0 - device.hour) * 3_600 / self._per_hour,
        )
        if wait > 0:
            return wait
        device.minute -= 1.0
        device.hour -= 1.0
        return 0.0

    def hold(self, token: str, now: float, seconds: float) -> None:
        """FCM said that this device's quota is used up."""
        self._known(token, now).held_until = now + seconds

    def _known(self, token: str, now: float) -> _Device:
        device = self._devices.get(token)
        if device is None:
            if len(self._devices) >= self.KEPT:
                self._forget(now)
            device = self._devices[token] = _Device(self._per_minute, self._per_hour, now)
            return device
        passed = max(0.0, now - device.at)
        device.at = now
        device.minute = min(self._per_minute, device.minute + passed * self._per_minute / 60)
        device.hour = min(self._per_hour, device.hour + passed * self._per_hour / 3_600)
        return device

    def _forget(self, now: float) -> None:
        quiet = [t for t, d in self._devices.items() if now - d.at >= 3_600 and d.held_until <= now]
        for token in quiet:
            del self._devices[token]

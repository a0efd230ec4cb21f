"""The simulator's quotas: sends a minute for the project, a minute and an hour for one device.

Windows are fixed and start with their first send. Contract: docs/contracts/fcm.md#quota.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from vigil.sandbox.fcm.answers import FcmAnswer, quota
from vigil.sandbox.fcm.faults import Quotas


class QuotaMeter:
    """Counts sends and says when one is too many. `seconds` is a clock that never goes back."""

    def __init__(self, project: str, seconds: Callable[[], float] = time.monotonic) -> None:
        self._project = project
        self._seconds = seconds
        self._windows: dict[tuple[str, int], tuple[float, int]] = {}

    def refusal(self, token: str, quotas: Quotas) -> FcmAnswer | None:
        """429 with the rest of the window as Retry-After, or None and the send is counted."""
        now = self._seconds()
        limits = (
            (f"project:{self._project}", 60, quotas.project_per_minute),
            (f"device:{token}", 60, quotas.device_per_minute),
            (f"device:{token}", 3_600, quotas.device_per_hour),
        )
        for subject, length, limit in limits:
            start, used = self._windows.get((subject, length), (now, 0))
            if limit is not None and now - start < length and used >= limit:
                return quota(subject, max(1.0, round(start + length - now)))
        for subject, length, _ in limits:
            start, used = self._windows.get((subject, length), (now, 0))
            self._windows[subject, length] = (start, used + 1) if now - start < length else (now, 1)
        return None

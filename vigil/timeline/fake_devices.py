"""The virtual devices of a timeline as a transport, and simulated crashes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import orjson

from vigil.delivery.errors import InvalidMessage
from vigil.delivery.push.messages import encode
from vigil.delivery.transport import Outgoing, Sent
from vigil.sandbox.fcm.devices import Devices, ShownNotice
from vigil.timeline.model import TimelinePerson


class Killed(BaseException):
    """The process was killed here. A BaseException, so that no code in between can clean up after it."""


class FakeDevices:
    """A transport that delivers each message to its virtual device. `now` is the timeline's clock.

    `dies` kills the process at the next batch: ``before accept`` or ``after accept``.
    """

    def __init__(self, players: Sequence[TimelinePerson], now: datetime) -> None:
        self.now = now
        self.dies: str | None = None
        self.devices = Devices(lambda: self.now)
        self._count = 0
        self._seen: dict[str, int] = {}
        for player in players:
            for device in player.devices:
                self.devices.add(device.token, device.platform, player.login)

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        """Every existing device accepts its message; a message that FCM would refuse is rejected with FCM's code."""
        if self.dies == "before accept":
            raise Killed
        sent = [self._one(out) for out in batch]
        if self.dies == "after accept":
            raise Killed
        return sent

    def _one(self, out: Outgoing) -> Sent:
        try:
            message: dict[str, Any] = orjson.loads(encode(out, self.now))["message"]
        except InvalidMessage as wrong:
            return Sent(
                outcome="rejected",
                status=None,
                code=wrong.code,
                name="",
                retry_after=None,
                started_at=self.now,
                ended_at=self.now,
                detail=str(wrong),
            )
        device = self.devices.get(out.token)
        if device is None:
            return Sent("rejected", 404, "UNREGISTERED", "", None, self.now, self.now)
        self._count += 1
        name = f"projects/timeline/messages/{self._count}"
        self.devices.receive(device, message, name)
        return Sent("accepted", 200, "", name, None, self.now, self.now)

    def arrived(self) -> dict[str, dict[str, list[ShownNotice]]]:
        """The notices of each person since the last call: login -> replace key -> the notices on screen with that key.

        A notice that came twice to one device and is shown once appears once; on two devices it appears twice.
        """
        out: dict[str, dict[str, list[ShownNotice]]] = {}
        for device in self.devices:
            first = self._seen.get(device.token, 0)
            self._seen[device.token] = len(device.received)
            for key in {s.data.get("event_id", "") for s in device.received[first:]}:
                shown = [s for s in device.screen.values() if s.data.get("event_id", "") == key]
                out.setdefault(device.owner or "", {}).setdefault(key, []).extend(shown)
        return out

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

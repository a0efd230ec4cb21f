"""Virtual devices: the notices that a person sees, and all received messages.

A device shows notices by the replace rules of its platform (`vigil.sandbox.fcm.platform_rules`). For an offline device, messages wait
by the rules of the push service: until their time to live has passed on the sandbox's clock, only the last of one replace key, at most
four Android collapse keys, and at most a hundred messages without one (above that all of them are lost, as on Android). Contract:
docs/contracts/fcm.md#replace-keys and docs/contracts/fcm.md#simulator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vigil.sandbox.fcm.platform_rules import PLATFORMS, Arrival, read

COLLAPSE_KEYS = 4
WAITING = 100


@dataclass(frozen=True, slots=True)
class ShownNotice:
    """One notice. `key` is what a later message must carry to replace it, None if nothing can."""

    title: str
    body: str
    link: str
    key: str | None
    data: Mapping[str, str]
    received_at: datetime
    name: str  # the message name that the sender was given

    def to_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "body": self.body,
            "link": self.link,
            "key": self.key,
            "data": dict(self.data),
            "received_at": self.received_at.isoformat(),
            "name": self.name,
        }


@dataclass(slots=True)
class VirtualDevice:
    """A device and its state. Change it through `Devices` only."""

    token: str
    platform: str
    owner: str | None = None
    online: bool = True
    registered: bool = True
    refused: str | None = None  # an error code that every send to it gets, such as SENDER_ID_MISMATCH
    screen: dict[object, ShownNotice] = field(default_factory=dict)
    received: list[ShownNotice] = field(default_factory=list)
    waiting: list[tuple[Arrival, str]] = field(default_factory=list)

    def accept(self, arrival: Arrival, name: str, now: datetime) -> None:
        if self.online:
            self._show(arrival, name, now)
        elif arrival.expires_at > now:
            self._wait(arrival, name)

    def connect(self, now: datetime) -> None:
        self.online = True
        waiting, self.waiting = self.waiting, []
        for arrival, name in waiting:
            if arrival.expires_at > now:
                self._show(arrival, name, now)

    def _show(self, arrival: Arrival, name: str, now: datetime) -> None:
        shown = ShownNotice(arrival.title, arrival.body, arrival.link, arrival.key, arrival.data, now, name)
        self.received.append(shown)
        if not (shown.title or shown.body):
            return  # data for the app, which nobody sees
        place: object = ("key", arrival.key) if arrival.key is not None else len(self.received)
        self.screen.pop(place, None)  # the newest is at the end, also when it replaces
        self.screen[place] = shown

    def _wait(self, arrival: Arrival, name: str) -> None:
        key = arrival.pending_key
        if key is not None:
            self.waiting = [w for w in self.waiting if w[0].pending_key != key]
        self.waiting.append((arrival, name))
        if self.platform == "android":
            self._bound_android()

    def _bound_android(self) -> None:
        keys = [w[0].pending_key for w in self.waiting if w[0].pending_key is not None]
        if len(keys) > COLLAPSE_KEYS:  # the service promises only that four remain; here the oldest goes
            self.waiting = [w for w in self.waiting if w[0].pending_key != keys[0]]
        if sum(1 for w in self.waiting if w[0].pending_key is None) > WAITING:
            self.waiting = [w for w in self.waiting if w[0].pending_key is not None]

    def to_json(self) -> dict[str, Any]:
        return {
            "token": self.token,
            "platform": self.platform,
            "owner": self.owner,
            "online": self.online,
            "registered": self.registered,
            "waiting": len(self.waiting),
            "shows": [s.to_json() for s in self.screen.values()],
            "received": [s.to_json() for s in self.received],
        }


class Devices:
    """All virtual devices, by token. Not safe for threads: one event loop owns it.

    `clock` gives the sandbox's now as an aware datetime; time to live is measured on it.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self._devices: dict[str, VirtualDevice] = {}

    def __iter__(self) -> Iterator[VirtualDevice]:
        return iter(self._devices.values())

    def __len__(self) -> int:
        return len(self._devices)

    def add(self, token: str, platform: str, owner: str | None = None) -> VirtualDevice:
        """A registered, online device. Adding a known token registers it again and keeps what it shows."""
        if platform not in PLATFORMS:
            raise ValueError(f"platform {platform!r} of a device: allowed are {', '.join(PLATFORMS)}")
        known = self._devices.get(token)
        if known is None:
            known = self._devices[token] = VirtualDevice(token, platform, owner)
        known.registered = True
        return known

    def get(self, token: str) -> VirtualDevice | None:
        """The device; None for an unknown token."""
        return self._devices.get(token)

    def of(self, owner: str) -> tuple[VirtualDevice, ...]:
        """The devices of one person."""
        return tuple(d for d in self if d.owner == owner)

    def receive(self, device: VirtualDevice, message: Mapping[str, Any], name: str) -> None:
        """Deliver a validated message to an existing device: it is shown, waits, or is lost at the end of its time to live."""
        now = self.clock()
        device.accept(read(device.platform, message, now), name, now)

    def show(self, token: str) -> tuple[ShownNotice, ...]:
        """What the device shows now, oldest first. Raises KeyError for an unknown token."""
        return tuple(self._devices[token].screen.values())

    def received(self, token: str) -> tuple[ShownNotice, ...]:
        """All messages that the device ever received, in order, replaced or not."""
        return tuple(self._devices[token].received)

    def offline(self, token: str) -> None:
        """Disconnect the device: messages to it wait."""
        self._devices[token].online = False

    def online(self, token: str) -> None:
        """Connect the device again: waiting messages that have not expired arrive."""
        self._devices[token].connect(self.clock())

    def dismiss(self, token: str) -> None:
        """Clear the screen, as the person may. The record of received messages stays."""
        self._devices[token].screen.clear()

    def unregister(self, token: str) -> None:
        """Remove the app: sends to the token are answered UNREGISTERED from now on."""
        device = self._devices[token]
        device.registered = False
        device.waiting.clear()

    def refuse(self, token: str, code: str | None) -> None:
        """Answer every send to the token with `code` (SENDER_ID_MISMATCH, APNS_410); None resets this."""
        self._devices[token].refused = code

    def to_json(self) -> dict[str, Any]:
        """The body of GET /sandbox/devices."""
        return {"devices": [d.to_json() for d in self]}

"""Scripted and random faults of the FCM simulator, the same for the same seed and the same order of requests.

Contract: docs/contracts/fcm.md#simulator. JSON form, as POST /sandbox/faults takes it under ``fcm``:

    {"clear": true, "seed": 7, "latency": 0.03,
     "quotas": {"device_per_minute": 240, "device_per_hour": 5000, "project_per_minute": 600000},
     "add": [{"kind": "quota", "retry_after": 30, "times": 3, "match": {"token": "tok-ada"}},
             {"kind": "reset_after", "rate": 0.05}]}
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

KINDS: Mapping[str, str] = {
    "quota": "429; `retry_after` seconds or any text, or no such header",
    "internal": "500",
    "unavailable": "503; `retry_after` seconds or any text, or no such header",
    "reset_before": "the connection is reset and nothing was accepted",
    "reset_after": "the message is accepted, then the connection is reset",
    "slow": "the message is accepted, the answer comes after `seconds`",
    "malformed": "the message is accepted, the answer is 200 with half a JSON object",
    "nameless": "the message is accepted, the answer is 200 with a JSON object that lacks the name",
    "unregistered": "404 UNREGISTERED",
    "sender_mismatch": "403 SENDER_ID_MISMATCH",
    "apns_410": "400 with an ApnsError 410 in the details",
    "invalid": "400 INVALID_ARGUMENT",
    "unauthenticated": "401, as for a bad token",
    "third_party_auth": "401 THIRD_PARTY_AUTH_ERROR",
    "permission_denied": "403 without an FCM code, as when the API is switched off",
    "echo": "`status`, with a sentence that quotes the request: its headers and its body",
    "html": "502 with an HTML page, as from a proxy",
}
PLACES = ("send", "token", "topics")
MATCHES = ("token", "platform", "owner", "topic", "event_id", "title")


@dataclass(slots=True)
class FcmFault:
    """One fault. It fires when all of `match` is equal, at most `times` times (None: always), each time with
    probability `rate`, after the first `skip` matching requests went through."""

    kind: str
    match: Mapping[str, str] = field(default_factory=dict)
    times: int | None = None
    rate: float = 1.0
    skip: int = 0
    retry_after: float | str | None = None
    seconds: float = 0.0
    status: int = 500  # of an echo
    at: str = "send"
    subject: str = (
        ""  # of a 429: project:NAME or device:TOKEN; empty when FCM does not say whose quota it was
    )
    fired: int = 0

    def __post_init__(self) -> None:
        _one_of("kind", self.kind, tuple(KINDS))
        _one_of("at", self.at, PLACES)
        for key in self.match:
            _one_of("match", key, MATCHES)
        if not 0 <= self.rate <= 1:
            raise ValueError(f"fault rate {self.rate}: a share between 0 and 1")

    def takes(self, seen: Mapping[str, str | None], rng: random.Random) -> bool:
        """Whether it fires for this request. Counts the request either way."""
        if self.times is not None and self.fired >= self.times:
            return False
        if any(seen.get(key) != value for key, value in self.match.items()):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.rate < 1.0 and rng.random() >= self.rate:
            return False
        self.fired += 1
        return True


@dataclass(frozen=True, slots=True)
class Quotas:
    """Sends allowed in a window; None: no limit."""

    device_per_minute: int | None = 240
    device_per_hour: int | None = 5_000
    project_per_minute: int | None = 600_000


class FcmFaults:
    """The script. `active` is False while nothing is scripted, which keeps the send path short."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = random.Random(seed)
        self._faults: list[FcmFault] = []
        self.active = False
        self.latency = 0.0  # seconds before each answer
        self.quotas: Quotas | None = None

    def add(
        self,
        kind: str,
        *,
        match: Mapping[str, str] | None = None,
        times: int | None = None,
        rate: float = 1.0,
        skip: int = 0,
        retry_after: float | str | None = None,
        seconds: float = 0.0,
        status: int = 500,
        at: str = "send",
        subject: str = "",
    ) -> FcmFault:
        """Append a fault; the first that takes a request wins. Raises ValueError for an unknown kind, place
        or key.
        """
        fault = FcmFault(
            kind=kind,
            match=dict(match or {}),
            times=times,
            rate=rate,
            skip=skip,
            retry_after=retry_after,
            seconds=seconds,
            status=status,
            at=at,
            subject=subject,
        )
        self._faults.append(fault)
        self.active = True
        return fault

    def pick(self, at: str, seen: Mapping[str, str | None]) -> FcmFault | None:
        """The fault for this request, or None."""
        for fault in self._faults:
            if fault.at == at and fault.takes(seen, self._rng):
                return fault
        return None

    def clear(self, seed: int | None = None) -> None:
        self._faults.clear()
        self.active = False
        self.latency = 0.0
        self.quotas = None
        if seed is not None:
            self._rng.seed(seed)

    def apply(self, script: Mapping[str, Any]) -> None:
        """The JSON form (see the module). Raises ValueError that names the key; nothing is changed then."""
        for key in script:
            _one_of("key of the fault script", key, ("clear", "seed", "latency", "quotas", "add"))
        quotas = script.get("quotas")
        new_quotas = None if quotas is None else Quotas(**_known(Quotas, quotas, "quotas"))
        new = [FcmFault(**_known(FcmFault, item, "fault")) for item in script.get("add", ())]
        if script.get("clear"):
            self.clear()
        if "seed" in script:
            self._rng.seed(int(script["seed"]))
        if "latency" in script:
            self.latency = float(script["latency"])
        if "quotas" in script:
            self.quotas = new_quotas
        self._faults.extend(new)
        self.active = bool(self._faults)

    def to_json(self) -> dict[str, Any]:
        """What is scripted now and how often each fault fired."""
        return {
            "latency": self.latency,
            "quotas": None if self.quotas is None else _plain(self.quotas),
            "faults": [_plain(fault) for fault in self._faults],
        }


def _plain(value: Any) -> dict[str, Any]:
    return {f.name: getattr(value, f.name) for f in fields(value)}


def _known(kind: type[Any], item: object, what: str) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise ValueError(
            f"{what} {item!r}: an object with the keys {', '.join(f.name for f in fields(kind))}"
        )
    for key in item:
        _one_of(f"key of a {what}", key, tuple(f.name for f in fields(kind) if f.name != "fired"))
    return dict(item)


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{what} {value!r} is unknown: allowed are {', '.join(allowed)}")

"""The outbox worker: claims rows by lease, sends them, writes every attempt, and says what becomes of each row.

Many workers may run at once and any may be killed at any instant. A row whose worker died is claimed again when its lease runs
out, and is sent with the same replace key, so that a device shows it once.
"""

from __future__ import annotations

import random
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from os import getpid
from uuid import uuid4

from vigil.compliance.verdicts import Why
from vigil.delivery.messages import LONGEST_TTL, Outgoing
from vigil.delivery.retry import GiveUp, next_try
from vigil.delivery.transport import Sent, Transport
from vigil.ledger import Ledger, devices, outbox
from vigil.ledger.devices import Registered
from vigil.ledger.outbox import Claimed, Settled, Tried

LEASE = timedelta(minutes=5)
BATCH = 500


def owner_name() -> str:
    """A name for this worker that no other has: host, process and a random part."""
    return f"{socket.gethostname()}:{getpid()}:{uuid4().hex[:8]}"


@dataclass
class Delivered:
    """What a worker did: rows by final state, attempts by outcome, and rows that wait for another try."""

    rows: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)

    @property
    def any(self) -> bool:
        return bool(self.rows)


class Worker:
    """Delivers what is due. `clock` gives the instant that leases, tries and times to live are measured by."""

    def __init__(
        self,
        ledger: Ledger,
        transport: Transport,
        clock: Callable[[], datetime],
        owner: str | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._ledger = ledger
        self._transport = transport
        self._clock = clock
        self._owner = owner or owner_name()
        self._rng = rng or random.Random()

    async def deliver(self, limit: int = BATCH) -> Delivered:
        """Claim one batch, send it and settle it. Nothing claimed: nothing is due that is not another worker's."""
        now = self._clock()
        with self._ledger.write() as connection:
            claimed = outbox.claim(connection, self._owner, now, LEASE, limit)
            registered = devices.of_people(connection, {c.person for c in claimed})
        if not claimed:
            return Delivered()
        posts = [(c, d) for c in claimed for d in registered.get(c.person, ()) if d.id not in c.done]
        sent = await self._transport.send([self._outgoing(c, d, now) for c, d in posts])
        results = list(zip(posts, sent, strict=True))
        tried = [_tried(c, d, s) for (c, d), s in results if s.attempted]
        settled = self._settle(claimed, registered, results)
        with self._ledger.write() as connection:
            outbox.settle(connection, self._owner, tried, settled)
            devices.accepted(connection, {t.device for t in tried if t.outcome == "accepted"}, now)
            for code in {s.code for _, s in results if s.prune}:
                gone = {d.id for (_, d), s in results if s.prune and s.code == code}
                devices.retire(connection, gone, code, now)
        return Delivered(Counter(s.state for s in settled), Counter(s.outcome for s in sent))

    async def drain(self, limit: int = BATCH) -> Delivered:
        """Deliver until nothing is due."""
        total = Delivered()
        while (one := await self.deliver(limit)).any:
            total.rows += one.rows
            total.attempts += one.attempts
        return total

    def _outgoing(self, c: Claimed, d: Registered, now: datetime) -> Outgoing:
        m = c.message
        ends = _expires_at(c)
        return Outgoing(
            key=m["key"],
            token=d.address,
            address_kind=d.address_kind,
            platform=d.platform,
            title=m["title"],
            body=m["body"],
            link=m["link"],
            severity=m["severity"],
            ttl=LONGEST_TTL if ends is None else max(timedelta(0), ends - now),
            data={"rule": c.rule, "workspace": str(c.workspace)},
        )

    def _settle(
        self,
        claimed: Sequence[Claimed],
        registered: Mapping[str, Sequence[Registered]],
        results: Sequence[tuple[tuple[Claimed, Registered], Sent]],
    ) -> list[Settled]:
        by_row: dict[int, list[Sent]] = {c.id: [] for c in claimed}
        for (c, _), s in results:
            by_row[c.id].append(s)
        return [self._row(c, by_row[c.id], bool(registered.get(c.person))) for c in claimed]

    def _row(self, c: Claimed, sent: Sequence[Sent], has_device: bool) -> Settled:
        """A row is done when no device of its person needs another try: `sent` when one of them accepted."""
        accepted = "accepted" in c.done.values() or any(s.outcome == "accepted" for s in sent)
        open_ = [s for s in sent if s.outcome in ("retry", "unknown")]
        now = self._clock()
        tries = [next_try(c.first_tried_at or now, c.tries, s, now, self._rng, _expires_at(c)) for s in open_]
        due = [t for t in tries if isinstance(t, datetime)]
        if due:
            return Settled(c.id, "queued", "", min(due))
        if accepted:
            return Settled(c.id, "sent")
        given_up = next((t for t in tries if isinstance(t, GiveUp)), None)
        if given_up is not None:
            return Settled(c.id, "failed", f"{given_up.reason}: {given_up.last}")
        if not has_device and not c.done:
            return Settled(c.id, "no_device", Why.NO_DEVICE.value)
        return Settled(c.id, "failed", "; ".join(sorted({s.code for s in sent})) or "every device refused it")


def _expires_at(c: Claimed) -> datetime | None:
    """The end of a notice's time to live, counted from the instant it is about; None when its rule gives none."""
    ttl = c.message.get("ttl")
    return None if ttl is None else c.fire_at + timedelta(seconds=ttl)


def _tried(c: Claimed, d: Registered, s: Sent) -> Tried:
    return Tried(c.id, d.id, s.started_at, s.ended_at, s.outcome, s.status, s.code, s.name)

"""The outbox worker: claims rows by lease, sends them, stores every attempt, and settles each row.

Many workers may run at once and any may be killed at any instant. The row of a dead worker is claimed again when its lease expires,
and is sent with the same replace key, so that a device shows it once: docs/decisions/0004.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vigil.compliance.evaluation.results import Why
from vigil.compliance.notices import NoticeState
from vigil.delivery import quiet_hours
from vigil.delivery.causes import cause
from vigil.delivery.channels import chosen, order_in
from vigil.delivery.codes import EXPIRED, HELD_CREDENTIAL, REFUSED, WORDLESS
from vigil.delivery.errors import CredentialRefused
from vigil.delivery.lease_owners import owner_name
from vigil.delivery.retry import GiveUp, next_try
from vigil.delivery.transport import LONGEST_TTL, Outgoing, SendOutcome, Sent, Transport
from vigil.ledger import Ledger, LedgerError
from vigil.ledger.outbox import leases
from vigil.ledger.outbox.leases import Claimed, PutOff, RealTime, Settled, Tried, real_time
from vigil.ledger.people import devices, preferences
from vigil.ledger.values import LEASE, NONE, Preferences, Registered

log = logging.getLogger("vigil.delivery.worker")

BATCH = 5_000  # rows of one call of `deliver`, and of one task of a run
SLICE = 1_000  # rows that are claimed, sent and settled together

Post = tuple[Claimed, Registered]


@dataclass
class Delivered:
    """The results of a worker: rows by their new state, attempts by outcome, ended rows by the run that queued them.

    `lost` counts rows whose lease expired before they were settled: their attempts are stored, and another worker settles them.
    `refused` are the credentials that a person must correct, each once: the rows that need them are queued again. `more` says whether
    another batch may find work: False if nothing was due, or only rows that a refused credential defers.
    """

    rows: Counter[NoticeState] = field(default_factory=Counter)
    attempts: Counter[SendOutcome] = field(default_factory=Counter)
    ended: Counter[tuple[int | None, NoticeState]] = field(default_factory=Counter)  # (run, state) -> rows
    lost: int = 0
    refused: dict[str, CredentialRefused] = field(default_factory=dict)
    more: bool = True

    @property
    def any(self) -> bool:
        return bool(self.rows)

    def add(self, other: Delivered) -> None:
        """Add the results of another batch."""
        self.rows += other.rows
        self.attempts += other.attempts
        self.ended += other.ended
        self.lost += other.lost
        self.refused = {**other.refused, **self.refused}
        self.more = other.more


@dataclass(frozen=True, slots=True)
class ClaimedBatch:
    """Rows that this worker claimed together, and their messages. `full`: more rows may be due."""

    claimed: Sequence[Claimed] = ()
    registered: Mapping[str, Sequence[Registered]] = field(default_factory=dict)
    posts: Sequence[Post] = ()
    put_off: int = 0
    full: bool = False

    @property
    def found(self) -> int:
        return len(self.claimed) + self.put_off


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """A claimed row, the outcomes by device, and its settlement."""

    claimed: Claimed
    results: Sequence[tuple[Registered, Sent]]
    settled: Settled


Handled = tuple[ClaimedBatch, Sequence[Sent], CredentialRefused | None]
"""A slice, the outcomes of its messages, and the credential that was refused with them."""


class Worker:
    """Delivers due rows. `clock` gives the time for retries and times to live, `real` the time for leases.

    `zone` is the site's: quiet hours use it if the person's own zone is unknown.
    """

    def __init__(
        self,
        ledger: Ledger,
        transport: Transport,
        clock: Callable[[], datetime],
        owner: str | None = None,
        rng: random.Random | None = None,
        lease: timedelta = LEASE,
        zone: str = "UTC",
        slice: int = SLICE,
        real: RealTime = real_time,
    ) -> None:
        self._ledger = ledger
        self._transport = transport
        self._clock = clock
        self._owner = owner or owner_name()
        self._rng = rng or random.Random()
        self._lease = lease
        self._zone = zone
        self._slice = slice
        self._real = real
        # Claimed rows that are not settled yet. Two threads read the set: it is replaced, never changed.
        self._holding = frozenset[int]()
        self._surprises: set[type[Exception]] = set()
        self._deferred: set[int] = set()  # rows of batches in which a refused credential stopped everything

    async def deliver(self, limit: int = BATCH, due_by: datetime | None = None) -> Delivered:
        """Claim up to `limit` rows, send them and settle them. If nothing is claimed, nothing is due except rows of other workers.

        Rows are claimed that are due at `due_by`, by default when each slice of them is claimed.

        While a slice is being sent to FCM, the previous one is settled and the next one claimed, in a thread: neither FCM nor the
        database waits for the other. A slice that is not full is the last: rows blocked by it are claimed by the next batch.

        A refused credential stops only the rows that need it: call again while there are `more`, then report it.
        """
        total = Delivered()
        before: Handled | None = None
        batch = self._claim(min(self._slice, limit), due_by)
        left = limit - batch.found
        while batch.found:
            goes_on = batch.full and (before is None or before[2] is None)
            wanted = min(self._slice, left) if goes_on else 0
            between = None
            if before is not None or wanted:
                between = asyncio.create_task(asyncio.to_thread(self._between, before, wanted, due_by))
            try:
                sent, refused = await self._send(batch)
            finally:
                # Awaited whatever happens: it holds rows, and it writes.
                done, following = (Delivered(), ClaimedBatch()) if between is None else await between
            if before is not None:
                total.add(done)
            before, batch = (batch, sent, refused), following
            left -= batch.found
        total.add(Delivered(more=False) if before is None else self._settle(*before))
        return total

    def _between(
        self, before: Handled | None, wanted: int, due_by: datetime | None
    ) -> tuple[Delivered, ClaimedBatch]:
        """The ledger's work while a slice is being sent. One writer after the other, because SQLite has only one."""
        done = Delivered() if before is None else self._settle(*before)
        return done, self._claim(wanted, due_by) if wanted else ClaimedBatch()

    def _claim(self, limit: int, due_by: datetime | None) -> ClaimedBatch:
        """Claim the next slice, with its people's addresses. Rows in quiet hours are deferred at once."""
        now = self._clock()
        with self._ledger.write() as connection:
            by = due_by or now
            found = leases.claim(connection, self._owner, by, self._lease, limit, self._real(connection))
            people = {c.person for c in found}
            put_off = self._put_off(found, preferences.of_people(connection, people), now)
            leases.put_off(connection, self._owner, put_off.values())
            claimed = [c for c in found if c.id not in put_off]
            registered = devices.of_people(connection, {c.person for c in claimed})
        self._holding |= frozenset(c.id for c in claimed)
        sendable = [c for c in claimed if _unsendable_reason(c, now) is None]
        posts = [(c, d) for c in sendable for d in _to_do(c, registered.get(c.person, ()))]
        return ClaimedBatch(claimed, registered, posts, len(put_off), full=len(found) == limit)

    def _seen(self, ids: set[int]) -> bool:
        """Whether all of them were deferred before: due rows that were not come first, so that none of those is left."""
        before = ids <= self._deferred
        self._deferred |= ids
        return before

    def let_go(self) -> None:
        """Release all rows after an error, so that other workers can claim them at once, not only when the lease expires."""
        try:
            with self._ledger.write() as connection:
                leases.end(connection, {self._owner}, self._real(connection))
        except LedgerError as error:
            log.warning("could not end the leases of this worker, they run out by themselves: %s", error)

    def _put_off(
        self, claimed: Sequence[Claimed], asked: Mapping[str, Preferences], now: datetime
    ) -> dict[int, PutOff]:
        """The rows whose person has quiet hours now. A row that was tried continues: it has an hour, and the person may have seen
        it.
        """
        out = {}
        for c in claimed:
            if c.first_tried_at is not None or _unsendable_reason(c, now) is not None:
                continue
            at = quiet_hours.in_message(c.message, asked.get(c.person, NONE), now, self._zone)
            if at > now:
                # Rows deferred by quiet hours do not use up their time to live.
                out[c.id] = PutOff(c.id, at, c.expires_at and c.expires_at + (at - now))
        return out

    async def _send(self, batch: ClaimedBatch) -> tuple[Sequence[Sent], CredentialRefused | None]:
        now = self._clock()
        messages = [self._outgoing(c, d, now) for c, d in batch.posts]
        if not messages:
            return (), None
        async with self._held():
            try:
                return await self._transport.send(messages), None
            except CredentialRefused as error:
                return error.sent or [_deferred(self._clock(), error)] * len(messages), error

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        """Renew the leases of all rows that this worker holds while FCM works, so that no other worker sends them meanwhile."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(self._lease.total_seconds() / 3)
                ids = sorted(self._holding)
                try:
                    with self._ledger.write() as connection:
                        leases.renew(connection, self._owner, ids, self._real(connection) + self._lease)
                except LedgerError as error:
                    # The batch continues: at worst another worker also sends some of it, with the same keys.
                    log.warning("could not renew the lease of %d rows: %s", len(ids), error)

        task = asyncio.create_task(renew())
        try:
            yield
        finally:
            task.cancel()

    def _settle(
        self, batch: ClaimedBatch, sent: Sequence[Sent], refused: CredentialRefused | None
    ) -> Delivered:
        """Store the results of a slice: attempts, rows, and what they say about the devices."""
        now = self._clock()
        outcomes, held = self._write(self._outcomes(batch, sent, now), now)
        self._holding -= {j.claimed.id for j in outcomes}
        rows = Counter(j.settled.state for j in outcomes)
        rows.update({NoticeState.QUEUED: batch.put_off} if batch.put_off else {})
        done = Delivered(
            rows,
            Counter(s.outcome for j in outcomes for _, s in j.results),
            Counter(
                (j.claimed.run, j.settled.state) for j in outcomes if j.settled.state != NoticeState.QUEUED
            ),
            len(outcomes) - held,
        )
        if refused is not None:
            done.refused[refused.credential] = refused
            done.more = any(s.attempted for s in sent) or not self._seen({j.claimed.id for j in outcomes})
        return done

    def _outcomes(self, batch: ClaimedBatch, sent: Sequence[Sent], now: datetime) -> list[RowOutcome]:
        """The settlement of each row of a slice. A row whose outcome cannot be handled does not affect the others."""
        by_row: dict[int, list[tuple[Registered, Sent]]] = {c.id: [] for c in batch.claimed}
        gone = set()
        for (c, d), s in zip(batch.posts, sent, strict=True):
            by_row[c.id].append((d, s))
            if s.prune:
                gone.add(d.id)
        left = {p: [d for d in some if d.id not in gone] for p, some in batch.registered.items()}
        outcomes = []
        for c in batch.claimed:
            results = by_row[c.id]
            try:
                outcomes.append(RowOutcome(c, results, self._row(c, results, left.get(c.person, ()), now)))
            except Exception as wrong:  # noqa: BLE001  logged and kept as the row's cause by `_odd`
                outcomes.append(self._odd(c, results, wrong, now, certain=("accepted", "rejected")))
        return outcomes

    def _write(self, outcomes: list[RowOutcome], now: datetime) -> tuple[list[RowOutcome], int]:
        """Store rows: together, or one by one if the ledger refuses something about them. Returns the rows as stored, and how many of
        them were still held.

        Raises LedgerError for a fault of the ledger, and the ledger's refusal of a row without anything unusual in it.
        """
        try:
            return outcomes, self._written(outcomes, now)
        except LedgerError:
            raise
        except Exception as wrong:  # noqa: BLE001  logged with the row that it is about, which has yet to be found
            log.warning(
                "%d outcomes cannot be written together (%s): one by one", len(outcomes), type(wrong).__name__
            )
        out, held = [], 0
        for j in outcomes:
            try:
                held += self._written([j], now)
            except LedgerError:
                raise
            except Exception as wrong:  # noqa: BLE001  logged and kept as the row's cause by `_odd`
                j = self._odd(j.claimed, j.results, wrong, now)
                held += self._written([j], now)
            out.append(j)
        return out, held

    def _written(self, outcomes: Sequence[RowOutcome], now: datetime) -> int:
        """Store rows in one transaction. Returns how many of them were still held."""
        results = [(j.claimed, d, s) for j in outcomes for d, s in j.results]
        if not outcomes:
            return 0
        with self._ledger.write() as connection:
            tried = [_tried(c, d, s) for c, d, s in results if s.attempted]
            held = leases.settle(connection, self._owner, tried, [j.settled for j in outcomes])
            devices.accepted(connection, {t.device for t in tried if t.outcome == "accepted"}, now)
            for _, d, s in results:
                if s.prune:
                    devices.retire(connection, [d.id], s.code, now, unless_refreshed_after=s.started_at)
        return held

    def _odd(
        self,
        c: Claimed,
        results: Sequence[tuple[Registered, Sent]],
        wrong: Exception,
        now: datetime,
        certain: Collection[SendOutcome] = (),
    ) -> RowOutcome:
        """A row whose outcome could not be handled: it is unknown whether the message was accepted, and it is retried as such.

        Its tries count as unforeseen, except for outcomes that are `certain` in any case.
        """
        if type(wrong) not in self._surprises:  # once for each kind: a batch may hold thousands of them
            self._surprises.add(type(wrong))
            log.error(
                "the outcome of notice %d cannot be handled; it and its like count as unknown",
                c.id,
                exc_info=wrong,
            )
        unknown = Sent.unforeseen(wrong, now, now)
        kept = [(d, s if s.outcome in certain or not s.attempted else unknown) for d, s in results]
        sent = [s for _, s in kept]
        tried_at = min((s.started_at for s in sent if s.attempted), default=None)
        again = next_try(c.first_tried_at or tried_at or now, c.tries, unknown, now, self._rng, c.expires_at)
        if not isinstance(again, GiveUp):
            said = cause(unknown, kept[0][0].address_kind if kept else "")
            return RowOutcome(c, kept, Settled(c.id, NoticeState.QUEUED, said, again, tried_at))
        if _taken(c, sent):
            return RowOutcome(c, kept, Settled(c.id, NoticeState.SENT, tried_at=tried_at))
        return RowOutcome(
            c, kept, Settled(c.id, NoticeState.FAILED, f"{again.reason}: {again.last}", tried_at=tried_at)
        )

    def _outgoing(self, c: Claimed, d: Registered, now: datetime) -> Outgoing:
        m = c.message
        return Outgoing(
            key=m.key,
            token=d.address,
            address_kind=d.address_kind,
            platform=d.platform,
            title=m.title,
            body=m.body,
            link=m.link,
            severity=m.severity,
            ttl=LONGEST_TTL if c.expires_at is None else min(LONGEST_TTL, c.expires_at - now),
            data={"rule": c.rule, "workspace": str(c.workspace), "notice": str(c.id)},
            mail=m.mail,
            person=d.person,
        )

    def _row(
        self,
        c: Claimed,
        results: Sequence[tuple[Registered, Sent]],
        left: Sequence[Registered],
        now: datetime,
    ) -> Settled:
        """A row is done when no address of its person needs another try: `sent` if one of them accepted.

        `left` are the person's addresses without those that turned out not to exist.
        """
        sent = [s for _, s in results]
        tried_at = min((s.started_at for s in sent if s.attempted), default=None)
        open_ = [s for s in sent if s.outcome in ("retry", "unknown")]
        first = c.first_tried_at or tried_at or now
        tries = [next_try(first, c.tries, s, now, self._rng, c.expires_at) for s in open_]
        due = [t for t in tries if isinstance(t, datetime)]
        if due:
            # The latest of them: no device is retried before the time that FCM set.
            return Settled(c.id, NoticeState.QUEUED, _cause(results), max(due), tried_at)
        if _taken(c, sent):
            return Settled(c.id, NoticeState.SENT, tried_at=tried_at)
        given_up = next((t for t in tries if isinstance(t, GiveUp)), None)
        if given_up is not None:
            return Settled(c.id, NoticeState.FAILED, f"{given_up.reason}: {given_up.last}", tried_at=tried_at)
        reason = _unsendable_reason(c, now)
        if not sent and reason is not None:
            return Settled(c.id, NoticeState.FAILED, reason)
        if reason is None and _to_do(c, left, {d.id for d, _ in results}):
            # No device exists any more, and the person has a mailbox: due at once, not in the next run.
            return Settled(c.id, NoticeState.QUEUED, "", now, tried_at)
        if not sent and not c.done:
            return Settled(c.id, NoticeState.NO_DEVICE, Why.NO_DEVICE.value)
        codes = "; ".join(sorted({s.code for s in sent}))
        return Settled(c.id, NoticeState.FAILED, codes or REFUSED, tried_at=tried_at)


def _to_do(c: Claimed, registered: Sequence[Registered], tried: Collection[int] = ()) -> list[Registered]:
    """The addresses that a row still needs: of its first channel with any, without those that need no further try."""
    there = chosen(order_in(c.message), registered)
    return [d for d in there if d.id not in c.done and d.id not in tried]


def _unsendable_reason(c: Claimed, now: datetime) -> str | None:
    """Why a row is not sent at all: its time is over, for whatever reason, or it has no text."""
    if c.expires_at is not None and c.expires_at <= now:
        return EXPIRED
    return None if c.message.has_words else WORDLESS


def _taken(c: Claimed, sent: Sequence[Sent]) -> bool:
    """Whether an address of the row's person accepted it, now or at an earlier try."""
    return "accepted" in c.done.values() or any(s.outcome == "accepted" for s in sent)


def _tried(c: Claimed, d: Registered, s: Sent) -> Tried:
    return Tried(
        notice=c.id,
        device=d.id,
        started_at=s.started_at,
        ended_at=s.ended_at,
        outcome=s.outcome,
        status=s.status,
        code=s.code,
        name=s.name,
    )


def _deferred(now: datetime, refused: CredentialRefused) -> Sent:
    """The outcome of a message whose transport was refused before it gave any answer about it."""
    return Sent(
        outcome="retry",
        status=None,
        code=HELD_CREDENTIAL,
        name="",
        retry_after=None,
        started_at=now,
        ended_at=now,
        detail=str(refused),
    )


def _cause(results: Sequence[tuple[Registered, Sent]]) -> str:
    """Why a row waits for a retry: of several devices the commonest cause."""
    open_ = [(d, s) for d, s in results if s.outcome in ("retry", "unknown")]
    return Counter(cause(s, d.address_kind) for d, s in open_).most_common(1)[0][0]

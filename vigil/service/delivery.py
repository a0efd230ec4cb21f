"""Delivers queued notices with the worker, and decides how long a run continues to deliver."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from vigil.delivery.causes import for_a_person
from vigil.delivery.lease_owners import is_dead
from vigil.delivery.worker import BATCH, Delivered, Worker
from vigil.ledger.outbox import counts, leases
from vigil.ledger.outbox.counts import Waiting
from vigil.service import guards, recheck
from vigil.service.run import Run

LOOK = 0.5  # seconds between two looks at what another worker holds: it settles, or its lease runs out
OTHERS = 600.0  # seconds for which a run waits for other workers, which renew their leases while FCM takes its time


def worker(run: Run) -> Worker:
    """The worker of a run; one for all of its batches, so that the run has one name in the leases."""
    run.counters.delivers = True
    return Worker(run.ledger, run.transport, run.clock, zone=run.site.zone, real=run.real)


async def deliver_batch(run: Run, worker: Worker) -> Delivered:
    """Deliver one batch and count it. The account reports what a refused credential stops.

    What quiet hours held back until now, and is no longer true, is taken out first.
    """
    now = run.clock()
    recheck.explain(run, now)
    done = await worker.deliver(BATCH, due_by=now)
    run.counters.attempts.update(done.attempts)
    run.counters.refused |= {credential: str(error) for credential, error in done.refused.items()}
    for (of, state), n in done.ended.items():
        if of != run.id:
            run.counters.earlier[state] += n
    return done


async def deliver(
    run: Run,
    batch: Callable[[Run, Worker, int], Awaitable[bool]],
    say: Callable[[Waiting], None],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Decide what other runs left undecided, send what is due, and retry failed sends for a while. The run's counters have the rest.

    `batch` sends the `n`-th batch and returns whether another may find work; `say` and `pause` as for `DeliveryLoop`.
    """
    guards.decide(run)  # rows that dead runs left undecided, unless this run has already decided them
    loop, hand, n = DeliveryLoop(run, say, pause), worker(run), 0
    try:
        while await loop.goes_on():
            more = True
            while more:
                n += 1
                more = await batch(run, hand, n) and anything_due(run, loop.at)
    except BaseException:
        hand.let_go()
        raise


def anything_due(run: Run, by: datetime | None = None) -> bool:
    """Whether some row is due by an instant, by default the run's clock."""
    with run.ledger.read() as connection:
        due = leases.next_due(connection)
    return due is not None and due <= (by or run.clock())


def look(run: Run) -> Waiting:
    """The rows that are due and not handed over now. Leases of workers that are known to be dead end first."""
    with run.ledger.read() as connection:
        dead = {owner for owner in leases.owners(connection, run.real(connection)) if is_dead(owner)}
    if dead:
        with run.ledger.write() as connection:
            leases.end(connection, dead, run.real(connection))
    with run.ledger.read() as connection:
        return counts.waiting(connection, run.clock(), run.real(connection))


class DeliveryLoop:
    """The delivery loop of a run: decides whether the run sends again, or leaves the rest to the next run.

    The first pass sends what is due. Failed sends are retried within the run for its retry time, so that one lost connection does not
    make the run red. The run waits for rows that another worker holds, because their outcome counts for this run as well: until that
    worker settles them, or its lease expires, and then this run sends them. `at` is the start of the pass, by the run's clock.
    """

    def __init__(
        self,
        run: Run,
        say: Callable[[Waiting], None],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`say` is called with what the run waits for, once for each wait; `pause` waits some seconds."""
        self._run, self._say, self._pause = run, say, pause
        # When its patience ends: it begins when the first pass is over.
        self._until = datetime.max.replace(tzinfo=UTC)
        self._passes = 0
        self._others = OTHERS  # seconds left for other workers
        self._last: Waiting | None = None  # what the look before found
        self._idle = False  # whether nothing has changed since the look before
        self.at = run.clock()

    async def goes_on(self) -> bool:
        """Wait until something can be sent. False: the rest, if any, is left to the next run; the run's counters have it."""
        if self._passes == 1:
            self._until = self._run.clock() + self._run.patience
        self._passes += 1
        told: tuple[datetime | None, bool] | None = None
        while not self._more(waits := self._look()):
            seconds = self._seconds(waits)
            if seconds is None:
                return False
            if (about := (waits.next_try(), waits.held > 0)) != told:
                self._say(waits)
                told = about
            await self._pause(seconds)
        return True

    def _look(self) -> Waiting:
        self.at, waits = self._run.clock(), look(self._run)
        self._idle = waits == self._last
        self._last = self._run.counters.waits = waits
        return waits

    def _more(self, waits: Waiting) -> bool:
        """Whether to send: new rows at any time, and failed ones during the retry time."""
        return not self._idle and (waits.ready if self.at <= self._until else waits.fresh) > 0

    def _seconds(self, waits: Waiting) -> float | None:
        """How long to wait before the next check, at which there may be something to send. None: wait no longer."""
        again = waits.next_try(without=[cause for cause in waits.again if for_a_person(cause)])
        until = min(self._until, self.at + self._run.patience)
        some = [(again - self.at).total_seconds()] if again and self.at < again <= until else []
        if (waits.held or (waits.ready and self._idle)) and self._others > 0:
            self._others -= LOOK
            some.append(LOOK)
        return min(some, default=None)

"""Delivering what is queued. The worker does it; here it meets the run, and here is decided how long a run goes on with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from vigil.delivery.causes import for_a_person
from vigil.delivery.owners import is_dead
from vigil.delivery.worker import BATCH, Delivered, Worker
from vigil.ledger import counts, leases
from vigil.ledger.counts import Waiting
from vigil.service import guards, overtaken
from vigil.service.run import Run

LOOK = 0.5  # seconds between two looks at what another worker holds: it settles, or its lease runs out
OTHERS = 600.0  # seconds for which a run waits for other workers, which renew their leases while FCM takes its time


def worker(run: Run) -> Worker:
    """The worker of a run; one for all of its batches, so that the run has one name in the leases."""
    run.tally.delivers = True
    return Worker(run.ledger, run.transport, run.clock, zone=run.site.zone, real=run.real)


async def deliver_batch(run: Run, worker: Worker) -> Delivered:
    """One batch, counted. What a refused credential keeps from being sent is for the account to tell."""
    done = await worker.deliver(BATCH)
    run.tally.numbers.update({f"attempts {outcome}": n for outcome, n in done.attempts.items()})
    run.tally.refused |= {credential: str(error) for credential, error in done.refused.items()}
    for (of, state), n in done.ended.items():
        if of != run.id:
            run.tally.earlier[state] += n
    return done


async def deliver(
    run: Run,
    batch: Callable[[Run, Worker, int], Awaitable[bool]],
    say: Callable[[Waiting], None],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Decide what others left undecided, send what is due, and for a while try again what could not be sent.

    What is left is in the run's tally.

    `batch` sends one, the `n`-th, and says whether another may do anything; `say` and `pause` as for `Rounds`.
    """
    guards.decide(run)  # what others left undecided, where the run has not come by it yet
    overtaken.explain(run)
    rounds, hand, n = Rounds(run, say, pause), worker(run), 0
    try:
        while await rounds.another():
            more = True
            while more:
                n += 1
                more = await batch(run, hand, n) and anything_due(run, rounds.at)
    except BaseException:
        hand.let_go()
        raise


def anything_due(run: Run, by: datetime | None = None) -> bool:
    """Whether some row is due by an instant, the run's clock unless given."""
    with run.ledger.read() as connection:
        due = leases.next_due(connection)
    return due is not None and due <= (by or run.clock())


def look(run: Run) -> Waiting:
    """What is due and not handed over, now. The leases of workers that are known to be dead end with it."""
    with run.ledger.read() as connection:
        dead = {owner for owner in leases.owners(connection, run.real(connection)) if is_dead(owner)}
    if dead:
        with run.ledger.write() as connection:
            leases.end(connection, dead, run.real(connection))
    with run.ledger.read() as connection:
        return counts.waiting(connection, run.clock(), run.real(connection))


class Rounds:
    """The rounds of a run's delivery: when there is one more, and when what is left is the next run's.

    The first round sends what is due. What it could not send is tried again within the run while the run's patience lasts, so that
    one cut connection makes no red run. What another worker holds is waited for, since its outcome is this run's as well: until that
    worker settles it, or its lease is over, and then it is sent here. `at` is when the round began, by the run's clock.
    """

    def __init__(
        self,
        run: Run,
        say: Callable[[Waiting], None],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`say` is told what the run waits for, once for each wait; `pause` waits some seconds."""
        self._run, self._say, self._pause = run, say, pause
        # When its patience ends: it begins when the first round is over.
        self._until = datetime.max.replace(tzinfo=UTC)
        self._rounds = 0
        self._others = OTHERS  # seconds left for other workers
        self._idle = False  # whether nothing has changed since the look before
        self.at = run.clock()

    async def another(self) -> bool:
        """Wait until something can be sent. False: what is left, if anything, is for the next run; the run's tally has it."""
        if self._rounds == 1:
            self._until = self._run.clock() + self._run.patience
        self._rounds += 1
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
        self._idle = waits == self._run.tally.waits
        self._run.tally.waits = waits
        return waits

    def _more(self, waits: Waiting) -> bool:
        """Whether to send: what is new at any time, and what was tried before while the patience lasts."""
        return not self._idle and (waits.ready if self.at <= self._until else waits.fresh) > 0

    def _seconds(self, waits: Waiting) -> float | None:
        """How long to wait before the next look, at which there may be something to send. None: no longer."""
        again = waits.next_try(without=[cause for cause in waits.again if for_a_person(cause)])
        until = min(self._until, self.at + self._run.patience)
        some = [(again - self.at).total_seconds()] if again and self.at < again <= until else []
        if (waits.held or (waits.ready and self._idle)) and self._others > 0:
            self._others -= LOOK
            some.append(LOOK)
        return min(some, default=None)

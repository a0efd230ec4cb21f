"""Delivering what is queued. The worker does it; here it meets the run."""

from __future__ import annotations

from vigil.delivery.worker import BATCH, Delivered, Worker
from vigil.ledger import leases
from vigil.service.run import Run


def worker(run: Run) -> Worker:
    """The worker of a run; one for all of its batches, so that the run has one name in the leases."""
    run.tally.delivers = True
    return Worker(run.ledger, run.transport, run.clock, zone=run.site.zone)


async def deliver_batch(run: Run, worker: Worker) -> Delivered:
    """One batch, counted. What a refused credential keeps from being sent is for the account to tell."""
    done = await worker.deliver(BATCH)
    run.tally.numbers.update({f"attempts {outcome}": n for outcome, n in done.attempts.items()})
    run.tally.refused |= {credential: str(error) for credential, error in done.refused.items()}
    run.tally.unsent += done.unsent
    for (of, state), n in done.ended.items():
        if of != run.id:
            run.tally.earlier[state] += n
    return done


def anything_due(run: Run) -> bool:
    """Whether some row is due by the run's clock."""
    with run.ledger.read() as connection:
        due = leases.next_due(connection)
    return due is not None and due <= run.clock()

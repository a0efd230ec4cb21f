"""A worker that delivers until nothing is due, without the pauses of a run."""

from __future__ import annotations

from vigil.delivery.worker import BATCH, Delivered, Worker


async def drain(worker: Worker, limit: int = BATCH) -> Delivered:
    """Deliver until nothing is due. A refused credential may stop one platform only: it is raised when the others were served."""
    total = Delivered()
    while total.more:
        total.add(await worker.deliver(limit))
    for refused in total.refused.values():
        raise refused
    return total

"""Outbox workers in processes of their own, which can be killed at any instant.

They are forked from a server process that has imported everything once: a worker starts in hundredths of a second, and shares
no connection, thread or event loop with the test.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Self

from tests.support.draining import drain
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.push.settings import FcmSettings
from vigil.delivery.transport import Outgoing, Sent, Transport
from vigil.delivery.webhook.settings import WebhookSettings
from vigil.delivery.webhook.transport import Webhooks
from vigil.delivery.worker import Worker
from vigil.ledger import Ledger
from vigil.ledger.engine import open_engine
from vigil.ledger.values import LEASE

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.support.workers"])


@dataclass(frozen=True)
class Order:
    """What a worker process does: where its ledger is, how it sends, how much it takes at once, and how it ends."""

    ledger: str
    settings: FcmSettings | WebhookSettings
    limit: int = 50
    lease: timedelta = LEASE
    die_after: int | None = None  # SIGKILL once this many batches were sent and before the last is settled
    offset: timedelta = timedelta(0)  # what its clock is ahead by


class Dying:
    """A real transport, whose process is killed after some batches were answered."""

    def __init__(self, transport: Transport, batches: int) -> None:
        self.transport, self.batches = transport, batches

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        sent = await self.transport.send(batch)
        self.batches -= 1
        if self.batches == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return sent

    async def __aenter__(self) -> Self:
        await self.transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.transport.__aexit__(kind, error, trace)


def _transport(settings: FcmSettings | WebhookSettings) -> Transport:
    return FcmHttp(settings) if isinstance(settings, FcmSettings) else Webhooks(settings)


def work(order: Order) -> None:
    """The process: deliver until nothing is due."""
    asyncio.run(_work(order))


async def _work(order: Order) -> None:
    def clock() -> datetime:
        return datetime.now(UTC) + order.offset

    ledger = Ledger(open_engine(order.ledger))
    async with Dying(_transport(order.settings), order.die_after or -1) as transport:
        worker = Worker(
            ledger,
            transport,
            clock,
            rng=random.Random(0),
            lease=order.lease,
            slice=order.limit,
            real=lambda _: clock(),
        )
        await drain(worker)
    ledger.close()


def start(*orders: Order) -> list[BaseProcess]:
    """Start workers, all at once."""
    processes: list[BaseProcess] = [CONTEXT.Process(target=work, args=(o,), daemon=True) for o in orders]
    for p in processes:
        p.start()
    return processes


def finish(processes: Sequence[BaseProcess], seconds: float = 120) -> list[int | None]:
    """Wait for workers, `seconds` for all of them; their exit codes, -9 for one that was killed. None: it does not end."""
    end = time.monotonic() + seconds
    for p in processes:
        p.join(max(0.0, end - time.monotonic()))
    codes = [p.exitcode for p in processes]
    for p in processes:
        p.kill()
    return codes

"""A run that delivers, over a real ledger and the FCM simulator: `deliver` and `account` of `flows.support.tasks`, without Prefect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from tests.shared import PROJECT
from tests.support.delivery_bench import DeliveryBench
from vigil.compliance.rules.model import RuleSet
from vigil.delivery.rendering.render import Renderer
from vigil.delivery.worker import Worker
from vigil.ledger import Ledger
from vigil.ledger.outbox import queue
from vigil.ledger.outbox.counts import Waiting
from vigil.service import accounting, delivery
from vigil.service.accounting import Account
from vigil.service.run import Run
from vigil.service.site import Site

Pause = Callable[[float], Awaitable[None]]


def opened(bench: DeliveryBench, patience: timedelta = timedelta(0)) -> Run:
    """A run of the bench's that has judged already: what it has to say is in the outbox."""
    return run(bench.ledger, bench.now, bench.clock, patience=patience, real=bench.real)


def run(
    ledger: Ledger,
    as_of: datetime,
    clock: Callable[[], datetime],
    flow: str = "watch",
    rules: RuleSet = RuleSet(),
    **more: Any,
) -> Run:
    site = Site("https://ecm.example.org", "UTC", PROJECT / "rules", PROJECT / "templates")
    return Run(flow, as_of, ledger, site, rules, Renderer(PROJECT / "templates"), clock=clock, **more)


async def batch(run: Run, worker: Worker, n: int) -> bool:
    """One batch, as the flow's task sends it."""
    return (await delivery.deliver_batch(run, worker)).more


async def delivered(
    bench: DeliveryBench,
    run: Run,
    pause: Pause = asyncio.sleep,
    say: Callable[[Waiting], None] = lambda waits: None,
    **settings: Any,
) -> Account:
    """Deliver and close the run: its account."""
    async with run.sending(bench.transport(**settings)):
        await delivery.deliver(run, batch, say, pause)
    return closed(run)


def closed(run: Run) -> Account:
    """The account of a run that routed what the outbox has of it."""
    with run.ledger.read() as connection:
        run.counters.route(len(queue.rows(connection, run=run.id)) - run.counters.routed)
    return accounting.account(run)

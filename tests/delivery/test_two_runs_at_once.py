"""Two runs that deliver from one outbox at the same time: neither is red for what the other has in hand, and nobody is told twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import delivery_runs
from tests.support.delivery_bench import DeliveryBench, opened
from tests.support.postgres import DATABASES
from tests.support.samples import entry
from vigil.delivery import worker
from vigil.delivery.push.settings import FcmSettings
from vigil.sandbox.fcm.local import LocalFcm
from vigil.service import delivery
from vigil.service.accounting import Account
from vigil.service.run import Run

TIMES = 25
PEOPLE = ("ada", "bert", "cleo")


@pytest.fixture(params=DATABASES)
def bench(
    request: pytest.FixtureRequest, tmp_path: Path, fcm: LocalFcm, settings: Callable[..., FcmSettings]
) -> Iterator[DeliveryBench]:
    def unlimited(**changes: Any) -> FcmSettings:
        return settings(**{"device_per_minute": None} | changes)

    with opened(request.param, tmp_path, fcm, unlimited, *PEOPLE) as made:
        yield made


async def soon(seconds: float) -> None:
    await asyncio.sleep(seconds / 50)


class Meeting:
    """Lets two runs go on together: each waits for the other before its first batch, and for chance before every next one."""

    def __init__(self, rng: random.Random) -> None:
        self._barrier, self._rng = asyncio.Barrier(2), rng

    async def batch(self, run: Run, hand: worker.Worker, n: int) -> bool:
        await (self._barrier.wait() if n == 1 else asyncio.sleep(self._rng.random() / 100))
        return (await delivery.deliver_batch(run, hand)).more

    async def deliver(self, bench: DeliveryBench, run: Run) -> Account:
        async with run.sending(bench.transport()):
            await delivery.deliver(run, self.batch, lambda waits: None, soon)
        return delivery_runs.closed(run)


async def test_neither_is_red_however_they_meet(
    bench: DeliveryBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BATCH", 4)
    bench.fcm.faults.latency = 0.003
    rng, queued = random.Random(7), 0
    for time in range(TIMES):
        # Several of one person and workspace among them: what comes behind an earlier one that the other run has in hand.
        some = [
            entry(rng.randrange(4), person=rng.choice(PEOPLE), occurrence=f"{time}.{n}")
            for n in range(rng.randrange(1, 12))
        ]
        bench.queue(*some)
        queued += len(some)
        meeting = Meeting(rng)
        made = await asyncio.gather(*(meeting.deliver(bench, delivery_runs.opened(bench)) for _ in range(2)))
        assert [m.unsent for m in made] == [{}, {}], f"meeting {time}: a run is red for what the other sent"
    assert Counter(s for s, _ in bench.states()) == {"sent": queued}
    received = Counter(s.data["event_id"] for p in PEOPLE for s in bench.received(p, "android"))
    assert set(received.values()) == {1} and len(received) == queued


async def test_what_the_other_could_not_send_makes_both_red(bench: DeliveryBench) -> None:
    bench.fcm.faults.add("unavailable", seconds=0.0)
    bench.fcm.faults.latency = 0.05
    bench.queue(*(entry(n) for n in range(6)))
    meeting = Meeting(random.Random(1))
    made = await asyncio.gather(*(meeting.deliver(bench, delivery_runs.opened(bench)) for _ in range(2)))
    assert [m.waiting for m in made] == [6, 6]
    assert all(m.undelivered for m in made)

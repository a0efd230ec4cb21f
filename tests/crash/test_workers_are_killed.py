"""Workers are killed at any instant, and many work at once: every row is sent, and a person sees every notice once."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from tests.support import delivery_runs
from tests.support.postgres import DATABASES, fresh
from tests.support.samples import entry
from tests.support.workers import Order, finish, start
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.push.settings import FcmSettings
from vigil.delivery.transport import Outgoing, Sent, Transport
from vigil.ledger import Ledger
from vigil.ledger.engine import open_engine
from vigil.ledger.outbox import leases, queue
from vigil.ledger.people import devices
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.values import LEASE
from vigil.sandbox.fcm.devices import VirtualDevice
from vigil.sandbox.fcm.local import LocalFcm
from vigil.service import delivery
from vigil.service.accounting import Account
from vigil.service.run import utc_now

PLATFORMS = ("android", "ios", "web")


class Site:
    """A ledger with queued rows, an FCM simulator with the people's devices, and orders for workers."""

    def __init__(self, url: str, fcm: LocalFcm) -> None:
        self.url, self.fcm = url, fcm
        self.ledger = Ledger(open_engine(url))
        account = orjson.loads(fcm.account.read_bytes())
        self.settings = FcmSettings(
            project=fcm.project,
            service_account_info=account,
            endpoint=fcm.url,
            concurrency=50,
            device_per_minute=None,
            device_per_hour=None,
        )

    def people(self, count: int, *platforms: str) -> None:
        new = [NewDevice(f"p{n}", f"tok-{n}-{p}", p) for n in range(count) for p in platforms]
        for d in new:
            self.fcm.devices.add(d.address, d.platform, owner=d.person)
        with self.ledger.write() as connection:
            devices.register(connection, new, datetime.now(UTC))

    def queue(self, rows: int, people: int) -> None:
        entries = [entry(n, person=f"p{n % people}") for n in range(rows)]
        with self.ledger.write() as connection:
            queue.enqueue(connection, entries, datetime.now(UTC), 1)

    def order(self, **changes: object) -> Order:
        return Order(self.url, self.settings, **changes)  # type: ignore[arg-type]

    async def run(self, transport: Transport | None = None) -> Account:
        """A run without Prefect, after whatever happened to workers."""
        run = delivery_runs.run(self.ledger, datetime.now(UTC), utc_now)
        async with run.sending(transport or FcmHttp(self.settings)):
            await delivery.deliver(run, delivery_runs.batch, lambda waits: None)
        return delivery_runs.closed(run)

    def states(self) -> Counter[str]:
        with self.ledger.read() as connection:
            return Counter(r["state"] for r in queue.rows(connection))

    def attempts(self) -> Counter[tuple[int, int]]:
        """Attempts by (row, device)."""
        with self.ledger.read() as connection:
            found = connection.execute(text("SELECT notice, device FROM attempt")).all()
        return Counter((r[0], r[1]) for r in found)

    def received(self) -> Counter[tuple[str, str]]:
        """What arrived, by (device, replace key)."""
        return Counter((d.token, s.data["event_id"]) for d in self.fcm.devices for s in d.received)

    def shown(self) -> Counter[tuple[str, str]]:
        """What people see, by (device, replace key)."""
        return Counter((d.token, s.data["event_id"]) for d in self.fcm.devices for s in d.screen.values())


@pytest.fixture
def fcm(tmp_path: Path) -> Iterator[LocalFcm]:
    with LocalFcm(tmp_path) as running:
        yield running


@pytest.fixture(params=DATABASES)
def site(request: pytest.FixtureRequest, tmp_path: Path, fcm: LocalFcm) -> Iterator[Site]:
    with fresh(request.param, tmp_path) as url:
        made = Site(url, fcm)
        yield made
        made.ledger.close()


def test_killed_between_acceptance_and_ledger_it_is_sent_again_and_shown_once(
    site: Site,
) -> None:
    site.people(1, *PLATFORMS)
    site.queue(4, 1)
    assert finish(start(site.order(die_after=1))) == [-9]
    assert set(site.received().values()) == {1}
    assert len(site.received()) == 12, "everything had arrived"
    assert site.attempts() == {}, "and the ledger knows nothing of it"
    assert site.states() == {"queued": 4}

    assert finish(start(site.order())) == [0], "while the lease holds, nobody else takes the rows"
    assert site.states() == {"queued": 4}

    assert finish(start(site.order(offset=LEASE))) == [0]
    assert site.states() == {"sent": 4}
    assert set(site.received().values()) == {2}, "with the same key"
    assert set(site.shown().values()) == {1}, "and is seen once"
    assert len(site.shown()) == 12
    assert set(site.attempts().values()) == {1}


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_eight_workers_send_two_thousand_rows_once_each(site: Site) -> None:
    site.people(40, "android", "ios")
    site.queue(2000, 40)
    assert finish(start(*[site.order()] * 8)) == [0] * 8
    assert site.states() == {"sent": 2000}
    assert len(site.attempts()) == sum(site.attempts().values()) == 2000 * 2
    assert len(site.received()) == sum(site.received().values()) == 2000 * 2


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_three_workers_share_a_file(site: Site) -> None:
    site.people(20, "android", "web")
    site.queue(600, 20)
    assert finish(start(*[site.order()] * 3)) == [0] * 3
    assert site.states() == {"sent": 600}
    assert len(site.attempts()) == sum(site.attempts().values()) == 1200
    assert len(site.received()) == sum(site.received().values()) == 1200


ROWS = {"sqlite": 300, "postgresql": 500}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_workers_killed_at_random_lose_nothing_and_show_nothing_twice(site: Site, seed: int) -> None:
    kind = site.ledger.engine.dialect.name
    rows, workers = ROWS[kind], 3 if kind == "sqlite" else 8
    site.people(25, *PLATFORMS)
    site.queue(rows, 25)
    rng = random.Random(seed)
    killed = kill_at_random(site, rng, rows * len(PLATFORMS), workers)
    offset = LEASE + timedelta(minutes=1)  # the leases of the dead have run out
    assert finish(start(*[site.order(offset=offset)] * 2)) == [0, 0]
    assert killed >= 2, "too few were killed for the test to mean anything"
    assert site.states() == {"sent": rows}
    expected = {
        (f"tok-{n % 25}-{p}", entry(n, person=f"p{n % 25}").message.key)
        for n in range(rows)
        for p in PLATFORMS
    }
    assert site.received().keys() == expected
    assert site.shown() == Counter(dict.fromkeys(expected, 1))
    # Twice at most: killed once with the message on its way, and sent by one of those that nobody killed.
    assert max(site.received().values()) <= 2
    assert set(site.attempts().values()) == {1}


def kill_at_random(site: Site, rng: random.Random, messages: int, workers: int) -> int:
    """Start workers and kill most of them, each when so many messages have arrived. Returns how many died of it."""
    running = start(*[site.order(limit=20)] * workers)
    victims = running[1:]
    marks = sorted(rng.randrange(1, messages * 3 // 4) for _ in victims)
    arrived = threading.Event()
    count = 0
    for device in site.fcm.devices:
        assert not device.received
    receive = site.fcm.devices.receive

    def counting(device: VirtualDevice, message: Mapping[str, Any], name: str) -> None:
        nonlocal count
        receive(device, message, name)
        count += 1
        if marks and count >= marks[0]:
            arrived.set()

    site.fcm.devices.receive = counting  # type: ignore[method-assign]
    while marks and arrived.wait(30):
        arrived.clear()
        while marks and count >= marks[0]:
            marks.pop(0)
            victims.pop().kill()
    return finish(running).count(-9)


async def test_a_run_after_a_killed_worker_sends_what_that_held_at_once_and_is_green(site: Site) -> None:
    """Its lease has not run out, but its process is gone, which this machine can see."""
    site.people(3, "android")
    site.queue(39, 3)
    assert finish(start(site.order(die_after=1))) == [-9]
    assert site.states() == {"queued": 39}
    made = await site.run()
    assert (made.unsent, site.states()) == ({}, {"sent": 39})
    assert set(site.shown().values()) == {1}


async def test_a_lease_of_another_machine_is_waited_for_until_it_expires(
    site: Site,
) -> None:
    site.people(3, "android")
    site.queue(39, 3)
    with site.ledger.write() as connection:
        lease = timedelta(seconds=1)
        assert leases.claim(connection, "elsewhere:0:1:a", datetime.now(UTC), lease, 39)
    began = time.monotonic()
    made = await site.run()
    assert (made.unsent, site.states()) == ({}, {"sent": 39})
    assert time.monotonic() - began > 0.5


async def test_a_run_that_fails_while_it_sends_holds_nothing_any_more(site: Site) -> None:
    """Its process lives on and so would its leases: the next run need not wait for them."""

    class Breaking(FcmHttp):
        async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
            await super().send(batch)
            raise RuntimeError("broken")

    site.people(1, "android")
    site.queue(3, 1)
    with pytest.raises(RuntimeError, match="broken"):
        await site.run(Breaking(site.settings))
    began = time.monotonic()
    assert ((await site.run()).unsent, site.states()) == ({}, {"sent": 3})
    assert time.monotonic() - began < LEASE.total_seconds() / 2
    assert set(site.shown().values()) == {1}

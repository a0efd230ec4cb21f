"""A ledger, the FCM simulator over HTTP and a worker between them, with one clock that the test moves."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from tests.support.draining import drain
from tests.support.postgres import fresh
from tests.support.samples import T0, entry, workspace
from vigil.compliance.channels import MAIL, PUSH, WEBHOOK
from vigil.delivery.email.settings import SmtpSettings
from vigil.delivery.email.smtp import Smtp
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.push.settings import FcmSettings
from vigil.delivery.router import ByAddress
from vigil.delivery.transport import Transport
from vigil.delivery.webhook.settings import WebhookSettings
from vigil.delivery.webhook.transport import Webhooks
from vigil.delivery.worker import Delivered, Worker
from vigil.ledger import Ledger
from vigil.ledger.engine import open_engine
from vigil.ledger.observed import observations
from vigil.ledger.outbox import leases, queue
from vigil.ledger.people import devices
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.values import Entry
from vigil.sandbox.fcm.devices import ShownNotice
from vigil.sandbox.fcm.local import LocalFcm

PLATFORMS = ("android", "ios", "web")


@contextmanager
def opened(
    database: str, folder: Path, fcm: LocalFcm, settings: Callable[..., FcmSettings], *people: str
) -> Iterator[DeliveryBench]:
    """A delivery bench over a new ledger, one of DATABASES, which is closed in the end. Each of its people has an android."""
    with fresh(database, folder) as url:
        ledger = Ledger(open_engine(url))
        made = DeliveryBench(ledger, fcm, settings)
        for login in people:
            made.person(login, "android")
        yield made
        ledger.close()


class DeliveryBench:
    """What a worker needs, and what a test asks about afterwards."""

    def __init__(self, ledger: Ledger, fcm: LocalFcm, settings: Callable[..., FcmSettings]) -> None:
        self.ledger, self.fcm, self.settings = ledger, fcm, settings
        self.now = fcm.now = T0
        self.mail: SmtpSettings | None = None
        self.webhooks: WebhookSettings | None = None

    def clock(self) -> datetime:
        return self.now

    def real(self, connection: Connection) -> datetime:
        """The time of leases: here it is the one of the clock."""
        return self.now

    def later(self, **by: float) -> None:
        """Let time pass for the worker and for the devices."""
        self.now = self.fcm.now = self.now + timedelta(**by)

    def person(self, login: str, *platforms: str) -> None:
        """A person with a device of each platform, ``tok-LOGIN-PLATFORM``."""
        new = [NewDevice(login, f"tok-{login}-{p}", p) for p in platforms or PLATFORMS]
        for d in new:
            self.fcm.devices.add(d.address, d.platform, owner=login)
        with self.ledger.write() as connection:
            devices.register(connection, new, self.now)

    def queue(self, *entries: Entry) -> None:
        """Rows of run 1, about workspaces that are there."""
        some = entries or (entry(1),)
        with self.ledger.write() as connection:
            observations.record(connection, [workspace(e.workspace) for e in some], self.now, 1)
            queue.enqueue(connection, some, self.now, 1)

    async def deliver(self, seed: int = 0, limit: int = 500, **settings: Any) -> Delivered:
        """Everything that is due, by a new worker with a new transport."""
        async with self.transport(**settings) as transport:
            worker = Worker(self.ledger, transport, self.clock, rng=random.Random(seed), real=self.real)
            return await drain(worker, limit)

    def transport(self, **settings: Any) -> Transport:
        channels: dict[str, Transport] = {PUSH: FcmHttp(self.settings(**settings), now=self.clock)}
        if self.mail is not None:
            channels[MAIL] = Smtp(self.mail, now=self.clock)
        if self.webhooks is not None:
            channels[WEBHOOK] = Webhooks(self.webhooks, now=self.clock)
        return ByAddress(channels)

    def take_over(self) -> None:
        """Another worker, whose clock says that every lease has run out, claims what there is."""
        with self.ledger.write() as connection:
            leases.claim(connection, "thief", self.now + timedelta(days=1), timedelta(days=1), 100)

    def rows(self) -> list[dict[str, Any]]:
        with self.ledger.read() as connection:
            return queue.rows(connection)

    @property
    def row(self) -> dict[str, Any]:
        [only] = self.rows()
        return only

    def states(self) -> list[tuple[str, str]]:
        return [(r["state"], r["reason"]) for r in self.rows()]

    def attempts(self) -> list[tuple[str, str]]:
        """(outcome, code) of every attempt, in order."""
        with self.ledger.read() as connection:
            found = queue.attempts(connection, [r["id"] for r in queue.rows(connection)])
        every = sorted((a for some in found.values() for a in some), key=lambda a: a["id"])
        return [(a["outcome"], a["code"]) for a in every]

    def shows(self, login: str, platform: str) -> tuple[ShownNotice, ...]:
        return self.fcm.devices.show(f"tok-{login}-{platform}")

    def received(self, login: str, platform: str) -> tuple[ShownNotice, ...]:
        return self.fcm.devices.received(f"tok-{login}-{platform}")

    def in_use(self, login: str) -> list[str]:
        """The platforms of a person's devices that are not retired."""
        with self.ledger.read() as connection:
            return [d.platform for d in devices.of_people(connection, [login]).get(login, ())]

"""A worker that is killed after a webhook took its notice and before the ledger knew: it is posted again and shown once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.postgres import DATABASES, fresh
from tests.support.samples import entry, words
from tests.support.webhooks import OLD, hook, settings
from tests.support.workers import Order, finish, start
from vigil.ledger import Ledger
from vigil.ledger.engine import open_engine
from vigil.ledger.outbox import queue
from vigil.ledger.people import devices
from vigil.ledger.values import LEASE
from vigil.sandbox.webhooks import LocalReceiver

ROWS = 12
GROUPS = [f"group:g{n}" for n in range(3)]


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[LocalReceiver]:
    with LocalReceiver([OLD]) as running:
        yield running


def test_it_is_posted_again_with_the_same_key_and_shown_once(url: str, receiver: LocalReceiver) -> None:
    ledger, now = Ledger(open_engine(url)), datetime.now(UTC)
    entries = [
        entry(n, person=GROUPS[n % 3], message=words(f"key-{n}", channels=("webhook",))) for n in range(ROWS)
    ]
    with ledger.write() as connection:
        devices.register(connection, [hook(g, f"{receiver.url}/{g}") for g in GROUPS], now)
        queue.enqueue(connection, entries, now, 1)

    def states() -> Counter[str]:
        with ledger.read() as connection:
            return Counter(r["state"] for r in queue.rows(connection))

    assert finish(start(Order(url, settings(), die_after=1))) == [-9]
    first = Counter(p.headers["webhook-id"] for p in receiver.posts)
    assert first == Counter(f"key-{n}" for n in range(ROWS)), "everything had arrived"
    assert states() == {"queued": ROWS}, "and the ledger knows nothing of it"

    assert finish(start(Order(url, settings(), offset=LEASE))) == [0]
    assert states() == {"sent": ROWS}
    assert set(Counter(p.headers["webhook-id"] for p in receiver.posts).values()) == {2}
    shown = [id for some in receiver.shown.values() for id in some]
    assert sorted(shown) == sorted(first), "each is shown once, at one address"
    ledger.close()

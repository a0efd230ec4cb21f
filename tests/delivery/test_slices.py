"""A batch goes in slices, and the ledger works while FCM does: nothing is lost, overtaken or sent twice by that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from tests.support.delivery_bench import DeliveryBench
from tests.support.draining import drain
from tests.support.samples import T0, entry, words
from vigil.delivery.codes import HELD_CREDENTIAL
from vigil.delivery.errors import CredentialRefused
from vigil.delivery.transport import Outgoing, Sent
from vigil.delivery.worker import Worker
from vigil.ledger.outbox import leases


def held(bench: DeliveryBench) -> int:
    return sum(r["lease_owner"] is not None for r in bench.rows())


class Watching:
    """A transport that looks at the outbox while each slice is on its way."""

    def __init__(
        self, bench: DeliveryBench, refuse_from: int | None = None, held: Sequence[int] = ()
    ) -> None:
        self._bench, self._refuse_from, self._held = bench, refuse_from, held
        self.sizes: list[int] = []
        self.keys: list[str] = []

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        self.sizes.append(len(batch))
        self.keys += [out.key for out in batch]
        for expected in self._held[len(self.sizes) - 1 : len(self.sizes)]:
            async with asyncio.timeout(
                10
            ):  # the slice is on its way until the ledger has so many rows under lease
                while await asyncio.to_thread(held, self._bench) != expected:
                    continue
        if self._refuse_from is not None and len(self.sizes) >= self._refuse_from:
            sent = [Sent("retry", None, HELD_CREDENTIAL, "", None, T0, T0)] * len(batch)
            raise CredentialRefused("the account", "it was revoked", sent)
        return [Sent("accepted", 200, "", f"name-{out.key}", None, T0, T0) for out in batch]


def many(bench: DeliveryBench, count: int, workspace: Callable[[int], int] = lambda n: n) -> None:
    bench.queue(*(entry(workspace(n), occurrence=str(n), message=words(f"k{n}")) for n in range(count)))


async def test_the_next_slice_is_claimed_while_one_is_on_its_way(bench: DeliveryBench) -> None:
    many(bench, 25)
    # One on its way and one in hand; the one before is settled.
    transport = Watching(bench, held=[20, 15, 5])
    done = await Worker(bench.ledger, transport, bench.clock, real=bench.real, slice=10).deliver()  # type: ignore[arg-type]
    assert (done.rows, transport.sizes) == ({"sent": 25}, [10, 10, 5])
    assert len(set(transport.keys)) == 25
    assert bench.states() == [("sent", "")] * 25


async def test_a_batch_has_no_more_rows_than_it_is_given(bench: DeliveryBench) -> None:
    many(bench, 25)
    transport = Watching(bench)
    done = await Worker(bench.ledger, transport, bench.clock, real=bench.real, slice=10).deliver(12)  # type: ignore[arg-type]
    assert (done.rows, transport.sizes, done.more) == ({"sent": 12}, [10, 2], True)


async def test_what_comes_later_for_a_person_and_subject_waits_for_its_slice(bench: DeliveryBench) -> None:
    many(bench, 6, workspace=lambda n: 1)
    transport = Watching(bench)
    await drain(Worker(bench.ledger, transport, bench.clock, real=bench.real, slice=3))  # type: ignore[arg-type]
    assert transport.keys == [f"k{n}" for n in range(6)]
    assert transport.sizes == [1] * 6


async def test_a_refused_credential_ends_it_and_every_slice_in_hand_is_given_back(
    bench: DeliveryBench,
) -> None:
    many(bench, 40)
    transport = Watching(bench, refuse_from=2)
    worker = Worker(bench.ledger, transport, bench.clock, real=bench.real, slice=10)  # type: ignore[arg-type]
    done = await worker.deliver()
    assert done.rows == {"sent": 10, "queued": 20} and list(done.refused) == ["the account"]
    assert len(transport.sizes) == 3, "the slice that was in hand is asked for, and no further one claimed"
    assert held(bench) == 0


async def test_a_broken_transport_leaves_its_leases_to_expire_and_the_rest_settled(
    bench: DeliveryBench,
) -> None:
    class Breaking(Watching):
        async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
            if len(self.sizes) == 1:
                raise RuntimeError("broken")
            return await super().send(batch)

    many(bench, 30)
    with pytest.raises(RuntimeError, match="broken"):
        await Worker(bench.ledger, Breaking(bench), bench.clock, real=bench.real, slice=10).deliver()  # type: ignore[arg-type]
    states = [r["state"] for r in bench.rows()]
    assert (states.count("sent"), states.count("queued")) == (10, 20)
    bench.later(minutes=6)
    transport = Watching(bench)
    await drain(Worker(bench.ledger, transport, bench.clock, real=bench.real, slice=10))  # type: ignore[arg-type]
    assert sorted(transport.keys) == sorted(f"k{n}" for n in range(10, 30))


async def test_the_leases_of_all_that_is_in_hand_are_renewed(
    bench: DeliveryBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(bench, 20)
    every, real = asyncio.Event(), leases.renew

    def renew(connection: Connection, owner: str, ids: Sequence[int], until: datetime) -> int:
        if len(ids) == 20:
            every.set()
        return real(connection, owner, ids, until)

    class Renewed(Watching):
        async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
            async with asyncio.timeout(10):
                await every.wait()
            return await super().send(batch)

    monkeypatch.setattr(leases, "renew", renew)
    lease = timedelta(seconds=0.15)
    worker = Worker(bench.ledger, Renewed(bench), bench.clock, real=bench.real, slice=10, lease=lease)  # type: ignore[arg-type]
    await worker.deliver()
    assert every.is_set(), "those that are claimed ahead are held, too"
    assert bench.states() == [("sent", "")] * 20

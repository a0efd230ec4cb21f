"""Whatever is answered for one message, and whatever fails at it: the outcomes of the others are written, and it is tried again."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from tests.delivery.conftest import Settings
from tests.support.delivery_bench import DeliveryBench, opened
from tests.support.draining import drain
from tests.support.outgoing import message
from tests.support.postgres import DATABASES
from tests.support.samples import T0, entry
from vigil.delivery.push import admin_sdk, http_v1
from vigil.delivery.push.admin_sdk import FcmAdmin
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.retry import next_try
from vigil.delivery.transport import Outgoing, Sent
from vigil.delivery.worker import Delivered, Worker
from vigil.sandbox.fcm.local import LocalFcm

PEOPLE = ("ada", "bert", "cleo")
UNFORESEEN = "sending to FCM ended in an unforeseen way"


@pytest.fixture(params=DATABASES)
def bench(
    request: pytest.FixtureRequest, tmp_path: Path, fcm: LocalFcm, settings: Settings
) -> Iterator[DeliveryBench]:
    with opened(request.param, tmp_path, fcm, settings, *PEOPLE) as made:
        made.queue(*(entry(n, person=login) for n, login in enumerate(PEOPLE, 1)))
        yield made


def states(bench: DeliveryBench) -> dict[str, str]:
    return {r["person"]: r["state"] for r in bench.rows()}


def waiting(bench: DeliveryBench) -> dict[str, Any]:
    [row] = [r for r in bench.rows() if r["state"] == "queued"]
    return row


@pytest.mark.parametrize("kind", ["quota", "unavailable"])
@pytest.mark.parametrize(
    "asked",
    ["Fri, 31 Dec 9999 23:59:59 GMT", "Tue, 30 Nov 2027 00:00:00 GMT", "1000000000000", "9" * 400],
    ids=lambda text: text[:20],
)
async def test_a_wait_that_never_ends_is_the_ones_own_and_ends_within_its_hour(
    bench: DeliveryBench, kind: str, asked: str
) -> None:
    bench.fcm.faults.add(kind, match={"owner": "bert"}, times=1, retry_after=asked)
    await bench.deliver()
    assert states(bench) == {"ada": "sent", "bert": "queued", "cleo": "sent"}
    due = waiting(bench)["due_at"]
    assert T0 + timedelta(minutes=50) <= due <= T0 + timedelta(minutes=55)
    bench.later(seconds=(due - bench.now).total_seconds())
    await bench.deliver()
    assert set(states(bench).values()) == {"sent"}
    assert [len(bench.received(login, "android")) for login in PEOPLE] == [1, 1, 1]


async def sent_again_and_seen_once(bench: DeliveryBench, received: dict[str, int]) -> None:
    """That bert's row waits as unforeseen, the others are told, and he is told at the next try."""
    assert states(bench) == {"ada": "sent", "bert": "queued", "cleo": "sent"}
    row = waiting(bench)
    assert row["reason"].startswith(UNFORESEEN) and row["tries"] == 1
    assert sorted(bench.attempts()) == [("accepted", ""), ("accepted", ""), ("unknown", "UNFORESEEN")]
    bench.later(seconds=(row["due_at"] - bench.now).total_seconds())
    await bench.deliver()
    assert set(states(bench).values()) == {"sent"}
    assert {login: len(bench.received(login, "android")) for login in PEOPLE} == received
    assert [len(bench.shows(login, "android")) for login in PEOPLE] == [1, 1, 1]


async def test_an_outcome_that_cannot_be_handled(
    bench: DeliveryBench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:

    def fails(first: Any, attempt: int, sent: Sent, *rest: Any) -> Any:
        if sent.code == "QUOTA_EXCEEDED":
            raise OverflowError("date value out of range")
        return next_try(first, attempt, sent, *rest)

    monkeypatch.setattr("vigil.delivery.worker.next_try", fails)
    bench.fcm.faults.add("quota", match={"owner": "bert"}, times=1)
    done = await bench.deliver()
    assert (done.rows, done.lost) == ({"sent": 2, "queued": 1}, 0)
    assert "cannot be handled" in caplog.text and "OverflowError" in caplog.text
    await sent_again_and_seen_once(bench, {"ada": 1, "bert": 1, "cleo": 1})


class Odd:
    """A transport that gives one device's answer a status that no database takes."""

    def __init__(self, inner: FcmHttp) -> None:
        self.inner = inner

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        sent = await self.inner.send(batch)
        return [
            replace(s, status=10**30) if "bert" in out.token else s
            for out, s in zip(batch, sent, strict=True)
        ]


async def deliver_by(bench: DeliveryBench, slice: int = 10) -> Delivered:
    async with FcmHttp(bench.settings(), now=bench.clock) as fcm:
        odd: Any = Odd(fcm)
        worker = Worker(bench.ledger, odd, bench.clock, rng=random.Random(0), real=bench.real, slice=slice)
        return await drain(worker)


@pytest.mark.parametrize("slice", [1, 10])
async def test_an_outcome_that_cannot_be_written(bench: DeliveryBench, slice: int) -> None:
    done = await deliver_by(bench, slice)
    assert (done.rows, done.attempts, done.lost) == (
        {"sent": 2, "queued": 1},
        {"accepted": 2, "unknown": 1},
        0,
    )
    await sent_again_and_seen_once(bench, {"ada": 1, "bert": 2, "cleo": 1})


async def test_one_that_never_can_be_written_is_given_up_after_its_hour(bench: DeliveryBench) -> None:
    for _ in range(20):
        await deliver_by(bench)
        if states(bench)["bert"] != "queued":
            break
        bench.later(seconds=(waiting(bench)["due_at"] - bench.now).total_seconds())
    assert bench.states() == [("sent", ""), ("failed", "expired: UNFORESEEN"), ("sent", "")]


async def test_a_ledger_that_takes_nothing_is_no_rows_fault(
    bench: DeliveryBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> int:
        raise OperationalError("UPDATE", {}, Exception("no such table"))

    monkeypatch.setattr("vigil.ledger.outbox.leases.settle", fails)
    with pytest.raises(OperationalError):
        await bench.deliver()
    assert bench.attempts() == []


@pytest.mark.parametrize(
    ("transport_class", "module", "name"),
    [
        (FcmHttp, http_v1, "encode"),
        (FcmHttp, http_v1, "message_name"),
        (FcmAdmin, admin_sdk, "message_name"),
    ],
)
async def test_a_message_that_something_fails_at(
    fcm: LocalFcm,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    transport_class: type[FcmHttp | FcmAdmin],
    module: Any,
    name: str,
) -> None:
    works, calls = getattr(module, name), iter(range(100))

    def fails_first(*given: Any) -> Any:
        if next(calls) == 0:
            raise KeyError("odd")
        return works(*given)

    monkeypatch.setattr(module, name, fails_first)
    async with transport_class(settings()) as transport:
        sent = await transport.send([message(f"tok-{p}") for p in ("android", "ios", "web")])
    assert sorted((s.outcome, s.code, s.detail) for s in sent) == [
        ("accepted", "", ""),
        ("accepted", "", ""),
        ("unknown", "UNFORESEEN", "KeyError"),
    ]

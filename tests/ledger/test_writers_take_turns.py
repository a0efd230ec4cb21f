"""Writers wait for each other instead of failing, and a number that is seen is never followed by a lower one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, text

from tests.support.samples import MINUTE, T0, document, entry, workspace
from vigil.compliance.facts import Fact
from vigil.ledger import Ledger, watermarks
from vigil.ledger.observed import observations
from vigil.ledger.outbox import queue
from vigil.ledger.watermarks import ListMark, Watermark

SUM = ListMark("sum")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as running:
        yield running


@contextmanager
def held(
    ledger: Ledger, pool: ThreadPoolExecutor, work: Callable[[Connection], object]
) -> Iterator[Future[None]]:
    """A second writer that has done its work and has not committed, for as long as the block lasts."""
    done, release = threading.Event(), threading.Event()

    def run() -> None:
        with ledger.write() as connection:
            work(connection)
            done.set()
            assert release.wait(30)

    running = pool.submit(run)
    assert done.wait(30)
    try:
        yield running
    finally:
        release.set()
        running.result(30)


def add_up(ledger: Ledger, times: int) -> None:
    for _ in range(times):
        with ledger.write() as connection:
            mark = watermarks.watermark(connection, SUM)
            watermarks.set_watermark(connection, SUM, Watermark(mark.seq + 1))


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_writers_that_read_first_wait_instead_of_failing(ledger: Ledger, pool: ThreadPoolExecutor) -> None:
    """A deferred transaction would fail here with "database is locked", without any wait, or lose a count."""
    for task in [pool.submit(add_up, ledger, 25) for _ in range(4)]:
        task.result(60)
    with ledger.read() as connection:
        assert watermarks.watermark(connection, SUM).seq == 100


def test_a_reader_sees_one_instant_while_others_write(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert observations.last_seq(connection) == 0
        with ledger.write() as other:
            observations.record(other, [workspace(1)], T0)
        assert observations.last_seq(connection) == 0, "the snapshot moved"
    with ledger.read() as connection:
        assert observations.last_seq(connection) == 1


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_reader_cannot_write(ledger: Ledger) -> None:
    with pytest.raises(Exception, match="read-only"), ledger.read() as connection:
        watermarks.set_watermark(connection, SUM, Watermark(1))


def test_an_error_inside_a_transaction_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError, match="halfway"), ledger.write() as connection:
        observations.record(connection, [workspace(1)], T0)
        queue.enqueue(connection, [entry(1)], T0)
        raise RuntimeError("halfway")
    with ledger.read() as connection:
        assert observations.last_seq(connection) == 0
        assert queue.rows(connection) == []


def test_an_observation_is_never_seen_before_one_with_a_lower_number(
    ledger: Ledger, pool: ThreadPoolExecutor
) -> None:
    """Evaluation goes on "after number n": what came in below n later would never be looked at."""
    with held(ledger, pool, lambda c: observations.record(c, [workspace(1), document(10)], T0)):
        second = pool.submit(record, ledger, workspace(2))
        with ledger.read() as connection:
            assert observations.last_seq(connection) == 0
        assert not second.done()
    second.result(30)
    with ledger.read() as connection:
        assert observations.changed_workspaces(connection, 0, 2) == {1}
        assert observations.changed_workspaces(connection, 2, 3) == {2}


def record(ledger: Ledger, *facts: Fact) -> observations.Recorded:
    with ledger.write() as connection:
        return observations.record(connection, facts, T0 + MINUTE)


def test_two_runs_that_see_the_same_change_store_it_once(ledger: Ledger, pool: ThreadPoolExecutor) -> None:
    with held(ledger, pool, lambda c: observations.record(c, [workspace(1)], T0)):
        second = pool.submit(record, ledger, workspace(1), workspace(2))
    assert second.result(30) == observations.Recorded(1, 1, frozenset({2}))
    with ledger.read() as connection:
        assert observations.last_seq(connection) == 2


def test_runs_that_record_one_estate_in_any_order_do_not_deadlock(
    ledger: Ledger, pool: ThreadPoolExecutor
) -> None:
    facts = [workspace(n) for n in range(200)]
    tasks = [
        pool.submit(record, ledger, *(facts if n % 2 else facts[::-1])) for _ in range(3) for n in range(4)
    ]
    assert sum(t.result(60).new for t in tasks) == 200


def enqueue(ledger: Ledger, *numbers: int) -> int:
    with ledger.write() as connection:
        return queue.enqueue(connection, [entry(n) for n in numbers], T0)


def test_two_runs_that_find_the_same_queue_it_once(ledger: Ledger, pool: ThreadPoolExecutor) -> None:
    """In opposite orders: without turns each would wait for the other's row, and one would be thrown out."""
    numbers = list(range(300))
    tasks = [pool.submit(enqueue, ledger, *(numbers if n % 2 else numbers[::-1])) for n in range(8)]
    assert sum(t.result(60) for t in tasks) == 300
    with ledger.read() as connection:
        rows = queue.rows(connection)
    assert sorted(r["workspace"] for r in rows) == numbers


def test_a_notice_is_never_seen_before_one_that_was_queued_earlier(
    ledger: Ledger, pool: ThreadPoolExecutor
) -> None:
    """The order of a person's notices is the order of their numbers."""
    with held(ledger, pool, lambda c: queue.enqueue(c, [entry(1, occurrence="first")], T0)):
        second = pool.submit(enqueue_second, ledger)
        with ledger.read() as connection:
            assert queue.rows(connection) == []
    second.result(30)
    with ledger.read() as connection:
        assert [r["occurrence"] for r in queue.rows(connection)] == ["first", "second"]


def enqueue_second(ledger: Ledger) -> None:
    with ledger.write() as connection:
        queue.enqueue(connection, [entry(1, occurrence="second")], T0)


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_turns_end_with_the_transaction(ledger: Ledger) -> None:
    enqueue(ledger, 1)
    with ledger.read() as connection:
        assert (
            connection.execute(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")).scalar()
            == 0
        )

"""The unique key of a row, for ever: what was queued once is never queued again, whatever became of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.samples import MINUTE, T0, entry, words
from tests.support.workers import CONTEXT
from vigil.compliance.notices import NoticeState
from vigil.ledger import Ledger
from vigil.ledger.engine import open_engine
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.outbox import leases, queue
from vigil.ledger.outbox.leases import Settled
from vigil.ledger.values import Entry


def enqueue(ledger: Ledger, *entries: Entry, run: int = 1) -> int:
    with ledger.write() as connection:
        return queue.enqueue(connection, entries, T0, run)


def rows(ledger: Ledger, **only: Any) -> list[dict[str, Any]]:
    with ledger.read() as connection:
        return queue.rows(connection, **only)


def test_what_is_queued_twice_is_there_once_as_it_was_first(ledger: Ledger) -> None:
    assert enqueue(ledger, entry(1), entry(2)) == 2
    changed = replace(entry(1), message=words("other"), fire_at=T0 + MINUTE)
    assert enqueue(ledger, changed, entry(3), run=2) == 1
    assert [(r["workspace"], r["run"]) for r in rows(ledger)] == [(1, 1), (2, 1), (3, 2)]
    assert rows(ledger, workspace=1)[0]["message"] == entry(1).message


def test_twice_in_one_batch_is_once(ledger: Ledger) -> None:
    assert enqueue(ledger, entry(1), entry(1)) == 1


@pytest.mark.parametrize(
    "change",
    [{"rule": "other"}, {"workspace": 2}, {"occurrence": "x"}, {"step": ""}, {"person": "bert"}],
    ids=str,
)
def test_each_part_of_the_key_makes_another_notice(ledger: Ledger, change: dict[str, Any]) -> None:
    assert enqueue(ledger, entry(1), entry(1, **change)) == 2


@pytest.mark.parametrize("state", sorted(queue.FINAL))
def test_a_row_that_is_done_keeps_its_key(ledger: Ledger, state: str) -> None:
    enqueue(ledger, entry(1, state=state, reason="so it is"))
    assert enqueue(ledger, entry(1)) == 0
    [row] = rows(ledger)
    assert (row["state"], row["reason"], row["due_at"]) == (state, "so it is", None)


def test_rows_without_a_person_have_a_key_too(ledger: Ledger) -> None:
    nobody = entry(1, person="", step="", state="unroutable")
    assert enqueue(ledger, nobody) == 1
    assert enqueue(ledger, nobody) == 0


def test_numbers_follow_the_order_of_the_entries(ledger: Ledger) -> None:
    order = [7, 3, 9, 1, *range(100, 2600)]
    enqueue(ledger, *(entry(n) for n in order))
    assert [r["workspace"] for r in rows(ledger)] == order


def test_nothing_to_queue_is_nothing(ledger: Ledger) -> None:
    assert enqueue(ledger) == 0


def test_quiet_hours_and_times_to_live_are_kept(ledger: Ledger) -> None:
    late, hour = T0 + 60 * MINUTE, {"ttl": 3600}
    enqueue(
        ledger,
        entry(1, message=words("a", **hour), fire_at=T0 - 60 * 24 * MINUTE),
        entry(2, message=words("b", **hour), due_at=late),
        entry(3, message=words("c")),
    )
    found = [(r["due_at"], r["expires_at"]) for r in rows(ledger)]
    assert found == [(T0, T0 + 60 * MINUTE), (late, late + 60 * MINUTE), (T0, None)]


def test_the_states_of_taken_keys_are_told_and_of_no_others(ledger: Ledger) -> None:
    queued, done, other = entry(1), entry(2, state="sent"), entry(1, occurrence="another date")
    enqueue(ledger, queued, done, other)
    with ledger.read() as connection:
        found = queue.states(connection, [queued, done, entry(3), entry(2, person="bert")])
        assert found == {queued.key: ("queued", ""), done.key: ("sent", "")}
        assert queue.states(connection, []) == {}


def test_odd_keys_are_found(ledger: Ledger) -> None:
    odd = [
        entry(2**53, occurrence=o, step=s)
        for o in ("", "ünï'\"\\", "a,b{}", "[1]")
        for s in ("", "null", " ")
    ]
    assert enqueue(ledger, *odd) == len(odd)
    with ledger.read() as connection:
        assert queue.states(connection, odd).keys() == {e.key for e in odd}


def queue_all(url: str, numbers: list[int], results: Any) -> None:
    """One of several processes that found the same things in different orders and slices."""
    ledger = Ledger(open_engine(url))
    went_in = 0
    for some in (numbers[:130], numbers[130:]):
        with ledger.write() as connection:
            went_in += queue.enqueue(connection, [entry(n) for n in some], T0)
    results.put(went_in)
    ledger.close()


def test_processes_that_queue_the_same_at_once_queue_it_once(ledger: Ledger, url: str) -> None:
    ledger.close()  # no connection is shared with the processes
    numbers = list(range(200))
    results = CONTEXT.Queue()
    orders = [numbers, numbers[::-1], numbers[100:] + numbers[:100], numbers[::2] + numbers[1::2]]
    processes = [CONTEXT.Process(target=queue_all, args=(url, o, results)) for o in orders]
    for p in processes:
        p.start()
    assert sum(results.get(timeout=60) for _ in processes) == 200
    for p in processes:
        p.join(30)
    assert [p.exitcode for p in processes] == [0] * 4
    assert sorted(r["workspace"] for r in rows(ledger)) == numbers


def test_failed_rows_alone_are_queued_once_more(ledger: Ledger) -> None:
    failed, sent, wordless = entry(1), entry(2, state="sent"), entry(3, message=NoticeMessage(why=("x",)))
    enqueue(ledger, failed, sent, wordless)
    with ledger.write() as connection:
        claimed = leases.claim(connection, "me", T0, MINUTE, 10)
        settled = [Settled(c.id, NoticeState.FAILED, "expired: INTERNAL", tried_at=T0) for c in claimed]
        assert leases.settle(connection, "me", [], settled) == 2
    later = T0 + 60 * MINUTE
    with ledger.write() as connection:
        keys = [failed.key, sent.key, wordless.key, entry(99).key]
        assert queue.requeue(connection, keys, later, 5, {wordless.key: words("w", ttl=60)}) == 2
        assert queue.requeue(connection, keys, later, 6) == 0, "they are queued: nothing is to be done"
    one, two, three = rows(ledger)
    assert (one["state"], one["reason"], one["due_at"], one["tries"], one["run"]) == (
        "queued",
        "",
        later,
        0,
        5,
    )
    assert (one["first_tried_at"], one["message"]) == (None, failed.message)
    assert (two["state"], two["run"]) == ("sent", 1)
    assert (three["message"].title, three["expires_at"]) == (words("w").title, later + MINUTE)


def test_many_rows_are_requeued_at_once(ledger: Ledger) -> None:
    many = [entry(n, state="failed") for n in range(1200)]
    enqueue(ledger, *many)
    with ledger.write() as connection:
        assert queue.requeue(connection, [e.key for e in many], T0, 2) == 1200


def test_the_accounts_of_a_run_count_its_rows_and_no_others(ledger: Ledger) -> None:
    enqueue(ledger, entry(1), entry(2, state="no_device", reason="the person has no device"), run=1)
    enqueue(ledger, entry(3, state="sent"), run=2)
    with ledger.read() as connection:
        found = [(r["state"], r["reason"]) for r in queue.rows(connection, run=1)]
        assert found == [("queued", ""), ("no_device", "the person has no device")]
        assert queue.sent_without_proof(connection, 1) == 0
        assert queue.sent_without_proof(connection, 2) == 1, "sent, and no attempt says so"
        assert leases.next_due(connection) == T0
    with ledger.write() as connection:
        connection.execute(text("UPDATE notice SET state = 'failed' WHERE state = 'queued'"))
    with ledger.read() as connection:
        assert leases.next_due(connection) is None

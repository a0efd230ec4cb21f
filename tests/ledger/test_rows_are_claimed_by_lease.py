"""A claimed row belongs to one worker while its lease holds, and to whoever comes first when it has run out."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from queue import Queue
from typing import Any

import pytest

from tests.support.samples import MINUTE, T0, entry
from tests.support.workers import CONTEXT
from vigil.compliance.notices import NoticeState
from vigil.ledger import Ledger
from vigil.ledger.engine import open_engine
from vigil.ledger.outbox import counts, leases, queue
from vigil.ledger.outbox.counts import Waiting
from vigil.ledger.outbox.leases import Claimed, Settled, Tried
from vigil.ledger.values import Entry

LEASE = 5 * MINUTE


class Outbox:
    """The outbox's verbs, each in a transaction of its own."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def queue(self, *entries: Entry) -> None:
        with self.ledger.write() as connection:
            queue.enqueue(connection, entries, T0)

    def claim(self, owner: str = "me", now: datetime = T0, limit: int = 100) -> list[Claimed]:
        with self.ledger.write() as connection:
            return leases.claim(connection, owner, now, LEASE, limit)

    def settle(self, owner: str, *settled: Settled, tried: tuple[Tried, ...] = ()) -> int:
        with self.ledger.write() as connection:
            return leases.settle(connection, owner, tried, settled)

    def row(self, id: int) -> dict[str, Any]:
        with self.ledger.read() as connection:
            return next(r for r in queue.rows(connection) if r["id"] == id)


@pytest.fixture
def box(ledger: Ledger) -> Outbox:
    return Outbox(ledger)


def tried(c: Claimed, device: int, outcome: str, at: datetime = T0) -> Tried:
    return Tried(c.id, device, at, at, outcome, 200 if outcome == "accepted" else None)


def names(claimed: list[Claimed]) -> list[int]:
    return [c.workspace for c in claimed]


def test_a_row_is_not_claimed_before_it_is_due(box: Outbox) -> None:
    box.queue(entry(1, due_at=T0 + MINUTE), entry(2))
    assert names(box.claim()) == [2]
    assert names(box.claim("you", T0 + MINUTE)) == [1]


def test_rows_that_are_done_are_not_claimed(box: Outbox) -> None:
    box.queue(*(entry(n, state=s) for n, s in enumerate(sorted(queue.FINAL))))
    assert box.claim() == []


def test_no_more_than_the_limit_and_what_is_due_longest_comes_first(box: Outbox) -> None:
    box.queue(*(entry(n, due_at=T0 - n * MINUTE) for n in range(10)))
    assert sorted(names(box.claim(limit=3))) == [7, 8, 9]
    assert sorted(names(box.claim(limit=100))) == [0, 1, 2, 3, 4, 5, 6]


def test_a_lease_keeps_others_away_until_it_has_run_out(box: Outbox) -> None:
    box.queue(entry(1))
    [mine] = box.claim("me")
    assert box.claim("you", T0 + LEASE - timedelta(seconds=1)) == []
    [yours] = box.claim("you", T0 + LEASE)
    assert (yours.id, yours.tries) == (mine.id, 2)


def test_a_lease_can_be_renewed_by_who_holds_it(box: Outbox) -> None:
    box.queue(entry(1))
    [mine] = box.claim("me")
    with box.ledger.write() as connection:
        assert leases.renew(connection, "you", [mine.id], T0 + 9 * LEASE) == 0
        assert leases.renew(connection, "me", [mine.id], T0 + 2 * LEASE) == 1
    assert box.claim("you", T0 + LEASE) == []
    assert names(box.claim("you", T0 + 2 * LEASE)) == [1]


def test_a_settlement_after_a_lost_lease_keeps_its_attempts_alone(box: Outbox) -> None:
    box.queue(entry(1), entry(2))
    slow = box.claim("slow")
    [first, second] = box.claim("quick", T0 + LEASE)
    sent = [Settled(c.id, NoticeState.FAILED, "BAD", tried_at=T0) for c in slow]
    assert box.settle("slow", *sent, tried=tuple(tried(c, 1, "rejected") for c in slow)) == 0
    assert {box.row(c.id)["state"] for c in slow} == {"queued"}
    done = [Settled(c.id, NoticeState.SENT, tried_at=T0) for c in (first, second)]
    assert box.settle("quick", *done, tried=(tried(first, 1, "accepted"), tried(second, 1, "accepted"))) == 2
    with box.ledger.read() as connection:
        attempts = queue.attempts(connection, [first.id])[first.id]
    assert [a["outcome"] for a in attempts] == ["rejected", "accepted"]


def test_a_lease_that_ran_out_unnoticed_may_still_be_settled(box: Outbox) -> None:
    """Nobody else took the row: what its worker says of it counts, however late."""
    box.queue(entry(1))
    [mine] = box.claim("me")
    assert box.settle("me", Settled(mine.id, NoticeState.SENT, tried_at=T0)) == 1
    assert box.claim("you", T0 + 2 * LEASE) == []


def test_a_row_that_is_settled_leaves_no_lease(box: Outbox) -> None:
    box.queue(entry(1))
    [mine] = box.claim("me")
    box.settle("me", Settled(mine.id, NoticeState.SENT, tried_at=T0))
    row = box.row(mine.id)
    assert (row["lease_owner"], row["lease_until"], row["due_at"]) == (None, None, None)


def test_a_row_that_is_tried_again_waits_until_it_is_due(box: Outbox) -> None:
    box.queue(entry(1))
    [mine] = box.claim("me")
    again = T0 + timedelta(seconds=10)
    box.settle("me", Settled(mine.id, NoticeState.QUEUED, "", again, T0))
    assert box.claim("you", T0) == []
    [second] = box.claim("you", again)
    assert (second.tries, second.first_tried_at) == (2, T0)


def test_a_claim_after_which_nothing_was_sent_is_no_try(box: Outbox) -> None:
    box.queue(entry(1))
    for minute in range(3):
        now = T0 + minute * MINUTE
        [held] = box.claim("me", now)
        assert (held.tries, held.first_tried_at) == (1, None)
        box.settle("me", Settled(held.id, NoticeState.QUEUED, "", now + MINUTE))
    assert box.row(held.id)["tries"] == 0


def test_devices_that_are_done_are_named_at_the_next_claim(box: Outbox) -> None:
    box.queue(entry(1))
    [c] = box.claim()
    outcomes = ("accepted", "rejected", "retry", "unknown")
    attempts = tuple(tried(c, n, o) for n, o in enumerate(outcomes))
    box.settle("me", Settled(c.id, NoticeState.QUEUED, "", T0 + MINUTE, T0), tried=attempts)
    [again] = box.claim("me", T0 + MINUTE)
    assert again.done == {0: "accepted", 1: "rejected"}


def test_queued_once_more_it_goes_to_who_refused_and_not_to_who_accepted(box: Outbox) -> None:
    box.queue(entry(1))
    [c] = box.claim()
    attempts = (tried(c, 1, "rejected"), tried(c, 2, "accepted"))
    box.settle("me", Settled(c.id, NoticeState.FAILED, "BAD", tried_at=T0), tried=attempts)
    with box.ledger.write() as connection:
        queue.requeue(connection, [entry(1).key], T0 + MINUTE, None)
    [anew] = box.claim("me", T0 + MINUTE)
    assert (anew.tries, anew.done) == (1, {2: "accepted"})
    box.settle(
        "me",
        Settled(c.id, NoticeState.QUEUED, "", T0 + MINUTE, T0 + MINUTE),
        tried=(tried(c, 1, "retry", T0 + MINUTE),),
    )
    [then] = box.claim("me", T0 + MINUTE)
    assert then.done == {2: "accepted"}


def same(n: int, person: str = "ada", workspace: int = 1, **changes: Any) -> Entry:
    return entry(workspace, person=person, occurrence=str(n), **changes)


def test_a_row_never_overtakes_an_earlier_one_of_its_person_and_workspace(box: Outbox) -> None:
    box.queue(same(1), same(2), same(3), same(1, "bert"), same(1, workspace=2))
    first = box.claim("me")
    assert [(c.person, c.workspace) for c in first] == [("ada", 1), ("bert", 1), ("ada", 2)]
    assert box.claim("you") == [], "the first is held: the second waits, also for other workers"
    box.settle("me", Settled(first[0].id, NoticeState.QUEUED, "", T0 + MINUTE, T0))
    assert box.claim("you") == [], "the first is to be tried again: the second waits"
    [again] = box.claim("me", T0 + MINUTE)
    assert again.id == first[0].id
    box.settle("me", Settled(again.id, NoticeState.SENT, tried_at=T0))
    [second] = box.claim("you", T0 + MINUTE)
    assert second.id == first[0].id + 1


def test_a_row_that_was_only_held_back_still_goes_first(box: Outbox) -> None:
    box.queue(same(1), same(2))
    [first] = box.claim()
    box.settle("me", Settled(first.id, NoticeState.QUEUED, "", T0 + MINUTE))
    assert box.claim() == []
    assert [c.id for c in box.claim("me", T0 + MINUTE)] == [first.id]


def test_an_urgent_notice_does_not_wait_for_one_that_quiet_hours_hold(box: Outbox) -> None:
    box.queue(same(1, due_at=T0 + 60 * MINUTE), same(2))
    [urgent] = box.claim()
    box.settle("me", Settled(urgent.id, NoticeState.SENT, tried_at=T0))
    assert [c.id for c in box.claim("me", T0 + 60 * MINUTE)] == [urgent.id - 1]


def test_rows_that_quiet_hours_held_come_in_their_order(box: Outbox) -> None:
    box.queue(same(1, due_at=T0 + 60 * MINUTE), same(2, due_at=T0 + 60 * MINUTE))
    [first] = box.claim("me", T0 + 61 * MINUTE)
    assert box.claim("you", T0 + 61 * MINUTE) == []
    box.settle("me", Settled(first.id, NoticeState.SENT, tried_at=T0))
    assert [c.id for c in box.claim("me", T0 + 61 * MINUTE)] == [first.id + 1]


ROWS = 600


@pytest.fixture
def full(box: Outbox) -> Iterator[Outbox]:
    """Rows for a few people about many workspaces; every tenth is the second of its person and workspace."""
    box.queue(
        *(
            entry(n - 1 if n % 10 == 9 else n, person=f"p{n % 7 * (n % 10 != 9)}", occurrence=str(n))
            for n in range(ROWS)
        )
    )
    yield box


def claim_until_empty(url: str, owner: str, start: Any, out: Any) -> None:
    ledger = Ledger(open_engine(url))
    start.wait()
    while True:
        with ledger.write() as connection:
            some = leases.claim(connection, owner, T0, LEASE, 25)
        if not some:
            break
        out.put([c.id for c in some])
        with ledger.write() as connection:
            leases.settle(connection, owner, [], [Settled(c.id, NoticeState.SENT, tried_at=T0) for c in some])
    out.put(owner)
    ledger.close()


def gather(queue: Any, workers: int) -> Counter[int]:
    taken: Counter[int] = Counter()
    while workers:
        got = queue.get(timeout=60)
        if isinstance(got, str):
            workers -= 1
        else:
            taken.update(got)
    return taken


@pytest.mark.parametrize("workers", [2, 8])
def test_no_row_is_claimed_twice_by_threads(full: Outbox, url: str, workers: int) -> None:
    start, queue = threading.Barrier(workers), Queue[Any]()
    with ThreadPoolExecutor(workers) as pool:
        tasks = [pool.submit(claim_until_empty, url, f"w{n}", start, queue) for n in range(workers)]
        taken = gather(queue, workers)
        for t in tasks:
            t.result(30)
    rest = drain(full)
    assert taken + rest == Counter(dict.fromkeys(range(1, ROWS + 1), 1))


@pytest.mark.parametrize("workers", [2, 8])
def test_no_row_is_claimed_twice_by_processes(full: Outbox, url: str, workers: int) -> None:
    full.ledger.close()
    queue, start = CONTEXT.Queue(), CONTEXT.Barrier(workers)
    running = [
        CONTEXT.Process(target=claim_until_empty, args=(url, f"w{n}", start, queue)) for n in range(workers)
    ]
    for p in running:
        p.start()
    taken = gather(queue, workers)
    for p in running:
        p.join(30)
    assert [p.exitcode for p in running] == [0] * workers
    assert taken + drain(full) == Counter(dict.fromkeys(range(1, ROWS + 1), 1))


def drain(box: Outbox) -> Counter[int]:
    """What is left when every worker saw nothing to claim: rows that waited for one that another held just then."""
    taken: Counter[int] = Counter()
    while some := box.claim("last"):
        taken.update(c.id for c in some)
        box.settle("last", *(Settled(c.id, NoticeState.SENT, tried_at=T0) for c in some))
    return taken


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_claim_does_not_wait_for_rows_that_another_is_claiming(full: Outbox) -> None:
    """SKIP LOCKED: the other transaction is open, and this one takes what is left at once."""
    with full.ledger.write() as connection:
        theirs = leases.claim(connection, "them", T0, LEASE, 100)
        ours = full.claim("us", limit=1000)
        assert len(theirs) == 100
        assert not {c.id for c in theirs} & {c.id for c in ours}
        assert len(ours) >= ROWS - 100 - ROWS // 10


def test_what_is_due_waits_by_what_keeps_it(box: Outbox, ledger: Ledger) -> None:
    box.queue(entry(1), entry(1, occurrence="2026-04-30"), entry(2), entry(3, due_at=T0 + 60 * MINUTE))

    def waiting(at: datetime) -> Waiting:
        with ledger.read() as connection:
            return counts.waiting(connection, at)

    assert waiting(T0) == Waiting(untaken=2, behind=1, ready=2, fresh=2), "what is not yet due is counted"
    (first,) = box.claim("other", limit=1)
    assert waiting(T0) == Waiting(held=1, behind=1, untaken=1, ready=1, fresh=1)
    assert waiting(T0 + 6 * MINUTE) == Waiting(untaken=2, behind=1, ready=2, fresh=2), "its lease is over"
    again = T0 + MINUTE
    box.settle(
        "other", Settled(first.id, NoticeState.QUEUED, "FCM answered 503", due_at=again, tried_at=None)
    )
    given = Waiting(
        {"FCM answered 503": 1}, {"FCM answered 503": again}, behind=1, untaken=1, ready=1, fresh=1
    )
    assert waiting(T0) == given
    assert waiting(again) == replace(given, ready=2)
    (second,) = box.claim("other", limit=1)
    assert second.workspace == 2
    box.settle("other", Settled(second.id, NoticeState.SENT, tried_at=T0))
    assert waiting(T0) == replace(given, untaken=0, ready=0, fresh=0)
    (third,) = box.claim("other", again, limit=1)
    assert (third.id, waiting(again)) == (first.id, Waiting(held=1, behind=1)), "it is being tried again"


def test_what_is_ready_is_what_a_claim_takes(box: Outbox, ledger: Ledger) -> None:
    """However rows lie in the outbox: a run that waits for what is ready finds it, and finds something where something is."""
    rng = random.Random(1)
    for _ in range(30):
        now = T0 + rng.randrange(8) * MINUTE
        some = [same(rng.randrange(10**6), workspace=rng.randrange(3)) for _ in range(rng.randrange(4))]
        box.queue(*(replace(e, due_at=T0 + rng.randrange(10) * MINUTE) for e in some))
        with ledger.read() as connection:
            ready = counts.waiting(connection, now).ready
        taken = box.claim("me", now)
        assert len(taken) == ready
        for c in rng.sample(taken, rng.randrange(len(taken) + 1)):
            later = now + rng.randrange(1, 5) * MINUTE
            box.settle(
                "me",
                rng.choice(
                    (Settled(c.id, NoticeState.SENT), Settled(c.id, NoticeState.QUEUED, "503", later, now))
                ),
            )


def test_leases_go_by_the_real_time_and_what_is_due_by_the_clock_of_the_run(
    box: Outbox, ledger: Ledger
) -> None:
    """A run that speaks of another instant holds its rows as long as any other, and takes over what a dead one held."""
    real, past, future = T0, T0 - 900 * MINUTE, T0 + 9000 * MINUTE
    box.queue(entry(1), entry(2, due_at=past))
    with ledger.write() as connection:
        assert names(leases.claim(connection, "past", past, LEASE, 9, real)) == [2], (
            "what is due is due by its clock"
        )
        assert names(leases.claim(connection, "future", future, LEASE, 9, real)) == [1], "the other is held"
        assert names(leases.claim(connection, "future", future, LEASE, 9, real + LEASE)) == [1, 2]


def test_a_lease_by_a_clock_that_ran_ahead_has_run_out(box: Outbox, ledger: Ledger) -> None:
    box.queue(entry(1))
    with ledger.write() as connection:
        assert leases.claim(connection, "ahead", T0, LEASE, 9, T0 + 60 * MINUTE)
        assert names(leases.claim(connection, "me", T0, LEASE, 9, T0)) == [1]


def test_the_time_of_leases_is_the_databases(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert abs(leases.real_time(connection) - datetime.now(UTC)) < MINUTE


def test_a_lease_that_was_ended_is_nobodys_to_end_again(box: Outbox, ledger: Ledger) -> None:
    box.queue(entry(1), entry(2))
    assert len(box.claim("dead")) == 2
    with ledger.write() as connection:
        assert leases.owners(connection, T0) == {"dead"}
        assert leases.end(connection, {"dead"}, T0) == 2
        assert leases.owners(connection, T0) == set()
        assert leases.end(connection, {"dead"}, T0) == 0
    assert len(box.claim("alive")) == 2

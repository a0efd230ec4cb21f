"""What a person received, alone or with a digest, counts as received by every later decision; and what was approved is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import update

from tests.support.run_bench import HOUR, NOON, RunBench
from vigil.compliance.evaluation.results import Why
from vigil.compliance.evaluation.still_true import NoLonger
from vigil.compliance.notices import NoticeState
from vigil.compliance.rules.loader import load_text
from vigil.delivery.transport import Outgoing, Sent
from vigil.delivery.worker import Worker
from vigil.ledger import Ledger
from vigil.ledger.outbox import guard_holds, queue
from vigil.ledger.tables import AttemptRow, NoticeRow, table
from vigil.service import delivery, digest, guards, recheck
from vigil.service.backfill import Line, ManifestStatus, approve, manifest
from vigil.service.run import Run

_notice, _attempt = table(NoticeRow), table(AttemptRow)

CLOSED = (
    "rule: closed\nkind: condition\nsubject: {workspace_type: Case}\n"
    "when: {field: attr.status, op: eq, value: closed}\nto: [user: cem]\n"
)
DUE = (
    "rule: due\nkind: milestone\nsubject: {workspace_type: Case}\ndue: attr.until\n"
    "calendar: {zone: UTC, at: '13:30'}\nlate: {within: 3d, policy: send}\ngroup: true\n"
    "steps: [{id: last, at: -1d, to: [user: cem]}]\n"
)
THIRD = (
    "rule: made\nkind: milestone\nsubject: {workspace_type: Case}\ndue: created\ncalendar: {zone: UTC, at: '12:00'}\n"
    "steps: [{id: third, at: +3d, to: [user: cem]}]\n"
)
MOVES = [(-1.0, 1001, "until", "2026-03-03"), (2.2, 1001, "until", "2026-03-04")]
TWO_CLOSE_ONE_OPENS = [
    (0.25, 1001, "status", "closed"), (0.25, 1002, "status", "closed"), (1.25, 1001, "status", "open"),
]  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunBench]:
    bench = RunBench(tmp_path_factory.mktemp("bench"))
    yield bench
    bench.close()


def begun(bench: RunBench, *hours: float) -> Ledger:
    """A ledger after runs at these hours."""
    ledger = bench.scratch.restore(bench.empty)
    for at in hours:
        bench.watch(ledger, at)
    return ledger


def put(ledger: Ledger, state: NoticeState, reason: str = "") -> None:
    """Give every queued row another state."""
    with ledger.write() as connection:
        queued = update(_notice).where(_notice.c.state == NoticeState.QUEUED)
        connection.execute(queued.values(state=state, reason=reason, due_at=None))


def rows(ledger: Ledger, rule: str) -> list[tuple[str, str, str]]:
    """(occurrence, state, reason) of what a rule said of 1001."""
    with ledger.read() as connection:
        found = queue.rows(connection, rule=rule, workspace=1001)
    return [(r["occurrence"], r["state"], r["reason"]) for r in found]


def digested(bench: RunBench, ledger: Ledger, hours: float) -> None:
    """The digest of cem, sent."""
    run, _ = bench.run("digest", ledger, hours)
    digest.make_digests(run, ["cem"])
    put(ledger, NoticeState.SENT)


def offered(bench: RunBench, ledger: Ledger, hours: float) -> tuple[str, list[Line]]:
    run, client = bench.run("backfill", ledger, hours)
    return bench.do(run, client, lambda: manifest(run, NOON - HOUR, run.as_of))


def test_a_moved_date_is_ignored_after_its_notice_went_out_in_a_digest(bench: RunBench) -> None:
    there = bench.with_changes({"due": DUE + "superseded: ignore\n"}, MOVES)
    ledger = begun(there, 0, 1.75)
    digested(there, ledger, 2)
    for hours in (2.5, 26):
        there.watch(ledger, hours)
    first, second = rows(ledger, "due")
    assert first[0] == "2026-03-03" and first[2].startswith("in digest ")
    assert second == ("2026-03-04", NoticeState.SUPPRESSED, Why.SUPERSEDED)


def test_the_end_of_a_date_is_told_after_a_digest_told_of_the_date(bench: RunBench) -> None:
    there = bench.with_changes({"due": DUE + "superseded: resend\nresolved: true\n"}, MOVES)
    ledger = begun(there, 0, 1.75)
    digested(there, ledger, 2)
    there.watch(ledger, 2.5)
    assert [occurrence for occurrence, *_ in rows(ledger, "due")] == [
        "2026-03-03",
        "2026-03-03:resolved",
    ]


def test_a_manifest_knows_what_went_out_in_a_digest(bench: RunBench) -> None:
    there = bench.with_changes({"due": DUE}, MOVES[:1])
    ledger = begun(there, 0, 1.75)
    digested(there, ledger, 2)
    _, lines = offered(there, ledger, 3)
    (line,) = (line for line in lines if (line.entry.rule, line.entry.workspace) == ("due", 1001))
    assert line.standing is ManifestStatus.TOLD and line.reason.startswith("sent in digest ")


def test_a_notice_in_a_digest_escalates_when_nobody_reacts_to_the_digest(bench: RunBench) -> None:
    escalates = "group: true\nescalate: [{after: 1h, unless: acknowledged, to: [user: dan]}]\n"
    there = bench.with_changes({"closed": CLOSED + escalates}, TWO_CLOSE_ONE_OPENS[:1])
    ledger = begun(there, 0, 0.5)
    digested(there, ledger, 0.6)
    accepted(ledger, NOON + 0.7 * HOUR)
    there.watch(ledger, 1.5)
    assert len(rows(ledger, "closed")) == 1, "the digest came at 12:42"
    there.watch(ledger, 1.75)
    assert [occurrence.partition("#")[2] for occurrence, *_ in rows(ledger, "closed")] == ["", "escalated1"]


def accepted(ledger: Ledger, at: datetime) -> None:
    """A device accepted what was sent."""
    with ledger.write() as connection:
        for row in queue.rows(connection):
            if row["state"] == NoticeState.SENT:
                one = {
                    "notice": row["id"],
                    "device": 1,
                    "started_at": at,
                    "ended_at": at,
                    "outcome": "accepted",
                }
                connection.execute(_attempt.insert().values(**one, code="", name="x"))


def test_an_approval_sends_what_it_shows_although_it_ended_meanwhile(bench: RunBench) -> None:
    there = bench.with_changes({"closed": CLOSED}, TWO_CLOSE_ONE_OPENS)
    ledger = begun(there, 0, 0.5)
    put(ledger, NoticeState.FAILED, "expired: UNAVAILABLE")
    id, _ = offered(there, ledger, 1)
    there.watch(ledger, 1.5)
    run, _ = there.run("backfill", ledger, 2)
    assert approve(run, id).queued == 2
    assert recheck.explain(run) == 0, "no quiet hours held them"
    assert [state for _, state, _ in rows(ledger, "closed")] == [NoticeState.QUEUED]


def test_the_answer_to_a_guard_sends_what_it_holds(bench: RunBench) -> None:
    there = bench.with_changes({"closed": CLOSED + "guard: {max_findings: 1}\n"}, TWO_CLOSE_ONE_OPENS)
    ledger = begun(there, 0, 0.5, 1.5)
    with ledger.read() as connection:
        (hold,) = guard_holds.latest(connection)
    run, _ = there.run("guard", ledger, 2)
    assert guards.answer(run, hold.id, True, "eve")[1] == 2
    assert recheck.explain(run) == 0, "no quiet hours held them"


def test_a_backfill_offers_no_end_whose_beginning_nobody_received(bench: RunBench) -> None:
    """A rule that came after its window, in which it began and ended."""
    changes = [(0.25, 1001, "status", "closed"), (1.25, 1001, "status", "open")]
    there = bench.with_changes({"made": THIRD}, changes)
    ledger = begun(there, 0, 0.5, 1, 1.5)
    there.rules = load_text({"made.yaml": THIRD, "closed.yaml": CLOSED + "resolved: true\n"})
    there.watch(ledger, 1.6)
    _, lines = offered(there, ledger, 2)
    found = [(x.standing, x.reason) for x in lines if (x.entry.rule, x.entry.workspace) == ("closed", 1001)]
    assert found == [
        (ManifestStatus.CLEARED, NoLonger.CLEARED.value), (ManifestStatus.CLEARED, NoLonger.UNHEARD.value),
    ]  # fmt: skip


def test_a_backfill_takes_a_finding_that_ended_for_no_later_one(bench: RunBench) -> None:
    changes = [
        (0.25, 1001, "status", "closed"),
        (0.75, 1001, "status", "open"),
        (1.25, 1001, "status", "closed"),
    ]
    there = bench.with_changes({"made": THIRD, "closed": CLOSED}, changes)
    ledger = begun(there, 0, 0.5, 1, 1.5)
    put(ledger, NoticeState.FAILED, "expired: UNAVAILABLE")
    _, lines = offered(there, ledger, 2)
    found = [x.standing for x in lines if (x.entry.rule, x.entry.workspace) == ("closed", 1001)]
    assert found == [ManifestStatus.CLEARED, ManifestStatus.AGAIN]


class Taking:
    """A transport that accepts everything, and whom it sent to."""

    def __init__(self) -> None:
        self.people: list[str] = []

    async def __aenter__(self) -> Taking:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""

    async def send(self, batch: list[Outgoing]) -> list[Sent]:
        self.people += [out.person for out in batch]
        return [Sent("accepted", 200, "", "x", None, NOON, NOON) for _ in batch]


def test_what_quiet_hours_release_during_a_delivery_is_checked_too(bench: RunBench) -> None:
    """The clock goes on while a run delivers, and passes the end of the quiet hours of what is no longer true."""
    quiet = CLOSED + "quiet: {from: '11:00', to: '17:00'}\n"
    unled = CLOSED.replace("rule: closed", "rule: unled").replace(
        "attr.status, op: eq, value: closed", "attr.lead, op: absent"
    )
    changes = [*TWO_CLOSE_ONE_OPENS[::2], (1.3, 1002, "lead", None)]
    there = bench.with_changes({"closed": quiet, "unled": unled.replace("cem", "dan")}, changes)
    ledger = begun(there, 0, 0.5, 1.5)
    taking = Taking()
    for begins in (-8, 60):
        run, _ = there.run("watch", ledger, 5)
        run.clock = ticking(NOON + 5 * HOUR + timedelta(seconds=begins))
        asyncio.run(deliver(run, taking))
    assert rows(ledger, "closed")[0][1:] == (NoticeState.SUPPRESSED, Why.NO_LONGER)
    assert set(taking.people) == {"dan"}


def ticking(begins: datetime) -> Callable[[], datetime]:
    """A clock that is a second later at each look."""
    seconds = count()
    return lambda: begins + timedelta(seconds=next(seconds))


async def deliver(run: Run, transport: Taking) -> None:
    async def one_batch(run: Run, worker: Worker, n: int) -> bool:
        return (await delivery.deliver_batch(run, worker)).more

    async def pause(seconds: float) -> None:
        """The clock of the test goes on by itself."""

    async with run.sending(transport):  # type: ignore[arg-type]
        await delivery.deliver(run, one_batch, lambda waits: None, pause)

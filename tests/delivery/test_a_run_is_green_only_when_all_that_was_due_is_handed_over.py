"""Whatever keeps a notice that was due, the run that leaves it is Undelivered and says what it was; nothing else is red."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from flows.support.states import Named, ended
from tests.support import delivery_runs
from tests.support.delivery_bench import DeliveryBench, opened
from tests.support.ports import closed_port
from tests.support.samples import T0, entry
from vigil.cli.why import explain
from vigil.compliance.evaluation.results import Why
from vigil.delivery.push.settings import FcmSettings
from vigil.ledger.observed import runs
from vigil.ledger.outbox import leases
from vigil.ledger.outbox.counts import ToCome, Waiting
from vigil.sandbox.fcm.local import LocalFcm
from vigil.service import account_text
from vigil.service.accounting import Account
from vigil.service.unsent import Unsent

MINUTE = timedelta(minutes=1)
PAGE = delivery_runs.PROJECT / "docs" / "states.md"


@pytest.fixture
def bench(
    tmp_path: Path, fcm: LocalFcm, settings: Callable[..., FcmSettings], monkeypatch: pytest.MonkeyPatch
) -> Iterator[DeliveryBench]:
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda seconds: None)
    with opened("sqlite", tmp_path, fcm, settings, "ada", "bert") as made:
        yield made


async def watch(bench: DeliveryBench, patience: timedelta = timedelta(0), **settings: Any) -> Account:
    async def pause(seconds: float) -> None:
        bench.later(seconds=seconds)

    return await delivery_runs.delivered(bench, delivery_runs.opened(bench, patience), pause, **settings)


def claim(bench: DeliveryBench, owner: str, count: int) -> list[int]:
    """Let another worker take rows."""
    with bench.ledger.write() as connection:
        return [c.id for c in leases.claim(connection, owner, bench.now, MINUTE, count)]


TOKEN = ["unavailable", "internal", "html", "malformed", "reset_before", "quota", "unauthenticated"]


@pytest.mark.parametrize("fault", TOKEN)
async def test_without_an_access_token_nobody_is_notified_and_the_run_is_red(
    bench: DeliveryBench, fault: str
) -> None:
    bench.fcm.faults.add(fault, at="token")
    bench.queue(entry(1), entry(2), entry(3, person="bert"))
    made = await watch(bench)
    assert made.unsent == {Unsent.CREDENTIAL: 3}
    assert bench.attempts() == []
    said = account_text.sentence(made)
    assert "service account vigil@demo" in said and ", next try 2 March 2026 08:00:1" in said
    again = await watch(bench)
    assert (again.unsent, account_text.sentence(again)) == (made.unsent, said), (
        "what is not tried yet is forgotten"
    )
    bench.fcm.faults.clear()
    bench.later(seconds=16)
    assert (await watch(bench)).unsent == {}
    assert {s for s, _ in bench.states()} == {"sent"}


async def test_why_says_what_defers_an_unsent_notice_and_when_it_is_retried(
    bench: DeliveryBench,
) -> None:
    bench.fcm.faults.add("unavailable", at="token")
    bench.queue(entry(1))
    await watch(bench)
    due = bench.row["due_at"]
    out = io.StringIO()
    assert (
        explain(
            "ada", bench.ledger, delivery_runs.PROJECT / "rules", "UTC", None, Console(file=out, width=300)
        )
        == 0
    )
    assert "no access token for service account vigil@demo" in out.getvalue()
    assert f"next try {due:%Y-%m-%d %H:%M:%S}" in out.getvalue()


async def test_a_proxy_that_is_dead_makes_the_run_red(bench: DeliveryBench) -> None:
    bench.queue(entry(1))
    made = await watch(bench, proxy=f"http://127.0.0.1:{closed_port()}")
    assert made.unsent == {Unsent.CREDENTIAL: 1} and "connection refused" in account_text.sentence(made)


async def test_one_notice_of_many_that_was_not_sent_makes_the_run_red(bench: DeliveryBench) -> None:
    bench.fcm.faults.add("unavailable", match={"token": "tok-bert-android"})
    bench.queue(*(entry(n) for n in range(9)), entry(10, person="bert"))
    made = await watch(bench)
    assert made.rows["sent"] == 9
    assert made.unsent == {Unsent.RETRY: 1}


async def test_what_a_quota_keeps_is_not_handed_over(bench: DeliveryBench) -> None:
    bench.queue(*(entry(n) for n in range(5)))
    assert (await watch(bench, device_per_minute=2)).unsent == {Unsent.SLOWED: 3}


async def test_where_fcm_says_that_it_is_too_much_the_run_is_red(bench: DeliveryBench) -> None:
    bench.fcm.faults.add("quota")
    bench.queue(entry(1))
    assert (await watch(bench)).unsent == {Unsent.SLOWED: 1}


async def test_what_comes_behind_one_that_waits_waits_as_well(bench: DeliveryBench) -> None:
    bench.fcm.faults.add("unavailable")
    bench.queue(entry(1), entry(1, occurrence="2026-04-30"))
    assert (await watch(bench)).unsent == {Unsent.RETRY: 1, Unsent.BEHIND: 1}


async def test_what_another_worker_holds_for_longer_than_a_run_waits_is_counted(bench: DeliveryBench) -> None:
    bench.queue(entry(1))
    held, began = claim(bench, "elsewhere:1:a", 1), bench.now

    async def pause(seconds: float) -> None:
        bench.later(seconds=seconds)
        with bench.ledger.write() as connection:
            leases.renew(connection, "elsewhere:1:a", held, bench.now + MINUTE)

    made = await delivery_runs.delivered(bench, delivery_runs.opened(bench), pause)
    assert made.unsent == {Unsent.HELD: 1}
    assert bench.now - began == timedelta(minutes=10)


async def test_what_nobody_had_in_hand_when_the_run_ended_is_counted(bench: DeliveryBench) -> None:
    run = delivery_runs.opened(bench)
    bench.queue(entry(1))
    run.counters.delivers = True
    assert delivery_runs.closed(run).unsent == {Unsent.UNTAKEN: 1}


@pytest.mark.parametrize("late", [True, False])
async def test_what_is_given_up_makes_red_the_run_that_gives_it_up_and_no_other(
    bench: DeliveryBench, late: bool
) -> None:
    if late:
        bench.queue(entry(1, message=replace(entry(1).message, ttl=60)))
        bench.later(minutes=2)
    else:
        bench.fcm.faults.add("invalid")
        bench.queue(entry(1))
    assert (await watch(bench)).unsent == {Unsent.GIVEN_UP: 1}
    assert (await watch(bench)).unsent == {}


async def test_what_quiet_hours_or_a_digest_keep_is_yet_to_come_and_named(bench: DeliveryBench) -> None:
    bench.queue(
        entry(1, due_at=T0 + 60 * MINUTE),
        entry(2, state="suppressed", reason=Why.GROUPED.value),
        entry(3, state="suppressed", reason=Why.GROUPED.value),
    )
    made = await watch(bench)
    assert made.unsent == {}
    assert account_text.sentence(made) == (
        "1 notice waits for the end of quiet hours, the first until 2 March 2026 09:00 (UTC); 2 notices wait for the next digest"
    )
    bench.later(hours=1)
    assert (await watch(bench)).earlier == {"sent": 1}


async def test_a_blip_makes_no_red_run(bench: DeliveryBench) -> None:
    bench.fcm.faults.add("reset_before", times=2)
    bench.fcm.faults.add("unavailable", at="token", times=1)
    bench.queue(entry(1), entry(2))
    began = bench.now
    said: list[Waiting] = []

    async def pause(seconds: float) -> None:
        bench.later(seconds=seconds)

    made = await delivery_runs.delivered(bench, delivery_runs.opened(bench, MINUTE), pause, said.append)
    assert (made.unsent, made.rows) == ({}, {"sent": 2})
    assert timedelta(seconds=10) <= bench.now - began <= MINUTE
    assert said and all(s.causes for s in said), "the log does not say for what it waits"


async def test_the_patience_of_a_run_ends(bench: DeliveryBench) -> None:
    bench.fcm.faults.add("unavailable")
    bench.queue(entry(1))
    began = bench.now
    made = await watch(bench, patience=MINUTE)
    assert made.unsent == {Unsent.RETRY: 1}
    assert timedelta(seconds=30) <= bench.now - began <= MINUTE
    assert len(bench.attempts()) == 3, "10, 20 and 40 seconds: the third wait is over the minute"


async def test_a_run_waits_for_no_person(bench: DeliveryBench) -> None:
    """A credential that was refused is not mended within a minute: the run ends at once and says which one."""
    bench.fcm.faults.add("permission_denied")
    bench.queue(entry(1))
    began = bench.now
    made = await watch(bench, patience=MINUTE)
    assert (made.unsent, bench.now) == ({Unsent.CREDENTIAL: 1}, began)
    assert len(made.refused) == 1


async def test_the_rows_of_a_dead_worker_are_sent_by_the_run_that_finds_them(bench: DeliveryBench) -> None:
    """Its lease runs by real time: the run waits for it to end, whatever instant the run speaks of, and is green for good reason."""
    bench.queue(*(entry(n) for n in range(39)))
    claim(bench, "elsewhere:1:a", 39)
    began, real = bench.now, bench.now
    with bench.ledger.write() as connection:
        runs.begin(connection, "watch", bench.now, bench.now)  # that died

    async def pause(seconds: float) -> None:
        nonlocal real
        real += timedelta(seconds=seconds)

    run = delivery_runs.opened(bench)
    run.real = lambda _: real
    made = await delivery_runs.delivered(bench, run, pause)
    assert (made.unsent, made.rows, bench.now) == ({}, {}, began)
    assert made.earlier == {"sent": 39}
    assert MINUTE <= real - began < MINUTE + timedelta(seconds=2)


def rows_of(title: str) -> list[list[str]]:
    """The rows of the table under a heading of docs/states.md, cell by cell."""
    section = PAGE.read_text().split(f"# {title}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


KINDS = {
    Unsent.RETRY: Waiting({"FCM answered 503 UNAVAILABLE": 2}),
    Unsent.CREDENTIAL: Waiting({"service account x was refused: HTTP 403": 2}),
    Unsent.SLOWED: Waiting({"a device has had as many notices as FCM allows it": 2}),
    Unsent.BEHIND: Waiting(behind=2),
    Unsent.HELD: Waiting(held=2),
    Unsent.UNTAKEN: Waiting(untaken=2),
    Unsent.NO_DIGEST: Waiting(),
    Unsent.NOT_ASKED: Waiting(),
    Unsent.GIVEN_UP: Waiting(),
}
LATER = {
    Unsent.NO_DIGEST: ToCome(digest=3, no_digest=2),
    Unsent.NOT_ASKED: ToCome(guard=3, not_asked=2),
}


def account(**given: Any) -> Account:
    return Account(
        1, "watch", T0, T0, {}, given.pop("rows", {}), delivers=given.pop("delivers", True), **given
    )


@pytest.mark.parametrize("kind", list(Unsent))
def test_the_kinds_that_make_a_run_undelivered_are_those_of_the_page(kind: Unsent) -> None:
    assert [row[0] for row in rows_of("What keeps a notice that was due")] == [k.value for k in Unsent]
    rows = {"failed": 2} if kind is Unsent.GIVEN_UP else {}
    later = LATER.get(kind, ToCome())
    made = account(waits=KINDS[kind], later=later, rows=rows)
    assert made.unsent == {kind: 2}
    state = ended(made).state()
    assert (state.name, state.type.value) == ("Undelivered", "FAILED")
    assert f"- 2 notices: {kind.value}" in account_text.page(made)
    assert not account(waits=KINDS[kind], later=later, rows=rows, delivers=False).unsent, (
        "a run that sends nothing judges nobody's sending"
    )


def test_each_state_has_a_row_and_its_colour_on_the_page() -> None:
    page = {(row[0], row[1]) for row in rows_of("The states of a run")}
    assert {name for name, _ in page} == {n.value for n in Named}
    made = {
        Named.COMPLETED: ended(account()),
        Named.HELD: ended(account(), held=1),
        Named.GAPS: ended(account(gaps=("a",), waits=Waiting(held=1)), held=1),
        Named.UNDELIVERED: ended(account(waits=Waiting(held=1), refused_rules=("r",))),
        Named.REFUSED: ended(account(refused_rules=("r",)), held=1),
    }
    for name, ending in made.items():
        colour = "red" if ending.state().is_failed() else "green"
        assert (ending.name, colour) in page and ending.name is name


def test_the_event_has_what_keeps_notices_by_the_names_of_the_page() -> None:
    from flows.support.events import failing

    made = account(waits=Waiting({"FCM answered 503": 1}, held=3), rows={"failed": 2}, notices=())
    told = failing(made)
    assert told["causes"] == {"waits for another try": 1, "in another worker's hands": 3, "given up": 2}
    assert re.search(r"FCM answered 503", " ".join(told["why"]))

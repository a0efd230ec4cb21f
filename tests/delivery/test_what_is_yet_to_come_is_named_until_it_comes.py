"""What waits as it should is named by every run's account, whichever run found it; what it waits for must come, or the run is red."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support import delivery_runs
from tests.support.delivery_bench import DeliveryBench, opened
from tests.support.samples import MINUTE, T0, entry, workspace
from vigil.compliance.evaluation.results import DIGESTED, Why
from vigil.compliance.notify.guards import GuardWhy
from vigil.delivery.push.settings import FcmSettings
from vigil.ledger.observed import behind, observations, runs
from vigil.ledger.outbox import guard_holds, queue
from vigil.ledger.outbox.guard_holds import GuardHold
from vigil.ledger.values import RunState
from vigil.sandbox.fcm.local import LocalFcm
from vigil.service import account_text
from vigil.service.accounting import Account
from vigil.service.unsent import Unsent

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GROUPED, HELD = Why.GROUPED.value, GuardWhy.HELD.value
FRIDAY = datetime(2026, 3, 6, 15, 30, tzinfo=UTC)


@pytest.fixture
def bench(tmp_path: Path, fcm: LocalFcm, settings: Callable[..., FcmSettings]) -> Iterator[DeliveryBench]:
    with opened("sqlite", tmp_path, fcm, settings, "ada") as made:
        yield made


def found(bench: DeliveryBench, n: int = 1, **row: object) -> int:
    """A run that finds one notice which is not due now, and ends."""
    with bench.ledger.write() as connection:
        run = runs.begin(connection, "watch", bench.now, bench.now)
        observations.record(connection, [workspace(n)], bench.now, run)
        queue.enqueue(connection, [entry(n, **row)], bench.now, run)
        runs.end(connection, run, RunState.DONE, {}, bench.now)
    return run


def digest(bench: DeliveryBench, at: datetime, state: RunState = RunState.DONE) -> None:
    """A digest that ended and had nothing to do with what waits."""
    with bench.ledger.write() as connection:
        runs.end(connection, runs.begin(connection, "digest", at, at), state, {}, at)


def held(bench: DeliveryBench, flow_run: str, patience: timedelta = 10 * DAY) -> None:
    run, now = found(bench, state="suppressed", reason=HELD), bench.now
    hold = GuardHold(
        0,
        "contract-renewal",
        run,
        flow_run,
        now,
        now + patience,
        1,
        1,
        1,
        9,
        ("too many",),
        guard_holds.WAITING,
    )
    with bench.ledger.write() as connection:
        guard_holds.keep(connection, hold)


async def tick(bench: DeliveryBench) -> Account:
    return await delivery_runs.delivered(bench, delivery_runs.opened(bench))


WAITS: dict[str, tuple[Callable[[DeliveryBench], object], str]] = {
    "quiet hours": (
        lambda bench: found(bench, 7, due_at=T0 + 2 * HOUR),
        "1 notice waits for the end of quiet hours, the first until 2 March 2026 10:00 (UTC)",
    ),
    "the digest": (
        lambda bench: found(bench, 8, state="suppressed", reason=GROUPED),
        "1 notice waits for the next digest",
    ),
    "an answer": (
        lambda bench: held(bench, "a-flow-run"),
        "1 notice waits for a guard's answer, the first until 12 March 2026 08:00 (UTC)",
    ),
}


@pytest.mark.parametrize("name", WAITS)
async def test_every_run_names_it_for_as_long_as_it_waits_and_is_green(
    bench: DeliveryBench, name: str
) -> None:
    begin, said = WAITS[name]
    begin(bench)
    for _ in range(3):
        bench.later(minutes=15)
        made = await tick(bench)
        assert (account_text.sentence(made), made.unsent, account_text.result(made)) == (
            said,
            {},
            "nothing new",
        )
        assert made.quiet


async def test_all_that_waits_is_in_one_sentence(bench: DeliveryBench) -> None:
    for begin, _ in WAITS.values():
        begin(bench)
    found(bench, 2, state="suppressed", reason=Why.LATE_DIGEST.value)
    found(bench, 3, state="suppressed", reason=Why.GROUPED.value, person="bert")
    sentence = account_text.sentence(await tick(bench))
    assert all(part in sentence for part in ("quiet hours", "3 notices wait for the next", "guard's answer"))


async def test_what_quiet_hours_kept_is_sent_when_they_end_and_named_no_more(bench: DeliveryBench) -> None:
    found(bench, due_at=T0 + HOUR)
    bench.later(hours=1)
    made = await tick(bench)
    assert (account_text.sentence(made), made.later.quiet) == ("1 delivered from earlier runs", 0)


async def test_a_run_that_does_not_send_after_quiet_hours_ended_is_red(
    bench: DeliveryBench,
) -> None:
    found(bench, due_at=T0 + HOUR)
    bench.later(hours=30)
    run = delivery_runs.opened(bench)
    run.counters.delivers = True
    assert delivery_runs.closed(run).unsent == {Unsent.UNTAKEN: 1}


@pytest.mark.parametrize("reason", sorted(DIGESTED))
async def test_where_no_digest_ever_runs_the_run_is_red_after_three_days(
    bench: DeliveryBench, reason: Why
) -> None:
    found(bench, state="suppressed", reason=reason.value)
    bench.later(hours=72)
    assert (await tick(bench)).unsent == {}
    bench.later(minutes=1)
    made = await tick(bench)
    assert made.unsent == {Unsent.NO_DIGEST: 1}
    assert account_text.sentence(made) == (
        "1 notice waits for the next digest, 1 of them for too long: the digest does not run"
    )
    assert not made.quiet and "1 without a digest" in account_text.result(made)


async def test_a_weekend_is_not_red(bench: DeliveryBench) -> None:
    """The shipped schedule: working days at 7:30 and 16:30 in Berlin."""
    for at in (FRIDAY - 33 * HOUR, FRIDAY - 24 * HOUR, FRIDAY - 9 * HOUR, FRIDAY):
        digest(bench, at)
    bench.now = FRIDAY + MINUTE
    found(bench, state="suppressed", reason=GROUPED)
    bench.now = FRIDAY + 63 * HOUR
    assert (await tick(bench)).unsent == {}


async def test_a_site_that_makes_its_digest_once_a_week_is_not_red_between(bench: DeliveryBench) -> None:
    for week in range(-2, 1):
        digest(bench, T0 + 7 * week * DAY)
    bench.later(minutes=1)
    found(bench, state="suppressed", reason=GROUPED)
    bench.later(days=7)
    assert (await tick(bench)).unsent == {}
    bench.later(hours=3)
    assert (await tick(bench)).unsent == {Unsent.NO_DIGEST: 1}


@pytest.mark.parametrize(
    ("state", "red"), [(RunState.DONE, False), (RunState.GAPS, False), (RunState.FAILED, True)]
)
async def test_what_a_digest_left_where_it_is_waits_for_something_else(
    bench: DeliveryBench, state: RunState, red: bool
) -> None:
    """A rule that is left out: the run is Refused for that. A digest that failed was none."""
    found(bench, state="suppressed", reason=GROUPED)
    digest(bench, T0 + HOUR, state)
    bench.later(days=4)
    assert ((await tick(bench)).unsent == {Unsent.NO_DIGEST: 1}) is red


@pytest.mark.parametrize(("flow_run", "red"), [("a-flow-run", False), ("", True)])
async def test_a_guards_question_that_nobody_was_asked_is_red_after_two_hours(
    bench: DeliveryBench, flow_run: str, red: bool
) -> None:
    held(bench, flow_run)
    bench.later(hours=2)
    assert (await tick(bench)).unsent == {}
    bench.later(minutes=1)
    made = await tick(bench)
    assert made.unsent == ({Unsent.NOT_ASKED: 1} if red else {})
    assert ("nobody was asked about 1: `vigil guard list`" in account_text.sentence(made)) is red


async def test_a_digest_that_defers_a_notice_does_not_say_that_no_digest_runs(
    bench: DeliveryBench,
) -> None:
    found(bench, state="suppressed", reason=GROUPED)
    bench.later(days=4)
    run = delivery_runs.run(bench.ledger, bench.now, bench.clock, flow="digest", real=bench.real)
    assert (await delivery_runs.delivered(bench, run)).unsent == {}


async def test_a_workspace_that_is_behind_is_named_by_runs_that_read_nothing_too(
    bench: DeliveryBench,
) -> None:
    with bench.ledger.write() as connection:
        behind.not_read(connection, {7: "503"}, {7: "Contract"}, bench.now)
    assert account_text.sentence(await tick(bench)) == "1 workspace waits for the next watch"

"""A backfill, its approval, a digest and the end of quiet hours give one answer to "is this notice still true?"."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.support.run_bench import HOUR, NOON, Failure, RunBench
from vigil.compliance.evaluation.results import DIGESTED, Outcome, Why
from vigil.compliance.rules.loader import load_text
from vigil.ledger import Ledger
from vigil.ledger.observed import rule_state
from vigil.ledger.outbox import queue
from vigil.ledger.tables import NoticeRow, table
from vigil.service import account_text, accounting, digest, recheck
from vigil.service.backfill import Line, ManifestStatus, approve, manifest
from vigil.service.manifest_diff import changes

_notice = table(NoticeRow)

RULES = """\
rule: made
kind: milestone
subject: {workspace_type: Case}
due: created
calendar: {zone: UTC, at: "12:00"}
steps: [{id: third, at: +3d, to: [user: cem]}]
---
rule: unpermitted
kind: condition
subject: {workspace_type: Case}
require: {document: Permit, state: valid}
to: [user: cem]
resolved: true
"""
MADE, UNPERMITTED = "made", "unpermitted"
DOCUMENTS = "GET /nodes/{id}/nodes"
"""What a permit is looked for by where there is no search: while it fails the condition is held."""
LISTED = {"modules_absent": ["search", "recyclebin"]}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunBench]:
    bench = RunBench(tmp_path_factory.mktemp("bench"))
    bench.rules = load_text({f"{n}.yaml": text for n, text in enumerate(RULES.split("---\n"))})
    yield bench
    bench.close()


@pytest.fixture
def ledger(bench: RunBench) -> Ledger:
    """After a first run: 1002 has no permit, and somebody was queued to be told."""
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    return ledger


def put(ledger: Ledger, rule: str, **values: object) -> None:
    with ledger.write() as connection:
        assert connection.execute(update(_notice).where(_notice.c.rule == rule).values(**values)).rowcount


def states(ledger: Ledger) -> dict[tuple[str, int], tuple[str, str]]:
    with ledger.read() as connection:
        return {(r["rule"], r["workspace"]): (r["state"], r["reason"]) for r in queue.rows(connection)}


def offered(bench: RunBench, ledger: Ledger, hours: float) -> tuple[str, dict[tuple[str, int], Line]]:
    """What a backfill of everything up to now offers, by rule and workspace."""
    run, client = bench.run("backfill", ledger, hours)
    id, lines = bench.do(run, client, lambda: manifest(run, NOON - HOUR, run.as_of))
    begun = [line for line in lines if not line.entry.occurrence.endswith(":resolved")]
    return id, {(line.entry.rule, line.entry.workspace): line for line in begun}


def drifted(bench: RunBench, ledger: Ledger, id: str, hours: float) -> dict[tuple[str, int], str]:
    run, _ = bench.run("backfill", ledger, hours)
    return {(row["rule"], row["workspace"]): row["changed"] for row in changes(run, id)}


def test_a_milestone_of_the_creation_can_be_backfilled(bench: RunBench, ledger: Ledger) -> None:
    id, lines = offered(bench, ledger, 30)
    made = [lines[MADE, case] for case in (1001, 1002)]
    assert [line.standing for line in made] == [ManifestStatus.NOW, ManifestStatus.NOW]
    assert not drifted(bench, ledger, id, 30)
    run, _ = bench.run("backfill", ledger, 30)
    assert approve(run, id).queued >= 2
    assert {states(ledger)[MADE, case][0] for case in (1001, 1002)} == {"queued"}


def test_a_condition_that_cannot_be_read_now_is_not_over(bench: RunBench) -> None:
    """Offered again where FCM gave it up, no drift when it is approved, in the digest, and sent when the night is over."""
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0, quirks=LISTED)
    put(ledger, UNPERMITTED, state="failed", reason="UNAVAILABLE")
    failing = bench.watch(ledger, 0.6, Failure(way="500", endpoint=DOCUMENTS), quirks=LISTED)
    assert not failing.green
    with ledger.read() as connection:
        (held_now,) = (s for s in rule_state.rule_states(connection, [1002]) if s.rule == UNPERMITTED)
    assert held_now.outcome == Outcome.HELD
    id, lines = offered(bench, ledger, 0.7)
    assert lines[UNPERMITTED, 1002].standing is ManifestStatus.AGAIN
    assert not drifted(bench, ledger, id, 0.7)
    put(ledger, UNPERMITTED, state="suppressed", reason=Why.GROUPED.value)
    run, _ = bench.run("digest", ledger, 0.8)
    digest.make_digests(run, ["cem"])
    assert states(ledger)[UNPERMITTED, 1002][1].startswith("in digest ")
    held(ledger, until=0.9)
    run, _ = bench.run("watch", ledger, 0.9)
    assert recheck.explain(run) == 0


def test_a_condition_that_ended_is_over_for_each_of_them(bench: RunBench, ledger: Ledger) -> None:
    put(ledger, UNPERMITTED, state="failed", reason="UNAVAILABLE")
    id, lines = offered(bench, ledger, 0.5)
    assert lines[UNPERMITTED, 1002].standing is ManifestStatus.AGAIN
    bench.watch(ledger, 2)  # the permit came at 1.4
    assert drifted(bench, ledger, id, 2)[UNPERMITTED, 1002].startswith("the condition is no longer met")
    _, lines = offered(bench, ledger, 2.1)
    cleared = lines[UNPERMITTED, 1002]
    assert (cleared.standing, cleared.reason) == (ManifestStatus.CLEARED, "the condition is no longer met")
    put(ledger, UNPERMITTED, state="suppressed", reason=Why.GROUPED.value)
    run, _ = bench.run("digest", ledger, 2.2)
    digest.make_digests(run, ["cem"])
    assert states(ledger)[UNPERMITTED, 1002] == ("suppressed", Why.CLEARED.value)


def held(ledger: Ledger, until: float) -> None:
    """As quiet hours hold them back: due later than they were queued."""
    put(ledger, UNPERMITTED, state="queued", reason="", due_at=NOON + until * HOUR)


def test_what_was_settled_in_the_night_is_not_sent_in_the_morning_nor_its_end(
    bench: RunBench, ledger: Ledger
) -> None:
    held(ledger, until=2.5)
    bench.watch(ledger, 2)
    run, _ = bench.run("watch", ledger, 2.4)
    assert recheck.explain(run) == 0, "it is not due yet"
    run, _ = bench.run("watch", ledger, 2.5)
    assert recheck.explain(run) == 2
    with ledger.read() as connection:
        found = [
            (r["occurrence"].endswith(":resolved"), r["state"], r["reason"]) for r in queue.rows(connection)
        ]
    assert found == [(False, "suppressed", Why.NO_LONGER), (True, "suppressed", Why.NO_LONGER)]
    assert recheck.explain(run) == 0
    assert "2 no longer true from earlier runs" in account_text.sentence(accounting.account(run))


def test_the_end_is_told_to_who_was_told_of_the_beginning(bench: RunBench, ledger: Ledger) -> None:
    put(ledger, UNPERMITTED, state="sent")
    bench.watch(ledger, 2)
    with ledger.write() as connection:
        mine = _notice.c.occurrence.endswith(":resolved")
        connection.execute(update(_notice).where(mine).values(due_at=NOON + timedelta(hours=3)))
    run, _ = bench.run("watch", ledger, 3)
    assert recheck.explain(run) == 0
    assert set(states(ledger).values()) == {("queued", "")}


def test_reasons_of_what_waits_are_not_those_of_what_was_left_out() -> None:
    assert {Why.NO_LONGER, Why.GONE_SINCE}.isdisjoint({Why.CLEARED, Why.GONE, *DIGESTED})

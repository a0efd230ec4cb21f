"""What nobody may read for a run, and then may again, is not lost: rights that are given back move no date that a list shows."""

from __future__ import annotations

import pytest

from tests.support.run_bench import EMPTY, HOUR, NOON, Failure, RunBench, RunResult
from vigil.ledger.observed import observations
from vigil.service.why import about_workspace

RUNS = 5
CHILDREN = "GET /nodes/{id}/nodes"
LISTED = {"modules_absent": ["search", "recyclebin"]}
"""A server whose workspaces are listed in each reading."""


@pytest.fixture(scope="module")
def told(bench: RunBench) -> list[RunResult]:
    """What had been told after each of the runs in which everything may be read."""
    ledger = bench.scratch.restore(bench.empty)
    return [bench.watch(ledger, n) for n in range(RUNS)]


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("run", [1, 2])
@pytest.mark.parametrize("node", [1001, 1002, 51, 52, 53, 54])
def test_a_node_that_may_not_be_read_in_one_run_loses_nothing(
    bench: RunBench, told: list[RunResult], node: int, run: int, counted: bool
) -> None:
    """Events, steps, moments and conditions: two runs later everybody was told of them. A list that counts what it does not show
    may be a gap."""
    ledger = bench.scratch.restore(bench.empty)
    for n in range(RUNS):
        result = bench.watch(ledger, n, unreadable=(node,) if n == run else (), counted=counted)
        assert result.green or (n == run and counted)
    lost = told[-1].rows - result.rows
    assert not lost, f"never told: {lost}"


def test_what_was_told_before_a_workspace_went_is_not_told_again(
    bench: RunBench, told: list[RunResult]
) -> None:
    ledger = bench.scratch.restore(bench.empty)
    for n in range(3):
        bench.watch(ledger, n)
    for n, unreadable in ((3, (1001, 1002)), (4, ()), (5, ())):
        result = bench.watch(ledger, n, unreadable=unreadable)
    assert result.rows == told[-1].rows


def test_a_list_that_lacks_what_is_there_by_its_id_is_a_gap(bench: RunBench, told: list[RunResult]) -> None:
    """A child list without rows, and a count of none, for a whole run. With a search, known items are read by their ids instead."""
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0, quirks=LISTED)
    failure = Failure(way=EMPTY, endpoint=CHILDREN)
    failing = bench.watch(ledger, 1, failure, quirks=LISTED)
    assert failure.happened
    assert not failing.green
    assert "the list lacks 1 known document that is there" in failing.said
    with ledger.read() as connection:
        assert not [b for b in observations.deleted_items(connection, 10) if b.kind == "document"]
    for n in (2, 3, 4):
        result = bench.watch(ledger, n, quirks=LISTED)
    assert result.green
    assert not told[-1].rows - result.rows


def test_what_is_missing_is_looked_for_the_latest_first_and_the_rest_in_turns(bench: RunBench) -> None:
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    bench.watch(ledger, 1)
    bench.watch(ledger, 2, unreadable=(51, 1002))
    with ledger.read() as connection:
        every = observations.deleted_items(connection, 10)
        assert {(b.kind, b.subject, b.type) for b in every} == {
            ("workspace", "1002", "Case"),
            ("document", "51", ""),
        }
        assert [b.seq for b in every] == sorted((b.seq for b in every), reverse=True)
        assert observations.deleted_items(connection, 10, every[0].seq) == every[1:]
        assert observations.gone_since(connection, [1001, 1002]) == {1002: NOON + 2 * HOUR}


def test_why_says_since_when_a_workspace_is_gone(bench: RunBench) -> None:
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    bench.watch(ledger, 1, unreadable=(2001,))
    answer = about_workspace(ledger, bench.rules, 2001, "UTC")
    assert answer.known and answer.gone_at == NOON + HOUR
    assert about_workspace(ledger, bench.rules, 2001, "UTC", NOON).gone_at is None, "it was there then"
    bench.watch(ledger, 2)
    assert about_workspace(ledger, bench.rules, 2001, "UTC").gone_at is None
    assert not about_workspace(ledger, bench.rules, 999, "UTC").known


def test_a_workspace_that_does_not_show_all_it_holds_stands_in_the_account(bench: RunBench) -> None:
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    hidden = bench.watch(ledger, 1, unreadable=(52,))
    assert "1 workspace shows fewer items than it counts" in hidden.said
    assert "does not show" not in bench.watch(ledger, 2).said

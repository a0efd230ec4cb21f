"""Extended ECM dies in the middle of a run: the run stops reading, says so once, keeps what is in, and the next runs do the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.support.run_bench import Failure, RunBench

MANY = 300


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunBench]:
    found = RunBench(tmp_path_factory.mktemp("large"), more=MANY)
    yield found
    found.close()


def test_what_was_not_requested_is_counted_once_and_nothing_more_is_requested(
    large: RunBench, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = large.scratch.restore(large.empty)
    dying = Failure(dies_after=700)
    with caplog.at_level(logging.WARNING):
        result = large.watch(ledger, 0, dying)
    said = [r.getMessage() for r in caplog.records if "stopped reading" in r.getMessage()]
    assert len(said) == 1
    assert " of 302 workspaces were not asked" in said[0]
    assert not result.green
    assert "Extended ECM: reading was stopped, it does not answer" in result.said
    assert dying.refused < 100
    assert len(caplog.records) < 100
    with ledger.read() as connection:
        kept = connection.exec_driver_sql("select count(*) from newest where kind = 'workspace'").scalar()
    assert kept is not None and 50 < kept < MANY


def test_the_next_run_reads_what_was_not_asked(large: RunBench) -> None:
    whole = large.scratch.restore(large.empty)
    for hours in (0, 1):
        wanted = large.watch(whole, hours)
    ledger = large.scratch.restore(large.empty)
    large.watch(ledger, 0, Failure(dies_after=700))
    after = large.watch(ledger, 1)
    assert after.green
    # What an attribute's value was before the first look at it, and who was in a role, nobody can say.
    assert wanted.rows - after.rows <= {row for row in wanted.rows if row[0] in ("status", "steward-changed")}
    assert not {row for row in after.rows - wanted.rows if row[0] != "permit" and row[0] != "incomplete"}


@pytest.mark.parametrize("calls", [0, 2, 9, 20, 32])
def test_wherever_in_a_run_it_dies_nothing_is_lost(bench: RunBench, calls: int) -> None:
    ledger = bench.scratch.restore(bench.empty)
    for hours in (0, 1, 2, 3):
        wanted = bench.watch(ledger, hours)
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    dead = bench.watch(ledger, 1, Failure(dies_after=calls))
    assert not dead.green
    bench.watch(ledger, 2)
    after = bench.watch(ledger, 3)
    assert after.green
    assert after.rows == wanted.rows

"""How far below its watermarks a run asks again, and how far they move: clocks of nodes are apart, and an index is late."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from tests.support.run_bench import HOUR, NOON, RunBench
from vigil.compliance.facts import WorkspaceType
from vigil.ecm import Client, ListedWorkspace
from vigil.ecm.clocks import Skew
from vigil.ecm.dialect import SearchDialect
from vigil.ecm.parse import DOCUMENT
from vigil.ecm.recycle_bin import DeletedNode
from vigil.ecm.search import SearchRow
from vigil.ledger import Ledger, watermarks
from vigil.ledger.watermarks import ListMark, Watermark, WatermarkName, list_of
from vigil.service import change_feed, extraction
from vigil.service.extraction import Extraction
from vigil.service.run import Run

CASE = WorkspaceType("Case", (), (), (), 1)
LATE = 2 * HOUR
"""How late an index may be, and how far clocks may be apart that nobody measured."""


@contextmanager
def reading(bench: RunBench, skew: Skew | None = None) -> Iterator[tuple[Run, Client, Ledger]]:
    """A run an hour after NOON that has met clocks which are `skew` apart from ours."""
    ledger = bench.scratch.fresh()
    run, client = bench.run("watch", ledger, 1)
    run.counters.skew = skew
    yield run, client, ledger


def mark(ledger: Ledger, name: WatermarkName | ListMark, at: datetime | None = None) -> datetime | None:
    """Where a watermark is; `at` puts it there."""
    if at is not None:
        with ledger.write() as connection:
            watermarks.set_watermark(connection, name, Watermark(at=at))
    with ledger.read() as connection:
        return watermarks.watermark(connection, name).at


def listed(
    bench: RunBench, skew: Skew | None, *rows: ListedWorkspace
) -> tuple[datetime | None, datetime | None]:
    """From when the list of cases is asked for, with a watermark at NOON, and where that is afterwards, if these rows come."""
    asked: list[datetime | None] = []

    async def changed(
        type: WorkspaceType, since: datetime | None
    ) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
        asked.append(since)
        yield rows

    with reading(bench, skew) as (run, client, ledger):
        mark(ledger, list_of("Case"), NOON)

        async def read() -> None:
            client.skew = skew
            run.extractor.changed = changed  # type: ignore[method-assign, assignment]
            async for _ in extraction._changed_of(Extraction(run), CASE, False, set(), None):
                pass

        bench.do(run, client, read)
        return asked[0], mark(ledger, list_of("Case"))


@pytest.mark.parametrize(("behind", "below"), [(0, LATE), (1, LATE), (5, 5 * HOUR)])
def test_a_list_is_read_again_as_far_as_a_clock_is_behind(
    bench: RunBench, behind: int, below: timedelta
) -> None:
    """A node five hours behind dates what changes now five hours below what another one dated before."""
    since, _ = listed(bench, Skew(-behind * HOUR, timedelta()))
    assert since == NOON - below


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_date_of_a_clock_that_is_ahead_moves_no_watermark_beyond_the_present(
    bench: RunBench, ahead: int
) -> None:
    """The next change, by a node whose clock is right, would seem older than it. The run is at NOON and an hour."""
    present = NOON + HOUR + ahead * HOUR
    rows = [ListedWorkspace(n, "", NOON + n * HOUR, "Case") for n in (9, 0)]
    _, at = listed(bench, Skew(timedelta(), ahead * HOUR), *rows)
    assert at == present


def test_the_search_is_asked_again_as_far_back_as_an_index_is_late(bench: RunBench) -> None:
    asked: list[datetime] = []

    async def changed(kind: int, since: datetime, until: datetime) -> AsyncIterator[list[SearchRow]]:
        asked.append(since)
        yield []

    with reading(bench) as (run, client, ledger):
        mark(ledger, WatermarkName.SEARCH, NOON)

        async def follow() -> None:
            client.learn(search=SearchDialect(), search_known=True, bin="", why="a test")
            run.extractor.feed.changed = changed  # type: ignore[method-assign]
            await change_feed.follow(run, ())

        bench.do(run, client, follow)
    assert asked and set(asked) == {NOON - LATE}


def test_the_recycle_bin_is_read_again_as_far_back_as_clocks_may_be_apart(bench: RunBench) -> None:
    asked: list[datetime] = []

    async def deleted(since: datetime, now: datetime) -> list[DeletedNode]:
        asked.append(since)
        return [DeletedNode(7, "", DOCUMENT, 5, now + HOUR, 3)]

    with reading(bench) as (run, client, ledger):
        mark(ledger, WatermarkName.BIN, NOON)

        async def follow() -> None:
            client.learn(search=None, search_known=True, bin="anyone_deleted", why="a test")
            run.extractor.feed.deleted = deleted  # type: ignore[method-assign]
            await change_feed.follow(run, ())

        bench.do(run, client, follow)
        assert mark(ledger, WatermarkName.BIN) == NOON + HOUR, "not beyond the present"
    assert asked == [NOON - LATE]

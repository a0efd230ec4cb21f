"""A change that no list shows is found in the run after the index has it, whatever the size; what the index lacks, by the rounds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.plain_runs import watched
from tests.support.run_bench import HOUR, NOON, Failure, RunBench
from vigil.ecm import change_feed as feed
from vigil.ecm.search import SearchRow
from vigil.ledger import Ledger, watermarks
from vigil.ledger.observed import observations
from vigil.ledger.outbox import queue
from vigil.ledger.watermarks import WatermarkName
from vigil.sandbox.estate.model import EstateEvent
from vigil.sandbox.quirks import EcmFaults
from vigil.service import accounting
from vigil.service.run import Number, Run

LARGE = 300
"""So many further cases that a round of one request does not come to the ones in which something happens."""

CASE, PERMIT, OFFER = 3299, 9001, 9002
RULES = {
    "versions": "rule: versions\nkind: transition\nsubject: {workspace_type: Case}\nevents: [version_added]\nto: [user: cem]\n",
    "added": "rule: added\nkind: transition\nsubject: {workspace_type: Case}\nevents: [document_added]\nto: [user: cem]\n",
    "permit": "rule: permit\nkind: condition\nsubject: {workspace_type: Case}\nwhere: {field: attr.status, op: eq, value: has one}\n"
    "require: {document: Permit, state: present}\nto: [user: cem]\n",
}


@dataclass
class Watched:
    """Runs over a large estate, each of which may look up few known nodes."""

    bench: RunBench
    ledger: Ledger
    quirks: dict[str, Any] = field(default_factory=dict)
    failure: Failure = field(default_factory=Failure)
    run: Run | None = None

    def watch(self, hours: float) -> set[tuple[str, int]]:
        """The notices after a run at so many hours after NOON: rule and workspace."""
        faults = EcmFaults()
        faults.quirks.update(self.quirks)
        self.run, client = self.bench.run("watch", self.ledger, hours, self.failure, faults)
        run = self.run
        self.bench.alone(lambda: watched(run, client))
        accounting.account(run)
        with self.ledger.read() as connection:
            return {(r["rule"], r["workspace"]) for r in queue.rows(connection)}

    def number(self, name: Number) -> int:
        assert self.run is not None
        return self.run.counters.numbers[name]

    def mark(self, name: WatermarkName) -> Any:
        with self.ledger.read() as connection:
            return watermarks.watermark(connection, name).at


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Watched]:
    bench = RunBench(tmp_path, more=LARGE)
    there = bench.with_changes(RULES, [])
    there.site = replace(bench.site, verify_requests=1, rescan_every=timedelta(days=30))

    def happens(hours: float, kind: str, workspace: int = CASE, **data: Any) -> EstateEvent:
        usual = {"by": "ada", "expires": None}
        return EstateEvent(NOON + hours * HOUR, kind, workspace, usual | data, line=0)

    permit: dict[str, Any] = {"id": PERMIT, "name": "permit.pdf", "type": "Permit"}
    letters = [
        happens(-40, "document_added", 3001 + n, id=5001 + n, name="letter.pdf", type="Offer")
        for n in range(LARGE - 2)
    ]
    events = [
        *letters,
        happens(-30, "document_added", **permit),
        happens(0.2, "version_added", id=PERMIT),
        happens(3.2, "document_added", id=OFFER, name="offer.pdf", type="Offer"),
        happens(5.2, "document_deleted", id=PERMIT),
    ]
    given = sorted([*there.estate.events, *events], key=lambda e: e.ts)
    there.estate = replace(there.estate, events=tuple(given))
    ledger = there.scratch.fresh()
    yield Watched(there, ledger)
    bench.close()


def test_a_version_and_a_document_deep_in_a_folder_are_found_in_the_next_run(large: Watched) -> None:
    assert large.watch(0) == set()
    assert large.watch(1) == {("versions", CASE)}
    assert large.number(Number.FOUND_BY_SEARCH) == 1
    assert large.watch(2) == {("versions", CASE)} and not large.number(Number.FOUND_BY_SEARCH)
    assert large.watch(4) == {("versions", CASE), ("added", CASE)}


def test_the_first_run_of_an_estate_finds_its_documents_by_search(large: Watched) -> None:
    large.watch(0)
    listed = [what for what in large.failure.asked if "/nodes?" in what and what.startswith("GET /v2/nodes/")]
    assert len(listed) <= 3, "a probe asks a few workspaces for a document, and nobody lists all"
    assert any(what.startswith("POST /v2/search") for what in large.failure.asked)


@pytest.mark.parametrize("deep", [True, False], ids=["below the lists that probes read", "not there yet"])
def test_the_search_is_followed_as_soon_as_there_is_a_document(large: Watched, deep: bool) -> None:
    """In the first run no list at the root of a workspace shows one; the search does, or the ledger once there is one."""
    events = [
        e
        for e in large.bench.estate.events
        if e.kind not in ("document_added", "version_added", "document_deleted")
    ]
    document = {"by": "ada", "expires": None, "id": PERMIT, "name": "permit.pdf", "type": "Permit"}
    added = EstateEvent(NOON + (-30 if deep else 0.2) * HOUR, "document_added", CASE, document, line=0)
    version = EstateEvent(
        NOON + 1.2 * HOUR, "version_added", CASE, {"by": "ada", "expires": None, "id": PERMIT}, line=0
    )
    events = sorted([*events, added, version], key=lambda e: e.ts)
    large.bench.estate = replace(large.bench.estate, events=tuple(events))
    large.watch(0)
    assert (large.mark(WatermarkName.SEARCH) is not None) == deep
    large.watch(1)
    assert ("versions", CASE) in large.watch(2)
    assert large.number(Number.FOUND_BY_SEARCH) == 1


def test_without_search_the_rounds_find_the_same_later(large: Watched) -> None:
    large.quirks = {"modules_absent": ["search", "recyclebin"]}
    large.watch(0)
    assert large.watch(1) == set(), "a round of one request does not come to it"
    for hours in range(2, 12):
        told = large.watch(hours)
    assert told == {("versions", CASE), ("added", CASE)}


def test_an_index_that_is_late_is_followed_when_it_has_the_change(large: Watched) -> None:
    large.quirks = {"search_lag": 90 * 60}
    large.watch(0)
    assert large.watch(1) == set()
    assert large.watch(2) == {("versions", CASE)}
    mark = large.mark(WatermarkName.SEARCH)
    assert mark <= NOON + 0.5 * HOUR, "the watermark is the newest change in the index, not our clock"


def test_a_deleted_document_is_found_in_the_recycle_bin(large: Watched) -> None:
    large.watch(0)
    large.watch(4)
    assert large.number(Number.FOUND_IN_BIN) == 0
    large.watch(6)
    assert large.number(Number.FOUND_IN_BIN) == 1
    with large.ledger.read() as connection:
        assert PERMIT not in observations.homes(connection, [PERMIT])


def test_a_workspace_that_is_read_again_needs_no_list_of_what_is_known(large: Watched) -> None:
    large.watch(0)
    large.watch(4)
    large.failure.asked.clear()
    large.watch(6)
    assert large.number(Number.WORKSPACES_READ) == 1, "a document of it was deleted"
    assert not [
        what for what in large.failure.asked if "/nodes?" in what and what.startswith("GET /v2/nodes/")
    ]


def test_a_deleted_document_that_the_index_still_has_is_not_looked_for_again(
    large: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, kept = feed.ChangeFeed.changed, list[SearchRow]()

    async def changed(
        self: feed.ChangeFeed, kind: int, since: datetime, until: datetime
    ) -> AsyncIterator[list[SearchRow]]:
        async for rows in real(self, kind, since, until):
            kept.extend(row for row in rows if row.id == PERMIT)
            yield rows
        yield kept[-1:]  # an index that forgets late

    monkeypatch.setattr(feed.ChangeFeed, "changed", changed)
    large.watch(0)
    large.watch(4)
    assert kept, "the index had it"
    large.watch(6)
    large.watch(6.1)
    assert not large.number(Number.FOUND_BY_SEARCH) and large.number(Number.WORKSPACES_READ) == 0


def test_a_bin_that_is_refused_is_not_asked_again(large: Watched) -> None:
    large.quirks = {"bin_modes_off": ["anyone_deleted", "anyone_deleted_today"]}
    large.watch(0)
    assert large.run is not None and not large.run.counters.gaps
    large.watch(6)
    assert large.number(Number.FOUND_IN_BIN) == 0
    asked = [what for what in large.failure.asked if "recyclebin" in what]
    assert len(asked) <= 2, "the probes alone asked"


def test_a_search_that_fails_loses_nothing_and_is_followed_from_there(large: Watched) -> None:
    large.watch(0)
    before = large.mark(WatermarkName.SEARCH)
    large.quirks = {"search_down": True}
    assert large.watch(1) == set()
    assert large.mark(WatermarkName.SEARCH) == before
    large.quirks = {}
    assert large.watch(2) == {("versions", CASE)}


def test_a_window_with_too_many_rows_is_left_to_the_rounds(
    large: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    large.watch(0)
    monkeypatch.setattr(feed, "MOST", 0)
    assert large.watch(1) == set()
    assert "more than 0 rows" in caplog.text
    monkeypatch.undo()
    assert large.watch(2) == {("versions", CASE)}


@pytest.mark.parametrize("version", [True, False], ids=["a known document", "a new document"])
def test_a_search_without_paths_finds_documents_all_the_same(
    large: Watched, monkeypatch: pytest.MonkeyPatch, version: bool
) -> None:
    real = feed.ChangeFeed.changed

    async def pathless(
        self: feed.ChangeFeed, kind: int, since: datetime, until: datetime
    ) -> AsyncIterator[list[SearchRow]]:
        async for rows in real(self, kind, since, until):
            yield [replace(row, location=()) for row in rows]

    monkeypatch.setattr(feed.ChangeFeed, "changed", pathless)
    large.watch(0)
    told = large.watch(1 if version else 4)
    assert ("versions" if version else "added", CASE) in told


@pytest.mark.parametrize("ahead", [-3600, 3600])
def test_a_change_dated_by_a_node_whose_clock_is_apart_is_found(large: Watched, ahead: int) -> None:
    large.watch(0)
    run, client = large.bench.run("watch", large.ledger, 1, large.failure, clocked(ahead))
    large.bench.alone(lambda: watched(run, client))
    accounting.account(run)
    with large.ledger.read() as connection:
        assert ("versions", CASE) in {(r["rule"], r["workspace"]) for r in queue.rows(connection)}


def clocked(ahead: int) -> EcmFaults:
    """Versions are dated by a node whose clock is this many seconds ahead."""
    faults = EcmFaults()
    faults.configure({"clocks": [{"endpoint": "event version_added", "ahead": ahead}]})
    return faults

"""Where lists are not sorted and the search is followed, a run reads a part of a list; what the index lacks is found by the round."""

from __future__ import annotations

import re
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
from vigil.ledger import Ledger
from vigil.ledger.observed import observations
from vigil.ledger.outbox import queue
from vigil.sandbox.estate.model import EstateEvent
from vigil.sandbox.quirks import EcmFaults
from vigil.service import accounting, extraction

MORE, PAGE = 320, 20
PAGES = -(-(MORE + 2) // PAGE)
PART = 4
"""Pages of the list in a run, and new workspaces that a run asks for."""
ROUND = -(-PAGES // (PART - 1))
"""Runs that see a whole list: the first page of each is the last one of the run before."""

CHANGED, MADE, OTHER = 3299, 4001, 4002
RULES = {
    "closed": "rule: closed\nkind: transition\nsubject: {workspace_type: Case}\n"
    "events: [{status_changed: {field: attr.status, to: closed}}]\nto: [user: cem]\n",
    "made": "rule: made\nkind: transition\nsubject: {workspace_type: Case}\nevents: [workspace_created]\nto: [user: cem]\n",
}
CALLS = {"lists": r"GET /v2/businessworkspaces\?", "details": r"GET /v2/businessworkspaces/\d+[? ]"}
TOLD, NEW, SHOWN = ("closed", CHANGED), ("made", MADE), ("closed", 3100)


@dataclass
class Watched:
    """Runs over an estate whose lists have many pages."""

    bench: RunBench
    ledger: Ledger
    quirks: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)

    def watch(self, hours: float) -> set[tuple[str, int]]:
        """The notices after a run at so many hours after NOON. `asked` has its calls by kind."""
        faults, failure = EcmFaults(), Failure()
        faults.configure({"dialect": "2019", "quirks": self.quirks})
        run, client = self.bench.run("watch", self.ledger, hours, failure, faults)
        self.bench.alone(lambda: watched(run, client))
        accounting.account(run)
        self.asked = {
            kind: sum(n for what, n in failure.asked.items() if re.match(pattern, what))
            for kind, pattern in CALLS.items()
        }
        with self.ledger.read() as connection:
            return {(r["rule"], r["workspace"]) for r in queue.rows(connection)}

    def begin(self) -> None:
        """The first run, which reads everything, and the next one, before anything happens."""
        assert self.watch(0) == set()
        assert self.asked["lists"] >= PAGES
        assert self.watch(0.1) == set()

    def known(self) -> set[int]:
        with self.ledger.read() as connection:
            return set(observations.known_workspaces(connection))

    def runs(self, first: float, count: int, every: float = 0.25) -> Iterator[set[tuple[str, int]]]:
        return (self.watch(first + n * every) for n in range(count))


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    for module in ("vigil.ecm.listing", "vigil.ecm.probes"):
        name = "PAGE" if module.endswith("listing") else "RUNS_PAGE"
        monkeypatch.setattr(f"{module}.{name}", PAGE)
    bench = RunBench(tmp_path, more=MORE)
    there = bench.with_changes(
        RULES,
        [(-20, 3050, "status", "waiting"), (0.2, CHANGED, "status", "closed"), (3, 3100, "status", "closed")],
    )
    there.site = replace(bench.site, verify_requests=4 * PART, rescan_every=timedelta(days=30))
    known = there.estate.workspaces
    late = replace(known[CHANGED], id=MADE, name="Case in between", created=NOON + 0.2 * HOUR)
    other = replace(known[2001], id=OTHER, name="A supplier", created=NOON + 0.2 * HOUR)
    made = [
        EstateEvent(one.created, "workspace_created", one.id, {"by": "ada"}, line=0) for one in (late, other)
    ]
    events = tuple(sorted([*there.estate.events, *made], key=lambda e: e.ts))
    there.estate = replace(there.estate, workspaces={**known, MADE: late, OTHER: other}, events=events)
    yield Watched(there, there.scratch.fresh(), {"search_lag": 0})
    bench.close()


@pytest.fixture
def lists_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known is not looked up again: only lists and search show something."""
    monkeypatch.setattr(extraction, "verify_slices", lambda *_: [])


def never_indexed(monkeypatch: pytest.MonkeyPatch, *lost: int) -> None:
    """An index that never has some workspaces."""
    real = feed.ChangeFeed.changed

    async def changed(
        self: feed.ChangeFeed, kind: int, since: datetime, until: datetime
    ) -> AsyncIterator[list[SearchRow]]:
        async for rows in real(self, kind, since, until):
            yield [row for row in rows if row.id not in lost]

    monkeypatch.setattr(feed.ChangeFeed, "changed", changed)


def test_a_run_reads_a_part_of_the_list_and_what_the_search_shows(many: Watched, lists_alone: None) -> None:
    many.begin()
    assert many.watch(1) == {TOLD, NEW}
    assert many.asked["lists"] <= PART
    assert many.asked["details"] == 3, "new ones are asked for their types"
    for told in many.runs(1.25, 5):
        assert told == {TOLD, NEW}
        assert many.asked["lists"] <= PART
        assert not many.asked["details"], "and never again"


def test_what_the_index_never_has_is_found_within_a_round(
    many: Watched, lists_alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_indexed(monkeypatch, CHANGED, MADE)
    many.begin()
    told = list(many.runs(0.5, ROUND))
    assert told[0] == set(), "the index and the first part lack it"
    assert told[-1] == {TOLD, NEW}


def test_where_there_is_no_search_each_run_reads_the_whole_list(many: Watched, lists_alone: None) -> None:
    many.quirks = {"modules_absent": ["search", "recyclebin"]}
    many.begin()
    assert many.watch(1) == {TOLD, NEW}
    assert many.asked["lists"] >= PAGES


def test_after_a_run_that_could_not_follow_the_search_the_whole_list_is_read(
    many: Watched, lists_alone: None
) -> None:
    many.begin()
    many.quirks = {"search_down": True}
    assert many.watch(0.5) == set()
    assert many.asked["lists"] <= PART
    assert many.watch(0.75) == {TOLD, NEW}
    assert many.asked["lists"] >= PAGES
    many.quirks = {"search_lag": 0}
    many.watch(1)
    many.watch(1.25)
    assert many.asked["lists"] <= PART


def test_too_many_new_workspaces_make_the_next_run_read_the_whole_list(
    many: Watched, lists_alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = many.bench.estate.workspaces
    some = {5000 + n: replace(known[MADE], id=5000 + n, name=f"Bulk {n}") for n in range(9)}
    made = [
        EstateEvent(one.created, "workspace_created", one.id, {"by": "ada"}, line=0) for one in some.values()
    ]
    events = tuple(sorted([*many.bench.estate.events, *made], key=lambda e: e.ts))
    many.bench.estate = replace(many.bench.estate, workspaces={**known, **some}, events=events)
    many.begin()
    many.watch(0.5)
    assert many.asked["details"] <= PART
    told = many.watch(0.75)
    assert {("made", one) for one in some} <= told
    assert many.asked["lists"] >= PAGES


def test_complete_lists_go_on_and_find_what_is_gone(many: Watched, lists_alone: None) -> None:
    many.bench.site = replace(many.bench.site, rescan_every=timedelta(hours=2))
    many.begin()
    many.quirks |= {"unreadable": [3100]}
    many.watch(1)
    assert many.asked["lists"] <= PART
    assert 3100 in many.known(), "absence from a part says nothing"
    many.watch(2.25)
    assert many.asked["lists"] >= PAGES
    assert 3100 not in many.known()


def test_a_whole_list_shows_what_happened_behind_the_place_of_the_parts(
    many: Watched, lists_alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer change that a part shows must not move the watermark: the whole list would then leave out the older ones."""
    never_indexed(monkeypatch, CHANGED, MADE)
    many.begin()
    many.quirks = {"search_down": True}
    assert many.watch(3.5) == {SHOWN}
    assert many.asked["lists"] <= PART
    assert many.watch(3.75) == {SHOWN, TOLD, NEW}
    assert many.asked["lists"] >= PAGES


def test_a_list_with_a_wall_is_read_whole(many: Watched, lists_alone: None) -> None:
    many.quirks |= {"wall": 100}
    many.begin()
    assert many.watch(1) == {TOLD, NEW}
    assert many.asked["lists"] > 5, "pages do not pass the wall, and names do"

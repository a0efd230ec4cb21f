"""A server that lists every workflow that ever ended: few are asked for in a run, and none that was active is lost."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.plain_runs import watched
from tests.support.run_bench import HOUR, NOON, Failure, RunBench
from vigil.ecm import Client, processes
from vigil.ecm.client import Params
from vigil.ledger import Ledger
from vigil.ledger.outbox import queue
from vigil.sandbox.estate.model import EstateEvent
from vigil.service import accounting
from vigil.service.run import Run

MANY = 60
BEGUN = (200, 201)
"""Workflows that are open at the first run: one of them began long before it."""
OPEN = 1
"""Workflows of the estate that stay open: they are looked at in each run."""

RULES = {
    "done": "rule: done\nkind: transition\nsubject: {workspace_type: Case}\nevents: [step_completed]\nto: [user: cem]\n"
}


@dataclass
class Watched:
    bench: RunBench
    ledger: Ledger
    run: Run | None = None

    def watch(self, hours: float) -> int:
        """Watch at so many hours after NOON: how many processes were asked for."""
        failure = Failure()
        self.run, client = self.bench.run("watch", self.ledger, hours, failure)
        run = self.run
        self.bench.alone(lambda: watched(run, client))
        accounting.account(run)
        return len([what for what in failure.asked if "/v2/workflows/status/processes/" in what])

    def told(self) -> int:
        with self.ledger.read() as connection:
            return len(queue.rows(connection))


@pytest.fixture
def flooded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """A server that takes `wfretention` and ignores it; a workflow of the day before began long ago for these tests."""
    get = Client.get

    async def ignores(self: Client, path: str, params: Params | None = None) -> object:
        return await get(
            self, path, {key: value for key, value in (params or {}).items() if key != "wfretention"}
        )

    monkeypatch.setattr(Client, "get", ignores)
    monkeypatch.setattr(processes, "MARGIN", timedelta(days=-1.5))
    bench = RunBench(tmp_path)
    there = bench.with_changes(RULES, [])
    there.site = replace(bench.site, verify_requests=48)

    def step(hours: float, kind: str, process: int, **data: object) -> EstateEvent:
        given = {
            "process": process,
            "step": 1,
            "by": "ada",
            "due": None,
            "title": "Old",
            "to": "ada",
            "comment": None,
            **data,
        }
        return EstateEvent(NOON + hours * HOUR, kind, 1002, given, line=0)

    old = [step(-40 + n / 100, "step_assigned", 300 + n) for n in range(MANY)]
    old += [step(-30 + n / 100, "step_completed", 300 + n, disposition="done") for n in range(MANY)]
    began = [step(-39, "step_assigned", BEGUN[0]), step(-1, "step_assigned", BEGUN[1])]
    ended = [step(0.5, "step_completed", number, disposition="done") for number in BEGUN]
    events = sorted([*there.estate.events, *old, *began, *ended], key=lambda e: e.ts)
    there.estate = replace(there.estate, events=tuple(events))
    yield Watched(there, there.scratch.fresh())
    bench.close()


def test_the_first_run_asks_for_few_and_the_next_one_for_none_of_the_others(
    flooded: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vigil.run")
    assert flooded.watch(0) <= 12
    assert "had ended before the first run: nothing is told of them" in caplog.text
    assert flooded.watch(1) == OPEN + len(BEGUN), "those that were known as open, and ended since"
    assert flooded.told() == len(BEGUN)
    assert flooded.watch(2) == OPEN


def test_a_flood_in_a_later_run_is_spread_over_runs_and_said(
    flooded: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vigil.run")
    monkeypatch.undo()  # this server obeys `wfretention`, and shows what ended on the last days only
    monkeypatch.setattr(processes, "MARGIN", timedelta(days=-1.99))
    flooded.watch(0)
    monkeypatch.setattr(processes, "MARGIN", timedelta(days=-0.05))
    get = Client.get

    async def longer(self: Client, path: str, params: Params | None = None) -> object:
        return await get(self, path, {k: v for k, v in (params or {}).items() if k != "wfretention"})

    monkeypatch.setattr(Client, "get", longer)
    asked = [flooded.watch(hours) for hours in range(1, 19)]
    assert "wait for the next runs" in caplog.text
    assert max(asked) <= 12 and asked[-1] == OPEN, asked
    assert sum(asked) == MANY + len(BEGUN) + OPEN * len(asked), "each is read once"
    assert flooded.told() == len(BEGUN)

"""A workflow of which no answer tells the workspace is a gap once, is then named by each run, and is told when its workspace shows."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support.run_bench import HOUR, NOON, Failure, RunBench
from vigil.sandbox.estate.model import EstateEvent

RULES = {
    "given": "rule: given\nkind: transition\nsubject: {workspace_type: Case}\nevents: [step_assigned]\nto: [step: assignee]\n"
}
EARLIER, LATER = 300, 301
"""Workflows that began before the first run and after it; both stay open."""


@pytest.fixture
def there(bench: RunBench) -> Iterator[RunBench]:
    def step(hours: float, process: int) -> EstateEvent:
        given = {"process": process, "step": 1, "title": "Check", "to": "ada", "by": "ada", "due": None}
        return EstateEvent(NOON + hours * HOUR, "step_assigned", 1002, given, line=0)

    there = bench.with_changes(RULES, [])
    events = sorted([*there.estate.events, step(-5, EARLIER), step(0.5, LATER)], key=lambda e: e.ts)
    there.estate = replace(there.estate, events=tuple(events))
    yield there


def _hides(asked: str, body: bytes) -> bytes:
    """Shortcuts do not tell where they lead."""
    if b"original_id" not in body:
        return body
    answer = json.loads(body)
    for row in answer["results"]:
        row["data"]["properties"].pop("original_id", None)
    return json.dumps(answer).encode()


@pytest.mark.parametrize("hidden", [1, 2, 4])
def test_a_workflow_is_told_when_its_workspace_shows_after_any_number_of_runs(
    there: RunBench, caplog: pytest.LogCaptureFixture, hidden: int
) -> None:
    caplog.set_level(logging.WARNING, "vigil.run")
    ledger = there.scratch.restore(there.empty)
    assert not there.watch(ledger, 0, Failure(spoil=_hides)).green
    results = [there.watch(ledger, hours, Failure(spoil=_hides)) for hours in range(1, hidden + 1)]
    assert [result.green for result in results] == [False, True, True, True][:hidden]
    assert f"the workspace of workflow {LATER} is unknown" in results[0].said
    assert not any(result.rows for result in results)
    named = [record.message for record in caplog.records if "is not wholly known" in record.message]
    assert sum(f"workflow {EARLIER} " in said for said in named) == hidden
    assert sum(f"workflow {LATER} " in said for said in named) == hidden - 1
    told = [there.watch(ledger, hours) for hours in (hidden + 1, hidden + 2)]
    assert [result.green for result in told] == [True, True]
    assert {row[:2] for row in told[-1].rows} == {("given", 1002)}
    assert len(told[-1].rows) == 1  # the earlier one may have been there all along

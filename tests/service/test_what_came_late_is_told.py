"""What a run could not see in its window is told by the one that can: steps in a gap, moments of an hour that came twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.plain_runs import run_once
from tests.support.small_estate import Draft, Threaded
from vigil.compliance.rules.loader import load_text
from vigil.ledger import Ledger
from vigil.ledger.outbox import queue

NINE = datetime(2024, 1, 10, 9, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LATE = "rule: late\nkind: transition\nsubject: {workspace_type: Case}\nevents: [escalated]\nto: [user: ada]\n"
HEARING = """\
rule: hearing
kind: milestone
subject: {workspace_type: Case}
due: attr.heard at
steps: [{id: now, at: 0h, to: [user: ada]}]
"""
PAPERS = "rule: papers\nkind: transition\nsubject: {workspace_type: Case}\nevents: [document_added]\nto: [user: ada]\n"


def case_with(*events: tuple[timedelta, str, dict[str, Any]]) -> Draft:
    """One case, made two days before nine, and what happens so long after nine."""
    draft = Draft()
    draft.meta |= {"zone": "UTC", "start": (NINE - timedelta(days=3)).isoformat()}
    draft.case(created=(NINE - timedelta(days=2)).isoformat())
    for at, kind, more in events:
        draft.event((NINE + at).isoformat(), kind, workspace=100, **more)
    return draft


def assigned(process: int, due: timedelta) -> dict[str, Any]:
    due_at = (NINE + due).isoformat()
    return {"process": process, "step": 1, "title": "look", "to": "ada", "due": due_at}


def told(ledger: Ledger) -> list[str]:
    with ledger.read() as connection:
        return [r["occurrence"] for r in queue.rows(connection)]


@pytest.mark.parametrize("endpoint", ["GET /v2/workflows/status", "GET /v2/workflows/status/processes/*"])
def test_a_step_that_fell_due_while_workflows_were_unreadable_is_escalated(
    ledger: Ledger, start: Callable[[Draft], Threaded], endpoint: str
) -> None:
    rules = load_text({"late.yaml": LATE})
    old = (-3 * HOUR, "step_assigned", assigned(1, -2 * HOUR))
    sandbox = start(case_with(old, (HOUR / 2, "step_assigned", assigned(2, HOUR))))
    for hours, fails in ((0, False), (1, True), (2, True), (3, False), (4, False)):
        sandbox.faults(
            {"clear": True, "script": [{"endpoint": endpoint, "what": "400", "times": 99}] * fails}
        )
        if fails and endpoint.endswith("*"):
            sandbox.faults(
                {"clear": True, "script": [{"endpoint": endpoint, "what": "malformed", "times": 99}]}
            )
        sandbox.move(NINE + hours * HOUR)
        run_once(ledger, sandbox, rules, NINE + hours * HOUR)
        assert len(told(ledger)) == (hours >= 3), f"at {9 + hours}:00"
    assert told(ledger) == ["step:2:1:late:2024-01-10T10:00:00Z"]


def test_an_hour_that_comes_twice_loses_no_moment_and_tells_none_twice(
    ledger: Ledger, start: Callable[[Draft], Threaded]
) -> None:
    rules = load_text({"hearing.yaml": HEARING})

    def heard(minutes: int) -> dict[str, Any]:
        return {"attr": "Case.heard at", "value": (NINE + minutes * MINUTE).isoformat()}

    sandbox = start(
        case_with((-HOUR, "attribute_changed", heard(70)), (25 * MINUTE, "attribute_changed", heard(40)))
    )
    # By a clock that is an hour ahead what is due at 10:10 is told early; set back, what is due at 9:40 becomes known.
    for minutes, clock in ((0, 0), (15, 75), (30, 30), (45, 45), (60, 60), (75, 75), (90, 90)):
        sandbox.move(NINE + minutes * MINUTE)
        run_once(ledger, sandbox, rules, NINE + clock * MINUTE)
    assert told(ledger) == ["2024-01-10T10:10:00Z", "2024-01-10T09:40:00Z"]


def test_what_turns_up_with_an_old_date_is_named_in_the_account(
    ledger: Ledger, start: Callable[[Draft], Threaded]
) -> None:
    rules = load_text({"papers.yaml": PAPERS})
    paper = {"name": "old", "type": None}
    sandbox = start(case_with(*((HOUR, "document_added", {"id": 500 + n, **paper}) for n in range(3))))
    sandbox.move(NINE)
    run_once(ledger, sandbox, rules, NINE)
    sandbox.faults({"clocks": [{"endpoint": "event *", "ahead": -30 * 3600}]})
    sandbox.move(NINE + HOUR)
    run = run_once(ledger, sandbox, rules, NINE + HOUR)
    assert told(ledger) == []
    assert run.counters.old == {100: 3} and run.numbers()["too old"] == 3

"""`workspace_created` and `role_changed` from Extended ECM to the outbox, over HTTP: told once, and never made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.plain_runs import run_once
from tests.support.run_bench import Failure, RunBench, RunResult
from tests.support.small_estate import Draft, Threaded
from vigil.compliance.rules.loader import load_text
from vigil.compliance.rules.model import RuleSet
from vigil.ledger import Ledger
from vigil.ledger.outbox import queue

NINE = datetime(2024, 1, 10, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROLES = "GET /v2/businessworkspaces/*/roles"
MADE = """\
rule: made
kind: transition
subject: {workspace_type: Case}
events: [workspace_created]
to: [role: case manager]
fallback: [user: bob]
"""
CHANGED = """\
rule: changed
kind: transition
subject: {workspace_type: Case}
events: [{role_changed: {role: case manager}}]
to: [event: added, event: removed]
"""


def rules(*texts: str) -> RuleSet:
    return load_text({f"{n}.yaml": text for n, text in enumerate(texts)})


def draft(*events: tuple[float, str, dict[str, Any]]) -> Draft:
    """Three cases made before nine, and what happens so many hours after nine."""
    made = Draft()
    made.meta |= {"zone": "UTC", "start": (NINE - 72 * HOUR).isoformat()}
    for number in (100, 101, 102):
        made.case(number, created=(NINE - 48 * HOUR).isoformat())
    for hours, kind, more in events:
        at = (NINE + hours * HOUR).isoformat()
        if kind == "workspace_created":
            made.case(more["workspace"], created=at, roles={"case manager": ["ada", "bob"]})
        made.event(at, kind, **more)
    return made


def members(workspace: int, *logins: str) -> dict[str, Any]:
    return {"workspace": workspace, "role": "case manager", "members": list(logins)}


def run(ledger: Ledger, sandbox: Threaded, given: RuleSet, hours: float) -> list[tuple[str, int, str]]:
    """What one run tells: rule, workspace and person."""
    sandbox.move(NINE + hours * HOUR)
    found = run_once(ledger, sandbox, given, NINE + hours * HOUR)
    with ledger.read() as connection:
        rows = queue.rows(connection, run=found.id)
    return sorted((r["rule"], r["workspace"], r["person"]) for r in rows)


def test_a_new_workspace_is_reported_to_its_role_exactly_when_it_was_created(
    ledger: Ledger, start: Callable[[Draft], Threaded]
) -> None:
    sandbox = start(
        draft((0.5, "workspace_created", {"workspace": 200}), (2.5, "workspace_created", {"workspace": 201}))
    )
    told = [run(ledger, sandbox, rules(MADE), hours) for hours in (0, 1, 2, 3, 4)]
    assert told == [
        [],  # what is there at the first run is no news
        [("made", 200, "ada"), ("made", 200, "bob")],
        [],
        [("made", 201, "ada"), ("made", 201, "bob")],
        [],
    ]
    with ledger.read() as connection:
        row = queue.rows(connection)[0]
    assert (row["occurrence"], list(row["message"].why)) == (
        "created:2024-01-10T09:30:00Z",
        ["the workspace was created"],
    )
    assert row["message"].link.endswith("/app/nodes/200")
    assert "Case 200" in row["message"].title


def test_a_rule_that_is_new_tells_of_nothing_that_was_made_before_it(
    ledger: Ledger, start: Callable[[Draft], Threaded]
) -> None:
    sandbox = start(
        draft((0.5, "workspace_created", {"workspace": 200}), (1.5, "workspace_created", {"workspace": 201}))
    )
    run(ledger, sandbox, rules(CHANGED), 0)
    assert run(ledger, sandbox, rules(CHANGED, MADE), 1) == []
    assert {w for _, w, _ in run(ledger, sandbox, rules(CHANGED, MADE), 2)} == {201}


def test_who_came_into_a_role_and_who_is_in_it_no_more_are_told(
    ledger: Ledger, start: Callable[[Draft], Threaded]
) -> None:
    events = [
        (0.5, "role_changed", members(100, "bob")),
        (1.2, "role_changed", members(101, "ada", "bob")),
        (1.4, "role_changed", members(101, "ada")),
        (2.5, "role_changed", members(102, "clerks")),
    ]
    sandbox = start(draft(*events))
    told = [run(ledger, sandbox, rules(CHANGED), hours) for hours in (0, 1, 2, 3, 4)]
    assert told == [
        [],
        [("changed", 100, "ada"), ("changed", 100, "bob")],
        [],  # bob came and went between two scans
        [
            ("changed", 102, "ada"),
            ("changed", 102, "bob"),
        ],  # the group has come: its people are told, each once
        [],
    ]
    with ledger.read() as connection:
        said = {
            r["workspace"]: (r["occurrence"].rpartition(":")[0], list(r["message"].why))
            for r in queue.rows(connection)
        }
    assert said[100] == (
        "role:case manager:changed:2024-01-10T10:00:00Z",
        ["bob was added to and ada was removed from role case manager"],
    )
    assert said[102][1] == ["clerks was added to and ada was removed from role case manager"]


@pytest.mark.parametrize("what", ["400", "500", "malformed"])
def test_roles_that_could_not_be_read_are_no_change_and_the_next_reading_tells(
    ledger: Ledger, start: Callable[[Draft], Threaded], what: str
) -> None:
    sandbox = start(draft((1.5, "role_changed", members(100, "bob"))))
    told = []
    for hours in (0, 1, 2, 3):
        fault = [{"endpoint": ROLES, "what": what, "times": 99}] if hours in (1, 2) else []
        sandbox.faults({"clear": True, "script": fault})
        told.append(run(ledger, sandbox, rules(CHANGED), hours))
    assert told == [[], [], [], [("changed", 100, "ada"), ("changed", 100, "bob")]]


def test_a_server_that_shows_no_roles_at_all_has_not_emptied_them(bench: RunBench) -> None:
    """Believed by the third run in a row, as `vigil.service.missing_roles` says."""

    def without(asked: str, body: bytes) -> bytes:
        return b'{"results": []}' if asked.endswith("/businessworkspaces/1002/roles") else body

    def told(result: RunResult) -> set[str]:
        return {row[3] for row in result.rows if row[:2] == ("steward-changed", 1002)}

    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    assert told(bench.watch(ledger, 1, Failure(spoil=without))) == set()
    assert told(bench.watch(ledger, 2)) == set()
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    results = [bench.watch(ledger, hours, Failure(spoil=without)) for hours in (1, 2, 3)]
    assert [told(result) for result in results] == [set(), set(), {"ada", "dan"}]


CHANGED_OF_SUPPLIERS = {
    "joined": "rule: joined\nkind: transition\nsubject: {workspace_type: Supplier}\nevents: [role_changed]\nto: [user: cem]\n"
}


@pytest.mark.parametrize(("hidden", "green"), [(1, [False, True]), (4, [False, False, True, True])])
def test_a_new_workspace_whose_roles_came_as_an_empty_list_has_no_new_people(
    bench: RunBench, hidden: int, green: list[bool]
) -> None:
    """Its type has roles. After three runs in a row it is believed to have none, and what then comes is a change."""

    def without(asked: str, body: bytes) -> bytes:
        return b'{"results": []}' if asked.endswith("/businessworkspaces/2002/roles") else body

    made = [e for e in bench.estate.events if e.kind == "workspace_created" and e.workspace == 2002]
    there = bench.with_changes(CHANGED_OF_SUPPLIERS, [])
    there.estate = replace(there.estate, events=(*there.estate.events, *made))
    ledger = there.scratch.restore(there.empty)
    there.watch(ledger, 0)
    results = [there.watch(ledger, hours, Failure(spoil=without)) for hours in range(1, hidden + 1)]
    results += [there.watch(ledger, hours) for hours in (hidden + 1, hidden + 2)]
    assert [result.green for result in results][: len(green)] == green
    assert ("a new Supplier has 1" in results[0].said, results[-1].green) == (True, True)
    assert [row[1] for row in results[-1].rows] == [2002] * (hidden > 3)

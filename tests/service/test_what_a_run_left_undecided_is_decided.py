"""Rows that wait for their guard are found by every run that delivers, whoever left them, and decided by the rule as it is then."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support import delivery_runs
from tests.support.samples import T0, entry, workspace
from vigil.compliance.evaluation.results import Why
from vigil.compliance.notify.guards import GuardWhy
from vigil.compliance.rules.in_force import Refusal
from vigil.compliance.rules.loader import load_text
from vigil.delivery.lease_owners import owner_name, place
from vigil.errors import Problem
from vigil.ledger import Ledger
from vigil.ledger.observed import observations, runs
from vigil.ledger.outbox import guard_holds, queue
from vigil.ledger.values import RunState
from vigil.service import account_text, accounting, guards
from vigil.service.accounting import Account
from vigil.service.run import Run
from vigil.service.sweep import Scope, narrow

HOUR = timedelta(hours=1)
DELIVERING = ["watch", "sweep", "digest", "guard", "backfill"]
RULE = """\
rule: stuck
kind: condition
subject: {workspace_type: Contract}
when: {field: attr.status, op: eq, value: stuck}
to: [user: ada]
"""
GUARDED = f"{RULE}guard: {{max_findings: 2}}\n"
OTHER = RULE.replace("stuck", "other")
UNDECIDED, HELD = GuardWhy.UNDECIDED, GuardWhy.HELD


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite")
    with made.write() as connection:
        observations.record(connection, [workspace(n) for n in range(1, 9)], T0)
    yield made
    made.close()


def left(ledger: Ledger, flow: str = "watch", owner: str = "", count: int = 3, **more: object) -> int:
    """A run that found something and did not come to its guards."""
    with ledger.write() as connection:
        run = runs.begin(connection, flow, T0, T0, owner)
        rows = [
            entry(n, rule="stuck", state="suppressed", reason=UNDECIDED, **more) for n in range(1, count + 1)
        ]
        queue.enqueue(connection, rows, T0, run)
    return run


def opened(
    ledger: Ledger, flow: str = "watch", rules: str = GUARDED, after: timedelta = HOUR, refused: bool = False
) -> Run:
    at = T0 + after
    broken = [Refusal((Problem("b.yaml", 1, 1, "no YAML"),))] if refused else ()
    return delivery_runs.run(ledger, at, lambda: at, flow, load_text({"a.yaml": rules}), refused=broken)


def decided(run: Run) -> Account:
    guards.decide(run)
    return accounting.account(run)


def became(ledger: Ledger) -> set[tuple[str, str]]:
    with ledger.read() as connection:
        return {(r["state"], r["reason"]) for r in queue.rows(connection)}


def undecided(ledger: Ledger) -> list[guard_holds.Left]:
    with ledger.read() as connection:
        return guard_holds.left(connection, UNDECIDED)


def dead() -> str:
    """The name of a process of this machine that is over."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return f"{place()}:{process.pid}:0"


NOW = {
    "as it was": (GUARDED, ("suppressed", HELD)),
    "with a wider guard": (GUARDED.replace("2", "20"), ("queued", "")),
    "without a guard": (RULE, ("queued", "")),
    "retired": (f"{GUARDED}status: retired\n", ("suppressed", GuardWhy.TAKEN_OUT.value)),
    "a draft": (f"{GUARDED}status: draft\n", ("suppressed", GuardWhy.TAKEN_OUT.value)),
    "in shadow": (f"{GUARDED}status: shadow\n", ("suppressed", Why.SHADOW.value)),
    "by another name": (GUARDED.replace("rule: stuck", "rule: renamed"), ("suppressed", GuardWhy.TAKEN_OUT.value)),
    "taken out": (OTHER, ("suppressed", GuardWhy.TAKEN_OUT.value)),
}  # fmt: skip


CASES = [*((name, "watch") for name in NOW), *(("without a guard", flow) for flow in DELIVERING[1:])]


@pytest.mark.parametrize(("name", "flow"), CASES)
def test_each_run_that_delivers_decides_by_the_current_rule_and_accounts_for_it(
    ledger: Ledger, name: str, flow: str
) -> None:
    left(ledger, owner=dead())
    rules, expected = NOW[name]
    made = decided(opened(ledger, flow, rules))
    assert became(ledger) == {expected} and undecided(ledger) == []
    assert made.difference == 0 and sum(made.rows.values()) == 3
    assert account_text.sentence(made) != "nothing new", "what became of them is not named"
    assert decided(opened(ledger, flow, rules, 2 * HOUR)).rows == {}, "decided once"


@pytest.mark.parametrize(("by", "flow"), [("sweep", "watch"), ("watch", "digest")])
def test_what_a_run_left_that_ended_without_deciding_is_taken_at_once(
    ledger: Ledger, by: str, flow: str
) -> None:
    run = left(ledger, by, owner_name())
    with ledger.write() as connection:
        runs.end(connection, run, RunState.FAILED, {}, T0)
    decided(opened(ledger, flow, RULE, timedelta(0)))
    assert became(ledger) == {("queued", "")}


def test_a_killed_sweep_of_this_machine_is_known_to_be_over_at_once(ledger: Ledger) -> None:
    left(ledger, "sweep", dead())
    decided(opened(ledger, "watch", GUARDED, timedelta(minutes=1)))
    assert became(ledger) == {("suppressed", HELD)}


@pytest.mark.parametrize("flow", ["watch", "digest"])
@pytest.mark.parametrize("owner", [owner_name(), "another-machine:1a2b:7:x"], ids=["here", "elsewhere"])
def test_what_a_live_sweep_holds_is_left_to_it_and_named_until_it_is_over(
    ledger: Ledger, owner: str, flow: str
) -> None:
    left(ledger, "sweep", owner)
    made = decided(opened(ledger, flow))
    assert became(ledger) == {("suppressed", UNDECIDED)}
    assert "3 notices wait for their guard's decision" in account_text.sentence(made)
    decided(opened(ledger, flow, GUARDED, timedelta(days=1, minutes=1)))
    assert became(ledger) == {("suppressed", HELD)}


def test_a_live_watch_keeps_its_rows_from_a_digest_beside_it(ledger: Ledger) -> None:
    left(ledger, "watch", owner_name())
    decided(opened(ledger, "digest"))
    assert became(ledger) == {("suppressed", UNDECIDED)}


def test_a_rule_that_a_refused_file_may_still_hold_is_waited_for(ledger: Ledger) -> None:
    left(ledger, owner=dead())
    made = decided(opened(ledger, rules=OTHER, refused=True))
    assert became(ledger) == {("suppressed", UNDECIDED)}
    assert made.later.undecided == 3
    decided(opened(ledger))
    assert became(ledger) == {("suppressed", HELD)}


def test_a_sweep_of_other_rules_takes_nothing_as_taken_out(ledger: Ledger) -> None:
    left(ledger, owner=dead())
    run = opened(ledger, "sweep", f"{GUARDED}---\n{OTHER}")
    run.rules = narrow(run.rules, Scope(rules=("other",)), {})
    decided(run)
    assert became(ledger) == {("suppressed", HELD)}


def test_what_is_meant_for_the_digest_goes_there_when_its_guard_lets_it_go(ledger: Ledger) -> None:
    message = replace(entry(1).message, digest=Why.GROUPED.value)
    left(ledger, owner=dead(), message=message)
    made = decided(opened(ledger, rules=RULE))
    assert became(ledger) == {("suppressed", Why.GROUPED.value)}
    assert made.later.digest == 3


def test_two_runs_that_come_by_at_once_take_each_row_once(ledger: Ledger) -> None:
    left(ledger, owner=dead())
    one, other = opened(ledger), opened(ledger, "digest")
    (some,) = undecided(ledger)
    with ledger.write() as connection:
        first = guard_holds.adopt(connection, "stuck", one.id, UNDECIDED, [some.run])
        second = guard_holds.adopt(connection, "stuck", other.id, UNDECIDED, [some.run])
    assert (first, second) == (3, 0)

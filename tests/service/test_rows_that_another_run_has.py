"""A run accounts for rows that another run queued or took over while it ran."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import delivery_runs
from tests.support.postgres import DATABASES, fresh
from tests.support.samples import T0, entry, workspace
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input, Window
from vigil.compliance.events import Looked
from vigil.compliance.notify.guards import GuardWhy
from vigil.compliance.rules.loader import load_text
from vigil.ledger import Ledger
from vigil.ledger.observed import observations
from vigil.ledger.outbox import queue
from vigil.ledger.values import Entry
from vigil.service import accounting, evaluation, guards
from vigil.service.accounting import Account
from vigil.service.pipeline import Work
from vigil.service.plan import Plan
from vigil.service.run import Run

LATER = T0 + timedelta(hours=1)
GUARDED = """\
rule: stuck
kind: condition
subject: {workspace_type: Contract}
when: {field: attr.status, op: eq, value: stuck}
to: [user: ada]
guard: {max_findings: 2}
"""


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh(request.param, tmp_path) as made:
        with closing(Ledger.open(made)) as ledger, ledger.write() as connection:
            observations.record(connection, [workspace(n) for n in range(1, 9)], T0)
        yield made


@pytest.fixture
def opened(url: str) -> Iterator[Callable[[str], Run]]:
    """Begins runs, each with connections of its own."""
    ledgers: list[Ledger] = []

    def begin(flow: str) -> Run:
        ledgers.append(Ledger.open(url))
        return delivery_runs.run(ledgers[-1], LATER, lambda: LATER, flow, load_text({"a.yaml": GUARDED}))

    yield begin
    for ledger in ledgers:
        ledger.close()


def commit(run: Run, rows: Collection[Entry]) -> None:
    window = Window(T0, run.as_of)
    plan = Plan((), window, Looked(T0), frozenset(), 0, 0)
    evaluation.commit(run, plan, Work(Input(Facts()), window, rows=tuple(rows)))


def test_rows_that_another_run_queues_meanwhile_are_already_told(
    opened: Callable[[str], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, sweep = opened("watch"), opened("sweep")
    both, states = [entry(n) for n in range(1, 6)], queue.states
    turn = iter(["the other run"])

    def read_and_let_the_other_commit(connection: Any, entries: Collection[Entry]) -> Any:
        found = states(connection, entries)
        if connection.dialect.name != "sqlite" and next(turn, None):  # SQLite: a writer keeps all others out
            commit(sweep, both)
        return found

    monkeypatch.setattr(queue, "states", read_and_let_the_other_commit)
    commit(watch, [*both, entry(6)])
    commit(sweep, both)
    made = [accounting.account(run) for run in (watch, sweep)]
    assert [m.difference for m in made] == [0, 0]
    assert sum(sum(m.rows.values()) for m in made) == 6, "each row is one run's"


def test_rows_that_an_answer_releases_during_their_run_are_accounted_for(
    opened: Callable[[str], Run],
) -> None:
    watch = opened("watch")
    held = [entry(n, rule="stuck", state="suppressed", reason=GuardWhy.UNDECIDED) for n in range(1, 4)]
    commit(watch, [*held, entry(7)])
    (hold,) = guards.decide(watch)
    answer = opened("guard")
    guards.answer(answer, hold.id, send=True, by="ada")
    made: list[Account] = [accounting.account(run) for run in (watch, answer)]
    assert [m.difference for m in made] == [0, 0]
    assert [m.rows for m in made] == [{"queued": 1}, {"queued": 3}]
    assert made[0].numbers["released by an answer"] == 3

"""The statements of every run touch what they ask for, not the whole ledger: the databases' own plans say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from tests.support.postgres import DATABASES, fresh
from tests.support.samples import MINUTE, T0, document, entry, workspace
from vigil.compliance.evaluation.results import DIGESTED
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.notify.guards import GuardWhy
from vigil.ledger import Ledger
from vigil.ledger.engine import chunks, open_engine
from vigil.ledger.observed import observations, rule_state
from vigil.ledger.outbox import counts, digests, guard_holds, leases, queue

BIG = ("observation", "newest", "notice", "attempt", "verdict")

PARTIAL = ("ix_notice_due", "ix_notice_order", "ix_newest_gone")
"""Indexes that hold the rows that wait, or what is gone, and no others."""

WAITS = sorted(DIGESTED)

QUESTIONS: dict[str, Callable[[Connection], Any]] = {
    "claim": lambda c: leases.claim(c, "me", T0, MINUTE, 50),
    "next due": leases.next_due,
    "what is due and not handed over": lambda c: counts.waiting(c, T0),
    "who holds rows": lambda c: leases.owners(c, T0),
    "what is yet to come": lambda c: counts.to_come(c, T0),
    "what runs left undecided": lambda c: guard_holds.left(c, GuardWhy.UNDECIDED),
    "end the leases of the dead": lambda c: leases.end(c, {"x"}, T0),
    "states": lambda c: queue.states(c, [entry(n) for n in (1, 2)]),
    "requeue": lambda c: queue.requeue(c, [entry(n).key for n in (1, 2)], T0, None),
    "rows of a run": lambda c: queue.rows(c, run=2),
    "rows of a person": lambda c: queue.rows(c, person="ada"),
    "rows of a workspace": lambda c: queue.rows(c, workspace=7),
    "proof of a run": lambda c: queue.sent_without_proof(c, 2),
    "attempts": lambda c: queue.attempts(c, [1, 2]),
    "whom a digest is for": lambda c: digests.people(c, WAITS, T0),
    "what waits for a digest": lambda c: digests.of_people(c, ["p1", "p2"], WAITS, T0),
    "what a guard holds": lambda c: guard_holds.count(c, "contract-renewal", [7], GuardWhy.HELD),
    "due workspaces": lambda c: rule_state.due_workspaces(c, T0, {"r"}),
    "rule_states": lambda c: rule_state.rule_states(c, [1, 2]),
    "keep rule_states": lambda c: rule_state.keep_rule_states(c, [], {("a", 1), ("b", 2)}, T0),
    "changed workspaces": lambda c: observations.changed_workspaces(c, 4950, 5000),
    "changes": lambda c: observations.changes(c, [1, 2], 0, 10**9),
    "current": lambda c: list(observations.current(c, [1, 2])),
    "seen": lambda c: observations.seen(c, "workspace", ["1", "2"]),
    "history": lambda c: observations.history(c, [1, 2], T0),
    "last number": observations.last_seq,
    "a slice of the walk": lambda c: observations.bodies(c, "workspace", "10", 20),
    "what is gone": lambda c: observations.deleted_items(c, 250),
    "which of these are gone": lambda c: observations.gone_since(c, [1, 2]),
    "steps of a process": lambda c: observations.steps_of(c, "7"),
    "record": lambda c: observations.record(c, [workspace(1), workspace(999_999)], T0),
    "bury": lambda c: observations.record(c, [], T0, gone=[("workspace", "5"), ("document", "12")]),
}


@pytest.fixture(scope="module", params=DATABASES)
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger with a past: enough rows for reading a table whole to be the worse plan. The tests leave it as it is."""
    with fresh(request.param, tmp_path_factory.mktemp("large")) as url:
        opened = Ledger(open_engine(url))
        fill(opened)
        yield opened
        opened.close()


def fill(ledger: Ledger) -> None:
    with ledger.write() as connection:
        facts = [workspace(n) for n in range(2500)] + [document(10_000 + n, n) for n in range(2500)]
        observations.record(connection, facts, T0)
        old = [
            entry(n, state="sent", person=f"p{n % 300}", occurrence=str(m))
            for n in range(2500)
            for m in (1, 2)
        ]
        for run, some in enumerate(chunks(old, 100), 10):
            queue.enqueue(connection, some, T0, run)
        queue.enqueue(connection, [entry(n, person=f"p{n}") for n in range(20)], T0, 2)
        quiet = [
            entry(n, occurrence="3", state="suppressed", reason=f"in digest {n % 9}") for n in range(2500)
        ]
        waits = [entry(n, occurrence="4", state="suppressed", reason="it waits") for n in range(20)]
        queue.enqueue(connection, quiet + waits, T0, 3)
        rule_states = [
            RuleState(r, n, "finding", T0, T0 + (n + 1) * MINUTE) for n in range(2500) for r in "ab"
        ]
        rule_state.keep_rule_states(connection, rule_states, (), T0)
        attempts = [{"n": n, "t": T0.isoformat(), "o": "accepted", "e": ""} for n in range(1, 5001)]
        insert = "INSERT INTO attempt (notice, device, started_at, ended_at, outcome, code, name) VALUES (:n, 1, :t, :t, :o, :e, :e)"
        connection.execute(text(insert), attempts)
    with ledger.engine.connect() as connection:
        connection.execute(text("ANALYZE"))
        connection.commit()


def plans(ledger: Ledger, question: Callable[[Connection], Any]) -> list[str]:
    """The plan of each statement that a question makes, by the database's own EXPLAIN."""
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _ctx: Any, many: bool) -> None:
        asked.append((statement, parameters[0] if many else parameters))

    event.listen(ledger.engine, "before_cursor_execute", note)
    with ledger.engine.connect() as connection:
        question(connection)
        connection.rollback()
    event.remove(ledger.engine, "before_cursor_execute", note)
    prefix = "EXPLAIN QUERY PLAN " if ledger.engine.dialect.name == "sqlite" else "EXPLAIN "
    out = []
    with ledger.engine.connect() as connection:
        for statement, parameters in asked:
            if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH")) and "advisory" not in statement:
                found = connection.exec_driver_sql(prefix + statement, parameters).all()
                out.append(statement + "\n" + "\n".join(str(row[-1]) for row in found))
    return out


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_table_is_read_whole(large: Ledger, question: str) -> None:
    made = plans(large, QUESTIONS[question])
    assert made, "the question made no statement"
    sqlite = large.engine.dialect.name == "sqlite"
    for plan in made:
        for line in plan.splitlines():
            whole = [f"SCAN {t}" if sqlite else f"Seq Scan on {t}" for t in BIG]
            # SQLite calls it a scan, too, when it walks along an index that holds just what is asked for.
            assert not any(w in line for w in whole) or any(f"INDEX {i}" in line for i in PARTIAL), plan


@pytest.mark.parametrize("large", ["postgresql"], indirect=True)
def test_plans_are_made_for_the_tables_as_they_are(large: Ledger) -> None:
    """A plan kept from a first run, when every table was empty, would read them whole for as long as the connection lives."""
    with large.read() as connection:
        assert connection.execute(text("SHOW plan_cache_mode")).scalar() == "force_custom_plan"

"""A program that runs while its ledger is upgraded goes on beside the new one: no notice is lost, and none is told twice.

So a migration only adds: what the revision before it wrote and read is there afterwards, and asks for nothing more. The old program
stands here as its statements: those that the worker of schema 6 made, word for word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, bindparam, inspect, text

from tests.support.open_rows import (
    DAY,
    HOUR,
    NOW,
    deliver,
    expected,
    fill,
    received,
)
from tests.support.samples import entry
from tests.support.schemas import Earlier, revisions
from vigil.compliance.notices import NoticeState
from vigil.ledger import Ledger
from vigil.ledger.engine import alembic_config, open_engine
from vigil.ledger.outbox import leases, queue
from vigil.ledger.outbox.leases import Settled, Tried
from vigil.ledger.tables import Instant
from vigil.sandbox.fcm.local import LocalFcm

LEASE = timedelta(minutes=5)


@dataclass(frozen=True)
class Column:
    """What an old program relies on of a column."""

    type: str
    nullable: bool
    default: bool  # whether the database fills it where nothing is given


@dataclass(frozen=True)
class Shape:
    """What an old program relies on of a table: its columns, and what must be unique in it."""

    columns: Mapping[str, Column]
    unique: frozenset[frozenset[str]]


def shapes(engine: Engine) -> dict[str, Shape]:
    found = inspect(engine)
    return {t: _shape(found, t) for t in found.get_table_names() if t != "alembic_version"}


def _shape(found: Any, table: str) -> Shape:
    keys = {frozenset(found.get_pk_constraint(table)["constrained_columns"])}
    keys |= {frozenset(u["column_names"]) for u in found.get_unique_constraints(table)}
    keys |= {frozenset(i["column_names"]) for i in found.get_indexes(table) if i["unique"]}
    columns = {
        c["name"]: Column(str(c["type"]), c["nullable"], c["default"] is not None)
        for c in found.get_columns(table)
    }
    return Shape(columns, frozenset(keys))


def breaks(before: Mapping[str, Shape], after: Mapping[str, Shape]) -> list[str]:
    """What of `after` would stop or mislead a program that knows `before`."""
    out = [f"{name} is gone" for name in before.keys() - after.keys()]
    for name in before.keys() & after.keys():
        old, new = before[name], after[name]
        out += [f"{name}.{c} is gone" for c in old.columns.keys() - new.columns.keys()]
        for c in old.columns.keys() & new.columns.keys():
            if old.columns[c] != new.columns[c]:
                out.append(f"{name}.{c} was {old.columns[c]}, is {new.columns[c]}")
        for c in new.columns.keys() - old.columns.keys():
            if not (new.columns[c].nullable or new.columns[c].default):
                out.append(f"{name}.{c} is new, and must be given")
        if old.unique != new.unique:
            out.append(
                f"{name} is unique by {sorted(map(sorted, new.unique))}, was by {sorted(map(sorted, old.unique))}"
            )
    return sorted(out)


def test_each_migration_only_adds(empty: str) -> None:
    engine = open_engine(empty)
    before: dict[str, Shape] = {}
    for revision in revisions():
        command.upgrade(alembic_config(empty), revision)
        after = shapes(engine)
        assert breaks(before, after) == [], f"migration {revision}"
        before = after
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE notice DROP COLUMN lease_owner", "notice.lease_owner is gone"),
        ("ALTER TABLE notice RENAME COLUMN tries TO attempts", "notice.tries is gone"),
        ("ALTER TABLE attempt RENAME TO try", "attempt is gone"),
        ("CREATE UNIQUE INDEX one ON attempt (notice, device)", "attempt is unique by"),
    ],
)
def test_what_would_stop_an_old_program_is_seen(ledger: Ledger, statement: str, said: str) -> None:
    before = shapes(ledger.engine)
    with ledger.write() as connection:
        connection.execute(text(statement))
    assert any(found.startswith(said) for found in breaks(before, shapes(ledger.engine)))


def test_a_column_that_must_be_given_is_seen() -> None:
    old = {"notice": Shape({"id": Column("INTEGER", False, False)}, frozenset())}
    for column, broken in (
        (Column("TEXT", False, False), True),
        (Column("TEXT", True, False), False),
        (Column("TEXT", False, True), False),
    ):
        new = {"notice": Shape({**old["notice"].columns, "kind": column}, frozenset())}
        assert bool(breaks(old, new)) == broken
    tightened = {"notice": Shape({"id": Column("INTEGER", True, False)}, frozenset())}
    assert breaks(tightened, old) != []


@pytest.mark.parametrize("revision", revisions())
def test_what_an_old_program_writes_after_the_upgrade_is_told_once(
    empty: str, revision: str, fcm: LocalFcm
) -> None:
    """It writes every row with the columns that it knows."""
    old = Earlier(empty, revision)
    ledger = Ledger.open(empty)
    fill(old)
    for at in (timedelta(0), HOUR, DAY, 2 * DAY):
        deliver(ledger, fcm, NOW + at)
        assert received(fcm) == expected(at)
    ledger.close()
    old.close()


ENQUEUE = """
    INSERT INTO notice (rule, workspace, occurrence, step, person, fire_at, as_of, state, reason, message, due_at,
                        expires_at, tries, run)
    VALUES (:rule, :workspace, :occurrence, :step, :person, :now, :now, 'queued', '', '{}', :now, NULL, 0, 1)
    ON CONFLICT (rule, workspace, occurrence, step, person) DO NOTHING"""
CLAIM = """
    WITH due AS (
        SELECT notice.id AS id FROM notice
        WHERE notice.state = 'queued' AND notice.due_at <= :now
          AND (notice.lease_until IS NULL OR notice.lease_until <= :now)
          AND NOT (EXISTS (
              SELECT earlier.id FROM notice AS earlier
              WHERE earlier.state = 'queued' AND earlier.person = notice.person
                AND earlier.workspace = notice.workspace AND earlier.id < notice.id
                AND (earlier.due_at <= :now OR earlier.lease_until IS NOT NULL)))
        ORDER BY notice.due_at, notice.id LIMIT :count {lock})
    UPDATE notice SET lease_until = :until, lease_owner = :owner, tries = (notice.tries + 1)
    WHERE notice.id IN (SELECT due.id FROM due)
    RETURNING id, rule, workspace, person, message, expires_at, tries, first_tried_at"""
ATTEMPT = """
    INSERT INTO attempt (notice, device, started_at, ended_at, outcome, status, code, name)
    VALUES (:id, 1, :now, :now, 'accepted', 200, '', '')"""
END = """
    UPDATE notice SET state = 'sent', reason = '', due_at = NULL, lease_until = NULL, lease_owner = NULL,
        first_tried_at = coalesce(notice.first_tried_at, :now), tries = (notice.tries - 0)
    WHERE notice.id = :id AND notice.lease_owner = :owner AND notice.state = 'queued'"""


class OldWorker:
    """A worker of the program of schema 6, by its statements. Its clock stands at `now`."""

    def __init__(self, now: datetime) -> None:
        self.now, self.owner = now, "old"

    def enqueue(self, connection: Connection, n: int) -> int:
        e = entry(n)
        key = {"rule": e.rule, "workspace": e.workspace, "occurrence": e.occurrence, "step": e.step}
        return self._do(connection, ENQUEUE, **key, person=e.person).rowcount

    def claim(self, connection: Connection, count: int) -> set[int]:
        lock = "FOR UPDATE SKIP LOCKED" if connection.dialect.name == "postgresql" else ""
        given = {"until": self.now + LEASE, "owner": self.owner, "count": count}
        return {r.id for r in self._do(connection, CLAIM.format(lock=lock), **given)}

    def settle(self, connection: Connection, ids: set[int]) -> int:
        """Say that FCM took them. Returns how many it still held."""
        for id in ids:
            self._do(connection, ATTEMPT, id=id)
        return sum(self._do(connection, END, id=id, owner=self.owner).rowcount for id in ids)

    def _do(self, connection: Connection, statement: str, **given: Any) -> Any:
        used = {k: v for k, v in {"now": self.now, **given}.items() if f":{k}" in statement}
        instants = [bindparam(k, type_=Instant) for k, v in used.items() if isinstance(v, datetime)]
        return connection.execute(text(statement).bindparams(*instants), used)


def states(ledger: Ledger) -> dict[int, str]:
    with ledger.read() as connection:
        return {r["id"]: r["state"] for r in queue.rows(connection)}


def test_an_old_and_a_new_worker_never_hold_the_same_row(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    old = OldWorker(now)
    with ledger.write() as connection:
        assert [old.enqueue(connection, n) for n in (1, 2, 3)] == [1, 1, 1]
        assert queue.enqueue(connection, [entry(n) for n in range(1, 7)], now, 1) == 3
        assert old.enqueue(connection, 6) == 0, "the key is taken, whoever asks"
    with ledger.write() as connection:
        mine = old.claim(connection, 2)
    with ledger.write() as connection:
        theirs = {c.id for c in leases.claim(connection, "new", now, LEASE, 3)}
    with ledger.write() as connection:
        mine |= old.claim(connection, 9)
    assert (len(mine), len(theirs), mine & theirs) == (3, 3, set())
    tried = [Tried(id, 1, now, now, "accepted", 200) for id in theirs]
    done = [Settled(id, NoticeState.SENT, tried_at=now) for id in theirs]
    with ledger.write() as connection:
        assert old.settle(connection, mine) == 3
        assert leases.settle(connection, "new", tried, done) == 3
    assert set(states(ledger).values()) == {"sent"}


def test_what_an_old_worker_drops_the_new_one_takes_up_and_keeps(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    old, later = OldWorker(now), now + LEASE
    with ledger.write() as connection:
        queue.enqueue(connection, [entry(1), entry(2)], now, 1)
        mine = old.claim(connection, 9)
        assert leases.claim(connection, "new", now, LEASE, 9) == []
    with ledger.write() as connection:
        taken = leases.claim(connection, "new", later, LEASE, 9)
        assert {c.id for c in taken} == mine
        assert old.settle(connection, mine) == 0, "its lease is over"
    assert set(states(ledger).values()) == {"queued"}
    with ledger.write() as connection:
        again = leases.claim(connection, "new", later + LEASE, LEASE, 9)
    assert [dict(c.done) for c in again] == [{1: "accepted"}] * 2, "and what it did is known"


def test_what_a_new_worker_drops_an_old_one_takes_up(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    with ledger.write() as connection:
        queue.enqueue(connection, [entry(1), entry(2)], now, 1)
        theirs = {c.id for c in leases.claim(connection, "new", now, LEASE, 9)}
        leases.settle(
            connection, "new", [], [Settled(min(theirs), NoticeState.QUEUED, "later", now + LEASE, now)]
        )
        assert OldWorker(now).claim(connection, 9) == set()
        old = OldWorker(now + LEASE)
        assert old.claim(connection, 9) == theirs
        assert old.settle(connection, theirs) == 2
    assert set(states(ledger).values()) == {"sent"}

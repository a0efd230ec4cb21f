"""The outbox: what must be said, claimed by lease, settled attempt by attempt.

The unique key of a row is the only proof against a duplicate; nothing else here is trusted for that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, and_, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from vigil.ledger.engine import chunks
from vigil.ledger.tables import Attempt, Notice, table

_notice = table(Notice)
_attempt = table(Attempt)

FINAL = frozenset({"sent", "no_device", "unroutable", "failed", "suppressed"})
"""The states a notice never leaves. The only other one is `queued`."""

Key = tuple[str, int, str, str, str]
"""(rule, workspace, occurrence, step, person): what is said once, for ever. No step and no person are ''."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row to queue: `state` is `queued`, or final with its reason when there is nothing to send."""

    rule: str
    workspace: int
    occurrence: str
    step: str
    person: str
    fire_at: datetime
    state: str
    reason: str = ""
    message: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.rule, self.workspace, self.occurrence, self.step, self.person


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that this worker holds until its lease runs out. `done` are the devices that need no further attempt."""

    id: int
    rule: str
    workspace: int
    person: str
    message: Mapping[str, Any]
    fire_at: datetime
    tries: int
    first_tried_at: datetime | None
    done: Mapping[int, str] = field(default_factory=dict)  # device id -> accepted | rejected


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt for one device, as the transport saw it."""

    notice: int
    device: int
    started_at: datetime
    ended_at: datetime
    outcome: str
    status: int | None = None
    code: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of a claimed row: a final state, or `queued` and due again at `due_at`."""

    notice: int
    state: str
    reason: str = ""
    due_at: datetime | None = None


def enqueue(connection: Connection, entries: Sequence[Entry], as_of: datetime, run: int | None = None) -> int:
    """Insert the entries whose key is free; the others are left as they are. Returns how many went in."""
    maker = sqlite_insert if connection.dialect.name == "sqlite" else pg_insert
    statement = maker(_notice).on_conflict_do_nothing()
    count = 0
    for some in chunks(entries, 1000):
        rows = [
            {
                "rule": e.rule,
                "workspace": e.workspace,
                "occurrence": e.occurrence,
                "step": e.step,
                "person": e.person,
                "fire_at": e.fire_at,
                "as_of": as_of,
                "state": e.state,
                "reason": e.reason,
                "message": orjson.dumps(e.message).decode(),
                "due_at": as_of if e.state == "queued" else None,
                "tries": 0,
                "run": run,
            }
            for e in some
        ]
        count += max(connection.execute(statement, rows).rowcount, 0)
    return count


def claim(connection: Connection, owner: str, now: datetime, lease: timedelta, limit: int) -> list[Claimed]:
    """Take up to `limit` rows that are due and hold them until `now + lease`.

    Another worker may win a row: the update skips what is locked (PostgreSQL) or runs alone (SQLite has one writer), and a
    row whose lease ran out belongs to whoever takes it first. A row waits while an earlier one for the same person and
    workspace is still queued, so that what comes later is never overtaken.
    """
    earlier = _notice.alias("earlier")
    waiting = (
        select(earlier.c.id)
        .where(
            earlier.c.state == "queued",
            earlier.c.person == _notice.c.person,
            earlier.c.workspace == _notice.c.workspace,
            earlier.c.id < _notice.c.id,
        )
        .exists()
    )
    due = (
        select(_notice.c.id)
        .where(
            _notice.c.state == "queued",
            _notice.c.due_at <= now,
            or_(_notice.c.lease_until.is_(None), _notice.c.lease_until <= now),
            ~waiting,
        )
        .order_by(_notice.c.due_at, _notice.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = connection.execute(
        update(_notice)
        .where(_notice.c.id.in_(due))
        .values(
            lease_until=now + lease,
            lease_owner=owner,
            tries=_notice.c.tries + 1,
            first_tried_at=func.coalesce(_notice.c.first_tried_at, now),
        )
        .returning(_notice)
    ).all()
    done = _done(connection, [r.id for r in taken if r.tries > 1])
    return [
        Claimed(
            r.id,
            r.rule,
            r.workspace,
            r.person,
            orjson.loads(r.message),
            r.fire_at,
            r.tries,
            r.first_tried_at,
            done.get(r.id, {}),
        )
        for r in sorted(taken, key=lambda r: r.id)
    ]


def _done(connection: Connection, notices: Sequence[int]) -> dict[int, dict[int, str]]:
    done: dict[int, dict[int, str]] = defaultdict(dict)
    for some in chunks(notices):
        where = _attempt.c.notice.in_(some) & _attempt.c.outcome.in_(("accepted", "rejected"))
        for r in connection.execute(
            select(_attempt.c.notice, _attempt.c.device, _attempt.c.outcome).where(where)
        ):
            done[r.notice][r.device] = r.outcome
    return done


def settle(connection: Connection, owner: str, tried: Iterable[Tried], settled: Iterable[Settled]) -> int:
    """Write the attempts, and what becomes of their rows. Returns how many rows were still held by `owner`.

    An attempt is written even when the lease was lost meanwhile: it happened.
    """
    attempts = [
        {
            "notice": t.notice,
            "device": t.device,
            "started_at": t.started_at,
            "ended_at": t.ended_at,
            "outcome": t.outcome,
            "status": t.status,
            "code": t.code,
            "name": t.name,
        }
        for t in tried
    ]
    if attempts:
        connection.execute(insert(_attempt), attempts)
    held = 0
    groups: dict[tuple[str, str, datetime | None], list[int]] = defaultdict(list)
    for s in settled:
        groups[s.state, s.reason, s.due_at].append(s.notice)
    for (state, reason, due_at), ids in groups.items():
        for some in chunks(ids):
            where = _notice.c.id.in_(some) & (_notice.c.lease_owner == owner) & (_notice.c.state == "queued")
            values = {
                "state": state,
                "reason": reason,
                "due_at": due_at,
                "lease_until": None,
                "lease_owner": None,
            }
            held += connection.execute(update(_notice).where(where).values(**values)).rowcount
    return held


def next_due(connection: Connection) -> datetime | None:
    """When the earliest queued row is due; None when nothing is queued."""
    value: datetime | None = connection.execute(
        select(func.min(_notice.c.due_at)).where(_notice.c.state == "queued")
    ).scalar()
    return value


def counts(connection: Connection, run: int) -> dict[tuple[str, str], int]:
    """(state, reason) -> rows that a run queued."""
    query = select(_notice.c.state, _notice.c.reason, func.count()).where(_notice.c.run == run)
    return {(r[0], r[1]): r[2] for r in connection.execute(query.group_by(_notice.c.state, _notice.c.reason))}


def rows(
    connection: Connection,
    *,
    run: int | None = None,
    person: str | None = None,
    workspace: int | None = None,
    rule: str | None = None,
    upto: datetime | None = None,
) -> list[dict[str, Any]]:
    """The outbox as it is, narrowed by what is given, in the order it was queued. `message` comes decoded."""
    query = select(_notice).order_by(_notice.c.id)
    for column, value in (
        (_notice.c.run, run),
        (_notice.c.person, person),
        (_notice.c.workspace, workspace),
        (_notice.c.rule, rule),
    ):
        if value is not None:
            query = query.where(column == value)
    if upto is not None:
        query = query.where(_notice.c.as_of <= upto)
    return [dict(r._mapping) | {"message": orjson.loads(r.message)} for r in connection.execute(query)]


def attempts(connection: Connection, notices: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Every attempt of some rows, by row, in order."""
    out: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for some in chunks(notices):
        for r in connection.execute(
            select(_attempt).where(_attempt.c.notice.in_(some)).order_by(_attempt.c.id)
        ):
            out[r.notice].append(dict(r._mapping))
    return out


def sent_without_proof(connection: Connection, run: int) -> int:
    """How many rows of a run are marked as sent although no attempt was accepted. Anything but 0 is a fault of ours."""
    accepted = (
        select(_attempt.c.id)
        .where(_attempt.c.notice == _notice.c.id, _attempt.c.outcome == "accepted")
        .exists()
    )
    query = select(func.count()).where(_notice.c.run == run, _notice.c.state == "sent", ~accepted)
    return int(connection.execute(query.select_from(_notice)).scalar_one())


def states(connection: Connection, entries: Collection[Entry]) -> dict[Key, tuple[str, str]]:
    """(state, reason) of those entries whose key is taken."""
    out: dict[Key, tuple[str, str]] = {}
    columns = (_notice.c.rule, _notice.c.workspace, _notice.c.occurrence, _notice.c.step, _notice.c.person)
    for some in chunks(sorted({e.workspace for e in entries})):
        for r in connection.execute(
            select(*columns, _notice.c.state, _notice.c.reason).where(_notice.c.workspace.in_(some))
        ):
            out[r.rule, r.workspace, r.occurrence, r.step, r.person] = (r.state, r.reason)
    return out


def requeue(connection: Connection, keys: Collection[Key], as_of: datetime, run: int | None) -> int:
    """Queue failed rows once more, as an approved backfill asks. Rows in any other state stay as they are."""
    count = 0
    fields = (_notice.c.rule, _notice.c.workspace, _notice.c.occurrence, _notice.c.step, _notice.c.person)
    for key in keys:
        where = and_(_notice.c.state == "failed", *(c == v for c, v in zip(fields, key, strict=True)))
        values = {
            "state": "queued",
            "reason": "",
            "due_at": as_of,
            "tries": 0,
            "first_tried_at": None,
            "run": run,
        }
        count += connection.execute(update(_notice).where(where).values(**values)).rowcount
    return count

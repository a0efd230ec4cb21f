"""Rows of the outbox in the hands of workers: claimed by lease, renewed, settled attempt by attempt.

Each verb makes a few statements however many rows there are: a worker's processor time goes into sending (docs/decisions/0004).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    String,
    Update,
    and_,
    bindparam,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from vigil.ledger.engine import chunks
from vigil.ledger.tables import Attempt, Instant, Notice, in_state, table

_notice = table(Notice)
_attempt = table(Attempt)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that this worker holds until its lease runs out. `done` are the devices that need no further attempt."""

    id: int
    rule: str
    workspace: int
    person: str
    message: Mapping[str, Any]
    expires_at: datetime | None
    tries: int
    first_tried_at: datetime | None
    run: int | None = None  # that queued it
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
    """What becomes of a claimed row: a final state, or `queued` and due again at `due_at`; `reason` says why, of either.

    `tried_at` is when the first request of this claim was made. None: none was, and the claim does not count as a try.
    """

    notice: int
    state: str
    reason: str = ""
    due_at: datetime | None = None
    tried_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PutOff:
    """A claimed row that may not be said before `due_at`, and is not worth showing from `expires_at` on."""

    notice: int
    due_at: datetime
    expires_at: datetime | None


_CLAIMED = tuple(name for name in Claimed.__slots__ if name != "done")  # the columns have the fields' names


def claim(connection: Connection, owner: str, now: datetime, lease: timedelta, limit: int) -> list[Claimed]:
    """Take up to `limit` rows that are due and hold them until `now + lease`.

    Another worker may win a row: what is locked is skipped (PostgreSQL) or this transaction is alone (SQLite has one
    writer), and a row whose lease ran out belongs to whoever takes it first. A row waits while an earlier one for the same
    person and workspace is being said, so that what comes later is never overtaken: one that is due, or was claimed before.
    One that is only held for later, by quiet hours, does not keep an urgent one waiting.
    """
    earlier = _notice.alias("earlier")
    waiting = (
        select(earlier.c.id)
        .where(
            in_state(earlier, "queued"),
            earlier.c.person == _notice.c.person,
            earlier.c.workspace == _notice.c.workspace,
            earlier.c.id < _notice.c.id,
            or_(earlier.c.due_at <= now, earlier.c.lease_until.is_not(None)),
        )
        .exists()
    )
    # Worked out once, before anything is updated: as a plain subquery PostgreSQL may run it again and take more than `limit`.
    due = (
        select(_notice.c.id)
        .where(
            in_state(_notice, "queued"),
            _notice.c.due_at <= now,
            or_(_notice.c.lease_until.is_(None), _notice.c.lease_until <= now),
            ~waiting,
        )
        .order_by(_notice.c.due_at, _notice.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = connection.execute(
        update(_notice)
        .where(_notice.c.id.in_(select(due.c.id)))
        .values(lease_until=now + lease, lease_owner=owner, tries=_notice.c.tries + 1)
        .returning(*(_notice.c[name] for name in _CLAIMED))
    ).all()
    done = _done(connection, {r.id: r.first_tried_at for r in taken})
    return [
        Claimed(**{**r._mapping, "message": orjson.loads(r.message)}, done=done.get(r.id, {}))
        for r in sorted(taken, key=lambda r: r.id)
    ]


def _done(connection: Connection, first_tries: Mapping[int, datetime | None]) -> dict[int, dict[int, str]]:
    """Devices that took each row, whenever that was, and those that refused it since it was first tried.

    A row that was queued once more begins anew: what refused it then may take it now.
    """
    done: dict[int, dict[int, str]] = defaultdict(dict)
    for some in chunks(first_tries):
        where = _attempt.c.notice.in_(some) & _attempt.c.outcome.in_(("accepted", "rejected"))
        query = select(_attempt.c.notice, _attempt.c.device, _attempt.c.outcome, _attempt.c.started_at)
        for r in connection.execute(query.where(where).order_by(_attempt.c.id)):
            first = first_tries[r.notice]
            if r.outcome == "accepted" or (first is not None and r.started_at >= first):
                done[r.notice][r.device] = r.outcome
    return done


def put_off(connection: Connection, owner: str, rows: Iterable[PutOff]) -> int:
    """Give claimed rows back until later, as if they had not been claimed. Returns how many `owner` still held.

    Unlike a row that waits for its next try, one that is put off keeps no later row of its person waiting.
    """
    statement = (
        update(_notice)
        .where(_notice.c.id == bindparam("of"), _held_by(owner))
        .values(
            due_at=bindparam("to_due_at", type_=Instant),
            expires_at=bindparam("to_expires_at", type_=Instant),
            lease_until=None,
            lease_owner=None,
            tries=_notice.c.tries - 1,
        )
    )
    given = [{"of": r.notice, "to_due_at": r.due_at, "to_expires_at": r.expires_at} for r in rows]
    return connection.execute(statement, given).rowcount if given else 0


def renew(connection: Connection, owner: str, ids: Sequence[int], until: datetime) -> int:
    """Hold claimed rows longer. Returns how many `owner` still held."""
    held = 0
    for some in chunks(ids):
        held += connection.execute(
            update(_notice).where(_notice.c.id.in_(some), _held_by(owner)).values(lease_until=until)
        ).rowcount
    return held


def _held_by(owner: str) -> ColumnElement[bool]:
    return and_(_notice.c.lease_owner == owner, in_state(_notice, "queued"))


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
    alike: dict[tuple[str, str, bool], list[Settled]] = defaultdict(list)
    waiting = []
    for s in settled:
        if s.due_at is None:
            alike[s.state, s.reason, s.tried_at is None].append(s)
        else:
            waiting.append(s)
    held = sum(_end(connection, owner, rows) for rows in alike.values())
    return held + (connection.execute(_wait(owner), [_waits(s) for s in waiting]).rowcount if waiting else 0)


def _end(connection: Connection, owner: str, alike: Sequence[Settled]) -> int:
    """End rows that end alike, with one statement: nearly all of a batch. Their first try is that of the earliest among them."""
    first, held = alike[0], 0
    tried_at = min((s.tried_at for s in alike if s.tried_at is not None), default=None)
    values = {
        "state": first.state,
        "reason": first.reason,
        "due_at": None,
        "lease_until": None,
        "lease_owner": None,
        "tries": _notice.c.tries - (1 if tried_at is None else 0),
        "first_tried_at": func.coalesce(_notice.c.first_tried_at, literal(tried_at, Instant)),
    }
    for some in chunks(sorted(s.notice for s in alike)):
        where = and_(_notice.c.id.in_(some), _held_by(owner))
        held += connection.execute(update(_notice).where(where).values(**values)).rowcount
    return held


def _waits(s: Settled) -> dict[str, Any]:
    return {
        "of": s.notice,
        "to_reason": s.reason,
        "to_due_at": s.due_at,
        "to_lease": s.due_at,  # not None: what was claimed once keeps what comes after it waiting
        "tried_at": s.tried_at,
        "untried": 0 if s.tried_at else 1,
    }


def _wait(owner: str) -> Update:
    """A row is due again at its own instant."""
    return (
        update(_notice)
        .where(_notice.c.id == bindparam("of"), _held_by(owner))
        .values(
            reason=bindparam("to_reason", type_=String),
            due_at=bindparam("to_due_at", type_=Instant),
            lease_until=bindparam("to_lease", type_=Instant),
            lease_owner=None,
            tries=_notice.c.tries - bindparam("untried", type_=Integer),
            first_tried_at=func.coalesce(_notice.c.first_tried_at, bindparam("tried_at", type_=Instant)),
        )
    )


def next_due(connection: Connection) -> datetime | None:
    """When the earliest queued row is due; None when nothing is queued."""
    value: datetime | None = connection.execute(
        select(func.min(_notice.c.due_at)).where(in_state(_notice, "queued"))
    ).scalar()
    return value

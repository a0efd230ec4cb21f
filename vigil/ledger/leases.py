"""Rows of the outbox in the hands of workers: claimed by lease, renewed, settled attempt by attempt.

A lease is about processes: it goes by the real time, whatever instant a run speaks of. When a row is due, tried again or not worth
showing any more is about the matter: that goes by the run's clock. Hence `now`, the run's, and `real` (docs/decisions/0020).

Each verb makes a few statements however many rows there are: a worker's processor time goes into sending (docs/decisions/0004).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
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

from vigil.compliance.notices import NoticeState
from vigil.ledger.engine import chunks
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.tables import Attempt, Instant, Notice, in_state, table

_notice = table(Notice)
_attempt = table(Attempt)

LONGEST = timedelta(minutes=10)
"""No lease is longer. One that seems to be was taken by a clock that ran ahead, and has run out."""

RealTime = Callable[[Connection], datetime]


def real_time(connection: Connection) -> datetime:
    """The time by which leases go: the database's own, so that workers whose clocks differ agree about it.

    SQLite has no server: its time is this machine's.
    """
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    at: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return at


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that this worker holds until its lease runs out. `done` are the devices that need no further attempt."""

    id: int
    rule: str
    workspace: int
    person: str
    message: NoticeMessage
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
    state: NoticeState
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


def held(rows: FromClause, real: datetime) -> ColumnElement[bool]:
    """Whether a row is in the hands of a worker whose lease has not run out."""
    until = rows.c.lease_until
    return and_(rows.c.lease_owner.is_not(None), until > real, until <= real + LONGEST)


def given_back(rows: FromClause) -> ColumnElement[bool]:
    """Whether a worker had the row and gave it back for another try: a lease without an owner. See `settle`."""
    return and_(rows.c.lease_until.is_not(None), rows.c.lease_owner.is_(None))


def behind(now: datetime) -> ColumnElement[bool]:
    """Whether an outbox row waits for an earlier one of its person and workspace: one that is due, or was claimed before."""
    earlier = _notice.alias("earlier")
    return (
        select(earlier.c.id)
        .where(
            in_state(earlier, NoticeState.QUEUED),
            earlier.c.person == _notice.c.person,
            earlier.c.workspace == _notice.c.workspace,
            earlier.c.id < _notice.c.id,
            or_(earlier.c.due_at <= now, earlier.c.lease_until.is_not(None)),
        )
        .exists()
    )


def claimable(now: datetime, real: datetime) -> ColumnElement[bool]:
    """Whether a worker may take an outbox row now."""
    return and_(
        in_state(_notice, NoticeState.QUEUED), _notice.c.due_at <= now, ~held(_notice, real), ~behind(now)
    )


def claim(
    connection: Connection,
    owner: str,
    now: datetime,
    lease: timedelta,
    limit: int,
    real: datetime | None = None,
) -> list[Claimed]:
    """Take up to `limit` rows that are due at `now` and hold them until `real + lease`; without `real` the two are one.

    Another worker may win a row: what is locked is skipped (PostgreSQL) or this transaction is alone (SQLite has one
    writer), and a row whose lease ran out belongs to whoever takes it first. A row waits while an earlier one for the same
    person and workspace is being said, so that what comes later is never overtaken: one that is due, or was claimed before.
    One that is only held for later, by quiet hours, does not keep an urgent one waiting.
    """
    real = real or now
    # Worked out once, before anything is updated: as a plain subquery PostgreSQL may run it again and take more than `limit`.
    due = (
        select(_notice.c.id)
        .where(claimable(now, real))
        .order_by(_notice.c.due_at, _notice.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = connection.execute(
        update(_notice)
        .where(_notice.c.id.in_(select(due.c.id)))
        .values(lease_until=real + lease, lease_owner=owner, tries=_notice.c.tries + 1)
        .returning(*(_notice.c[name] for name in _CLAIMED))
    ).all()
    done = _done(connection, {r.id: r.first_tried_at for r in taken})
    return [
        Claimed(**{**r._mapping, "message": NoticeMessage.from_json(r.message)}, done=done.get(r.id, {}))
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


def owners(connection: Connection, real: datetime) -> set[str]:
    """Whose leases have not run out, whether or not they live."""
    query = select(_notice.c.lease_owner).where(in_state(_notice, NoticeState.QUEUED), held(_notice, real))
    return set(connection.execute(query.distinct()).scalars())


def end(connection: Connection, dead: Collection[str], real: datetime) -> int:
    """End the leases of workers that are known to be dead. Returns how many rows are free for it."""
    where = and_(in_state(_notice, NoticeState.QUEUED), _notice.c.lease_owner.in_(dead), held(_notice, real))
    return connection.execute(update(_notice).where(where).values(lease_until=real)).rowcount


def _held_by(owner: str) -> ColumnElement[bool]:
    return and_(_notice.c.lease_owner == owner, in_state(_notice, NoticeState.QUEUED))


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
    alike: dict[tuple[NoticeState, str, bool], list[Settled]] = defaultdict(list)
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
        select(func.min(_notice.c.due_at)).where(in_state(_notice, NoticeState.QUEUED))
    ).scalar()
    return value

"""The rows of the outbox that workers hold: claimed by lease, renewed, and settled attempt by attempt.

A lease concerns processes and uses real time, whatever the `as_of` of a run. When a row is due, retried or past its time to live
depends on the run's clock. Hence the parameters `now`, the run's clock, and `real` (docs/decisions/0020).

Each function executes a few statements for any number of rows: a worker's processor time is for sending (docs/decisions/0004).
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
from vigil.ledger.tables import AttemptRow, Instant, NoticeRow, in_state, set_state, table

_notice = table(NoticeRow)
_attempt = table(AttemptRow)

LONGEST = timedelta(minutes=10)
"""The maximum length of a lease. A longer one was made by a clock that ran ahead, and counts as expired."""

RealTime = Callable[[Connection], datetime]


def real_time(connection: Connection) -> datetime:
    """The time for leases: the database's own, so that workers with different clocks agree.

    SQLite has no server: its time is this machine's.
    """
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    at: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return at


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that this worker holds until its lease expires. `done` are the devices that need no further attempt."""

    id: int
    rule: str
    workspace: int
    person: str
    message: NoticeMessage
    expires_at: datetime | None
    tries: int
    first_tried_at: datetime | None
    run: int | None = None  # the run that queued it
    done: Mapping[int, str] = field(default_factory=dict)  # device id -> accepted | rejected


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt for one device, from the transport's result."""

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
    """The outcome of a claimed row: a final state, or `queued` and due again at `due_at`; `reason` explains either.

    `tried_at` is the time of the first request of this claim. None means that there was none, and the claim does not count as a try.
    """

    notice: int
    state: NoticeState
    reason: str = ""
    due_at: datetime | None = None
    tried_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PutOff:
    """A claimed row that must not be sent before `due_at`, and has its time to live until `expires_at`."""

    notice: int
    due_at: datetime
    expires_at: datetime | None


_CLAIMED = tuple(name for name in Claimed.__slots__ if name != "done")  # the columns have the fields' names


def held(rows: FromClause, real: datetime) -> ColumnElement[bool]:
    """Whether a worker with a valid lease holds a row."""
    until = rows.c.lease_until
    return and_(rows.c.lease_owner.is_not(None), until > real, until <= real + LONGEST)


def given_back(rows: FromClause) -> ColumnElement[bool]:
    """Whether a worker gave the row back for a retry: a lease without an owner. See `settle`."""
    return and_(rows.c.lease_until.is_not(None), rows.c.lease_owner.is_(None))


def behind(now: datetime) -> ColumnElement[bool]:
    """Whether an outbox row waits for an earlier one of its person and workspace that is due or was claimed before."""
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
    """Whether a worker may claim an outbox row now."""
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
    """Claim up to `limit` rows that are due at `now`, and hold them until `real + lease`; without `real` the two times are the same.

    Another worker may win a row: locked rows are skipped (PostgreSQL), or this transaction is alone (SQLite has one writer); a row
    with an expired lease goes to the first worker that claims it. A row waits while an earlier one for the same person and workspace
    is due or was claimed before, so that notices keep their order. An earlier row that is only deferred, by quiet hours, does not
    block an urgent one.
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
    """For each row the devices that accepted it at any time, and those that rejected it since its first try.

    A requeued row starts anew: a device that rejected it before may accept it now.
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

    Unlike a row that waits for a retry, a deferred row does not block later rows of its person.
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
    """Extend the leases of claimed rows. Returns how many `owner` still held."""
    held = 0
    for some in chunks(ids):
        held += connection.execute(
            update(_notice).where(_notice.c.id.in_(some), _held_by(owner)).values(lease_until=until)
        ).rowcount
    return held


def owners(connection: Connection, real: datetime) -> set[str]:
    """The owners of leases that have not expired, whether their processes live or not."""
    query = select(_notice.c.lease_owner).where(in_state(_notice, NoticeState.QUEUED), held(_notice, real))
    return set(connection.execute(query.distinct()).scalars())


def end(connection: Connection, dead: Collection[str], real: datetime) -> int:
    """End the leases of workers that are known to be dead. Returns how many rows that frees."""
    where = and_(in_state(_notice, NoticeState.QUEUED), _notice.c.lease_owner.in_(dead), held(_notice, real))
    return connection.execute(update(_notice).where(where).values(lease_until=real)).rowcount


def _held_by(owner: str) -> ColumnElement[bool]:
    return and_(_notice.c.lease_owner == owner, in_state(_notice, NoticeState.QUEUED))


def settle(connection: Connection, owner: str, tried: Iterable[Tried], settled: Iterable[Settled]) -> int:
    """Write the attempts and the outcomes of their rows. Returns how many rows `owner` still held.

    An attempt is written even if the lease was lost meanwhile: it happened.
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
    """Finish rows with the same outcome in one statement: nearly all of a batch. They get the earliest of their first tries."""
    first, held = alike[0], 0
    tried_at = min((s.tried_at for s in alike if s.tried_at is not None), default=None)
    values = set_state(
        first.state,
        reason=first.reason,
        due_at=None,
        lease_until=None,
        lease_owner=None,
        tries=_notice.c.tries - (1 if tried_at is None else 0),
        first_tried_at=func.coalesce(_notice.c.first_tried_at, literal(tried_at, Instant)),
    )
    for some in chunks(sorted(s.notice for s in alike)):
        where = and_(_notice.c.id.in_(some), _held_by(owner))
        held += connection.execute(update(_notice).where(where).values(**values)).rowcount
    return held


def _waits(s: Settled) -> dict[str, Any]:
    return {
        "of": s.notice,
        "to_reason": s.reason,
        "to_due_at": s.due_at,
        "to_lease": s.due_at,  # not None: a row that was claimed once blocks later ones
        "tried_at": s.tried_at,
        "untried": 0 if s.tried_at else 1,
    }


def _wait(owner: str) -> Update:
    """Make a row due again at its own instant."""
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
    """When the earliest queued row is due; None if nothing is queued."""
    value: datetime | None = connection.execute(
        select(func.min(_notice.c.due_at)).where(in_state(_notice, NoticeState.QUEUED))
    ).scalar()
    return value

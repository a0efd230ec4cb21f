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
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    String,
    Text,
    Update,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from vigil.ledger.engine import NOTICES, chunks, in_turn
from vigil.ledger.keys import Key as Key
from vigil.ledger.keys import is_wanted, key_columns, keys_wanted
from vigil.ledger.tables import Attempt, Instant, Notice, table

_notice = table(Notice)
_attempt = table(Attempt)

FINAL = frozenset({"sent", "no_device", "unroutable", "failed", "suppressed"})
"""The states a notice never leaves. The only other one is `queued`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row to queue: `state` is `queued`, or final with its reason when there is nothing to send.

    `message` may hold a `ttl`, seconds from the instant it is about or from when it may be said first, whichever
    is later.
    """

    rule: str
    workspace: int
    occurrence: str
    step: str
    person: str
    fire_at: datetime
    state: str
    reason: str = ""
    message: Mapping[str, Any] = field(default_factory=dict)
    due_at: datetime | None = None  # when it may be said, where that is later than at once: quiet hours

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
    expires_at: datetime | None
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
    """What becomes of a claimed row: a final state, or `queued` and due again at `due_at`.

    `tried_at` is when the first request of this claim was made. None: none was, and the claim does not count as a try.
    """

    notice: int
    state: str
    reason: str = ""
    due_at: datetime | None = None
    tried_at: datetime | None = None


def enqueue(connection: Connection, entries: Sequence[Entry], as_of: datetime, run: int | None = None) -> int:
    """Insert the entries whose key is free; the others are left as they are. Returns how many went in.

    The order of the entries is the order in which a person is told of a workspace.
    """
    if not entries:
        return 0
    in_turn(connection, NOTICES)
    maker = sqlite_insert if connection.dialect.name == "sqlite" else pg_insert
    statement = maker(_notice).on_conflict_do_nothing(index_elements=[c.name for c in key_columns()])
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
                "due_at": e.due_at or (as_of if e.state == "queued" else None),
                "expires_at": _expiry(e.message, max(e.fire_at, e.due_at or as_of)),
                "tries": 0,
                "run": run,
            }
            for e in some
        ]
        count += connection.execute(statement, rows, execution_options={"preserve_rowcount": True}).rowcount
    return count


def _expiry(message: Mapping[str, Any], begins: datetime) -> datetime | None:
    ttl = message.get("ttl")
    return None if ttl is None else begins + timedelta(seconds=ttl)


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
            _queued(earlier),
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
            _queued(_notice),
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
        .returning(_notice)
    ).all()
    done = _done(connection, {r.id: r.first_tried_at for r in taken})
    return [
        Claimed(
            r.id,
            r.rule,
            r.workspace,
            r.person,
            orjson.loads(r.message),
            r.expires_at,
            r.tries,
            r.first_tried_at,
            done.get(r.id, {}),
        )
        for r in sorted(taken, key=lambda r: r.id)
    ]


def _queued(notice: FromClause) -> ColumnElement[bool]:
    # Written into the statement: with a parameter no database would know that the indexes of queued rows fit.
    return notice.c.state == literal_column("'queued'", String)


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


def renew(connection: Connection, owner: str, ids: Sequence[int], until: datetime) -> int:
    """Hold claimed rows longer. Returns how many `owner` still held."""
    held = 0
    for some in chunks(ids):
        held += connection.execute(
            update(_notice).where(_notice.c.id.in_(some), _held_by(owner)).values(lease_until=until)
        ).rowcount
    return held


def _held_by(owner: str) -> ColumnElement[bool]:
    return and_(_notice.c.lease_owner == owner, _queued(_notice))


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
    rows = [
        {
            "of": s.notice,
            "to_state": s.state,
            "to_reason": s.reason,
            "to_due_at": s.due_at,
            "to_lease": s.due_at,  # not None: what was claimed once keeps what comes after it waiting
            "tried_at": s.tried_at,
            "untried": 0 if s.tried_at else 1,
        }
        for s in settled
    ]
    return connection.execute(_settlement(owner), rows).rowcount if rows else 0


def _settlement(owner: str) -> Update:
    return (
        update(_notice)
        .where(_notice.c.id == bindparam("of"), _held_by(owner))
        .values(
            state=bindparam("to_state", type_=String),
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
        select(func.min(_notice.c.due_at)).where(_queued(_notice))
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
    for only, value in (
        (_notice.c.run, run),
        (_notice.c.person, person),
        (_notice.c.workspace, workspace),
        (_notice.c.rule, rule),
    ):
        if value is not None:
            query = query.where(only == value)
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
    for some in chunks({e.key for e in entries}):
        wanted = keys_wanted(connection, some)
        query = select(*key_columns(), _notice.c.state, _notice.c.reason).join(wanted, is_wanted(wanted))
        for r in connection.execute(query):
            out[r.rule, r.workspace, r.occurrence, r.step, r.person] = (r.state, r.reason)
    return out


def requeue(
    connection: Connection,
    keys: Collection[Key],
    as_of: datetime,
    run: int | None,
    messages: Mapping[Key, Mapping[str, Any]] | None = None,
) -> int:
    """Queue failed rows once more, as an approved backfill asks. Rows in any other state stay as they are.

    `messages` replaces what is said, where it is given: a row that failed because its template did has no words of its own.
    """
    count = 0
    for some in chunks(sorted(set(keys))):
        wanted = keys_wanted(connection, some)
        query = select(_notice.c.id, _notice.c.message, *key_columns()).join(wanted, is_wanted(wanted))
        rows = []
        for r in connection.execute(query.where(_notice.c.state == "failed").order_by(_notice.c.id)):
            said = (messages or {}).get(tuple(r)[2:]) or orjson.loads(r.message)
            rows.append({"of": r.id, "said": orjson.dumps(said).decode(), "expires": _expiry(said, as_of)})
        if rows:
            count += connection.execute(_requeue(as_of, run), rows).rowcount
    return count


def _requeue(as_of: datetime, run: int | None) -> Update:
    return (
        update(_notice)
        .where(_notice.c.id == bindparam("of"), _notice.c.state == "failed")
        .values(
            state="queued",
            reason="",
            due_at=as_of,
            expires_at=bindparam("expires", type_=Instant),
            message=bindparam("said", type_=Text),
            tries=0,
            first_tried_at=None,
            lease_until=None,
            run=run,
        )
    )

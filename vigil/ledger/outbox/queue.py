"""The outbox: the notices to send, and their outcomes. `leases` hands its rows to workers.

The unique key of a row is the only proof against a duplicate; no other part of the outbox is relied on for that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Text,
    Update,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from vigil.compliance.notices import NoticeKey, NoticeState
from vigil.ledger.engine import NOTICES, chunks, in_turn
from vigil.ledger.notice_message import EMPTY_MESSAGE, NoticeMessage
from vigil.ledger.outbox.keys import is_wanted, key_columns, keys_wanted
from vigil.ledger.tables import AttemptRow, Instant, NoticeRow, has_state, set_state, table
from vigil.ledger.values import Entry

_notice = table(NoticeRow)
_attempt = table(AttemptRow)

FINAL = frozenset(NoticeState) - {NoticeState.QUEUED}
"""The states a notice never leaves. The only other one is `queued`."""


def enqueue(connection: Connection, entries: Sequence[Entry], as_of: datetime, run: int | None = None) -> int:
    """Insert the entries whose key is free; existing rows stay unchanged. Returns how many were inserted.

    A person receives the notices about a workspace in the order of the entries.
    """
    if not entries:
        return 0
    in_turn(connection, NOTICES)
    maker = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
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
                "message": e.message.to_json(),
                "due_at": e.due_at or (as_of if e.state == NoticeState.QUEUED else None),
                "expires_at": _expiry(e.message, max(e.fire_at, e.due_at or as_of)),
                "tries": 0,
                "run": run,
            }
            for e in some
        ]
        count += connection.execute(statement, rows, execution_options={"preserve_rowcount": True}).rowcount
    return count


def _expiry(message: NoticeMessage, begins: datetime) -> datetime | None:
    return None if message.ttl is None else begins + timedelta(seconds=message.ttl)


def rows(
    connection: Connection,
    *,
    run: int | None = None,
    person: str | None = None,
    workspace: int | None = None,
    rule: str | None = None,
    until: datetime | None = None,
) -> list[dict[str, Any]]:
    """The rows of the outbox, filtered by the given arguments, in the order in which they were queued. `message` is decoded."""
    query = select(_notice).order_by(_notice.c.id)
    for only, value in (
        (_notice.c.run, run),
        (_notice.c.person, person),
        (_notice.c.workspace, workspace),
        (_notice.c.rule, rule),
    ):
        if value is not None:
            query = query.where(only == value)
    if until is not None:
        query = query.where(_notice.c.as_of <= until)
    return [_decoded(r) for r in connection.execute(query)]


def sent_between(connection: Connection, after: datetime, until: datetime) -> list[dict[str, Any]]:
    """The sent rows about an instant in (after, until], in the format of `rows`."""
    query = select(_notice).where(
        has_state(_notice, NoticeState.SENT), _notice.c.fire_at > after, _notice.c.fire_at <= until
    )
    found = connection.execute(query.order_by(_notice.c.id))
    return [_decoded(r) for r in found]


def _decoded(row: Row[Any]) -> dict[str, Any]:
    return dict(row._mapping) | {"message": NoticeMessage.from_json(row.message)}


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
    """How many rows of a run are marked as sent without an accepted attempt. Anything but 0 is a fault in Vigil."""
    accepted = (
        select(_attempt.c.id)
        .where(_attempt.c.notice == _notice.c.id, _attempt.c.outcome == "accepted")
        .exists()
    )
    query = select(func.count()).where(_notice.c.run == run, has_state(_notice, NoticeState.SENT), ~accepted)
    return int(connection.execute(query.select_from(_notice)).scalar_one())


def states(connection: Connection, entries: Collection[Entry]) -> dict[NoticeKey, tuple[NoticeState, str]]:
    """(state, reason) of those entries whose key exists."""
    out: dict[NoticeKey, tuple[NoticeState, str]] = {}
    for some in chunks({e.key for e in entries}):
        wanted = keys_wanted(connection, some)
        query = select(*key_columns(), _notice.c.state, _notice.c.reason).join(wanted, is_wanted(wanted))
        for r in connection.execute(query):
            out[r.rule, r.workspace, r.occurrence, r.step, r.person] = (r.state, r.reason)
    return out


def requeue(
    connection: Connection,
    keys: Collection[NoticeKey],
    as_of: datetime,
    run: int | None,
    messages: Mapping[NoticeKey, NoticeMessage] | None = None,
) -> int:
    """Queue failed rows once more, after the approval of a backfill: as rows of `run`, as of `as_of`. Rows in any other state stay.

    `messages` replaces the text, where given: a row that failed because of its template has no text of its own.
    """
    count = 0
    for some in chunks(sorted(set(keys))):
        wanted = keys_wanted(connection, some)
        query = select(_notice.c.id, _notice.c.message, *key_columns()).join(wanted, is_wanted(wanted))
        rows = []
        for r in connection.execute(
            query.where(has_state(_notice, NoticeState.FAILED)).order_by(_notice.c.id)
        ):
            given = (messages or {}).get(tuple(r)[2:], EMPTY_MESSAGE)
            said = given if given != EMPTY_MESSAGE else NoticeMessage.from_json(r.message)
            rows.append({"of": r.id, "said": said.to_json(), "expires": _expiry(said, as_of)})
        if rows:
            count += connection.execute(_requeue(as_of, run), rows).rowcount
    return count


def _requeue(as_of: datetime, run: int | None) -> Update:
    return (
        update(_notice)
        .where(_notice.c.id == bindparam("of"), has_state(_notice, NoticeState.FAILED))
        .values(
            **set_state(
                NoticeState.QUEUED,
                reason="",
                as_of=as_of,
                due_at=as_of,
                expires_at=bindparam("expires", type_=Instant),
                message=bindparam("said", type_=Text),
                tries=0,
                first_tried_at=None,
                lease_until=None,
                run=run,
            )
        )
    )

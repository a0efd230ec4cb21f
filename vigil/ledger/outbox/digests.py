"""Notices that wait for a digest: suppressed rows with a reason that says so, until a digest gives each of them its final reason."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select, update

from vigil.compliance.evaluation.results import Why
from vigil.compliance.notices import NoticeKey, NoticeState
from vigil.ledger.engine import chunks
from vigil.ledger.notice_message import WAITS_FOR_DIGEST, NoticeMessage
from vigil.ledger.tables import NoticeRow, has_state, in_state, set_state, table
from vigil.ledger.values import IN_DIGEST

_notice = table(NoticeRow)


@dataclass(frozen=True, slots=True)
class Parked:
    """One notice that waits for a digest."""

    id: int
    rule: str
    workspace: int
    occurrence: str
    person: str
    as_of: datetime
    expires_at: datetime | None
    message: NoticeMessage


def people(connection: Connection, reasons: Collection[Why], until: datetime) -> list[str]:
    """The people with waiting notices that were found at or before `until`, in order."""
    query = select(_notice.c.person).where(_waits(reasons), _notice.c.as_of <= until).distinct()
    return sorted(connection.execute(query).scalars())


def of_people(
    connection: Connection, people: Collection[str], reasons: Collection[Why], until: datetime
) -> dict[str, list[Parked]]:
    """The waiting notices of some people, oldest first. The rows stay locked for this transaction where the database supports it."""
    out: dict[str, list[Parked]] = {}
    columns = (_notice.c[name] for name in Parked.__slots__)
    query = select(*columns).where(_waits(reasons), _notice.c.as_of <= until).order_by(_notice.c.id)
    for some in chunks(sorted(people)):
        for r in connection.execute(query.where(_notice.c.person.in_(some)).with_for_update()):
            row = Parked(**{**r._mapping, "message": NoticeMessage.from_json(r.message)})
            out.setdefault(row.person, []).append(row)
    return out


def explain(connection: Connection, ids: Collection[int], why: Why) -> int:
    """Give waiting rows that no digest contains their final reason. Returns how many there were."""
    return _end(connection, ids, why.value)


def put_into(connection: Connection, ids: Collection[int], digest: int) -> int:
    """Give waiting rows the number of the digest that contains them. Returns how many there were."""
    return _end(connection, ids, f"{IN_DIGEST}{digest}")


def _end(connection: Connection, ids: Collection[int], reason: str) -> int:
    count = 0
    for some in chunks(sorted(ids)):
        where = and_(_notice.c.id.in_(some), has_state(_notice, NoticeState.SUPPRESSED))
        count += connection.execute(update(_notice).where(where).values(reason=reason)).rowcount
    return count


def park(connection: Connection, run: int) -> int:
    """Move those rows of a run to the digest that were queued although they are meant for it. Returns how many.

    A guard that releases its notices queues all of them: call this in the same transaction.
    """
    query = select(_notice.c.id, _notice.c.message).where(
        _notice.c.run == run, has_state(_notice, NoticeState.QUEUED)
    )
    meant: dict[str, list[int]] = {}
    for id, message in connection.execute(query.where(_notice.c.message.contains(WAITS_FOR_DIGEST))):
        if reason := NoticeMessage.from_json(message).digest:
            meant.setdefault(reason, []).append(id)
    for reason, ids in meant.items():
        for some in chunks(ids):
            values = set_state(NoticeState.SUPPRESSED, reason=reason, due_at=None)
            connection.execute(update(_notice).where(_notice.c.id.in_(some)).values(**values))
    return sum(map(len, meant.values()))


def number_of(connection: Connection, key: NoticeKey) -> int:
    """The number of the notice with this key, which exists."""
    rule, workspace, occurrence, step, person = key
    where = and_(
        _notice.c.workspace == workspace,
        _notice.c.rule == rule,
        _notice.c.occurrence == occurrence,
        _notice.c.step == step,
        _notice.c.person == person,
    )
    return int(connection.execute(select(_notice.c.id).where(where)).scalar_one())


def _waits(reasons: Collection[Why]) -> ColumnElement[bool]:
    return and_(
        in_state(_notice, NoticeState.SUPPRESSED),
        _notice.c.reason.in_([why.value for why in reasons]),
        _notice.c.person != "",
    )

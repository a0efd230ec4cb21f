"""Queries of reconciliation: rows that should have another state by now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from vigil.compliance.notices import NoticeState
from vigil.ledger.engine import chunks
from vigil.ledger.outbox import leases
from vigil.ledger.tables import AttemptRow, DeviceRow, NoticeRow, has_state, in_state, set_state, table

_notice = table(NoticeRow)
_attempt = table(AttemptRow)
_device = table(DeviceRow)


@dataclass(frozen=True, slots=True)
class Open:
    """A notice that is still queued although its time for retries is over; `last` is the outcome and code of its last attempt."""

    id: int
    rule: str
    workspace: int
    person: str
    first_tried_at: datetime
    last: str


def given_up_by_now(connection: Connection, tried_before: datetime, real: datetime) -> list[Open]:
    """Queued notices first tried at or before an instant, except those that a worker holds at `real`, the time of leases."""
    other = _attempt.alias("other")
    latest = select(func.max(other.c.id)).where(other.c.notice == _notice.c.id).scalar_subquery()
    query = (
        select(_notice, _attempt.c.outcome, _attempt.c.code)
        .select_from(_notice.outerjoin(_attempt, _attempt.c.id == latest))
        .where(_free(real), _notice.c.first_tried_at <= tried_before)
        .order_by(_notice.c.id)
    )
    return [
        Open(
            r.id,
            r.rule,
            r.workspace,
            r.person,
            r.first_tried_at,
            f"{r.outcome or 'unknown'} {r.code or ''}".strip(),
        )
        for r in connection.execute(query)
    ]


def give_up(connection: Connection, reasons: Mapping[int, str], real: datetime) -> int:
    """Set queued notices to `failed`, each with its reason. A row that a worker claimed meanwhile is left to it. Returns how many."""
    count = 0
    for id, reason in sorted(reasons.items()):
        fields = set_state(NoticeState.FAILED, reason=reason, due_at=None, lease_until=None, lease_owner=None)
        where = and_(_notice.c.id == id, _free(real))
        count += connection.execute(update(_notice).where(where).values(**fields)).rowcount
    return count


def _free(real: datetime) -> ColumnElement[bool]:
    return and_(in_state(_notice, NoticeState.QUEUED), ~leases.held(_notice, real))


@dataclass(frozen=True, slots=True)
class Unproven:
    """A notice that is marked as sent without an accepted attempt."""

    id: int
    rule: str
    workspace: int
    person: str


def unproven(connection: Connection, since: datetime | None) -> tuple[list[Unproven], int]:
    """Sent notices without an accepted attempt, and how many were checked: those after `since`, if older attempts were deleted."""
    accepted = (
        select(_attempt.c.id)
        .where(_attempt.c.notice == _notice.c.id, _attempt.c.outcome == "accepted")
        .exists()
    )
    sent = and_(has_state(_notice, NoticeState.SENT), *([] if since is None else [_notice.c.as_of > since]))
    columns = (_notice.c[name] for name in Unproven.__slots__)
    rows = connection.execute(select(*columns).where(sent, ~accepted).order_by(_notice.c.id))
    found = [Unproven(*r) for r in rows]
    looked_at = connection.execute(select(func.count()).select_from(_notice).where(sent)).scalar_one()
    return found, int(looked_at)


def retired_since(connection: Connection, since: datetime) -> dict[str, list[int]]:
    """The numbers of the devices that were retired after an instant, by reason."""
    query = select(_device.c.retired_reason, _device.c.id).where(_device.c.retired_at > since)
    out: dict[str, list[int]] = {}
    for reason, id in connection.execute(query.order_by(_device.c.id)):
        out.setdefault(reason or "without a stored reason", []).append(id)
    return out


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A person who has notices and no address; `since` is the first notice without an address after the last address was retired."""

    person: str
    notices: int
    since: datetime


def unreachable(connection: Connection, before: datetime) -> list[Unreachable]:
    """People without any address in use whose notices have had no address since `before` or longer."""
    mine = _device.c.person == _notice.c.person
    in_use = select(_device.c.id).where(mine, _device.c.retired_at.is_(None)).exists()
    last = select(func.max(_device.c.retired_at)).where(mine).scalar_subquery()
    query = (
        select(_notice.c.person, func.count(), func.min(_notice.c.as_of).label("since"))
        .where(
            has_state(_notice, NoticeState.NO_DEVICE), ~in_use, or_(last.is_(None), _notice.c.as_of >= last)
        )
        .group_by(_notice.c.person)
        .having(func.min(_notice.c.as_of) <= before)
        .order_by(_notice.c.person)
    )
    return [Unreachable(r[0], r[1], r[2]) for r in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class LatestNotice:
    """The newest notice of one outcome to one person about one workspace."""

    person: str
    workspace: int
    state: NoticeState
    as_of: datetime


def said_about(connection: Connection, workspaces: Collection[int], since: datetime) -> list[LatestNotice]:
    """The newest notices about some workspaces since an instant, by person, workspace and state."""
    out: list[LatestNotice] = []
    for some in chunks(sorted(workspaces)):
        where = _notice.c.workspace.in_(some) & (_notice.c.as_of >= since) & (_notice.c.person != "")
        key = (_notice.c.person, _notice.c.workspace, _notice.c.state)
        query = select(*key, func.max(_notice.c.as_of)).where(where).group_by(*key).order_by(*key)
        out += [LatestNotice(*r) for r in connection.execute(query)]
    return out

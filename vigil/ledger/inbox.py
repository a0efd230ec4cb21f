"""A person's notices, newest first, a page at a time. Every verb is bound to the person: others' do not exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select

from vigil.compliance.notices import NoticeState
from vigil.ledger import acknowledgements
from vigil.ledger.acknowledgements import Acknowledged
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.tables import Notice, table

_notice = table(Notice)

SHOWN = (NoticeState.QUEUED, NoticeState.SENT, NoticeState.NO_DEVICE, NoticeState.FAILED)
"""The states of a notice that is meant for its person. A queued one may be on one of two devices already."""


@dataclass(frozen=True, slots=True)
class Item:
    """One notice as its person reads it. Title, body and link are empty where it could not be put into words."""

    id: int
    rule: str
    workspace: int
    step: str
    fire_at: datetime
    state: NoticeState
    title: str
    body: str
    link: str
    severity: str
    acknowledged: Acknowledged | None


def page(connection: Connection, person: str, before: int | None, limit: int) -> list[Item]:
    """Up to `limit` of the person's notices, newest first; those before number `before` when it is given."""
    query = select(_notice).where(_mine(person)).order_by(_notice.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_notice.c.id < before)
    return _items(connection, connection.execute(query).all())


def one(connection: Connection, person: str, id: int) -> Item | None:
    """The person's notice of that number; None when there is none, or it is another's."""
    rows = connection.execute(select(_notice).where(_mine(person), _notice.c.id == id)).all()
    return next(iter(_items(connection, rows)), None)


def _mine(person: str) -> ColumnElement[bool]:
    return and_(_notice.c.person == person, _notice.c.state.in_(SHOWN))


def _items(connection: Connection, rows: Sequence[Any]) -> list[Item]:
    seen = acknowledgements.of_notices(connection, [r.id for r in rows])
    out = []
    for r in rows:
        said = NoticeMessage.from_json(r.message)
        out.append(
            Item(
                r.id,
                r.rule,
                r.workspace,
                r.step,
                r.fire_at,
                r.state,
                said.title,
                said.body,
                said.link,
                said.severity,
                acknowledged=seen.get(r.id),
            )
        )
    return out

"""A person's notices, newest first, page by page. Every function is bound to the person: notices of other people do not exist for
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select

from vigil.compliance.notices import NoticeState
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.outbox import acknowledgements
from vigil.ledger.outbox.acknowledgements import Acknowledged
from vigil.ledger.tables import NoticeRow, has_state, table

_notice = table(NoticeRow)

SHOWN = (NoticeState.QUEUED, NoticeState.SENT, NoticeState.NO_DEVICE, NoticeState.FAILED)
"""The states of a notice that is meant for its person. One of two devices may already show a queued notice."""


@dataclass(frozen=True, slots=True)
class Item:
    """One notice for its person. Title, body and link are empty if its text could not be rendered."""

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
    """Up to `limit` of the person's notices, newest first; only those before number `before`, if given."""
    query = select(_notice).where(_mine(person)).order_by(_notice.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_notice.c.id < before)
    return _items(connection, connection.execute(query).all())


def one(connection: Connection, person: str, id: int) -> Item | None:
    """The person's notice with that number; None if there is none, or it belongs to another person."""
    rows = connection.execute(select(_notice).where(_mine(person), _notice.c.id == id)).all()
    return next(iter(_items(connection, rows)), None)


def _mine(person: str) -> ColumnElement[bool]:
    return and_(_notice.c.person == person, has_state(_notice, *SHOWN))


def _items(connection: Connection, rows: Sequence[Any]) -> list[Item]:
    seen = acknowledgements.of_notices(connection, [r.id for r in rows])
    out = []
    for r in rows:
        said = NoticeMessage.from_json(r.message)
        out.append(
            Item(
                id=r.id,
                rule=r.rule,
                workspace=r.workspace,
                step=r.step,
                fire_at=r.fire_at,
                state=r.state,
                title=said.title,
                body=said.body,
                link=said.link,
                severity=said.severity,
                acknowledged=seen.get(r.id),
            )
        )
    return out

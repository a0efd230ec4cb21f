"""Rows of the outbox that quiet hours held back, until they are due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select, update

from vigil.compliance.evaluation.results import Why
from vigil.compliance.evaluation.still_true import Postponed
from vigil.compliance.notices import NoticeState
from vigil.compliance.rules.model import DIGEST_NAME
from vigil.ledger.engine import chunks
from vigil.ledger.tables import NoticeRow, in_state, set_state, table

_notice = table(NoticeRow)


def due(connection: Connection, now: datetime) -> list[Postponed]:
    """What quiet hours held back and is due now, and what else its person is about to be told; in order.

    Only quiet hours make a row due later than it was queued: an approval and a guard's answer queue it as of their own instant.
    """
    query = select(_notice.c.person).where(_untried(now), _notice.c.due_at > _notice.c.as_of).distinct()
    people = connection.execute(query).scalars().all()
    held = (_notice.c.due_at > _notice.c.as_of).label("held")
    columns = (held if name == "held" else _notice.c[name] for name in Postponed.__slots__)
    every = select(*columns).where(_untried(now)).order_by(_notice.c.id)
    out: list[Postponed] = []
    for some in chunks(sorted(people)):
        out += [Postponed(**r._mapping) for r in connection.execute(every.where(_notice.c.person.in_(some)))]
    return sorted(out, key=lambda p: p.id)


def explain(connection: Connection, why: Mapping[int, Why], now: datetime) -> int:
    """End rows that are not sent, each with its reason, unless a worker took them meanwhile. Returns how many it ended."""
    count = 0
    for reason in set(why.values()):
        for some in chunks(sorted(id for id, given in why.items() if given is reason)):
            mine = update(_notice).where(_notice.c.id.in_(some), _untried(now))
            count += connection.execute(
                mine.values(**set_state(NoticeState.SUPPRESSED, reason=reason.value, due_at=None))
            ).rowcount
    return count


def _untried(now: datetime) -> ColumnElement[bool]:
    """Due, about one workspace, and in nobody's hands: neither tried nor claimed."""
    untouched = and_(_notice.c.first_tried_at.is_(None), _notice.c.lease_until.is_(None))
    # A digest was made of what was true when it was made.
    return and_(
        in_state(_notice, NoticeState.QUEUED),
        _notice.c.due_at <= now,
        _notice.c.rule != DIGEST_NAME,
        untouched,
    )

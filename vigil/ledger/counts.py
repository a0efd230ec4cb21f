"""Numbers over the outbox: what waits for another try, what was said by day, what was seen since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, or_, select

from vigil.ledger.engine import chunks
from vigil.ledger.tables import Notice, Observation, in_state, table

_notice = table(Notice)
_observation = table(Observation)


def waiting(connection: Connection, now: datetime) -> int:
    """Rows that should have been delivered by now and were not, whichever run queued them: tried, or due behind such a one.

    What another worker is sending at this moment does not wait, nor does what comes behind it: that worker's run tells of it.
    """
    earlier = _notice.alias("earlier")
    behind = (
        select(earlier.c.id)
        .where(
            in_state(earlier, "queued"),
            earlier.c.person == _notice.c.person,
            earlier.c.workspace == _notice.c.workspace,
            earlier.c.id <= _notice.c.id,  # its own lease counts, too
            earlier.c.lease_owner.is_not(None),
            earlier.c.lease_until > now,
        )
        .exists()
    )
    late = or_(_notice.c.first_tried_at.is_not(None), _notice.c.due_at <= now)
    where = in_state(_notice, "queued") & late & ~behind
    return int(connection.execute(select(func.count()).select_from(_notice).where(where)).scalar_one())


def sent_by_day(connection: Connection, since: datetime, zone: str) -> Counter[tuple[date, str]]:
    """(day in `zone`, rule) -> notices sent that were found since `since`."""
    query = select(_notice.c.as_of, _notice.c.rule, func.count())
    query = query.where(_notice.c.state == "sent", _notice.c.as_of >= since).group_by(
        _notice.c.as_of, _notice.c.rule
    )
    where, out = ZoneInfo(zone), Counter[tuple[date, str]]()
    for as_of, rule, count in connection.execute(query):
        out[as_of.astimezone(where).date(), rule] += count
    return out


def seen_again(connection: Connection, workspaces: Collection[int], since: datetime) -> set[int]:
    """Those of some workspaces of which something new was read after `since`."""
    out: set[int] = set()
    for some in chunks(sorted(workspaces)):
        where = _observation.c.workspace.in_(some) & (_observation.c.seen_at > since)
        out |= set(connection.execute(select(_observation.c.workspace).where(where).distinct()).scalars())
    return out

"""Numbers over the outbox: what waits for another try, what was said by day, what was seen since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, FromClause, and_, func, select

from vigil.ledger.engine import chunks
from vigil.ledger.tables import Notice, Observation, in_state, table

_notice = table(Notice)
_observation = table(Observation)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows that wait for another try. `causes` has why, in the words of the last try; `behind` wait for an earlier one of these."""

    causes: Mapping[str, int] = field(default_factory=dict)
    behind: int = 0

    @property
    def total(self) -> int:
        return sum(self.causes.values()) + self.behind


def waiting(connection: Connection, now: datetime) -> Waiting:
    """Rows that some worker took up and gave back for another try, whichever run queued them, and what is due behind such a one.

    A row that nobody took up yet, or that a worker holds, is not among them: whether it goes through is not known, and the run
    that takes it up tells of it. What quiet hours put off was given back without a try.
    """
    mine = and_(in_state(_notice, "queued"), _given_back(_notice))
    causes = select(_notice.c.reason, func.count()).where(mine).group_by(_notice.c.reason)
    earlier = _notice.alias("earlier")
    before = and_(
        in_state(earlier, "queued"),
        earlier.c.person == _notice.c.person,
        earlier.c.workspace == _notice.c.workspace,
        earlier.c.id < _notice.c.id,
    )
    behind = select(func.count()).select_from(_notice)
    behind = behind.where(
        in_state(_notice, "queued"),
        _notice.c.lease_until.is_(None),
        _notice.c.due_at <= now,
        select(earlier.c.id).where(before, _given_back(earlier)).exists(),
        ~select(earlier.c.id).where(before, earlier.c.lease_owner.is_not(None)).exists(),
    )
    found = {str(reason): int(n) for reason, n in connection.execute(causes)}
    return Waiting(found, int(connection.execute(behind).scalar_one()))


def _given_back(rows: FromClause) -> ColumnElement[bool]:
    """Whether a worker had the row and gave it back: a lease without an owner. See `leases.settle`."""
    return and_(rows.c.lease_until.is_not(None), rows.c.lease_owner.is_(None))


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

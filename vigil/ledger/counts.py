"""Numbers over the outbox: what is due and not handed over, what was said by day, what was seen since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, case, func, or_, select

from vigil.ledger import leases
from vigil.ledger.engine import chunks
from vigil.ledger.tables import Notice, Observation, in_state, table

_notice = table(Notice)
_observation = table(Observation)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows that were due and are not handed over, whichever run queued them, by what keeps them.

    `causes` are those that a worker gave back, by why it did, and `again` says when the first of each is tried again. `behind` wait
    for an earlier one of their person and workspace, `held` are in the hands of a worker that lives, `untaken` are in nobody's.
    `ready` of all these can be claimed now, `fresh` of them were never tried in vain.
    """

    causes: Mapping[str, int] = field(default_factory=dict)
    again: Mapping[str, datetime] = field(default_factory=dict)
    behind: int = 0
    held: int = 0
    untaken: int = 0
    ready: int = 0
    fresh: int = 0

    @property
    def total(self) -> int:
        return sum(self.causes.values()) + self.behind + self.held + self.untaken

    def next_try(self, without: Collection[str] = ()) -> datetime | None:
        """When one that was given back is tried again, but for some causes."""
        return min((at for cause, at in self.again.items() if cause not in without), default=None)


_HELD, _GIVEN_BACK, _BEHIND, _UNTAKEN = "held", "given back", "behind", "untaken"


def waiting(connection: Connection, now: datetime, real: datetime | None = None) -> Waiting:
    """What is due by the run's clock, `now`, and not handed over. `real` is the time of leases, where that is another.

    What a worker gave back was due before, so that it counts whenever it is tried again. What quiet hours put off is not yet due.
    """
    real = real or now
    kind = case(
        (leases.held(_notice, real), _HELD),
        (leases.given_back(_notice), _GIVEN_BACK),
        (leases.behind(now), _BEHIND),
        else_=_UNTAKEN,
    ).label("kind")
    ready = case((leases.claimable(now, real), 1), else_=0)
    due = or_(_notice.c.due_at <= now, _notice.c.lease_until.is_not(None))
    query = (
        select(kind, _notice.c.reason, func.count(), func.min(_notice.c.due_at), func.sum(ready))
        .where(in_state(_notice, "queued"), due)
        .group_by(kind, _notice.c.reason)
    )
    found = connection.execute(query).all()
    numbers = Counter[str]()
    for what, _, n, _, _ in found:
        numbers[what] += n
    back = [r for r in found if r[0] == _GIVEN_BACK]
    return Waiting(
        {r[1]: r[2] for r in back},
        {r[1]: r[3] for r in back},
        numbers[_BEHIND],
        numbers[_HELD],
        numbers[_UNTAKEN],
        ready=sum(r[4] for r in found),
        fresh=sum(r[4] for r in found if r[0] != _GIVEN_BACK or not r[1]),
    )


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

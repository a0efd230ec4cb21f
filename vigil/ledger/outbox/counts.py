"""Counts of the outbox: due notices that are not handed over, pending notices, and notices sent by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from vigil.compliance.evaluation.results import DIGESTED, Why
from vigil.compliance.notices import NoticeState
from vigil.compliance.notify.guards import GuardWhy
from vigil.ledger.engine import chunks
from vigil.ledger.outbox import leases
from vigil.ledger.outbox.guard_holds import WAITING
from vigil.ledger.tables import (
    BehindRow,
    GuardHoldRow,
    NoticeRow,
    ObservationRow,
    RunRow,
    ShortListRow,
    has_state,
    in_state,
    table,
)
from vigil.ledger.values import RunState

_notice = table(NoticeRow)
_observation = table(ObservationRow)
_run = table(RunRow)
_guard_hold = table(GuardHoldRow)
_behind = table(BehindRow)
_short = table(ShortListRow)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows that were due and are not handed over, of all runs, by cause.

    `causes` counts the rows that a worker gave back, by reason, and `again` has the time of the first retry for each reason. `behind`
    rows wait for an earlier row of their person and workspace, `held` rows are leased by a live worker, `untaken` rows by none.
    `ready` of all these can be claimed now, and `fresh` of those have no failed try.
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
        """The earliest retry of a row that was given back, ignoring some causes."""
        return min((at for cause, at in self.again.items() if cause not in without), default=None)


_HELD, _GIVEN_BACK, _BEHIND, _UNTAKEN = "held", "given back", "behind", "untaken"


def waiting(connection: Connection, now: datetime, real: datetime | None = None) -> Waiting:
    """The rows that are due at the run's clock, `now`, and not handed over. `real` is the time of leases, if it differs.

    A row that a worker gave back was due before, so it counts whenever its retry is. A row deferred by quiet hours is not due yet.
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
        .where(in_state(_notice, NoticeState.QUEUED), due)
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


@dataclass(frozen=True, slots=True)
class ToCome:
    """Rows that are not due yet, of all runs, by what they wait for.

    `quiet` rows wait for the end of quiet hours, the first until `quiet_until`; `digest` rows for the next digest, `no_digest` of them
    longer than the usual pause of this site's digests; `guard` rows for a guard's answer, the first until `answer_by`, and for
    `not_asked` of them no person was asked in time; `undecided` rows until their guard counts them. `behind` workspaces wait for the
    next `watch`; `short` ones show fewer items than they count.
    """

    quiet: int = 0
    quiet_until: datetime | None = None
    digest: int = 0
    no_digest: int = 0
    guard: int = 0
    answer_by: datetime | None = None
    not_asked: int = 0
    undecided: int = 0
    behind: int = 0
    short: int = 0


DIGEST_PAUSE = timedelta(hours=72)
"""The least time that a digest may take to come: the schedule in prefect.yaml leaves 63 hours between Friday and Monday."""

LATE = timedelta(hours=2)
"""How much later than usual a digest may end."""

DIGESTS = 10
"""The number of pauses between digests from which a site's usual pause is taken: a week, at two digests a day."""

ASKED_WITHIN = timedelta(hours=2)
"""How long a guard hold may wait until a deployment's run asks a person or a person answers at a terminal: eight `watch` runs."""


def to_come(connection: Connection, now: datetime, run: int | None = None) -> ToCome:
    """The rows pending at a run's clock, `now`. Rows that are already due are in `waiting`."""
    later = and_(
        in_state(_notice, NoticeState.QUEUED), _notice.c.due_at > now, _notice.c.lease_until.is_(None)
    )
    quiet, until = connection.execute(
        select(func.count(_notice.c.id), func.min(_notice.c.due_at)).where(later)
    ).one()
    digest, no_digest = _for_a_digest(connection, now, run)
    guard, answer_by, not_asked = _for_an_answer(connection, now)
    undecided = select(func.count()).where(_suppressed(GuardWhy.UNDECIDED))
    return ToCome(
        quiet=quiet,
        quiet_until=until,
        digest=digest,
        no_digest=no_digest,
        guard=guard,
        answer_by=answer_by,
        not_asked=not_asked,
        undecided=connection.execute(undecided).scalar_one(),
        behind=connection.execute(select(func.count()).select_from(_behind)).scalar_one(),
        short=connection.execute(select(func.count()).select_from(_short)).scalar_one(),
    )


def _suppressed(*reasons: Why | GuardWhy) -> ColumnElement[bool]:
    return and_(
        in_state(_notice, NoticeState.SUPPRESSED), _notice.c.reason.in_([why.value for why in reasons])
    )


def _for_a_digest(connection: Connection, now: datetime, run: int | None) -> tuple[int, int]:
    """How many rows wait for a digest, and how many of them longer than the usual pause, with no digest since. The `run` itself
    counts as a digest.
    """
    over = or_(_run.c.state.in_((RunState.DONE, RunState.GAPS)), _run.c.id == run)
    ended = select(_run.c.started_at).where(_run.c.flow == "digest", over)
    began = sorted(connection.execute(ended.order_by(_run.c.id.desc()).limit(DIGESTS + 1)).scalars())
    usual = max((b - a + LATE for a, b in pairwise(began)), default=DIGEST_PAUSE)
    queued_at = func.coalesce(_run.c.started_at, _notice.c.as_of)
    late = queued_at < now - max(usual, DIGEST_PAUSE)
    if began:
        late = and_(late, queued_at > began[-1])
    query = (
        select(func.count(), func.coalesce(func.sum(case((late, 1), else_=0)), 0))
        .select_from(_notice.outerjoin(_run, _run.c.id == _notice.c.run))
        .where(_suppressed(*DIGESTED), _notice.c.person != "")
    )
    count, lost = connection.execute(query).one()
    return count, int(lost)


def _for_an_answer(connection: Connection, now: datetime) -> tuple[int, datetime | None, int]:
    """How many rows guards hold; when the first time to answer ends; about how many rows no person was asked."""
    on = (
        (_guard_hold.c.rule == _notice.c.rule)
        & (_guard_hold.c.run == _notice.c.run)
        & (_guard_hold.c.state == WAITING)
    )
    alone = and_(_guard_hold.c.flow_run == "", _guard_hold.c.tripped_at < now - ASKED_WITHIN)
    query = (
        select(
            func.count(_notice.c.id.distinct()),
            func.min(_guard_hold.c.until),
            func.count(case((alone, _notice.c.id)).distinct()),
        )
        .select_from(_notice.outerjoin(_guard_hold, on))
        .where(_suppressed(GuardWhy.HELD))
    )
    count, until, not_asked = connection.execute(query).one()
    return count, until, not_asked


def sent_by_day(connection: Connection, since: datetime, zone: str) -> Counter[tuple[date, str]]:
    """(day in `zone`, rule) -> number of sent notices that were found since `since`."""
    query = select(_notice.c.as_of, _notice.c.rule, func.count())
    query = query.where(has_state(_notice, NoticeState.SENT), _notice.c.as_of >= since).group_by(
        _notice.c.as_of, _notice.c.rule
    )
    where, out = ZoneInfo(zone), Counter[tuple[date, str]]()
    for as_of, rule, count in connection.execute(query):
        out[as_of.astimezone(where).date(), rule] += count
    return out


def seen_again(connection: Connection, workspaces: Collection[int], since: datetime) -> set[int]:
    """Those of some workspaces with an observation after `since`."""
    out: set[int] = set()
    for some in chunks(sorted(workspaces)):
        where = _observation.c.workspace.in_(some) & (_observation.c.seen_at > since)
        out |= set(connection.execute(select(_observation.c.workspace).where(where).distinct()).scalars())
    return out

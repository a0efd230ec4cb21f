"""Guard holds: the notices of a rule that a run found, who was asked about them, and the answer.

The held notices are the outbox rows of the hold's run and rule with the reason of being held. They are the only rows of the outbox
that leave the state `suppressed`, once, by the answer: the conditional update of the hold decides which answer counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import ColumnElement, Connection, and_, case, false, func, insert, or_, select, update

from vigil.compliance.evaluation.results import Why
from vigil.compliance.notices import NoticeState
from vigil.compliance.notify.guards import GuardWhy
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.tables import GuardHoldRow, NoticeRow, RunRow, in_state, set_state, table
from vigil.ledger.values import Entry, HoldState

WAITING, SENT, DROPPED, EXPIRED = HoldState

_guard_hold = table(GuardHoldRow)
_notice = table(NoticeRow)
_run = table(RunRow)


@dataclass(frozen=True, slots=True)
class GuardHold:
    """A guard hold, as stored."""

    id: int
    rule: str
    run: int
    flow_run: str
    tripped_at: datetime
    until: datetime
    notices: int
    findings: int
    workspaces: int
    known: int
    reasons: tuple[str, ...]
    state: HoldState
    answered_at: datetime | None = None
    answered_by: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """The outbox rows of one rule that wait for a decision."""

    notices: int
    findings: int
    workspaces: int


def count(connection: Connection, rule: str, runs: Sequence[int] | None, reason: GuardWhy) -> Counted:
    """How many rows of a rule are suppressed for `reason`, in some runs, or in all if `runs` is None."""
    found = select(_notice.c.workspace, _notice.c.occurrence, _notice.c.step, func.count().label("notices"))
    findings = (
        found.where(_held(rule, reason, runs))
        .group_by(_notice.c.workspace, _notice.c.occurrence, _notice.c.step)
        .subquery()
    )
    row = connection.execute(
        select(
            func.coalesce(func.sum(findings.c.notices), 0),
            func.count(),
            func.count(findings.c.workspace.distinct()),
        ).select_from(findings)
    ).one()
    return Counted(int(row[0]), int(row[1]), int(row[2]))


@dataclass(frozen=True, slots=True)
class Left:
    """The rows of a rule that wait for a decision, and the run that found them, as far as known.

    `owner` names the process of a run that has not ended; `flow` is empty if the ledger has deleted the run.
    """

    rule: str
    run: int | None
    flow: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    owner: str = ""


def left(connection: Connection, reason: GuardWhy) -> list[Left]:
    """Each rule and run with rows suppressed for `reason`, in order."""
    of_run = (_run.c.flow, _run.c.started_at, _run.c.ended_at, _run.c.account)
    query = (
        select(_notice.c.rule, _notice.c.run, *of_run)
        .select_from(_notice.outerjoin(_run, _run.c.id == _notice.c.run))
        .where(in_state(_notice, NoticeState.SUPPRESSED), _notice.c.reason == reason.value)
        .distinct()
        .order_by(_notice.c.rule, _notice.c.run)
    )
    return [
        Left(
            r.rule,
            r.run,
            r.flow or "",
            r.started_at,
            r.ended_at,
            orjson.loads(r.account or b"{}").get("owner", ""),
        )
        for r in connection.execute(query)
    ]


def entries(connection: Connection, reason: GuardWhy) -> list[tuple[Entry, int | None]]:
    """The rows that are suppressed for `reason`, in order, each with the number of its run."""
    query = select(_notice).where(_held(None, reason, None)).order_by(_notice.c.id)
    names = [name for name in Entry.__slots__ if name != "message"]
    return [
        (Entry(**{n: r._mapping[n] for n in names}, message=NoticeMessage.from_json(r.message)), r.run)
        for r in connection.execute(query)
    ]


def adopt(connection: Connection, rule: str, run: int, reason: GuardWhy, of: Sequence[int | None]) -> int:
    """Take over the rows of a rule that other runs left suppressed for `reason`. Returns how many.

    Of two runs that take over the same rows at once, each row goes to one.
    """
    if not of:
        return 0
    numbers = [n for n in of if n is not None]
    dead = or_(_notice.c.run.in_(numbers), _notice.c.run.is_(None) if None in of else false())
    where = and_(_held(rule, reason, None), dead)
    return connection.execute(update(_notice).where(where).values(run=run)).rowcount


def release(
    connection: Connection, rule: str, of_run: int, reason: GuardWhy, due_at: datetime, run: int
) -> int:
    """Queue the rows of a rule that a run holds for `reason`, as rows of `run`, as of `due_at`. Returns how many.

    They are due then, or at the end of their people's quiet hours if that is later.
    """
    due = case((_notice.c.due_at > due_at, _notice.c.due_at), else_=due_at)
    values = set_state(NoticeState.QUEUED, reason="", as_of=due_at, due_at=due, run=run)
    return connection.execute(update(_notice).where(_held(rule, reason, [of_run])).values(**values)).rowcount


def relabel(
    connection: Connection, rule: str, of_run: int, reasons: Sequence[GuardWhy], to: Why | GuardWhy
) -> int:
    """Give another reason to the rows of a rule that a run holds for one of `reasons`. Returns how many."""
    count = 0
    for reason in reasons:
        count += connection.execute(
            update(_notice).where(_held(rule, reason, [of_run])).values(reason=to.value)
        ).rowcount
    return count


def _held(rule: str | None, reason: GuardWhy, runs: Sequence[int] | None) -> ColumnElement[bool]:
    """The rows suppressed for `reason`: of all rules and all runs where they are None."""
    where = [in_state(_notice, NoticeState.SUPPRESSED), _notice.c.reason == reason.value]
    where += [] if rule is None else [_notice.c.rule == rule]
    return and_(*where, *([] if runs is None else [_notice.c.run.in_(runs)]))


def keep(connection: Connection, hold: GuardHold) -> GuardHold:
    """Store a new guard hold and return it with its number."""
    row = {name: getattr(hold, name) for name in GuardHold.__slots__ if name != "id"}
    row["reasons"] = orjson.dumps(hold.reasons).decode()
    id = int(connection.execute(insert(_guard_hold).values(**row).returning(_guard_hold.c.id)).scalar_one())
    found = find(connection, id)
    assert found is not None
    return found


def find(connection: Connection, id: int) -> GuardHold | None:
    """A guard hold, by its number."""
    return next(iter(_read(connection, _guard_hold.c.id == id)), None)


def asked_by(connection: Connection, flow_run: str) -> list[GuardHold]:
    """The guard holds about which a Prefect run asks, in the order of their rules, answered or not."""
    return _read(connection, _guard_hold.c.flow_run == flow_run)


def of_run(connection: Connection, run: int) -> list[GuardHold]:
    """The guard holds of a run, in the order of their rules, answered or not."""
    return _read(connection, _guard_hold.c.run == run)


def take(connection: Connection, flow_run: str) -> int:
    """Assign to a Prefect run every waiting guard hold about which no other run asks. Returns how many."""
    where = (_guard_hold.c.state == WAITING) & (_guard_hold.c.flow_run == "")
    return connection.execute(update(_guard_hold).where(where).values(flow_run=flow_run)).rowcount


def waiting(connection: Connection, until: datetime | None = None) -> list[GuardHold]:
    """The guard holds without an answer; with `until`, only those whose time is over by then."""
    where = _guard_hold.c.state == WAITING
    return _read(connection, where if until is None else where & (_guard_hold.c.until <= until))


def latest(connection: Connection, limit: int = 20) -> list[GuardHold]:
    """The newest guard holds, newest first."""
    return _read(connection, _guard_hold.c.id > 0)[::-1][:limit]


def answer(connection: Connection, id: int, state: HoldState, by: str, now: datetime) -> bool:
    """Record the answer to a guard hold. False if it was sent or dropped before: then nothing is to be done.

    An expired hold can still be answered: its rows still exist.
    """
    open_ = (WAITING,) if state == EXPIRED else (WAITING, EXPIRED)
    where = (_guard_hold.c.id == id) & _guard_hold.c.state.in_(open_)
    values = {"state": state, "answered_at": now, "answered_by": by}
    return connection.execute(update(_guard_hold).where(where).values(**values)).rowcount == 1


def _read(connection: Connection, where: ColumnElement[bool]) -> list[GuardHold]:
    found = connection.execute(select(_guard_hold).where(where).order_by(_guard_hold.c.id))
    return [
        GuardHold(**{**r._mapping, "state": HoldState(r.state), "reasons": tuple(orjson.loads(r.reasons))})
        for r in found
    ]

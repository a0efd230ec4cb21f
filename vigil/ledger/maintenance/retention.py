"""Finds and deletes data beyond its retention, slice by slice. docs/decisions/0009-retention.md lists what must stay.

A slice reads up to `SLICE` rows in the order of their numbers in one short transaction, so that writers never wait long.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, or_, select, update

from vigil.compliance.notices import NoticeState
from vigil.ledger.engine import chunks
from vigil.ledger.outbox.queue import FINAL
from vigil.ledger.people import deleted_accounts
from vigil.ledger.tables import (
    AcknowledgementRow,
    AttemptRow,
    GuardHoldRow,
    ManifestRow,
    NewestRow,
    NoticeRow,
    ObservationRow,
    RunRow,
    has_state,
    table,
)
from vigil.ledger.values import HoldState, RunState

_observation = table(ObservationRow)
_notice = table(NoticeRow)
_attempt = table(AttemptRow)
_run = table(RunRow)
_manifest = table(ManifestRow)
_guard_hold = table(GuardHoldRow)
_newest = table(NewestRow)
_acknowledgement = table(AcknowledgementRow)

SLICE = 5000
EMPTY = "{}"


class Forgets(StrEnum):
    """The kinds of data that can be deleted."""

    OBSERVATIONS = "observations"  # which a newer one of the same subject replaced before the horizon
    ATTEMPTS = "attempts"  # of notices in a final state
    TEXTS = "texts of notices"  # of notices in a final state; their keys stay for ever
    RUNS = "runs"  # that ended
    MANIFESTS = "manifests"
    AUDIT = "rows of the audit trail"
    ACKNOWLEDGEMENTS = "acknowledgements"
    PEOPLE = "people who left"  # their preferences, and the addresses of their devices


@dataclass(frozen=True, slots=True)
class DeletionSlice:
    """The result of one search: rows to delete, and where the next search begins; None at the end."""

    rows: tuple[int | str, ...]
    following: int | None


def find(
    connection: Connection,
    what: Forgets,
    horizon: datetime,
    after: int,
    waiting: Collection[str],
    evaluated: int,
) -> DeletionSlice:
    """Rows of a kind older than `horizon`, starting after number `after`.

    `waiting` are the reasons of suppressed notices that are not final; `evaluated` is the watermark of evaluation: observations that
    it has not compared yet are kept.
    """
    if what is Forgets.MANIFESTS:
        # There are few people, and they have no number: one search finds all.
        ids = connection.execute(select(_manifest.c.id).where(_manifest.c.created_at <= horizon)).scalars()
        return DeletionSlice(tuple(ids), None)
    if what is Forgets.PEOPLE:
        return DeletionSlice(tuple(deleted_accounts.remembered(connection, horizon)), None)
    look = _LOOKS[what](horizon, waiting, evaluated)
    page = select(look.number).where(look.number > after, look.old).order_by(look.number).limit(SLICE)
    last = connection.execute(select(func.max(page.subquery().c[0]))).scalar()
    if last is None:
        return DeletionSlice((), None)
    found = connection.execute(look.rows.where(look.number > after, look.number <= last, look.old))
    return DeletionSlice(tuple(sorted({r[0] for r in found})), int(last))


@dataclass(frozen=True, slots=True)
class _Look:
    """How rows of a kind are scanned: by `number`, through those that are `old`; `rows` are those among them to delete."""

    number: ColumnElement[int]
    old: ColumnElement[bool]
    rows: Select[tuple[int]]


def _observations(horizon: datetime, _: Collection[str], evaluated: int) -> _Look:
    """Those before an observation that had been made and evaluated by the horizon: the state at any later instant can still be read
    back.
    """
    o, before = _observation.c, _observation.alias("before")
    old = and_(o.seen_at <= horizon, o.seq <= evaluated, o.prev.is_not(None))
    return _Look(o.seq, old, select(before.c.seq).join(_observation, o.prev == before.c.seq))


def _attempts(horizon: datetime, _: Collection[str], __: int) -> _Look:
    rows = select(_attempt.c.id).join(_notice, _notice.c.id == _attempt.c.notice)
    return _Look(_attempt.c.id, _attempt.c.ended_at <= horizon, rows.where(has_state(_notice, *FINAL)))


def _texts(horizon: datetime, waiting: Collection[str], _: int) -> _Look:
    n = _notice.c
    done = and_(
        has_state(_notice, *FINAL),
        or_(~has_state(_notice, NoticeState.SUPPRESSED), n.reason.not_in(sorted(waiting))),
    )
    return _Look(n.id, and_(n.as_of <= horizon, n.message != EMPTY), select(n.id).where(done))


def _runs(horizon: datetime, _: Collection[str], __: int) -> _Look:
    asked = (
        select(_guard_hold.c.id)
        .where(_guard_hold.c.run == _run.c.id, _guard_hold.c.state == HoldState.WAITING)
        .exists()
    )
    return _Look(
        _run.c.id,
        _run.c.started_at <= horizon,
        select(_run.c.id).where(_run.c.state != RunState.RUNNING, ~asked),
    )


def _audit(horizon: datetime, _: Collection[str], evaluated: int) -> _Look:
    """An audit event belongs to one instant: windows after the horizon need none from before it."""
    o = _observation.c
    old = and_(o.kind == "audit", o.seen_at <= horizon, o.seq <= evaluated)
    return _Look(o.seq, old, select(o.seq))


def _acknowledgements(horizon: datetime, _: Collection[str], __: int) -> _Look:
    a = _acknowledgement.c
    return _Look(a.notice, a.at <= horizon, select(a.notice))


_LOOKS: Mapping[Forgets, Callable[[datetime, Collection[str], int], _Look]] = {
    Forgets.OBSERVATIONS: _observations,
    Forgets.ATTEMPTS: _attempts,
    Forgets.TEXTS: _texts,
    Forgets.RUNS: _runs,
    Forgets.AUDIT: _audit,
    Forgets.ACKNOWLEDGEMENTS: _acknowledgements,
}


def forget(connection: Connection, what: Forgets, rows: Collection[int | str]) -> int:
    """Delete rows that `find` found. Returns how many still existed."""
    if what is Forgets.PEOPLE:
        return deleted_accounts.forget(connection, [str(person) for person in rows])
    count = 0
    for some in chunks(rows):
        if what is Forgets.TEXTS:
            where = and_(_notice.c.id.in_(some), _notice.c.message != EMPTY)
            count += connection.execute(update(_notice).where(where).values(message=EMPTY)).rowcount
        else:
            if what is Forgets.AUDIT:
                _forget_newest(connection, some)
            key = _KEYS[what]
            count += connection.execute(delete(key.table).where(key.in_(some))).rowcount
    return count


def _forget_newest(connection: Connection, seqs: Collection[int | str]) -> None:
    """Delete audit events from the index of newest observations, too. Each event has one observation."""
    subjects = select(_observation.c.subject).where(_observation.c.seq.in_(seqs))
    where = and_(_newest.c.kind == "audit", _newest.c.subject.in_(subjects))
    connection.execute(delete(_newest).where(where))


_KEYS: Mapping[Forgets, ColumnElement[int]] = {
    Forgets.OBSERVATIONS: _observation.c.seq,
    Forgets.ATTEMPTS: _attempt.c.id,
    Forgets.RUNS: _run.c.id,
    Forgets.MANIFESTS: _manifest.c.id,
    Forgets.AUDIT: _observation.c.seq,
    Forgets.ACKNOWLEDGEMENTS: _acknowledgement.c.notice,
}

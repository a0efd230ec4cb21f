"""Workspaces that are behind: not read or evaluated up to the same point as all others. The next run continues with them from
there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, delete, select, update

from vigil.ledger.engine import chunks, upsert
from vigil.ledger.tables import BehindRow, table
from vigil.ledger.watermarks import Evaluated, WatermarkName, watermark

_behind = table(BehindRow)


@dataclass(frozen=True, slots=True)
class Marks:
    """The watermarks from which a workspace must be evaluated.

    `seq` is the number of the newest observation that was evaluated, `after` the start of the window, `complete` the instant up to
    which everything was read; `after` and `complete` are None before the first evaluation. `fresh` names the rules that were never
    evaluated for the workspace.
    """

    seq: int = 0
    after: datetime | None = None
    complete: datetime | None = None
    fresh: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Behind:
    """One workspace. `unread`: a part of it must be read again.

    `tries` counts the runs that could not read it since its last complete evaluation; `tried_at` is the instant of the latest run that
    could not read or evaluate it.
    """

    workspace: int
    type: str
    marks: Marks
    why: str
    unread: bool
    tries: int
    tried_at: datetime


def marks(connection: Connection) -> Marks:
    """The watermarks of all workspaces that are not behind."""
    mark = watermark(connection, WatermarkName.EVALUATED)
    return Marks(mark.seq, mark.at, Evaluated.of(mark.data).complete or mark.at)


def every(connection: Connection) -> dict[int, Behind]:
    """All workspaces that are behind, by id."""
    found = connection.execute(select(_behind).order_by(_behind.c.workspace))
    return {r.workspace: _of(r) for r in found}


def unread(connection: Connection, again: int, budget: int) -> list[Behind]:
    """The workspaces to read again in one run.

    These are all that at most `again` runs could not read and, of the rest, the `budget` whose last try is oldest: permanently
    unreadable workspaces must not make every run as long as a complete scan.
    """
    query = select(_behind).where(_behind.c.unread).order_by(_behind.c.tried_at, _behind.c.workspace)
    found = [_of(r) for r in connection.execute(query)]
    stubborn = [b for b in found if b.tries > again]
    return [b for b in found if b.tries <= again] + stubborn[:budget]


def why_unread(connection: Connection, workspaces: Collection[int]) -> dict[int, str]:
    """Those of some workspaces that must be read again, each with the reason why it could not be read."""
    out: dict[int, str] = {}
    for some in chunks(sorted(workspaces)):
        query = select(_behind.c.workspace, _behind.c.why).where(
            _behind.c.workspace.in_(some), _behind.c.unread
        )
        out |= {r.workspace: r.why for r in connection.execute(query)}
    return out


def since(connection: Connection, workspaces: Collection[int]) -> datetime | None:
    """The earliest instant up to which any of some workspaces was completely read, among those that are behind."""
    found: list[datetime] = []
    for some in chunks(sorted(workspaces)):
        query = select(_behind.c.complete).where(
            _behind.c.workspace.in_(some), _behind.c.complete.is_not(None)
        )
        found += connection.execute(query).scalars()
    return min(found, default=None)


def not_read(connection: Connection, why: Mapping[int, str], types: Mapping[int, str], at: datetime) -> None:
    """Record that some workspaces could not be read completely, and why. Earlier debts of theirs stay.

    If a run fails at several parts of one workspace, that counts as one try.
    """
    tries: dict[int, int] = {}
    for some in chunks(sorted(why)):
        query = select(_behind.c.workspace, _behind.c.tries, _behind.c.tried_at)
        for r in connection.execute(query.where(_behind.c.workspace.in_(some))):
            tries[r.workspace] = r.tries if r.tries and r.tried_at == at else r.tries + 1
    now = marks(connection)
    rows = [
        _row(w, types.get(w, ""), now, said, at, unread=True, tries=tries.get(w, 1))
        for w, said in why.items()
    ]
    upsert(connection, _behind, rows, ("why", "unread", "tries", "tried_at"))


def was_read(connection: Connection, workspaces: Collection[int]) -> None:
    """Record that some workspaces were read, or are deleted: they only remain to be evaluated.

    Their tries stay until then, because their workflows are read later and may still fail.
    """
    for some in chunks(sorted(workspaces)):
        where = _behind.c.workspace.in_(some) & _behind.c.unread
        connection.execute(update(_behind).where(where).values(unread=False))


def hold(
    connection: Connection, why: Mapping[int, str], types: Mapping[int, str], given: Marks, at: datetime
) -> None:
    """Record that a run could not evaluate some workspaces completely from the watermarks `given`, and why."""
    rows = [_row(w, types.get(w, ""), given, said, at, unread=False, tries=0) for w, said in why.items()]
    upsert(connection, _behind, rows, ("why", "tried_at"))


def evaluated(connection: Connection, workspaces: Mapping[int, datetime]) -> None:
    """Record that some workspaces were evaluated completely: those that were also read completely are no longer behind.

    Each has its `tried_at` from the start of the run. If the stored value differs, a simultaneous run has found further unread parts,
    and the workspace stays behind.
    """
    by_try: dict[datetime, list[int]] = defaultdict(list)
    for workspace, at in workspaces.items():
        by_try[at].append(workspace)
    for at, alike in by_try.items():
        for some in chunks(sorted(alike)):
            where = _behind.c.workspace.in_(some) & ~_behind.c.unread & (_behind.c.tried_at == at)
            connection.execute(delete(_behind).where(where))


def begin(connection: Connection, after: datetime, complete: datetime, fresh: Collection[str]) -> None:
    """End an evaluation: the workspaces that could not be read for it have not seen the rules that are `fresh` in it.

    After the very first evaluation, unreadable workspaces begin where that evaluation began.
    """
    where = _behind.c.after.is_(None)
    connection.execute(update(_behind).where(where).values(after=after, complete=complete))
    owing = select(_behind.c.fresh).where(_behind.c.unread).distinct()
    for text in connection.execute(owing).scalars().all() if fresh else ():
        where = _behind.c.unread & (_behind.c.fresh == text)
        connection.execute(update(_behind).where(where).values(fresh=_written({*orjson.loads(text), *fresh})))


def _row(
    workspace: int, type: str, given: Marks, why: str, at: datetime, *, unread: bool, tries: int
) -> dict[str, Any]:
    return {
        "workspace": workspace,
        "type": type,
        "seq": given.seq,
        "after": given.after,
        "complete": given.complete,
        "fresh": _written(given.fresh),
        "why": why,
        "unread": unread,
        "tries": tries,
        "tried_at": at,
    }


def _written(rules: Collection[str]) -> str:
    return orjson.dumps(sorted(rules)).decode()


def _of(r: Any) -> Behind:
    given = Marks(r.seq, r.after, r.complete, frozenset(orjson.loads(r.fresh)))
    return Behind(r.workspace, r.type, given, r.why, r.unread, r.tries, r.tried_at)

"""Integrity checks of the ledger: compares stored data with what can be recomputed from the observations. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, inspect, select, text, tuple_

from vigil.compliance.notices import NoticeState
from vigil.ledger.codec import decode, encode
from vigil.ledger.engine import chunks
from vigil.ledger.observed import runs
from vigil.ledger.tables import (
    AttemptRow,
    NewestRow,
    NoticeRow,
    ObservationRow,
    RunRow,
    WatermarkRow,
    has_state,
    table,
)
from vigil.ledger.values import RunState
from vigil.ledger.watermarks import WatermarkName
from vigil.wording import counted

_observation = table(ObservationRow)
_newest = table(NewestRow)
_notice = table(NoticeRow)
_attempt = table(AttemptRow)
_watermark = table(WatermarkRow)
_run = table(RunRow)

AHEAD = timedelta(minutes=5)
"""How far a watermark may be in the future before it is a fault, since clocks differ."""

RECENT = timedelta(days=31)
"""The age of the runs whose windows are checked as a chain: nothing of theirs is deleted yet."""

DEAD = timedelta(days=1)
"""The age from which a run without an end was killed."""

UNIQUE = {"notice": "uq_notice_once", "device": "uq_device_address"}


@dataclass(frozen=True, slots=True)
class IntegrityFault:
    """One problem: where, what, and what to do."""

    where: str
    what: str
    do: str


RECORD = "copy the ledger before anything else writes to it, and report this: it is a fault in Vigil or of the disk"


def newest(
    connection: Connection, after: tuple[str, str], limit: int
) -> tuple[list[IntegrityFault], tuple[str, str], int]:
    """Compare a slice of the index of newest observations with the observations themselves.

    Returns the faults, the (kind, subject) at the end of the slice (two empty texts at the end), and how many were checked.
    """
    key = tuple_(_newest.c.kind, _newest.c.subject)
    query = (
        select(_newest, _observation.c.hash.label("seen_hash"), _observation.c.body)
        .outerjoin(_observation, _observation.c.seq == _newest.c.seq)
        .where(key > after)
        .order_by(_newest.c.kind, _newest.c.subject)
        .limit(limit)
    )
    rows = connection.execute(query).all()
    last = _last(connection, [(r.kind, r.subject) for r in rows])
    faults = [
        IntegrityFault(f"newest {r.kind} {r.subject}", said, RECORD)
        for r in rows
        if (said := _wrong(r, last))
    ]
    end = (rows[-1].kind, rows[-1].subject) if len(rows) == limit else ("", "")
    return faults, end, len(rows)


def _wrong(r: object, last: dict[tuple[str, str], int]) -> str:
    """The problem of one row of the index; empty if there is none."""
    kind, subject, seq = r.kind, r.subject, r.seq  # type: ignore[attr-defined]
    seen, body, kept = r.seen_hash, r.body, r.hash  # type: ignore[attr-defined]
    if last.get((kind, subject)) != seq:
        return f"points at observation {seq}, the newest is {last.get((kind, subject))}"
    if kept != seen:
        return f"its hash is not that of observation {seq}"
    if body is not None and encode(decode(kind, body))[1] != seen:
        return f"the body of observation {seq} does not have the hash that was kept with it"
    return ""


def _last(connection: Connection, subjects: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    out: dict[tuple[str, str], int] = {}
    by_kind: dict[str, list[str]] = {}
    for kind, subject in subjects:
        by_kind.setdefault(kind, []).append(subject)
    for kind, names in by_kind.items():
        for some in chunks(names):
            where = and_(_observation.c.kind == kind, _observation.c.subject.in_(some))
            query = select(_observation.c.subject, func.max(_observation.c.seq)).where(where)
            out |= {(kind, r[0]): r[1] for r in connection.execute(query.group_by(_observation.c.subject))}
    return out


def whole(connection: Connection, now: datetime) -> list[IntegrityFault]:
    """Check the ledger as a whole: watermarks, keys, orphaned rows, runs that never ended."""
    return [
        *_positions(connection, now),
        *_keys(connection),
        *_orphans(connection),
        *_stuck(connection),
        *_never_ended(connection, now),
        *_holes(connection, now),
    ]


def _positions(connection: Connection, now: datetime) -> Iterator[IntegrityFault]:
    last = connection.execute(select(func.max(_observation.c.seq))).scalar() or 0
    for p in connection.execute(select(_watermark)):
        if p.name == WatermarkName.EVALUATED and (p.seq or 0) > last:
            do = "restore the ledger completely: the observations after its backup are missing, and would never be evaluated"
            yield IntegrityFault(
                "position evaluated", f"has taken in observation {p.seq}, the newest is {last}", do
            )
        if p.at is not None and p.at > now + AHEAD:
            do = "check this machine's clock: until that instant nothing is due, and changes look old"
            yield IntegrityFault(
                f"position {p.name}", f"is at {p.at:%Y-%m-%d %H:%M} UTC, which is in the future", do
            )


def _keys(connection: Connection) -> Iterator[IntegrityFault]:
    found = inspect(connection)
    for name, key in UNIQUE.items():
        if key not in {c["name"] for c in found.get_unique_constraints(name)}:
            do = "stop every run: without the key a person may get a notice twice. Restore the schema from its migrations"
            yield IntegrityFault(f"table {name}", f"has no unique key {key}", do)


def _orphans(connection: Connection) -> Iterator[IntegrityFault]:
    lost = select(func.count()).select_from(_attempt.outerjoin(_notice, _notice.c.id == _attempt.c.notice))
    if count := connection.execute(lost.where(_notice.c.id.is_(None))).scalar_one():
        yield IntegrityFault("attempts", f"{count} belong to no notice", RECORD)


def _stuck(connection: Connection) -> Iterator[IntegrityFault]:
    never = select(func.count()).where(has_state(_notice, NoticeState.QUEUED), _notice.c.due_at.is_(None))
    if count := connection.execute(never).scalar_one():
        yield IntegrityFault(
            "outbox",
            f"{counted(count, 'notice is', 'notices are')} queued and never due: nobody will be told",
            RECORD,
        )


def _never_ended(connection: Connection, now: datetime) -> Iterator[IntegrityFault]:
    where = and_(_run.c.state == RunState.RUNNING, _run.c.started_at <= now - DEAD)
    ids = list(connection.execute(select(_run.c.id).where(where).order_by(_run.c.id)).scalars())
    if ids:
        do = "nothing: they were killed, and later runs did their work. Find the reason if the number grows"
        yield IntegrityFault("runs", f"{len(ids)} never ended, the last is {ids[-1]}", do)


def _holes(connection: Connection, now: datetime) -> Iterator[IntegrityFault]:
    for run, ended, began in runs.holes(connection, now - RECENT):
        said = (
            f"evaluated from {began:%Y-%m-%d %H:%M} UTC on, those before it up to {ended:%Y-%m-%d %H:%M} UTC"
        )
        do = f"start a backfill for the period between: --from {ended:%Y-%m-%dT%H:%M}Z --to {began:%Y-%m-%dT%H:%M}Z"
        yield IntegrityFault(f"run {run}", said, do)


def upkeep_hints(connection: Connection) -> list[str]:
    """Maintenance commands for the database's administrator; Vigil never runs them."""
    return _of_sqlite(connection) if connection.dialect.name == "sqlite" else _of_postgres(connection)


MUCH, SHARE = 16 * 2**20, 0.25  # free bytes, and their share, from which VACUUM is worthwhile


def _of_sqlite(connection: Connection) -> list[str]:
    def ask(pragma: str) -> int:
        return int(connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one())

    size, free = ask("page_count") * ask("page_size"), ask("freelist_count") * ask("page_size")
    hints = []
    if free >= MUCH and free >= size * SHARE:
        hints.append(
            f"{free // 2**20} of {size // 2**20} MiB are free: VACUUM gives them back (stop the workers first)"
        )
    known = connection.execute(
        text("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'")
    ).scalar_one()
    if not known:
        hints.append("ANALYZE was never run: without it the database guesses how large its tables are")
    return hints


def _of_postgres(connection: Connection) -> list[str]:
    query = text(
        "SELECT relname, n_live_tup, n_dead_tup, coalesce(last_analyze, last_autoanalyze) AS analyzed"
        " FROM pg_stat_user_tables WHERE schemaname = current_schema() ORDER BY relname"
    )
    hints = []
    for r in connection.execute(query):
        if r.n_dead_tup > 10_000 and r.n_dead_tup > SHARE * r.n_live_tup:
            hints.append(f"{r.relname}: {r.n_dead_tup} dead rows beside {r.n_live_tup}: VACUUM {r.relname}")
        if r.analyzed is None and r.n_live_tup > 1000:
            hints.append(f"{r.relname}: {r.n_live_tup} rows and never analyzed: ANALYZE {r.relname}")
    return hints

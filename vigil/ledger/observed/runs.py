"""The runs, one row each, with their accounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import JSON, Connection, cast, insert, select, type_coerce, update

from vigil.ledger.tables import RunRow, table
from vigil.ledger.values import RunState

_run = table(RunRow)


WINDOW = "window"
"""The key of an account under which stands which window its run evaluated."""


def begin(connection: Connection, flow: str, as_of: datetime, now: datetime, owner: str = "") -> int:
    """Open a run and return its number. `owner` names its process until the run has an account (`delivery.lease_owners`)."""
    account = orjson.dumps({"owner": owner} if owner else {}).decode()
    row = {"flow": flow, "as_of": as_of, "started_at": now, "state": RunState.RUNNING, "account": account}
    return int(connection.execute(insert(_run).values(**row).returning(_run.c.id)).scalar_one())


def end(connection: Connection, run: int, state: RunState, account: Mapping[str, Any], now: datetime) -> None:
    """Close a run as `done`, `gaps` or `failed`, with its account. The window that it evaluated stays: see `cover`."""
    covered = {k: v for k, v in account_of(connection, run).items() if k == WINDOW}
    values = {"state": state, "account": orjson.dumps({**account, **covered}).decode(), "ended_at": now}
    connection.execute(update(_run).where(_run.c.id == run).values(**values))


def _window(after: datetime, as_of: datetime) -> dict[str, Any]:
    """What an account says of the window (after, as_of] that its run evaluated."""
    return {WINDOW: [at.astimezone(UTC).isoformat() for at in (after, as_of)]}


def cover(connection: Connection, run: int, after: datetime, as_of: datetime) -> None:
    """Record the window that a run evaluated, in the transaction that moves the watermark: the run may end before its account."""
    body = orjson.dumps(account_of(connection, run) | _window(after, as_of)).decode()
    connection.execute(update(_run).where(_run.c.id == run).values(account=body))


def holes(connection: Connection, since: datetime) -> list[tuple[int, datetime, datetime]]:
    """The periods that no window covers between the windows of the runs that began after `since`.

    Returns each run whose window begins after the end of all earlier ones, with the latest of those ends and its own start.
    Overlapping windows, of two simultaneous runs or after a clock was set back, leave no such period.
    """
    body = _run.c.account
    asked = cast(body, JSON) if connection.dialect.name == "postgresql" else type_coerce(body, JSON)
    found = asked[WINDOW]
    after, until = (found[n].as_string() for n in (0, 1))
    query = select(_run.c.id, after.label("after"), until.label("until")).where(
        _run.c.started_at > since, after.is_not(None)
    )
    windows = sorted(
        (datetime.fromisoformat(r.after), datetime.fromisoformat(r.until), r.id)
        for r in connection.execute(query)
    )
    out: list[tuple[int, datetime, datetime]] = []
    ended: datetime | None = None
    for began, until, run in windows:
        if ended is not None and began > ended:
            out.append((run, ended, began))
        ended = until if ended is None else max(ended, until)
    return out


def latest(connection: Connection, flow: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
    """The newest runs, newest first, with their accounts decoded."""
    query = select(_run).order_by(_run.c.id.desc()).limit(limit)
    if flow is not None:
        query = query.where(_run.c.flow == flow)
    return [dict(r._mapping) | {"account": orjson.loads(r.account)} for r in connection.execute(query)]


def account_of(connection: Connection, run: int) -> dict[str, Any]:
    """The account of a run; empty until there is one."""
    found = connection.execute(select(_run.c.account).where(_run.c.id == run)).scalar()
    return {} if found is None else dict(orjson.loads(found))


def instants(connection: Connection, flow: str, until: datetime) -> list[datetime]:
    """The `as_of` of the ended runs of a flow, in order, each once."""
    query = select(_run.c.as_of).where(
        _run.c.flow == flow, _run.c.as_of <= until, _run.c.state.in_((RunState.DONE, RunState.GAPS))
    )
    return sorted(set(connection.execute(query).scalars()))

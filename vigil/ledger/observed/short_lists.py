"""Workspaces whose lists show fewer items than they count: the user may not see the others, or the server left them out. The two
cases look the same, and a granted right changes no date: such workspaces are read again in turns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, select

from vigil.ledger.engine import chunks, upsert
from vigil.ledger.tables import ShortListRow, table

_short = table(ShortListRow)


def keep(connection: Connection, read: Collection[int], lacking: Mapping[int, int], at: datetime) -> None:
    """Record that workspaces were read at an instant; those in `lacking` did not show that many of their items."""
    for some in chunks(sorted(w for w in read if w not in lacking)):
        connection.execute(delete(_short).where(_short.c.workspace.in_(some)))
    rows = [{"workspace": w, "lacking": n, "looked_at": at} for w, n in lacking.items() if w in read]
    upsert(connection, _short, rows, ("lacking", "looked_at"))


def due(connection: Connection, budget: int) -> list[int]:
    """At most `budget` of them, those with the oldest reading first."""
    query = select(_short.c.workspace).order_by(_short.c.looked_at, _short.c.workspace).limit(budget)
    return list(connection.execute(query).scalars())

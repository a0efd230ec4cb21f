"""Workspaces whose lists show fewer items than they hold: what a user may not see, or what a server left out. The two cannot be told
apart, and when a right is given no date moves: they are read again in turns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, select

from vigil.ledger.engine import chunks, upsert
from vigil.ledger.tables import ShortList, table

_short = table(ShortList)


def keep(connection: Connection, read: Collection[int], lacking: Mapping[int, int], at: datetime) -> None:
    """Workspaces were read at an instant; those in `lacking` did not show so many of their items."""
    for some in chunks(sorted(w for w in read if w not in lacking)):
        connection.execute(delete(_short).where(_short.c.workspace.in_(some)))
    rows = [{"workspace": w, "lacking": n, "looked_at": at} for w, n in lacking.items() if w in read]
    upsert(connection, _short, rows, ("lacking", "looked_at"))


def due(connection: Connection, budget: int) -> list[int]:
    """So many of them, those that were read the longest ago."""
    query = select(_short.c.workspace).order_by(_short.c.looked_at, _short.c.workspace).limit(budget)
    return list(connection.execute(query).scalars())

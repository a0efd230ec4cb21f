"""The stamps of folders: how many items each holds, and when it was modified. A new item moves its folder's date, and no other.

They are not observations: nothing is evaluated from them, and only the newest is of use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select

from vigil.ledger.engine import chunks, upsert
from vigil.ledger.tables import FolderRow, table

_folder = table(FolderRow)


class KnownFolder(NamedTuple):
    """A folder as it was last listed. `modified` is None where that was never read."""

    id: int
    workspace: int
    items: int
    modified: datetime | None


def keep(connection: Connection, read: Collection[int], found: Mapping[int, Sequence[KnownFolder]]) -> None:
    """Replace the folders of the workspaces in `read`, which were listed whole; `found` has them by workspace."""
    for some in chunks(sorted(read)):
        connection.execute(delete(_folder).where(_folder.c.workspace.in_(some)))
    rows = [folder._asdict() for workspace in read for folder in found.get(workspace, ())]
    upsert(connection, _folder, rows, ("workspace", "items", "modified"))


def known(connection: Connection, ids: Collection[int]) -> dict[int, KnownFolder]:
    """The stamps of some folders, without unknown ones."""
    found: dict[int, KnownFolder] = {}
    for some in chunks(sorted(ids)):
        for row in connection.execute(select(_folder).where(_folder.c.id.in_(some))):
            found[row.id] = KnownFolder(row.id, row.workspace, row.items, row.modified)
    return found


def of(connection: Connection, workspaces: Collection[int]) -> dict[int, list[int]]:
    """The ids of the folders in some workspaces, by workspace."""
    found: dict[int, list[int]] = {}
    for some in chunks(sorted(workspaces)):
        for row in connection.execute(
            select(_folder.c.id, _folder.c.workspace).where(_folder.c.workspace.in_(some))
        ):
            found.setdefault(row.workspace, []).append(row.id)
    return found


def after(connection: Connection, id: int, limit: int) -> list[KnownFolder]:
    """The next folders of a scan of all, in order of their ids."""
    query = select(_folder).where(_folder.c.id > id).order_by(_folder.c.id).limit(limit)
    return [KnownFolder(r.id, r.workspace, r.items, r.modified) for r in connection.execute(query)]


def count(connection: Connection) -> int:
    """How many folders are known."""
    return connection.execute(select(func.count()).select_from(_folder)).scalar_one()

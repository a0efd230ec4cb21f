"""The relations between workspaces, queried in reverse when a related workspace has changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, delete, insert, select

from vigil.ledger.engine import chunks
from vigil.ledger.tables import RelationRow, table

_relation = table(RelationRow)


def keep(connection: Connection, found: Mapping[int, Collection[int]]) -> None:
    """Replace the relations of some workspaces; a deleted workspace gets none."""
    for some in chunks(found):
        connection.execute(delete(_relation).where(_relation.c.workspace.in_(some)))
    rows = [{"workspace": w, "other": other} for w, others in found.items() for other in others]
    if rows:
        connection.execute(insert(_relation), rows)


def looking_at(connection: Connection, changed: Collection[int]) -> set[int]:
    """The workspaces that are related to one of `changed`: their rule states may have changed as well."""
    out: set[int] = set()
    for some in chunks(sorted(changed)):
        query = select(_relation.c.workspace).where(_relation.c.other.in_(some)).distinct()
        out |= set(connection.execute(query).scalars())
    return out

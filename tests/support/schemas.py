"""Ledgers of earlier schemas: made by Alembic up to a revision, and filled through the tables that this revision has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import (
    INTEGER,
    Connection,
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    insert,
    select,
)
from sqlalchemy.types import Boolean, Integer

from vigil.ledger.engine import alembic_config, open_engine, writer

LAST = "zzzz"
SOON = datetime(2026, 3, 2, tzinfo=UTC)


@cache
def revisions() -> tuple[str, ...]:
    """Every revision that there is, the oldest first."""
    return tuple(r.revision for r in ScriptDirectory.from_config(alembic_config("")).walk_revisions())[::-1]


class Earlier:
    """A ledger at `url` with the schema of `revision`, as the program of that time made it."""

    def __init__(self, url: str, revision: str) -> None:
        command.upgrade(alembic_config(url), revision)
        self.revision = revision
        self.engine: Engine = open_engine(url)
        self.tables: Mapping[str, Table] = reflected(self.engine)

    def put(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows as far as this schema has their table and columns; what must be there and is not given is empty."""
        table = self.tables.get(name)
        if table is None:
            return
        given = [{c.name: r[c.name] if c.name in r else _empty(c) for c in table.columns} for r in rows]
        some = [{k: v for k, v in r.items() if v is not LAST} for r in given]
        with writer(self.engine).begin() as connection:
            connection.execute(insert(table), some)

    def fill_the_rest(self) -> None:
        """A row of nothing in each table that has none: what comes with later revisions is carried on, too."""
        with self.engine.connect() as connection:
            empty = [name for name, t in self.tables.items() if connection.execute(select(t)).first() is None]
        for name in empty:
            self.put(name, [{}])

    def close(self) -> None:
        self.engine.dispose()


def reflected(engine: Engine) -> dict[str, Table]:
    found = MetaData()
    found.reflect(engine)
    return {name: table for name, table in found.tables.items() if name != "alembic_version"}


def contents(connection: Connection, tables: Mapping[str, Table]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of some tables, by what those columns hold that the tables had when they were reflected."""
    return {name: sorted(map(tuple, connection.execute(select(t))), key=repr) for name, t in tables.items()}


def _empty(column: Any) -> Any:
    """What stands for nothing: no value where there may be none, or where the database knows one itself."""
    if column.server_default is not None or (column.primary_key and type(column.type) is INTEGER):
        return LAST
    if column.nullable:
        return None
    kinds = {Boolean: False, Integer: 0, Numeric: 0, LargeBinary: b"", DateTime: SOON, String: ""}
    return next(value for kind, value in kinds.items() if isinstance(column.type, kind))

"""Empty in-memory ledgers, one after another: for playing many short histories without keeping them.

The schema is created from the tables themselves; Alembic checks that the migrations lead to the same schema.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel

from vigil.ledger import Ledger, tables  # noqa: F401  (the tables register themselves)


class Scratch:
    """One in-memory database on one engine, so that each statement is compiled once. Not thread-safe."""

    def __init__(self) -> None:
        # No cached statements: one that joins `json_each` and is run again after `deserialize` ends the process (SQLite 3.40).
        self._connection = sqlite3.connect(":memory:", check_same_thread=False, cached_statements=0)
        engine = create_engine("sqlite://", creator=lambda: self._connection, poolclass=StaticPool)
        SQLModel.metadata.create_all(engine)
        self._empty = self._connection.serialize()
        self._ledger = Ledger(engine)

    def fresh(self) -> Ledger:
        """An empty ledger. It replaces the previous one."""
        self._connection.rollback()
        self._connection.deserialize(self._empty)
        return self._ledger

    def save(self) -> bytes:
        """The whole content of the ledger, for `restore`."""
        self._connection.rollback()
        return self._connection.serialize()

    def restore(self, saved: bytes) -> Ledger:
        """The ledger with a saved content. It replaces the previous one."""
        self._connection.rollback()
        self._connection.deserialize(saved)
        return self._ledger

    def close(self) -> None:
        self._ledger.close()

"""Empty in-memory ledgers, one after another: for playing many short histories without keeping them.

The schema is created from the tables themselves; Alembic checks that the migrations lead to the same schema.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel

from vigil.ledger import Ledger, tables  # noqa: F401  (the tables register themselves)


class InMemoryLedger:
    """One in-memory database on one engine, so that each statement is compiled once. Not thread-safe."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        engine = create_engine("sqlite://", creator=lambda: self._connection, poolclass=StaticPool)
        SQLModel.metadata.create_all(engine)
        self._empty = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.backup(self._empty)
        self._ledger = Ledger(engine)

    def fresh(self) -> Ledger:
        """An empty ledger. It replaces the previous one."""
        return self._replaced(self._empty)

    def save(self) -> bytes:
        """The whole content of the ledger, for `restore`."""
        self._connection.rollback()
        return self._connection.serialize()

    def restore(self, saved: bytes) -> Ledger:
        """The ledger with a saved content. It replaces the previous one."""
        with closing(sqlite3.connect(":memory:")) as content:
            content.deserialize(saved)
            return self._replaced(content)

    def _replaced(self, content: sqlite3.Connection) -> Ledger:
        """The ledger with the content of another database.

        It is copied. A statement that joins `json_each`, and runs again on a connection that was deserialized anew, ends the process
        (SQLite 3.40).
        """
        self._connection.rollback()
        content.backup(self._connection)
        return self._ledger

    def close(self) -> None:
        self._ledger.close()
        self._empty.close()

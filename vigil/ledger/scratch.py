"""Empty ledgers in memory, one after another: for whoever plays many short histories and keeps none of them.

The schema is made from the tables themselves; that the migrations give the same one is checked by Alembic.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel

from vigil.ledger import Ledger, tables  # noqa: F401  (the tables register themselves)


class Scratch:
    """One in-memory database on one engine, so that each statement is compiled once. Not safe for threads."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        engine = create_engine("sqlite://", creator=lambda: self._connection, poolclass=StaticPool)
        SQLModel.metadata.create_all(engine)
        self._empty = self._connection.serialize()
        self._ledger = Ledger(engine)

    def fresh(self) -> Ledger:
        """A ledger in which nothing ever happened. The one given before is gone."""
        self._connection.rollback()
        self._connection.deserialize(self._empty)
        return self._ledger

    def save(self) -> bytes:
        """All that the ledger holds now, for `restore`."""
        self._connection.rollback()
        return self._connection.serialize()

    def restore(self, saved: bytes) -> Ledger:
        """The ledger as it was when it was saved. The one given before is gone."""
        self._connection.rollback()
        self._connection.deserialize(saved)
        return self._ledger

    def close(self) -> None:
        self._ledger.close()

"""The ledger: what was seen, what the rules said of it, what was queued, what was sent. Append-only where it is proof.

`Ledger` opens the database and gives transactions; the verbs are plain functions over a connection, one module a table family:
`observations`, `evaluations`, `outbox`, `devices`, `runs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from vigil.ledger.engine import migrate, open_engine


@dataclass(frozen=True)
class Ledger:
    """An open ledger. Give it a URL: ``sqlite:///path`` or ``postgresql+psycopg://...``."""

    engine: Engine

    @classmethod
    def open(cls, url: str) -> Ledger:
        """Bring the schema up to date and open it."""
        migrate(url)
        return cls(open_engine(url))

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: all of it or nothing."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


__all__ = ["Ledger"]

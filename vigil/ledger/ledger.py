"""The open ledger with its transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from vigil.ledger.engine import migrate, open_engine, reader, writer
from vigil.ledger.errors import explained


@dataclass(frozen=True)
class Ledger:
    """An open ledger, given by its URL: ``sqlite:///path`` or ``postgresql+psycopg://...``.

    Its transactions raise LedgerLocked and LedgerUnavailable for the corresponding errors of the database.
    """

    engine: Engine
    _reader: Engine = field(init=False, repr=False, compare=False)
    _writer: Engine = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_reader", reader(self.engine))
        object.__setattr__(self, "_writer", writer(self.engine))

    @classmethod
    def open(cls, url: str) -> Ledger:
        """Migrate the schema if necessary, and open the ledger."""
        migrate(url)
        return cls(open_engine(url))

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits as a whole or not at all. Writers wait for each other."""
        with explained(self.engine.url), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that reads one snapshot of the ledger, whatever others write meanwhile."""
        with explained(self.engine.url), self._reader.connect() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()

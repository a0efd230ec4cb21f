"""Reads the schema version of a ledger without changing the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL

from vigil.ledger.engine import (
    alembic_config,
    file_of,
    newest_revision,
    open_engine,
    parse_url,
    refuse_emptied,
)
from vigil.ledger.errors import explained, named


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema version of a ledger (None: no schema yet) and the one that this program needs. `name` contains no password."""

    name: str
    exists: bool
    found: str | None
    wanted: str | None
    known: bool  # whether this program knows the version that was found

    @property
    def is_newest(self) -> bool:
        return self.found is not None and self.found == self.wanted


def schema(url: str) -> Schema:
    """Read the schema version of the ledger at `url` without changing it. Raises LedgerUnavailable."""
    parsed, wanted = parse_url(url), newest_revision()
    if parsed.get_backend_name() == "sqlite" and not _is_there(parsed):
        return Schema(named(parsed), False, None, wanted, True)
    engine = open_engine(url)
    try:
        with explained(engine.url), engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    known = {r.revision for r in ScriptDirectory.from_config(alembic_config("")).walk_revisions()}
    return Schema(named(parsed), True, found, wanted, found is None or found in known)


def _is_there(url: URL) -> bool:
    """Whether the SQLite file exists; opening a missing one would create it. Raises LedgerEmptied."""
    refuse_emptied(url)
    file = file_of(url)
    return file is not None and file.is_file()

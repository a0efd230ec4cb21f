"""Whether the ledger is what it should be: its schema, without changing it."""

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
    """The schema that a ledger has (None: no schema yet) and the one that this program wants. `name` has no password."""

    name: str
    exists: bool
    found: str | None
    wanted: str | None
    known: bool  # whether this program knows the schema that was found

    @property
    def is_newest(self) -> bool:
        return self.found is not None and self.found == self.wanted


def schema(url: str) -> Schema:
    """Look at the schema of the ledger at `url` and leave it as it is. Raises LedgerUnavailable."""
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
    """Whether there is a file of SQLite, which would make it when it is opened. Raises LedgerEmptied."""
    refuse_emptied(url)
    file = file_of(url)
    return file is not None and file.is_file()

"""Errors of the ledger. Each names the database without its password, and says what to do.

LedgerError
├── LedgerLocked       another writer held the database longer than a writer waits: run again
├── LedgerUnavailable  the database cannot be reached, opened or written
├── LedgerEmptied      its file exists and is empty: its content is lost, or in another place
├── NoLedgerAddress    the given text is not the address of a ledger
├── LedgerTooNew       a newer version of Vigil made its schema
└── LedgerOfAnother    it belongs to another site than the one that opens it
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from vigil.errors import BadRequest, VigilError
from vigil.redaction import redacted

# Primary result codes, https://sqlite.org/rescode.html
_SQLITE_LOCKED = {5, 6}  # BUSY, LOCKED
_SQLITE_UNAVAILABLE = {
    8: "it is not writable: check who owns the file and its folder",
    10: "the disk fails: check it before anything else",
    11: "the file is damaged: restore it from a backup",
    13: "the disk is full: free some space and run again",
    14: "the file cannot be opened: check that its folder exists and is writable",
    26: "the file is not a SQLite database: check the path",
}
# SQLSTATE: lock_not_available, deadlock_detected, serialization_failure
_POSTGRES_LOCKED = {"55P03", "40P01", "40001"}
_POSTGRES_UNAVAILABLE = {
    "28": "the database refused the login: check user, password and pg_hba.conf",
    "3D": "there is no such database: create it; Vigil creates its tables",
    "53": "the server has no space or no connection left: ask its administrator",
    "57": "the server is shutting down or starting: run again when it is up",
    "42501": "the user has no right to do that: it must own the database's tables",
    "25006": "the server is read-only, perhaps a standby: use the primary's address",
}


class LedgerError(VigilError):
    """Base of the errors of the ledger."""


class LedgerLocked(LedgerError):
    """Another writer held the ledger too long. This transaction wrote nothing; running again is safe."""

    brief = "the ledger is locked by another writer"


class LedgerUnavailable(LedgerError):
    """The ledger cannot be reached, opened or written. This transaction wrote nothing."""

    brief = "the ledger cannot be used"


class LedgerEmptied(LedgerUnavailable, BadRequest):
    """The file of a ledger is empty. A fresh start in it would send every notice again."""


class NoLedgerAddress(LedgerError, BadRequest):
    """The given text is not the address of a ledger. Nothing was opened."""


class LedgerTooNew(LedgerError):
    """The ledger's schema is newer than this program."""

    brief = "the ledger is newer than this program"


class LedgerOfAnother(LedgerError, BadRequest):
    """The ledger belongs to another site. Nothing was read or written."""


def named(url: URL) -> str:
    """The database's name for people: without its password."""
    return url.render_as_string(hide_password=True)


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """Convert the database's own errors about locks and connections into the errors above. Other errors keep their first line only.

    Their further lines quote values of rows: addresses, and data of workspaces.
    """
    try:
        yield
    except DBAPIError as error:
        known = _of_sqlite(url, error) if url.get_backend_name() == "sqlite" else _of_postgres(url, error)
        if known is None:
            _cut(error)
            raise
        raise known from error


def _of_sqlite(url: URL, error: DBAPIError) -> LedgerError | None:
    code = getattr(error.orig, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in _SQLITE_LOCKED:
        return LedgerLocked(
            f"the ledger {named(url)} is locked by another writer. Nothing was written: run again. If this continues, "
            f"look for a process that holds the file, or move the ledger to PostgreSQL"
        )
    if primary in _SQLITE_UNAVAILABLE:
        return LedgerUnavailable(
            f"the ledger {named(url)} cannot be used, {_SQLITE_UNAVAILABLE[primary]} ({error.orig})"
        )
    return None


def _of_postgres(url: URL, error: DBAPIError) -> LedgerError | None:
    state = getattr(error.orig, "sqlstate", None) or ""
    if state in _POSTGRES_LOCKED:
        return LedgerLocked(
            f"the ledger {named(url)} is locked by another writer ({error.orig.__class__.__name__}). Nothing was written: "
            f"run again. If this continues, look for an open transaction in pg_stat_activity"
        )
    hint = _POSTGRES_UNAVAILABLE.get(state) or _POSTGRES_UNAVAILABLE.get(state[:2])
    # Without a SQLSTATE the server never answered: no route, no listener, an unknown name, or a lost connection.
    if hint is None and not state and error.connection_invalidated | _never_connected(error):
        hint = "no connection: check that the server runs and that host and port are right"
    if hint is None:
        return None
    return LedgerUnavailable(f"the ledger {named(url)} cannot be used, {hint} ({_first_line(error)})")


def _cut(error: DBAPIError) -> None:
    """Keep the first line of an error and of the driver's own error below it. The statement stays, without its parameters."""
    for one in (error, error.orig):
        if one is not None and one.args:
            one.args = (redacted(str(one.args[0]).strip().partition("\n")[0]),)


def _never_connected(error: DBAPIError) -> bool:
    return error.statement is None or type(error.orig).__name__ in ("ConnectionTimeout", "OperationalError")


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]

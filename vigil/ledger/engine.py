"""Opens the database: SQLite by default, PostgreSQL if several machines share it. Both have one schema, migrated by Alembic."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from vigil.ledger.errors import (
    LedgerEmptied,
    LedgerTooNew,
    LedgerUnavailable,
    NoLedgerAddress,
    explained,
    named,
)
from vigil.redaction import learn

if TYPE_CHECKING:
    # Alembic takes half a second to import, and commands without a ledger, such as `vigil test`, do not need it.
    from alembic.config import Config
    from alembic.script import ScriptDirectory

T = TypeVar("T")
CHUNK = 500  # bound values in one IN (...): SQLite allows 32,766 and plans large lists badly
LOCK_WAIT = 30  # seconds that a writer waits for another before LedgerLocked
CONNECT_WAIT = 10  # seconds for a connection to PostgreSQL

MIGRATIONS, OBSERVATIONS, NOTICES, OWNERSHIP, REGISTRATIONS = 1, 2, 3, 4, 5
"""The turns that writers take, see `in_turn`."""

_TURNS = 0x7616  # keeps Vigil's advisory locks apart from those of other programs in the same database
_PRAGMAS = (
    "journal_mode=WAL",  # readers never wait for the writer
    # A power cut may lose the newest commits, always whole ones: the same as a kill a little earlier.
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-65536",  # KiB, so 64 MiB
)


def parse_url(url: str) -> URL:
    """The URL with its driver. Raises NoLedgerAddress if it is not the address of a ledger."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: an unclosed bracket, a port that is not a number
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("sqlite", "postgresql", "postgres"):
        kind = "not a URL" if parsed is None else f"a URL of {parsed.get_backend_name()}"
        raise NoLedgerAddress(
            f"the ledger's address is {kind}: write sqlite:////path/ledger.sqlite or "
            f"postgresql+psycopg://user:***@host/name"
        )
    learn(parsed.password)
    if parsed.drivername in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def open_engine(url: str) -> Engine:
    """An engine for `url`, in which a writer waits `LOCK_WAIT` seconds for another.

    Its errors never show the parameters of a statement, which include addresses and texts of messages.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    # Plans must fit the current tables: a plan cached in a first run, when the tables were empty, would scan them for ever.
    settings = {
        "lock_timeout": f"{LOCK_WAIT}s",
        "application_name": "vigil",
        "plan_cache_mode": "force_custom_plan",
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    connect = {"connect_timeout": CONNECT_WAIT, "options": options}
    return create_engine(parsed, pool_pre_ping=True, hide_parameters=True, connect_args=connect)


def file_of(url: URL) -> Path | None:
    """The file of a SQLite ledger, also if it is given as a URI (``file:...``); None for one in memory."""
    name = (url.database or "").removeprefix("file:")
    return Path(name) if name and name != ":memory:" else None


def refuse_emptied(url: URL) -> None:
    """Raise LedgerEmptied for an empty SQLite file. Vigil never creates one: see `_make`."""
    file = file_of(url)
    if file is not None and file.is_file() and not file.stat().st_size:
        raise LedgerEmptied(
            f"the file of the ledger is empty: {file}. If a site had its ledger there, put the file back from its backup, or every "
            f"notice would be sent again; if there never was one, remove the empty file and run again"
        )


def _make(file: Path) -> None:
    """Create the file of a new ledger atomically with its first page: an existing empty file has therefore lost its content."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with closing(sqlite3.connect(part)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        os.link(part, file)
    except FileExistsError:
        return  # another process created it first
    except (OSError, sqlite3.Error):
        return  # a disk without links or without write access: SQLite opens the file itself and reports the problem
    finally:
        part.unlink(missing_ok=True)


def _open_sqlite(url: URL) -> Engine:
    refuse_emptied(url)
    if (file := file_of(url)) is not None and not file.exists():
        try:
            _make(file)
        except OSError as error:
            raise LedgerUnavailable(
                f"the ledger {named(url)} cannot be used: its folder cannot be created ({error.strerror})"
            ) from error
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": LOCK_WAIT})

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _: object) -> None:
        connection.isolation_level = (
            None  # the driver begins transactions late and by its own rules: this function begins them itself
        )
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes the lock at once and waits for it. One that reads first and writes later would be refused
        # without any wait when another wrote in between.
        writes = connection.get_execution_options().get("vigil_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def writer(engine: Engine) -> Engine:
    """The engine for transactions that write."""
    return engine.execution_options(vigil_writes=True)


def reader(engine: Engine) -> Engine:
    """The engine for transactions that see one snapshot of the database and cannot write."""
    if engine.dialect.name == "sqlite":
        return engine  # WAL: a transaction reads one snapshot
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def in_turn(connection: Connection, turn: int) -> bool:
    """Wait for every other transaction that took this turn, and keep the turn to the end of this transaction.

    A number of `observation` or `notice` is assigned at the insert and becomes visible at the commit. Without turns a higher number
    could become visible before a lower one, and a reader that continues "after number n" would never see the lower one.

    Returns whether others may have written since this transaction began. SQLite has only one writer at a time.
    """
    if connection.dialect.name == "sqlite":
        return False
    connection.execute(text("SELECT pg_advisory_xact_lock(:of, :turn)"), {"of": _TURNS, "turn": turn})
    return True


def alembic_config(url: str) -> Config:
    """Alembic's settings for this project's migrations of `url`."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(alembic_config(""))


@cache
def newest_revision() -> str | None:
    """The newest revision of this program's migrations."""
    return _scripts().get_current_head()


def migrate(url: str) -> None:
    """Migrate the database to the newest schema. Does nothing if it is there already. Two simultaneous calls take turns.

    Raises LedgerTooNew if a newer version of Vigil has migrated it.
    """
    from alembic import command
    from alembic.runtime.migration import MigrationContext

    engine = open_engine(url)
    try:
        with explained(engine.url):
            with engine.connect() as connection:
                found = MigrationContext.configure(connection).get_current_revision()
            if found == newest_revision():
                return
            _refuse_unknown(engine.url, found)
            command.upgrade(alembic_config(url), "head")
    finally:
        engine.dispose()


def refuse_newer(connection: Connection) -> None:
    """Raise LedgerTooNew if a newer version of Vigil has migrated this ledger. Changes nothing."""
    from alembic.runtime.migration import MigrationContext

    _refuse_unknown(connection.engine.url, MigrationContext.configure(connection).get_current_revision())


def _refuse_unknown(url: URL, found: str | None) -> None:
    known = {r.revision for r in _scripts().walk_revisions()}
    if found is not None and found not in known:
        raise LedgerTooNew(
            f"the ledger {named(url)} has schema {found}, which this Vigil does not know (its newest is {newest_revision()}): "
            f"install the version of Vigil that made it, or a newer one"
        )


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """`items` in lists of at most `size`."""
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def upsert(
    connection: Connection,
    target: Table,
    rows: Sequence[dict[str, Any]],
    update: Sequence[str],
    keys: Sequence[str] = (),
) -> None:
    """Insert rows; for an existing key, set the columns in `update` (none: leave the row unchanged).

    `keys` names the columns of the key; by default the primary key.

    Rows are inserted in the order of their keys, so that two writers of the same rows cannot deadlock.
    """
    if not rows:
        return
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(target)
    keys = keys or [c.name for c in target.primary_key]
    if update:
        statement = statement.on_conflict_do_update(
            index_elements=keys, set_={c: statement.excluded[c] for c in update}
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    connection.execute(statement, sorted(rows, key=lambda row: tuple(row[k] for k in keys)))

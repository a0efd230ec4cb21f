"""A locked, unreachable or unusable ledger is told to people in a sentence, without a password, an address or a message."""

from __future__ import annotations

import logging
import os
import sqlite3
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.support.ports import closed_port
from tests.support.postgres import server
from tests.support.samples import T0, entry
from vigil.errors import VigilError
from vigil.ledger import Ledger, LedgerError, LedgerLocked, LedgerUnavailable, engine
from vigil.ledger.engine import open_engine
from vigil.ledger.errors import NoLedgerAddress, explained
from vigil.ledger.outbox import queue
from vigil.ledger.people import devices
from vigil.ledger.people.devices import NewDevice


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, url: str) -> Iterator[Ledger]:
    """A ledger whose writers wait a second."""
    monkeypatch.setattr(engine, "LOCK_WAIT", 1)
    opened = Ledger(open_engine(url))
    yield opened
    opened.close()


def test_they_are_errors_for_people() -> None:
    assert issubclass(LedgerError, VigilError)
    assert issubclass(LedgerLocked, LedgerError)
    assert issubclass(LedgerUnavailable, LedgerError)


def test_a_writer_that_waits_too_long_says_that_the_ledger_is_locked(
    impatient: Ledger, ledger: Ledger
) -> None:
    with ledger.write() as connection:
        queue.enqueue(connection, [entry(1)], T0)
        told = pytest.raises(LedgerLocked, match=r"locked by another writer.*Nothing was written: run again")
        with told, impatient.write() as second:
            queue.enqueue(second, [entry(2)], T0)
    with ledger.read() as connection:
        assert [r["workspace"] for r in queue.rows(connection)] == [1]


def test_a_program_that_holds_the_file_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOCK_WAIT", 1)
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    Ledger.open(url).close()
    other = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    opened = Ledger(open_engine(url))
    with pytest.raises(LedgerLocked, match=r"ledger.sqlite is locked"), opened.write():
        pass
    other.close()
    with opened.write() as connection:
        queue.enqueue(connection, [entry(1)], T0)
    opened.close()


def test_a_server_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    url = f"postgresql+psycopg://vigil:s3cret@127.0.0.1:{closed_port()}/vigil"
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(LedgerUnavailable, match="check that the server runs") as told,
    ):
        Ledger.open(url)
    assert "vigil:***@127.0.0.1" in str(told.value)
    assert "s3cret" not in str(told.value) + caplog.text


def test_a_login_that_the_server_refuses() -> None:
    url = server().url("postgres").replace("://vigil:", "://vigil:wrong")
    with pytest.raises(LedgerUnavailable, match=r"refused the login|no connection") as told:
        Ledger.open(url)
    assert "wrong" not in str(told.value)


def test_a_database_that_does_not_exist() -> None:
    with pytest.raises(LedgerUnavailable, match=r"no such database|does not exist"):
        Ledger.open(server().url("nowhere"))


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_connection_that_breaks_halfway(ledger: Ledger, url: str) -> None:
    with pytest.raises(LedgerUnavailable, match="cannot be used"), ledger.write() as connection:
        queue.enqueue(connection, [entry(1)], T0)
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        server().sql(f"SELECT pg_terminate_backend({pid})")
        queue.enqueue(connection, [entry(2)], T0)
    with ledger.read() as connection:
        assert queue.rows(connection) == [], (
            "a new connection is made, and nothing of the broken transaction is there"
        )


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_text("this is a letter, and no database, however long one makes it" * 20)
    with pytest.raises(LedgerUnavailable, match="not a SQLite database: check the path"):
        Ledger.open(f"sqlite:///{path}")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnavailable, match="its folder cannot be created"):
        Ledger.open(f"sqlite:///{tmp_path / 'file' / 'ledger.sqlite'}")


def test_a_path_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match="cannot be opened"):
        Ledger.open(f"sqlite:///{tmp_path}")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with ledger.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with (
        pytest.raises(LedgerUnavailable, match="disk is full: free some space"),
        ledger.write() as connection,
    ):
        queue.enqueue(connection, [entry(n) for n in range(2000)], T0)
    ledger.close()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ledger.sqlite",
        "mysql://u:s3cret@h/d",
        "mysql+pymysql://u:s3cret@h/d",
        "postgresql+psycopg://u:s3cret@[::1/x",
        "postgresql+psycopg://u:s3cret@h:abc/x",
        "sqlite://h:x/y",
    ],
)
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(NoLedgerAddress, match=r"write sqlite:////path.*//user:\*\*\*@host/name") as told:
        Ledger.open(address)
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_the_driver_need_not_be_named(scheme: str) -> None:
    with server().empty() as url:
        ledger = Ledger.open(url.replace("postgresql+psycopg", scheme))
        with ledger.read() as connection:
            assert (connection.dialect.name, connection.dialect.driver) == ("postgresql", "psycopg")
        ledger.close()


def test_other_database_errors_pass_unchanged_without_their_parameters(
    ledger: Ledger,
) -> None:
    """Addresses of devices and texts of notices are among the bound values."""
    with pytest.raises(DBAPIError) as told, ledger.write() as connection:
        devices.register(connection, [NewDevice("ada", "tok-secret", None)], T0)  # type: ignore[arg-type]
    assert isinstance(told.value, IntegrityError)
    assert "tok-secret" not in str(told.value).partition("DETAIL:")[0]


def test_a_ledger_in_a_folder_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    Ledger.open(f"sqlite:///{tmp_path / 'a' / 'b' / 'ledger.sqlite'}").close()
    assert os.path.exists(tmp_path / "a" / "b" / "ledger.sqlite")


def test_an_error_that_has_no_words_of_ours_quotes_no_row() -> None:
    driver = Exception(
        'duplicate key value violates unique constraint "device_address"\nDETAIL:  Key (address)=(a-device) already exists.'
    )
    error = IntegrityError("INSERT INTO device", {"address": "a-device"}, driver, hide_parameters=True)
    with pytest.raises(IntegrityError) as caught, explained(make_url("postgresql+psycopg://u:p@h/db")):
        raise error
    said = "".join(traceback.format_exception(caught.value)) + str(driver)
    assert "a-device" not in said
    assert "device_address" in str(caught.value) and "INSERT INTO device" in str(caught.value)

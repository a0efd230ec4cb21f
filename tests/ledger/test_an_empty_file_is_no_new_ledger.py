"""A file of a ledger with nothing in it lost what it held: to begin again in it would send everything again, so it is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vigil.errors import BadRequest
from vigil.ledger import Ledger, LedgerUnavailable
from vigil.ledger.engine import open_engine, parse_url
from vigil.ledger.errors import LedgerEmptied, NoLedgerAddress
from vigil.ledger.maintenance.schema_version import schema


@pytest.fixture
def emptied(tmp_path: Path) -> str:
    file = tmp_path / "ledger.sqlite"
    Ledger.open(f"sqlite:///{file}").close()
    file.write_bytes(b"")
    return f"sqlite:///{file}"


def test_a_file_that_was_emptied_is_refused_with_its_name_and_what_to_do(emptied: str) -> None:
    with pytest.raises(LedgerEmptied, match=r"ledger\.sqlite.*from its backup.*remove the empty file"):
        Ledger.open(emptied)
    assert Path(emptied.removeprefix("sqlite:///")).stat().st_size == 0


def test_who_only_looks_is_refused_too(emptied: str) -> None:
    with pytest.raises(LedgerUnavailable):
        schema(emptied)


def test_a_new_ledger_is_never_an_empty_file_whoever_opens_it_at_once(tmp_path: Path) -> None:
    file = tmp_path / "new" / "ledger.sqlite"

    def begin(_: int) -> int:
        engine = open_engine(f"sqlite:///{file}")
        size = file.stat().st_size
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
        engine.dispose()
        return size

    with ThreadPoolExecutor(8) as pool:
        assert min(pool.map(begin, range(16))) > 0
    assert [f.name for f in file.parent.iterdir() if not f.name.endswith(("-wal", "-shm"))] == [
        "ledger.sqlite"
    ]


@pytest.mark.parametrize("url", ["foo", "", "mysql://x/y", "ledger.sqlite"])
def test_what_is_no_address_of_a_ledger_is_wrong_usage(url: str) -> None:
    with pytest.raises(NoLedgerAddress, match=r"sqlite:////path.*or postgresql") as refused:
        parse_url(url)
    assert isinstance(refused.value, BadRequest)

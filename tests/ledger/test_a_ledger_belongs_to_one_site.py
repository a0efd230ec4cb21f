"""A ledger knows its site, and refuses every other one."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vigil.errors import BadRequest
from vigil.ledger import Ledger, LedgerError, LedgerOfAnother
from vigil.ledger.ownership import claim, hand_over, owner, refuse_another, seen

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture
def ledger(url: str) -> Ledger:
    return Ledger.open(url)


def test_the_first_site_claims_a_ledger_and_the_next_learns_whose_it_is(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert owner(connection) is None
        refuse_another(connection, "a")
    for _ in range(2):
        with ledger.write() as connection:
            claim(connection, "a", NOW)
    with ledger.write() as connection, pytest.raises(LedgerOfAnother) as refused:
        claim(connection, "b", NOW + timedelta(days=1))
    said = str(refused.value)
    assert 'belongs to the site "a" (since 2026-03-02), not to "b"' in said
    assert "vigil connect --site b --ledger URL --yes" in said
    assert isinstance(refused.value, BadRequest) and isinstance(refused.value, LedgerError)
    with ledger.read() as connection:
        assert owner(connection) == ("a", NOW)


def test_a_ledger_that_is_handed_over_is_refused_to_the_site_that_had_it(ledger: Ledger) -> None:
    with ledger.write() as connection:
        claim(connection, "old", NOW)
    for _ in range(2):
        with ledger.write() as connection:
            hand_over(connection, "new", NOW + timedelta(days=1))
    with ledger.read() as connection:
        assert owner(connection) == ("new", NOW + timedelta(days=1))
        with pytest.raises(LedgerOfAnother):
            refuse_another(connection, "old")


def test_of_two_sites_that_claim_it_at_once_one_has_it(url: str, ledger: Ledger) -> None:
    refused: list[str] = []
    ready = threading.Barrier(2)

    def go(site: str) -> None:
        mine = Ledger.open(url)
        ready.wait()
        try:
            with mine.write() as connection:
                claim(connection, site, NOW)
        except LedgerOfAnother:
            refused.append(site)
        mine.close()

    threads = [threading.Thread(target=go, args=(site,)) for site in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as connection:
        found = owner(connection)
    assert found is not None and refused == [{"a": "b", "b": "a"}[found.name]]


def test_looking_whose_a_ledger_is_neither_makes_nor_changes_a_file(tmp_path: Path) -> None:
    missing, other = tmp_path / "folder" / "ledger.sqlite", tmp_path / "other.sqlite"
    assert seen(f"sqlite:///{missing}") is None
    assert not missing.parent.exists()
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE of_another_program (n INTEGER)")
    connection.close()
    before = other.read_bytes()
    assert seen(f"sqlite:///{other}") is None
    assert other.read_bytes() == before


def test_looking_whose_a_ledger_is_names_its_owner(url: str) -> None:
    ledger = Ledger.open(url)
    assert seen(url) is None
    with ledger.write() as connection:
        claim(connection, "a", NOW)
    assert seen(url) == ("a", NOW)

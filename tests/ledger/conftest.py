"""A fresh ledger for each test, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.open_rows import TOKENS
from tests.support.postgres import DATABASES, fresh, server
from vigil.ledger import Ledger
from vigil.ledger.engine import open_engine
from vigil.sandbox.fcm.local import LocalFcm


@pytest.fixture(params=DATABASES)
def kind(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on."""
    return str(request.param)


@pytest.fixture
def url(kind: str, tmp_path: Path) -> Iterator[str]:
    with fresh(kind, tmp_path) as made:
        yield made


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger(open_engine(url))
    yield opened
    opened.close()


@pytest.fixture
def fcm(tmp_path: Path) -> Iterator[LocalFcm]:
    """FCM with the phones of `tests.support.open_rows`."""
    with LocalFcm(tmp_path) as running:
        for token in TOKENS.values():
            running.devices.add(token, "android", owner=token.partition("-")[0])
        yield running


@pytest.fixture(params=DATABASES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty' / 'ledger.sqlite'}"
        return
    with server().database("template1") as url:
        yield url

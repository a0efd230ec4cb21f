"""Where trials have their ledgers: empty ones in which the devices are registered, copied from one that was made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psycopg

Import = Callable[[str], None]
"""Makes a ledger at a URL, with the devices in it."""


class Ledgers(Protocol):
    def fresh(self, name: str) -> str:
        """The URL of a ledger that no site has yet."""

    def drop(self, name: str) -> None:
        """The ledger is not needed any more."""


class OnSqlite:
    """Files in a folder."""

    def __init__(self, folder: Path, make: Import) -> None:
        self._folder, self._template = folder, folder / "template.sqlite"
        make(f"sqlite:///{self._template}")

    def fresh(self, name: str) -> str:
        shutil.copy(self._template, self._folder / f"{name}.sqlite")
        return f"sqlite:///{self._folder / name}.sqlite"

    def drop(self, name: str) -> None:
        for file in self._folder.glob(f"{name}.sqlite*"):
            file.unlink()


class OnPostgresql:
    """Databases of a server. `url` is one of them, by a user who may create others."""

    def __init__(self, url: str, make: Import) -> None:
        self._server = url.rpartition("/")[0]
        self._admin = url.replace("+psycopg", "")
        self.drop("template")
        self._sql("CREATE DATABASE outside_template")
        make(f"{self._server}/outside_template")

    def fresh(self, name: str) -> str:
        self._sql(f"CREATE DATABASE outside_{name} TEMPLATE outside_template")
        return f"{self._server}/outside_{name}"

    def drop(self, name: str) -> None:
        self._sql(f"DROP DATABASE IF EXISTS outside_{name} WITH (FORCE)")

    def _sql(self, statement: str) -> None:
        with psycopg.connect(self._admin, autocommit=True) as connection:
            connection.execute(statement.encode())

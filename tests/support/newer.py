"""A ledger that a newer Vigil made, and what must be said of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from vigil.ledger import Ledger

CHANGES = (
    "UPDATE alembic_version SET version_num = '9999'",
    "ALTER TABLE site RENAME COLUMN since TO owned_since",  # what this Vigil asks for may be called otherwise there
    "ALTER TABLE notice RENAME COLUMN due_at TO due",
)
REFUSED = "has schema 9999, which this Vigil does not know"
DO = "install the version of Vigil that made it, or a newer one"

BY_ADDRESS = {
    "why": ("ada",),
    "gateway": ("--project", "demo"),
    "devices import": ("DEVICES",),
    "devices list": (),
    "devices topics list": (),
    "devices topics add": ("news", "ada"),
    "devices topics remove": ("news", "ada"),
    "guard list": (),
}
"""Each command that opens the ledger at --ledger by itself, with its other arguments."""

BY_SITE = {
    "connect": ("--ledger", "LEDGER", "--yes"),
    "watch": (),
    "sweep": (),
    "backfill": ("--from", "2026-03-01T00:00Z", "--to", "2026-03-02T00:00Z"),
    "doctor": (),
    "devices topics sync": (),
    "guard approve": ("1",),
    "guard drop": ("1",),
}
"""Each command that asks Prefect for the ledger of --site, or starts a flow, with its other arguments."""

RUNS_AN_ESTATE = "run-estate"

WITHOUT = {"types", "automations install", "test", "record"}
"""Commands with a site, or with a ledger of their own making, that open none of a site."""


def made(file: Path) -> Path:
    """A ledger of a newer Vigil in `file`."""
    Ledger.open(f"sqlite:///{file}").close()
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in CHANGES:
            connection.execute(statement)
    return file


def contents(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


def sentences(said: str) -> str:
    """What a command printed, without its tables and line ends."""
    return " ".join(said.replace("│", " ").split())

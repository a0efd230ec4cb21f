"""A ledger of a newer Vigil is refused by every command and every flow, with what to do; none of them writes to it."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from typer.main import get_command

from tests.flows.conftest import PROJECT, Said
from vigil.cli import app
from vigil.ledger import Ledger
from vigil.replay.estate import SITE, Replay, save_site
from vigil.sandbox.estate import load
from vigil.sandbox.generate import generate
from vigil.sandbox.process import SandboxProcess

NEWER = [
    "UPDATE alembic_version SET version_num = '9999'",
    "ALTER TABLE site RENAME COLUMN since TO owned_since",  # what this Vigil asks for may be called otherwise there
    "ALTER TABLE notice RENAME COLUMN due_at TO due",
]
REFUSED = "has schema 9999, which this Vigil does not know"
DO = "install the Vigil that made it, or a newer one"

COMMANDS = {
    "connect": ("--site", SITE, "--ledger", "LEDGER", "--yes"),
    "run-estate": (
        *("ESTATE", "--rules", "RULES", "--from", "2026-03-02T00:00Z", "--to", "2026-03-03T00:00Z"),
        *("--out", "OUT", "--ledger", "LEDGER"),
    ),
    "sweep": ("--site", SITE),
    "backfill": ("--site", SITE, "--from", "2026-03-01T00:00Z", "--to", "2026-03-02T00:00Z"),
    "doctor": ("--site", SITE),
    "why": ("ada", "--ledger", "LEDGER"),
    "gateway": ("--ledger", "LEDGER", "--project", "demo"),
    "devices import": ("DEVICES", "--ledger", "LEDGER"),
    "devices list": ("--ledger", "LEDGER"),
    "devices topics list": ("--ledger", "LEDGER"),
    "devices topics add": ("news", "ada", "--ledger", "LEDGER"),
    "devices topics remove": ("news", "ada", "--ledger", "LEDGER"),
    "devices topics sync": ("--site", SITE),
    "guard list": ("--ledger", "LEDGER"),
    "guard approve": ("1", "--site", SITE),
    "guard drop": ("1", "--site", SITE),
}
"""Each command that opens a ledger, with arguments."""

WITHOUT = {"types", "automations install"}
"""Commands with a site that open no ledger."""

FLOWS = sorted(d["entrypoint"] for d in yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"])
ARGUMENTS: dict[str, dict[str, Any]] = {
    "backfill": {"after": datetime(2026, 3, 1, tzinfo=UTC), "upto": datetime(2026, 3, 2, tzinfo=UTC)},
    "guard": {"trip": 1, "answer": "drop"},
}


def commands(of: Any, name: str = "") -> Iterator[tuple[str, click.Command]]:
    for part, command in of.commands.items():
        path = f"{name} {part}".strip()
        yield from commands(command, path) if hasattr(command, "commands") else [(path, command)]


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("newer") / "estate").folder


@pytest.fixture(scope="module")
def sandbox(estate: Path) -> Iterator[SandboxProcess]:
    with SandboxProcess(estate, start=load(estate).start) as running:
        yield running


@pytest.fixture
def newer(tmp_path: Path, prefect_url: str, estate: Path, sandbox: SandboxProcess) -> Path:
    """The file of a ledger that a newer Vigil made; it is the site's."""
    file = tmp_path / "ledger.sqlite"
    Ledger.open(f"sqlite:///{file}").close()
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in NEWER:
            connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    loaded = load(estate)
    url, day = f"sqlite:///{file}", loaded.start
    what = Replay(estate, PROJECT / "rules", PROJECT / "templates", day, day, day - day, url)
    asyncio.run(save_site(what, loaded, sandbox))
    return file


def contents(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


def test_every_command_that_opens_a_ledger_is_tried() -> None:
    found = {
        name
        for name, command in commands(get_command(app))
        if {"--ledger", "--site"} & {o for p in command.params for o in p.opts}
    }
    assert found == COMMANDS.keys() | WITHOUT | {"test"}  # the ledger of `test` is where its timelines go on


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_to_do_and_writes_nothing(
    name: str, newer: Path, estate: Path, tmp_path: Path, vigil: Callable[..., Said]
) -> None:
    before = contents(newer)
    (tmp_path / "devices.csv").write_text("person,address,platform\nada,t-1,android\n")
    places = {
        "LEDGER": f"sqlite:///{newer}",
        "ESTATE": str(estate),
        "RULES": str(PROJECT / "rules"),
        "OUT": str(tmp_path / "out.jsonl"),
        "DEVICES": str(tmp_path / "devices.csv"),
    }
    said = vigil(*name.split(), *(places.get(a, a) for a in COMMANDS[name]))
    words = " ".join((said.out + said.err).replace("│", " ").split())
    assert said.code == (1 if name == "doctor" else 3), words
    assert "schema 9999" in words and DO in words, words
    assert "Traceback" not in words
    assert contents(newer) == before


@pytest.mark.parametrize("entrypoint", FLOWS)
def test_every_flow_fails_with_what_to_do_and_writes_nothing(entrypoint: str, newer: Path) -> None:
    before = contents(newer)
    file, _, name = entrypoint.partition(":")
    flow = getattr(importlib.import_module(file.removesuffix(".py").replace("/", ".")), name)
    state = flow(site=SITE, **ARGUMENTS.get(flow.name, {}), return_state=True)
    state = asyncio.run(state) if inspect.isawaitable(state) else state
    assert state.is_failed() and REFUSED in state.message and DO in state.message, state.message
    assert contents(newer) == before

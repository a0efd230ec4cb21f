"""A ledger of a newer Vigil is refused by every command that opens it, with what to do; none of them writes to it.

Those that ask Prefect for a site, and flows: tests/flows/test_a_newer_ledger_is_refused.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from tests.support.newer import (
    BY_ADDRESS,
    BY_SITE,
    DO,
    REFUSED,
    RUNS_AN_ESTATE,
    WITHOUT,
    contents,
    made,
    sentences,
)
from vigil.cli.app import app


def commands(of: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    for part, command in of.commands.items():
        path = f"{name} {part}".strip()
        yield from commands(command, path) if hasattr(command, "commands") else [(path, command)]


def test_every_command_that_opens_a_ledger_is_tried() -> None:
    options = {name: {o for p in c.params for o in p.opts} for name, c in commands(get_command(app))}
    found = {name for name, some in options.items() if some & {"--ledger", "--site"}}
    assert found == BY_ADDRESS.keys() | BY_SITE.keys() | {RUNS_AN_ESTATE} | WITHOUT


@pytest.mark.parametrize("name", BY_ADDRESS)
def test_every_command_says_what_to_do_and_writes_nothing(
    name: str, tmp_path: Path, vigil: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    newer = made(tmp_path / "ledger.sqlite")
    (tmp_path / "devices.csv").write_text("person,address,platform\nada,t-1,android\n")
    before = contents(newer)
    arguments = [str(tmp_path / "devices.csv") if a == "DEVICES" else a for a in BY_ADDRESS[name]]
    code = vigil(*name.split(), *arguments, "--ledger", f"sqlite:///{newer}")
    said = sentences("".join(capsys.readouterr()))
    assert (code, REFUSED in said, DO in said) == (3, True, True), said
    assert contents(newer) == before

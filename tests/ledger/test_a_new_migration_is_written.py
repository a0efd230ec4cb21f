"""`make migration m="..."`: the next number, what the tables say and no migration makes, and nothing when there is nothing."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from tests.shared import PROJECT
from vigil.ledger.engine import alembic_config

TOOL = PROJECT / "deploy" / "new_migration.py"
MIGRATIONS = PROJECT / "vigil" / "ledger" / "migrations"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The first migration alone: what all others make is in the tables and in no migration."""
    without = shutil.ignore_patterns("__pycache__", "000[2-9]_*.py", "00[1-9]*_*.py")
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations", ignore=without))


def config_of(folder: Path, tmp_path: Path) -> Config:
    config = alembic_config(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    config.set_main_option("script_location", str(folder))
    return config


def test_it_takes_the_next_number_and_makes_what_is_missing(folder: Path, tmp_path: Path) -> None:
    write = runpy.run_path(str(TOOL))["write"]
    path = write("What came later", folder)
    assert path == folder / "versions" / "0002_what_came_later.py"
    text = path.read_text()
    assert text.startswith('"""What came later"""\n')
    assert 'revision = "0002"\ndown_revision = "0001"\n' in text
    assert set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE)) == {"sqlalchemy", "alembic"}
    config = config_of(folder, tmp_path)
    command.upgrade(config, "head")
    command.check(config)  # raises when anything is left
    command.downgrade(config, "0001")
    command.upgrade(config, "head")
    formatted = [
        sys.executable,
        "-m",
        "ruff",
        "format",
        "--check",
        "--config",
        str(PROJECT / "pyproject.toml"),
    ]
    subprocess.run([*formatted, path], check=True)


def test_the_command_wants_a_sentence() -> None:
    said = subprocess.run([sys.executable, TOOL, ""], cwd=PROJECT, capture_output=True, text=True)
    assert (said.returncode, "make migration m=" in said.stderr) == (2, True)


def test_where_nothing_is_missing_it_says_so_and_writes_no_file() -> None:
    before = sorted((MIGRATIONS / "versions").glob("*.py"))
    said = subprocess.run(
        [sys.executable, TOOL, "nothing at all"], cwd=PROJECT, capture_output=True, text=True
    )
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == "the migrations make what vigil/ledger/tables.py says: nothing to write\n"
    assert sorted((MIGRATIONS / "versions").glob("*.py")) == before

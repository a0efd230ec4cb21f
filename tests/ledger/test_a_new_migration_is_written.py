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
from sqlalchemy import text

from tests.shared import PROJECT
from vigil.ledger.engine import alembic_config, open_engine

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
    assert refused(path) == ""


def refused(path: Path) -> str:
    """What ruff says of a file that it would change or refuse; empty for none."""
    out = ""
    for task in (("check",), ("format", "--check")):
        settings = ("--quiet", "--config", str(PROJECT / "pyproject.toml"))
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *task, *settings, path], capture_output=True, text=True
        )
        out += (ran.stdout + ran.stderr) if ran.returncode else ""
    return out


def without_column(path: Path, name: str) -> None:
    """A migration as if a column were yet to come."""
    kept, times = re.subn(rf'^ +sa\.Column\("{name}", .*\),\n', "", path.read_text(), flags=re.MULTILINE)
    assert times == 1, f"{path.name} makes {name} {times} times, in lines of their own"
    path.write_text(kept)


LATER = {"tries": 0, "message": "{}"}
"""Columns of notices with the values that rows get which were there before them."""


def test_a_new_column_has_a_value_for_the_rows_that_are_there(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))
    for name in LATER:
        without_column(folder / "versions" / "0001_first.py", name)
    without_column(folder / "versions" / "0002_people.py", "digest")
    config = config_of(folder, tmp_path)
    command.upgrade(config, "head")
    engine = open_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO notice (rule, workspace, occurrence, step, person, fire_at, as_of, state, reason)"
                " VALUES ('r', 1, 'o', '', 'ada', '2026-03-02', '2026-03-02', 'queued', '')"
            )
        )
        connection.execute(
            text("INSERT INTO preference (person, channels, updated_at) VALUES ('ada', '', '2026-03-02')")
        )
    path = runpy.run_path(str(TOOL))["write"]("Columns that came later", folder)
    assert path.read_text().count("server_default=") == len(LATER) + 1
    assert refused(path) == ""
    command.upgrade(config, "head")
    command.check(config)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM notice")).mappings().one()
        assert {name: row[name] for name in LATER} == LATER
        assert connection.execute(text("SELECT digest FROM preference")).scalar_one() == 0
    engine.dispose()
    command.downgrade(config, "-1")


def test_a_column_that_earlier_rows_have_no_value_for_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))
    without_column(folder / "versions" / "0001_first.py", "fire_at")
    before = sorted((folder / "versions").glob("*.py"))
    tool = runpy.run_path(str(TOOL))
    with pytest.raises(tool["NoDefault"], match=r"notice\.fire_at is NOT NULL and its field has no default"):
        tool["write"]("When it fires", folder)
    assert sorted((folder / "versions").glob("*.py")) == before


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

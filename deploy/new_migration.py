"""Writes the next migration of the ledger, from what `vigil/ledger/tables.py` says and no migration makes.

`make migration m="..."` calls it. The file takes the next number and a name made of the sentence. Read it before you commit it:
Alembic sees no renames (it drops and adds) and no data.

A new column that is NOT NULL gets the default of its field as `server_default`: the rows that are there need a value, and so do those
that a program of the version before still writes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from enum import Enum
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.operations.ops import AddColumnOp, ModifyTableOps
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

from vigil.ledger.engine import alembic_config

ROOT = Path(__file__).resolve().parents[1]
MIGRATIONS = ROOT / "vigil" / "ledger" / "migrations"


def write(message: str, folder: Path = MIGRATIONS) -> Path | None:
    """Write the next migration into `folder`/versions and give its path; None when there is nothing to migrate.

    Raises NoDefault for a new column that is NOT NULL and whose field has no default.
    """
    with tempfile.TemporaryDirectory() as scratch:
        config = alembic_config(f"sqlite:///{scratch}/ledger.sqlite")
        config.set_main_option("script_location", str(folder))
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        command.upgrade(config, "head")
        head = ScriptDirectory.from_config(config).get_current_head()
        revision = command.revision(
            config,
            message,
            autogenerate=True,
            rev_id=f"{int(head or 0) + 1:04}",
            process_revision_directives=_finish,
        )
    if revision is None or isinstance(revision, list):
        return None
    path = Path(revision.path)
    kept = [line for line in path.read_text().splitlines(keepends=True) if "# ### " not in line]
    path.write_text("".join(kept))
    settings = ("--quiet", "--config", str(ROOT / "pyproject.toml"))
    for task in (("check", "--fix", "--exit-zero"), ("format",)):
        subprocess.run([sys.executable, "-m", "ruff", *task, *settings, path], check=True)
    return path


class NoDefault(ValueError):
    """A new column that rows of earlier versions would have no value for."""


def _finish(context: Any, revision: Any, directives: list[Any]) -> None:
    """Give new columns their server defaults. Alembic writes no file when no directive is left."""
    upgrade = directives[0].upgrade_ops
    if upgrade.is_empty():
        directives.clear()
        return
    for table in upgrade.ops:
        for change in table.ops if isinstance(table, ModifyTableOps) else ():
            if isinstance(change, AddColumnOp) and not change.column.nullable:
                change.column = _with_default(change.table_name, change.column)


def _with_default(table: str, column: sa.Column[Any]) -> sa.Column[Any]:
    if column.server_default is not None:
        return column
    match _default(table, column.name):
        case bool() | int() | float() as number:
            default: Any = sa.text(str(number).lower())
        case str() as text:
            default = str(text.value) if isinstance(text, Enum) else text
        case _:
            raise NoDefault(
                f"{table}.{column.name} is NOT NULL and its field has no default, which rows of earlier versions need: "
                "give it one in vigil/ledger/tables.py, or make it nullable"
            )
    return sa.Column(column.name, column.type, nullable=False, server_default=default)


def _default(table: str, column: str) -> object:
    """The default of the field in `vigil/ledger/tables.py` that makes a column."""
    for mapper in SQLModel._sa_registry.mappers:
        if mapper.local_table is SQLModel.metadata.tables[table]:
            return mapper.class_.model_fields[column].default
    raise KeyError(table)


def main() -> int:
    """The exit code: 0 for a migration that was written, 1 for none, 2 without a sentence."""
    message = " ".join(sys.argv[1:]).strip()
    if not message:
        print('say what the migration is for: make migration m="devices have a name"', file=sys.stderr)
        return 2
    try:
        path = write(message)
    except NoDefault as wrong:
        print(wrong, file=sys.stderr)
        return 1
    if path is None:
        print("the migrations make what vigil/ledger/tables.py says: nothing to write", file=sys.stderr)
        return 1
    print(f"{path}: read it before you commit it")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Writes the next migration of the ledger, from what `vigil/ledger/tables.py` says and no migration makes.

`make migration m="..."` calls it. The file takes the next number and a name made of the sentence. Read it before you commit it:
Alembic sees no renames (it drops and adds) and no data.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from alembic import command
from alembic.script import ScriptDirectory

from vigil.ledger.engine import alembic_config

ROOT = Path(__file__).resolve().parents[1]
MIGRATIONS = ROOT / "vigil" / "ledger" / "migrations"


def write(message: str, folder: Path = MIGRATIONS) -> Path | None:
    """Write the next migration into `folder`/versions and give its path; None when there is nothing to migrate."""
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
            process_revision_directives=_drop_empty,
        )
    if revision is None or isinstance(revision, list):
        return None
    path = Path(revision.path)
    kept = [line for line in path.read_text().splitlines(keepends=True) if "# ### " not in line]
    path.write_text("".join(kept))
    settings = ("--quiet", "--config", str(ROOT / "pyproject.toml"))
    subprocess.run([sys.executable, "-m", "ruff", "format", *settings, path], check=True)
    return path


def _drop_empty(context: Any, revision: Any, directives: list[Any]) -> None:
    """Alembic writes no file when no directive is left."""
    if directives[0].upgrade_ops.is_empty():
        directives.clear()


def main() -> int:
    """The exit code: 0 for a migration that was written, 1 for none, 2 without a sentence."""
    message = " ".join(sys.argv[1:]).strip()
    if not message:
        print('say what the migration is for: make migration m="devices have a name"', file=sys.stderr)
        return 2
    path = write(message)
    if path is None:
        print("the migrations make what vigil/ledger/tables.py says: nothing to write", file=sys.stderr)
        return 1
    print(f"{path}: read it before you commit it")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

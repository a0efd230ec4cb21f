"""`vigil project`: where the shipped flows, rules and templates are, and a copy of what a site may edit."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from vigil import places
from vigil.errors import BadRequest

EDITED = ("rules", "templates", "automations", "prefect.yaml")
"""What a site may have in words of its own. The rest is code, and comes with Vigil."""


def project(
    copy: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Copy rules, templates, automations and prefect.yaml into this folder"
        ),
    ] = None,
) -> None:
    """Print the project's folder: flows, blocks, rules, templates, automations, deploy, prefect.yaml. docs/deploying.md.

    What is copied is yours to edit; nothing that is there already is written over. Name the copies to Vigil, as the output says.
    """
    if copy is None:
        typer.echo(str(places.project()))
        return
    folder = copy.absolute()
    count = copied(places.project(), folder)
    at = {name: shlex.quote(str(folder / name)) for name in EDITED}
    typer.echo(f"{count} files copied into {folder}. Let a site use them:")
    typer.echo(f"  vigil connect --rules {at['rules']} --templates {at['templates']}")
    typer.echo(f"  vigil automations install --folder {at['automations']}")
    deploy = f"prefect --no-prompt deploy --all --prefect-file {at['prefect.yaml']}"
    typer.echo(f'  cd "$(vigil project)" && {deploy}')


def copied(project: Path, folder: Path) -> int:
    """Copy what a site edits from the project's folder into another. How many files. Raises BadRequest where one of them is there."""
    there = [name for name in EDITED if (folder / name).exists()]
    if there:
        raise BadRequest(f"nothing was copied: {folder} has {', '.join(there)} already. Name another folder")
    files = list(_files(project))
    for file in files:
        target = folder / file.relative_to(project)
        places.made(target.parent)
        shutil.copyfile(file, target)  # without its rights: an installed file may be read-only
    return len(files)


def _files(project: Path) -> Iterator[Path]:
    for name in EDITED:
        found = project / name
        yield from sorted(f for f in found.rglob("*") if f.is_file()) if found.is_dir() else (found,)

"""`vigil project`: prints the folder of the shipped flows, rules and templates, or copies the files that a site may edit."""

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
"""The files that a site may edit. The rest is code, and is upgraded with Vigil."""


def project(
    copy: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Copy rules, templates, automations and prefect.yaml into this folder"
        ),
    ] = None,
) -> None:
    """Print the project's folder: flows, blocks, rules, templates, automations, deploy, prefect.yaml. docs/deploying.md.

    --copy makes copies for editing and overwrites nothing. Its output shows how a site uses them.
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
    """Copy the editable files into a folder, and return their number. Raises BadRequest if one of them already exists there."""
    there = [name for name in EDITED if (folder / name).exists()]
    if there:
        raise BadRequest(f"nothing was copied: {folder} already has {', '.join(there)}. Name another folder")
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

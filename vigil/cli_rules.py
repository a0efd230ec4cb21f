"""The commands about rules: check them, play their timelines, and what editors and CI need for that."""

from __future__ import annotations

import gc
import json as jsons
import os
from pathlib import Path
from typing import Annotated

import typer

from vigil.cli_shared import Rules, Site, Templates
from vigil.terminal import console

rules = typer.Typer()


@rules.command()
def validate(
    path: Rules,
    templates: Templates,
    estate: Annotated[
        Path | None,
        typer.Option(help="Check names against this estate's types, groups and users, too", exists=True),
    ] = None,
    types: Annotated[
        Path | None,
        typer.Option(
            help="Check names against these types, groups and users: what `vigil types` wrote",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Problems as JSON")] = False,
) -> None:
    """Check rules as a compiler would: file:line:column, what was found, what is allowed."""
    from vigil.validation import names_of_estate, names_of_file
    from vigil.validation import validate as run

    if estate is not None and types is not None:
        raise typer.BadParameter("give --estate or --types, not both")
    known = names_of_estate(estate) if estate else names_of_file(types) if types else None
    raise typer.Exit(run(path, templates, known, as_json=json, console=console))


@rules.command("test")
def test_rules(
    path: Rules,
    templates: Templates,
    coverage: Annotated[bool, typer.Option("--coverage", help="Say what no timeline exercises")] = False,
    mutate: Annotated[
        bool, typer.Option("--mutate", help="Change each rule in turn: a timeline must fail")
    ] = False,
    through_ledger: Annotated[
        bool,
        typer.Option("--ledger", help="Play each timeline through a real ledger: slower, nothing modelled"),
    ] = False,
) -> None:
    """Play the timelines beside the rules: who must have what on the device, and who must not."""
    os.environ.setdefault(
        "POLARS_MAX_THREADS", "1"
    )  # tables of one row: handing them to threads costs more than the work
    gc.disable()  # until the files are read: all of it is kept, and looking for garbage among it is a fifth of the time
    from vigil.timeline.command import test as run

    raise typer.Exit(
        run(path, templates, console, coverage=coverage, mutate=mutate, through_ledger=through_ledger)
    )


@rules.command()
def schema() -> None:
    """Print the JSON Schema of rule files, with which editors complete and check them."""
    from vigil.compliance.schema import rule_schema

    typer.echo(jsons.dumps(rule_schema(), indent=1))


@rules.command()
def types(site: Site = "default") -> None:
    """Print a site's workspace types, groups and users as JSON: `vigil validate --types` checks names against them."""
    from vigil.replay.by_hand import types as run

    typer.echo(run(site))

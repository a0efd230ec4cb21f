"""The commands about rules: check rules, play their timelines, and write schemas for editors and CI."""

from __future__ import annotations

import gc
import os
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from vigil.cli.options import Rules, SiteName, Templates
from vigil.terminal import console

rules = typer.Typer()


@rules.command()
def validate(
    path: Rules,
    templates: Templates,
    estate: Annotated[
        Path | None,
        typer.Option(help="Also check names against this estate's types, groups and users", exists=True),
    ] = None,
    types: Annotated[
        Path | None,
        typer.Option(
            help="Also check names against the types, groups and users in this file of `vigil types`",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON")] = False,
) -> None:
    """Check rules like a compiler: file:line:column, the problem, the allowed values."""
    from vigil.cli.validate import check_rules, names_of_estate, names_of_file

    if estate is not None and types is not None:
        raise typer.BadParameter("give --estate or --types, not both")
    known = names_of_estate(estate) if estate else names_of_file(types) if types else None
    raise typer.Exit(check_rules(path, templates, known, as_json=json, console=console))


@rules.command("test")
def test_rules(
    path: Rules,
    templates: Templates,
    coverage: Annotated[bool, typer.Option("--coverage", help="List what no timeline exercises")] = False,
    mutate: Annotated[
        bool, typer.Option("--mutate", help="Change each rule in turn: a timeline must fail")
    ] = False,
    through_ledger: Annotated[
        bool,
        typer.Option(
            "--ledger", help="Play each timeline through a real ledger: slower, without an in-memory model"
        ),
    ] = False,
) -> None:
    """Play the timelines beside the rules, and compare the notices on each device with the expected ones."""
    os.environ.setdefault(
        "POLARS_MAX_THREADS", "1"
    )  # tables have one row: starting threads costs more than the work
    gc.disable()  # until the files are read: everything is kept, and garbage collection would take a fifth of the time
    from vigil.timeline.command import play_timelines

    raise typer.Exit(
        play_timelines(
            path, templates, console, coverage=coverage, mutate=mutate, through_ledger=through_ledger
        )
    )


@rules.command()
def schema() -> None:
    """Print the JSON Schema of rule files, for completion and checks in editors."""
    from vigil.compliance.rules.json_schema import rule_schema

    typer.echo(dumps(rule_schema(), indent=1))


@rules.command()
def types(site: SiteName = "default") -> None:
    """Print a site's workspace types, groups and users as JSON, for `vigil validate --types`."""
    from vigil.cli import runs

    typer.echo(runs.types(site))

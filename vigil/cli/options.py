"""Shared by the modules of the `vigil` command: the types of arguments, and the choice of the ledger."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vigil import places
from vigil.instants import OFF_CLOCK, is_clock
from vigil.terminal import tell

if TYPE_CHECKING:
    from vigil.cli.ledgers import Source
    from vigil.ledger import Ledger


def instant(text: str) -> datetime:
    """Parse an instant with its zone. Raises BadParameter with an example."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an instant: write it as 2026-03-01T08:00Z") from None
    if at.tzinfo is None:
        whole = text if "T" in text or " " in text else f"{text}T00:00"
        raise typer.BadParameter(
            f"{text!r} has no zone: write it as {whole}Z or with an offset such as +01:00"
        )
    if not is_clock(at):
        raise typer.BadParameter(f"{text!r} {OFF_CLOCK}")
    return at


def length(text: str) -> timedelta:
    """Parse a length of time such as 15m. Raises BadParameter with the allowed units."""
    from vigil.compliance.durations import Duration

    try:
        return Duration.parse(text).timedelta
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None


SHIPPED = "the shipped ones"
Rules = Annotated[
    Path,
    typer.Argument(
        help="Folder or file of rules", exists=True, default_factory=places.rules, show_default=SHIPPED
    ),
]
Templates = Annotated[
    Path,
    typer.Option(help="Folder of the templates", default_factory=places.templates, show_default=SHIPPED),
]

SiteName = Annotated[str, typer.Option(help="Name of the site's block, as `vigil connect` saved it")]

SiteOfLedger = Annotated[
    str | None,
    typer.Option("--site", help='The site whose ledger to use; by default "default"'),
]
LedgerUrl = Annotated[
    str | None,
    typer.Option("--ledger", metavar="URL", help="The ledger at this address; or set VIGIL_LEDGER"),
]
Demo = Annotated[bool, typer.Option("--demo", help="The ledger of the demo")]


def open_ledger(
    site: str | None, url: str | None, demo: bool, *, writes: bool = False, machine: bool = False
) -> tuple[Ledger, Source]:
    """Open the ledger of a command (see `vigil.cli.ledgers`), and print a line that names it.

    Only a command that `writes` creates a missing ledger. The line goes to stderr if a `machine` reads the output.
    """
    from vigil.cli.ledgers import choose

    source = choose(site, url, demo)
    ledger, line = source.open(writes=writes)
    tell(line, machine=machine)
    return ledger, source

"""What the modules of the `vigil` command share: where it prints, and how arguments are read."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

console = Console()
errors = Console(stderr=True)

PROJECT = Path(__file__).resolve().parent.parent


def instant(text: str) -> datetime:
    """An instant with its zone, as an argument. Raises BadParameter in words."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an instant: write it as 2026-03-01T08:00Z") from None
    if at.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r} has no zone: write it as {text}Z or with an offset such as +01:00"
        )
    return at


def length(text: str) -> timedelta:
    """A length of time such as 15m, as an argument. Raises BadParameter in words."""
    from vigil.compliance.durations import Duration

    try:
        return Duration.parse(text).timedelta
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None


Site = Annotated[str, typer.Option(help="Name of the site's block, as `vigil connect` saved it")]

LEDGER = f"sqlite:///{PROJECT / 'var' / 'demo' / 'ledger.sqlite'}"
LedgerUrl = Annotated[
    str, typer.Option("--ledger", envvar="VIGIL_LEDGER", help="Ledger URL; the demo's when left out")
]

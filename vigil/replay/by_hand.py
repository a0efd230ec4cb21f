"""Flows started from the terminal, through the Prefect API that is configured, or one of their own when none is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from vigil.errors import BadInput, Problem
from vigil.replay.prefect_server import prefect_api

HOME = Path(__file__).resolve().parent.parent.parent / "var" / "prefect"


def connect(
    site: str,
    ecm: Mapping[str, Any],
    public_url: str,
    account: Path,
    ledger_url: str,
    rules: Path,
    templates: Path,
) -> None:
    """Save the blocks of a site; `ecm` are the fields of the ExtendedEcm block. Raises BadInput when they don't fit."""
    with prefect_api(HOME):
        from blocks.ecm import ExtendedEcm
        from blocks.site import build

        try:
            connection = ExtendedEcm(**ecm)
        except ValidationError as wrong:
            raise BadInput([_problem(e) for e in wrong.errors(include_input=False)]) from None
        asyncio.run(build(site, connection, public_url, account.read_text(), ledger_url, rules, templates))


def _problem(error: Mapping[str, Any]) -> Problem:
    return Problem("connection" + "".join(f".{part}" for part in error["loc"]), 1, 1, error["msg"])


def sweep(site: str, scope: Mapping[str, Any], console: Console) -> None:
    """Run the sweep flow and print its table."""
    with prefect_api(HOME):
        from flows.sweep import SweepScope
        from flows.sweep import sweep as flow

        rows: Any = asyncio.run(flow(site=site, scope=SweepScope(**scope)))
        _print(console, "What the sweep found", rows)


def backfill(
    site: str, after: datetime | None, upto: datetime | None, approve: str, console: Console
) -> None:
    """Run the backfill flow and print its manifest, or what its approval sent."""
    with prefect_api(HOME):
        from flows.backfill import backfill as flow

        said: Any = asyncio.run(flow(site=site, after=after, upto=upto, approve=approve))
        _print(console, said["said"], said["rows"])


def _print(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    table = Table(title=title, title_justify="left")
    for column in rows[0] if rows else ():
        table.add_column(column)
    for row in rows:
        table.add_row(*(str(v) for v in row.values()))
    console.print(table if rows else f"{title}: nothing")

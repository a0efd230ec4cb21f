"""`vigil doctor`: runs the checks, with Prefect, and prints them as a table or as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vigil import places
from vigil.flow_runs.prefect_address import address
from vigil.flow_runs.prefect_server import prefect_api
from vigil.safe_text import terminal_markup
from vigil.service.doctor.health import Check, CheckState, warn, well

COLOURS = {
    CheckState.OK: "green",
    CheckState.WARN: "yellow",
    CheckState.FAIL: "bold red",
    CheckState.SKIP: "dim",
}


def examine_site(site: str, project: Path, console: Console, *, as_json: bool) -> int:
    """Run and print all checks. 0 if none failed, 1 otherwise."""
    configured = address()
    with prefect_api(places.prefect(), must_answer=False):
        from flows.support.doctor import examine

        checks = asyncio.run(examine(site, project))
    if not configured:
        saw = "no Prefect is configured: this looked at the private one that commands start for themselves"
        do = "set PREFECT_API_URL to your server's address, in the environment or by `prefect config set`"
        checks.insert(0, warn("prefect address", saw, do))
    return show(checks, console, as_json=as_json)


def show(checks: Sequence[Check], console: Console, *, as_json: bool) -> int:
    """Print the checks. Returns 0 when none failed, 1 otherwise."""
    if as_json:
        console.print_json(json.dumps({"well": well(checks), "checks": [c.plain() for c in checks]}))
        return 0 if well(checks) else 1
    table = Table(title="What the doctor found", title_justify="left", show_lines=True)
    table.add_column("what", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("seen, and what to do", overflow="fold")
    for c in checks:
        do = f"\n[bold]→ {terminal_markup(c.do)}[/]" if c.do else ""
        colour = COLOURS[c.state]
        table.add_row(terminal_markup(c.name), f"[{colour}]{c.state}[/]", terminal_markup(c.saw) + do)
    console.print(table)
    counted = {s: sum(c.state is s for c in checks) for s in CheckState}
    console.print(", ".join(f"{n} {s}" for s, n in counted.items() if n), highlight=False)
    return 0 if well(checks) else 1

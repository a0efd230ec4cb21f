"""Starts `vigil doctor` with Prefect."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.console import Console

from vigil import places
from vigil.doctoring import show
from vigil.replay.prefect_address import address
from vigil.replay.prefect_server import prefect_api
from vigil.service.doctor.health import warn


def doctor(site: str, project: Path, console: Console, *, as_json: bool) -> int:
    """Run and print all checks. 0 if none failed, 1 otherwise."""
    configured = address()
    with prefect_api(places.prefect(), must_answer=False):
        from flows.checkup import examine

        checks = asyncio.run(examine(site, project))
    if not configured:
        saw = "no Prefect is configured: this looked at the private one that commands start for themselves"
        do = "set PREFECT_API_URL to your server's address, in the environment or by `prefect config set`"
        checks.insert(0, warn("prefect address", saw, do))
    return show(checks, console, as_json=as_json)

"""`vigil doctor`: starts it where Prefect is."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from rich.console import Console

from vigil.doctoring import show
from vigil.replay.by_hand import HOME
from vigil.replay.prefect_server import prefect_api
from vigil.service.doctor.health import warn


def doctor(site: str, project: Path, console: Console, *, as_json: bool) -> int:
    """Look at everything and print it. 0 when nothing failed, 1 otherwise."""
    configured = bool(os.environ.get("PREFECT_API_URL"))
    with prefect_api(HOME, must_answer=False):
        from flows.checkup import examine

        checks = asyncio.run(examine(site, project))
    if not configured:
        saw = (
            "PREFECT_API_URL is not set: this looked at the server that commands by hand start for themselves"
        )
        checks.insert(
            0, warn("prefect address", saw, "set it to your server's address, and run the doctor again")
        )
    return show(checks, console, as_json=as_json)

"""`vigil demo`: a week of contracts, cases, projects and permits, watched by the real flows, told in the terminal."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from vigil import places, stopping
from vigil.flow_runs.prefect_address import address
from vigil.flow_runs.prefect_server import prefect_api
from vigil.ledger import Ledger
from vigil.ledger.observed import runs
from vigil.replay.command import progress
from vigil.replay.estate import Replay, replay
from vigil.replay.story import tell
from vigil.sandbox.generate.generator import generate
from vigil.sandbox.process import SandboxProcess

EVERY = timedelta(hours=6)


def play_demo(folder: Path, rules: Path, templates: Path, console: Console, seed: int = 7) -> bool:
    """Run the demo in `folder`, which is emptied first, and tell what happened. False when somebody was not told."""
    clock = Steps()
    shutil.rmtree(folder, ignore_errors=True)
    places.made(folder)
    made = generate(folder / "estate", seed=seed)
    clock.lap("write the estate")
    url = f"sqlite:///{folder / 'ledger.sqlite'}"
    what = Replay(folder / "estate", rules, templates, made.start, made.end, EVERY, url)
    console.print(
        f"Estate of {made.workspaces} workspaces and {made.events} events, from {made.start:%a %d %b %Y} on."
    )
    configured = address()
    prefect = f"its runs go to the Prefect at {configured}" if configured else "a Prefect server beside them"
    console.print(f"Starting Extended ECM and FCM on loopback, {prefect} ...", highlight=False)
    last: dict[str, object] = {}
    with prefect_api(folder / "prefect") as api, progress(console) as bar:
        clock.lap("reach Prefect" if configured else "start a Prefect server")
        task = bar.add_task("watch", total=len(what.ticks()))

        def after_tick(tick: datetime, sandbox: SandboxProcess, ledger: Ledger) -> None:
            bar.update(task, advance=1, description=f"watch as of {tick:%a %d %b %H:%M}")
            last.update(devices=sandbox.devices())

        stopping.run(replay(what, after_tick))
        clock.lap(f"run watch {len(what.ticks())} times ({api})")
    ledger = Ledger.open(url)
    told = tell(ledger, rules, last, console)
    clock.lap("tell it")
    with ledger.read() as connection:
        accounts = runs.latest(connection, "watch", limit=1000)
    _numbers(console, accounts, clock)
    console.print(
        f"\nLedger: {folder / 'ledger.sqlite'}   Ask it: vigil why PERSON --ledger {url}", soft_wrap=True
    )
    return told


class Steps:
    """How long each step took, in wall-clock seconds."""

    def __init__(self) -> None:
        self.laps: list[tuple[str, float]] = []
        self._since = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps.append((name, now - self._since))
        self._since = now


def _numbers(console: Console, accounts: Sequence[Mapping[str, Any]], clock: Steps) -> None:
    total: Counter[str] = Counter()
    for a in accounts:
        total.update(a["account"]["numbers"])
    unexplained = sum(a["account"]["difference"] for a in accounts)
    console.print(
        f"\n[bold]{len(accounts)} runs[/]: {total['requests']} requests to Extended ECM, {total['workspaces read']} workspaces read, "
        f"{total['observations']} observations, {total['findings']} findings, {total['routed']} routed, "
        f"{total['attempts accepted']} pushes accepted. Found and neither sent nor explained: {unexplained}."
    )
    console.print("Time: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in clock.laps))

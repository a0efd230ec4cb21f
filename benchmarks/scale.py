"""A first `watch` in one process, and with a Dask of N processes beside it: what is that worth, and what bounds it?

    python benchmarks/scale.py 5000 2 postgresql://...     # workspaces, processes, ledger: SQLite in a folder when left out

Each is the first run over an estate that nobody watched before, then one after changes, against the simulator with 20 ms
latency. Both go in turn, over the same estate and in the same run of this file, each with a ledger of its own: two URLs, with a comma
between. Prints seconds, processor seconds of everything that Vigil runs (not of the Prefect server), and the ratios.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from vigil.flow_runs.prefect_server import prefect_api
from vigil.ledger import Ledger
from vigil.ledger.observed import runs
from vigil.replay.estate import SITE, Replay, register, save_site
from vigil.sandbox.estate.load import load
from vigil.sandbox.generate.generator import generate_load
from vigil.sandbox.process import SandboxProcess

PROJECT = Path(__file__).resolve().parent.parent
LATENCY = 20  # ms
CHANGES = 50


@dataclass(frozen=True)
class Lap:
    """One run: wall-clock seconds, processor seconds of this process and its children that have ended, what it counted."""

    seconds: float
    processor: float
    numbers: dict[str, int]


def processor() -> float:
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


async def watched(made: Any, url: str, dask: str) -> list[Lap]:
    """The first run, and one after changes."""
    what = Replay(
        made.folder, PROJECT / "rules", PROJECT / "templates", made.start, made.end, timedelta(days=1), url
    )
    estate = load(made.folder)
    ledger = Ledger.open(url)
    register(ledger, estate, made.start)
    before, last = estate.events[-CHANGES].ts - timedelta(seconds=1), estate.events[-1].ts
    with SandboxProcess(made.folder, start=before, patience=600) as sandbox:
        await save_site(what, estate, sandbox, verify_requests=64, changed={"site": {"dask": dask}})
        from flows.watch import watch

        sandbox.faults(ecm={"latency_ms": LATENCY})
        laps = []
        for at in (before, last):
            sandbox.move(at)
            wall, cpu = time.perf_counter(), processor()
            await watch(site=SITE, as_of=at)
            seconds, used = time.perf_counter() - wall, processor() - cpu
            with ledger.read() as connection:
                numbers = runs.latest(connection, "watch", 1)[0]["account"]["numbers"]
            laps.append(Lap(seconds, used, numbers))
    return laps


def main(workspaces: int, processes: int, urls: list[str]) -> None:
    results = {}
    with prefect_api(), tempfile.TemporaryDirectory(prefix="vigil-scale-") as folder:
        made = generate_load(Path(folder) / "estate", workspaces=workspaces, events=workspaces * 5 + CHANGES)
        modes = {"one process": "", f"dask, {processes}": f"local:{processes}"}
        for n, (name, dask) in enumerate(modes.items()):
            url = urls[n] if urls else f"sqlite:///{folder}/{n}.sqlite"
            results[name] = laps = asyncio.run(watched(made, url, dask))
            for what, lap in zip(("first", f"{CHANGES} changes"), laps, strict=True):
                print(
                    f"{name:12} {what:>10}: {lap.seconds:6.1f} s, processor {lap.processor:6.1f} s, "
                    f"{lap.numbers['requests']:,} requests, {lap.numbers['evaluated']:,} evaluated",
                    flush=True,
                )
    one, spread = results.values()
    for what, a, b in zip(("first", f"{CHANGES} changes"), one, spread, strict=True):
        requests = b.numbers["requests"] / a.numbers["requests"]
        print(
            f"{what}: {a.seconds / b.seconds:.2f} times as fast with {processes} processes, for "
            f"{b.processor / a.processor:.2f} times the processor time and {requests:.2f} times the requests"
        )
    print(json.dumps({name: [lap.seconds for lap in laps] for name, laps in results.items()}))


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        int(given[0]) if given else 2_000,
        int(given[1]) if given[1:] else 2,
        given[2].split(",") if given[2:] else [],
    )

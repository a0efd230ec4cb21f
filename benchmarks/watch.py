"""The whole `watch`, first run and quiet run, over estates of growing size: does the time grow no faster than the estate?

    python benchmarks/watch.py 1000 10000 100000

Prints, for each size, seconds and requests of the first run (everything is new), of a quiet run (nothing changed) and of a
run with 50 changes; then the slope of the first run's time between sizes (1 is linear) and the quiet run's share of the
first run's requests and time. The rival of each size is the size before it; the rival of the quiet run is the first run.
"""

from __future__ import annotations

import asyncio
import json
import math
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from vigil.flow_runs.prefect_server import prefect_api
from vigil.ledger import Ledger
from vigil.ledger.observed import runs
from vigil.replay.estate import SITE, Replay, register, save_site
from vigil.sandbox.estate.load import load
from vigil.sandbox.generate.generator import generate_load
from vigil.sandbox.process import SandboxProcess

PROJECT = Path(__file__).resolve().parent.parent
CHANGES = 50


@dataclass(frozen=True)
class Lap:
    seconds: float
    requests: int


@dataclass(frozen=True)
class Result:
    workspaces: int
    first: Lap
    quiet: Lap
    busy: Lap
    memory: float  # MiB, of this process


async def measure(folder: Path, workspaces: int) -> Result:
    """One size: the estate is written, then watched three times."""
    made = generate_load(folder / "estate", workspaces=workspaces, events=workspaces * 5 + CHANGES)
    what = Replay(
        made.folder,
        PROJECT / "rules",
        PROJECT / "templates",
        made.start,
        made.end,
        timedelta(days=1),
        f"sqlite:///{folder}/l.sqlite",
    )
    estate = load(made.folder)
    ledger = Ledger.open(what.ledger_url)
    register(ledger, estate, made.start)
    last = estate.events[-1].ts
    before = estate.events[-CHANGES].ts - timedelta(seconds=1)
    with SandboxProcess(made.folder, start=before, patience=600) as sandbox:
        await save_site(what, estate, sandbox, verify_requests=64)
        from flows.watch import watch

        laps: list[Lap] = []
        for at in (before, before, last):
            sandbox.move(at)
            start = time.perf_counter()
            await watch(site=SITE, as_of=at)
            seconds = time.perf_counter() - start
            with ledger.read() as connection:
                laps.append(
                    Lap(seconds, runs.latest(connection, "watch", 1)[0]["account"]["numbers"]["requests"])
                )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    first, quiet, busy = laps
    return Result(workspaces, first, quiet, busy, memory)


def main(sizes: list[int]) -> None:
    with prefect_api():
        results = []
        for size in sizes:
            with tempfile.TemporaryDirectory(prefix="vigil-bench-") as folder:
                r = asyncio.run(measure(Path(folder), size))
            results.append(r)
            print(
                f"{size:>9,} workspaces: first {r.first.seconds:7.1f} s {r.first.requests:>8,} requests | "
                f"quiet {r.quiet.seconds:5.1f} s {r.quiet.requests:>5,} | "
                f"{CHANGES} changes {r.busy.seconds:5.1f} s {r.busy.requests:>5,} | peak {r.memory:,.0f} MiB",
                flush=True,
            )
            print(
                f"          quiet / first: {r.quiet.requests / r.first.requests:.2%} of the requests, "
                f"{r.quiet.seconds / r.first.seconds:.2%} of the time"
            )
    for a, b in pairwise(results):
        slope = math.log(b.first.seconds / a.first.seconds) / math.log(b.workspaces / a.workspaces)
        print(f"slope of the first run from {a.workspaces:,} to {b.workspaces:,}: {slope:.2f} (1 is linear)")
    print(
        json.dumps(
            [
                {"workspaces": r.workspaces, "first": r.first.seconds, "quiet": r.quiet.seconds}
                for r in results
            ]
        )
    )


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [1_000, 10_000])

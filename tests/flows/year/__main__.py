"""Plays every day of the year and prints what came of it: `python -m tests.flows.year [FOLDER]`. Takes some five minutes."""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from rich.console import Console

from tests.flows.year import checks, play, reference, world
from tests.flows.year.reference import Key, Row
from tests.shared import PROJECT
from vigil.flow_runs.prefect_server import prefect_api
from vigil.ledger import Ledger
from vigil.replay.command import progress


def main(folder: Path) -> int:
    """Play the year in `folder`. Gives 1 when something is not as it must be."""
    console, year, ticks = Console(), world.make(), play.every_day()
    began = time.monotonic()
    with prefect_api(folder / "prefect", say=console.print), progress(console) as bar:
        task = bar.add_task("watch", total=len(ticks))

        def after_tick(tick: datetime) -> None:
            bar.update(task, advance=1, description=f"{tick:%Y-%m-%d %H:%M}")

        played = asyncio.run(play.play(year, folder, PROJECT / "templates", ticks, after_tick=after_tick))
    seconds = time.monotonic() - began
    ledger = Ledger.open(played.ledger_url)
    due, found = reference.expected(year, ticks), faults(played, ledger, year, ticks)
    console.print("\n".join(figures(due, ticks)), highlight=False)
    used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = [round(u.ru_utime + u.ru_stime) for u in used]
    laps = sorted(played.seconds)
    console.print(
        f"{len(played.states)} runs in {seconds:.0f} s; a tick takes {laps[len(laps) // 2]:.2f} s, {laps[-1]:.2f} s at most; "
        f"processor time: {cpu[0]} s of the flows, {cpu[1]} s of Prefect's server and the sandbox",
        highlight=False,
    )
    console.print(f"Ledger: {played.ledger_url}", highlight=False)
    console.print(
        "\n".join(found[:50]) or "Nothing missing, nothing twice, nothing otherwise, no hole.",
        highlight=False,
    )
    return 1 if found else 0


def faults(played: play.Played, ledger: Ledger, year: world.World, ticks: Sequence[datetime]) -> list[str]:
    """Everything that is not as it must be, a line each."""
    due = reference.expected(year, ticks)
    must, came = checks.told_by_device(due, played.devices), checks.received(played.devices)
    out = checks.differences(due, checks.said(ledger))
    out += [f"device lacks {n} of {what}" for what, n in (must - came).items()]
    out += [f"device has {n} too many of {what}" for what, n in (came - must).items()]
    out += [f"{n} notices came twice" for n in [checks.seen_twice(played.devices)] if n]
    out += [f"run {run} is out of balance" for run in checks.unbalanced(ledger)]
    out += [f"{n} runs are {name}" for name, n in Counter(played.states).items() if name != "Completed"]
    chain = [(ticks[0], ticks[0]), *pairwise(ticks)]
    return out if checks.windows(ledger) == chain else [*out, "the windows of the runs do not tile the year"]


def figures(due: Mapping[Key, Row], ticks: Sequence[datetime]) -> list[str]:
    """How much there was to be right about."""
    before = dict(zip(ticks[1:], ticks, strict=False))
    outcomes = Counter(f"{row.outcome} {row.reason}".strip() for row in due.values())
    missed = Counter(row.outcome for row in due.values() if row.fire_at <= before[row.tick])
    outage = Counter(row.outcome for row in due.values() if row.tick == play.BACK)
    day = datetime.fromisoformat("2024-02-29").date()
    leap = [row for row in due.values() if row.fire_at.date() == day]
    return [
        f"{world.COUNT} workspaces, {len(ticks)} ticks, {len(due)} rows: {_listed(outcomes)}",
        f"their date became known after their moment: {_listed(missed)}",
        f"at the first tick after the outage: {_listed(outage)}",
        f"on 29 February: {len(leap)}; to the fallback: {sum(k.person == 'desk0' for k in due)}",
        f"by rule: {_listed(Counter(k.rule for k in due))}",
    ]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items(), key=lambda x: -x[1]))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        raise SystemExit(main(Path(sys.argv[1])))
    with tempfile.TemporaryDirectory(prefix="vigil-year-") as scratch:
        raise SystemExit(main(Path(scratch)))

"""`vigil test`: play the timelines, say what is wrong, and how much they would notice."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from rich.console import Console

from vigil.rulefiles import read_sources
from vigil.timeline import report
from vigil.timeline.load import Suite, read_suite
from vigil.timeline.mutate import gate
from vigil.timeline.play import Theatre
from vigil.timeline.suite import play_all


def test(
    path: Path, templates: Path, console: Console, *, coverage: bool = False, mutate: bool = False
) -> int:
    """Run the timelines at `path`. 0: all is as expected; 1: something is not. Raises BadInput for files that are refused."""
    began = time.perf_counter()
    logging.getLogger("vigil").setLevel(logging.CRITICAL)  # what a timeline makes unreadable is no news
    suite = read_suite(path)
    theatre = Theatre(templates)
    outcomes = asyncio.run(
        play_all(theatre, suite.timelines, suite.rules, after_each=lambda o: report.dot(console, o))
    )
    console.print()
    report.failures(console, outcomes, suite.sources)
    report.summary(console, suite, outcomes, time.perf_counter() - began)
    failed = any(o.failures for o in outcomes)
    if mutate and failed:
        console.print("[yellow]No rule was changed: the timelines fail as it is.[/]")
    elif mutate:
        failed = not _mutate(theatre, suite, console)
    return 1 if failed else 0


def _mutate(theatre: Theatre, suite: Suite, console: Console) -> bool:
    began = time.perf_counter()
    sources, _ = read_sources(suite.folder)
    found = asyncio.run(
        gate(theatre, suite.timelines, suite.rules, sources, lambda _, noticed: report.mark(console, noticed))
    )
    console.print()
    report.survivors(console, found, time.perf_counter() - began)
    return found.passed

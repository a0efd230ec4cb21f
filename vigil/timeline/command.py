"""`vigil test`: plays the timelines, reports differences, and measures how much the timelines detect."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from vigil.compliance.rules.model import RuleSet
from vigil.rulefiles import read_sources
from vigil.timeline import report
from vigil.timeline.coverage import covered
from vigil.timeline.load import Suite, read_suite
from vigil.timeline.mutate import gate
from vigil.timeline.players import Players
from vigil.timeline.processes import cores
from vigil.timeline.suite import TimelineResult, play_all

_FEW = 4
"""The number of timelines that one process plays in the time in which another process starts."""


def play_timelines(
    path: Path,
    templates: Path,
    console: Console,
    *,
    coverage: bool = False,
    mutate: bool = False,
    through_ledger: bool = False,
) -> int:
    """Run the timelines at `path`. 0: all results as expected; 1: a difference. Raises BadInput for refused files."""
    with _silence():
        return _test(path, templates, console, coverage, mutate, through_ledger)


@contextmanager
def _silence() -> Iterator[None]:
    """Suppress logs: parts that a timeline makes unreadable, or notices that cannot be rendered, are expected."""
    log = logging.getLogger("vigil")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def _test(
    path: Path, templates: Path, console: Console, coverage: bool, mutate: bool, through_ledger: bool
) -> int:
    began = time.perf_counter()
    suite = read_suite(path)
    gc.enable()  # `vigil test` switches it off: `vigil/cli/rules.py`
    players = Players(templates)
    jobs = cores() if mutate or coverage or len(suite.timelines) > _FEW else 1
    outcomes = play_all(
        players,
        suite.timelines,
        suite.rules,
        lambda o: report.dot(console, o),
        jobs,
        coverage,
        through_ledger,
    )
    console.print()
    report.failures(console, outcomes, suite.sources)
    report.summary(console, suite, outcomes, time.perf_counter() - began)
    failed = any(o.failures for o in outcomes)
    if coverage:
        _coverage(suite, outcomes, console)
    if mutate and failed:
        console.print("[yellow]No rule was changed: the timelines fail as it is.[/]")
    elif mutate:
        failed = not _mutate(players, suite, console, jobs)
    return 1 if failed else 0


def _coverage(suite: Suite, outcomes: Sequence[TimelineResult], console: Console) -> None:
    tested = {name for t in suite.timelines for name in t.rules}
    rules = RuleSet(tuple(r for r in suite.rules if r.name in tested))
    sources, _ = read_sources(suite.folder)
    report.coverage(console, covered(rules, sources, {p for o in outcomes for p in o.exercised}))


def _mutate(players: Players, suite: Suite, console: Console, jobs: int) -> bool:
    began = time.perf_counter()
    sources, _ = read_sources(suite.folder)

    def mark(noticed: bool) -> None:
        report.mark(console, noticed)

    found = gate(players, suite.timelines, suite.rules, sources, mark, jobs)
    console.print()
    report.survivors(console, found, time.perf_counter() - began)
    return found.passed

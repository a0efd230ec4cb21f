"""`vigil run-estate` as a whole: the Prefect API, the ledger, progress, the file."""

from __future__ import annotations

import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from vigil import stopping
from vigil.compliance.rules.loader import check_text
from vigil.delivery.rendering.render import Renderer
from vigil.flow_runs.outcomes import Ended
from vigil.flow_runs.prefect_server import prefect_api
from vigil.ledger import Ledger
from vigil.ledger.engine import parse_url
from vigil.ledger.errors import named
from vigil.replay.estate import Replay, replay, results, write
from vigil.replay.estate_schema import schema_of
from vigil.rulefiles import read_rules, read_sources
from vigil.sandbox.estate.load import load
from vigil.sandbox.estate.model import Estate
from vigil.sandbox.process import SandboxProcess
from vigil.terminal import errors
from vigil.wording import counted

log = logging.getLogger(__name__)

EVERY = 20.0  # seconds between two lines of progress


def replay_estate(
    estate: Path,
    rules: Path,
    templates: Path,
    start: datetime,
    end: datetime,
    every: timedelta,
    out: Path,
    ledger_url: str | None,
    console: Console | None,
) -> int:
    """Run and write. 1 if a run could not read everything, 0 otherwise. Runs that were not green are reported on stderr, whatever the
    console.

    A run that was only `Undelivered` does not change the code: the file has its undelivered notices with their reasons, since no
    digest runs and no guard is answered here.

    Raises BadInput for a malformed estate or rule, before anything starts.
    """
    _note_unknown_names(rules, load(estate), templates)
    with tempfile.TemporaryDirectory(prefix="vigil-estate-") as scratch:
        url = ledger_url or f"sqlite:///{scratch}/ledger.sqlite"
        what = Replay(estate.resolve(), rules.resolve(), templates.resolve(), start, end, every, url)
        say = console.print if console else lambda _: None
        with stopping.going_on(_how_to_go_on(ledger_url)), prefect_api(say=say):
            ends = _play(what, console)
        rows = results(Ledger.open(url))
        write(rows, out)
    if console is not None:
        console.print(f"{len(rows)} rows written to {out}")
        if ledger_url:
            console.print(
                f"Ledger: {named(parse_url(ledger_url))}", markup=False, highlight=False, soft_wrap=True
            )
    if said := not_green(ends):
        errors.print(said, style="yellow", markup=False, highlight=False, soft_wrap=True)
    return 0 if all(end.read for end in ends) else 1


def not_green(ends: Sequence[Ended]) -> str:
    """How many runs were not green, in which states, and the message of the first. Empty if all were green."""
    red = [end for end in ends if not end.green]
    if not red:
        return ""
    states = ", ".join(f"{n} {name}" for name, n in Counter(end.name for end in red).most_common())
    return (
        f"{len(red):,} of {counted(len(ends), 'run')} not green ({states}). The first said: {red[0].message}"
    )


def _play(what: Replay, console: Console | None) -> list[Ended]:
    """Run all ticks, with a bar on a terminal and occasional lines elsewhere. Returns how each run ended."""
    ticks = what.ticks()
    with progress(console) as bar:
        task = bar.add_task("ticks", total=len(ticks))
        lines = Lines(console, len(ticks))

        def after_tick(tick: datetime, sandbox: SandboxProcess, ledger: Ledger) -> None:
            done = ticks.index(tick) + 1
            bar.update(task, completed=done, description=f"{tick:%Y-%m-%d %H:%M}")
            lines.show(tick, done)

        return stopping.run(replay(what, after_tick))


@dataclass
class Lines:
    """Progress without a terminal: a line after the first tick, every `EVERY` seconds, and after the last."""

    console: Console | None
    of: int
    clock: Callable[[], float] = time.monotonic
    _shown: float | None = None

    def show(self, tick: datetime, done: int) -> None:
        """`done` ticks are done, the last of them `tick`."""
        if self.console is None or self.console.is_terminal:
            return
        now = self.clock()
        if self._shown is None or done == self.of or now - self._shown >= EVERY:
            self._shown = now
            self.console.print(
                f"{done:,} of {counted(self.of, 'tick')}: {tick:%Y-%m-%d %H:%M}",
                highlight=False,
                soft_wrap=True,
            )


def _how_to_go_on(ledger_url: str | None) -> str:
    if ledger_url:
        return "the same command goes on after the last tick that the ledger knows; what was sent is not sent again"
    return "nothing is kept. With --ledger URL the same command would go on where it was stopped"


def _note_unknown_names(rules: Path, estate: Estate, templates: Path) -> None:
    """Refuse invalid rules. Names that the estate's types do not have are reported, and the run continues: they find nothing."""
    families = Renderer(templates).families()
    read_rules(rules, templates=families)
    texts, days_off = read_sources(rules)
    for problem in check_text(texts, schema_of(estate), families, days_off)[1]:
        log.warning("%s", problem)


def progress(console: Console | None) -> Progress:
    """A progress bar on `console`; a silent one without."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console or Console(quiet=True),
    )

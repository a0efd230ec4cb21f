"""The output of `vigil test`: a dot for each timeline, failures with their source lines, a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from vigil.compliance.rules.vocabulary import listing
from vigil.safe_text import terminal_markup
from vigil.timeline.compare import Failure
from vigil.timeline.coverage import Covered
from vigil.timeline.load import Suite
from vigil.timeline.model import Spot
from vigil.timeline.mutate import GATE, Gate
from vigil.timeline.node_parser import local
from vigil.timeline.suite import TimelineResult
from vigil.wording import counted

_BEFORE = 2  # lines of the file shown above a failure


def dot(console: Console, outcome: TimelineResult) -> None:
    """One character for each timeline, as it ends."""
    console.print("[red]F[/]" if outcome.failures else "[green].[/]", end="")


def failures(console: Console, outcomes: Sequence[TimelineResult], sources: Mapping[str, str]) -> None:
    """Every failure under the name of its timeline."""
    for outcome in outcomes:
        if not outcome.failures:
            continue
        console.print()
        console.rule(f"[bold red]{terminal_markup(outcome.timeline.name)}[/]", align="left", style="red")
        for failure in outcome.failures:
            _failure(console, outcome, failure, sources.get(failure.spot.file, ""))


def _failure(console: Console, outcome: TimelineResult, failure: Failure, text: str) -> None:
    moments = outcome.timeline.moments
    now = max((m.at for m in moments if m.spot.line <= failure.spot.line), default=moments[0].at)
    when = local(now, outcome.timeline.zone)
    console.print(
        f"[bold]{terminal_markup(_place(failure.spot))}[/]  {terminal_markup(failure.headline)}, {when}",
        highlight=False,
        soft_wrap=True,
    )
    lines = text.splitlines()
    for n in range(max(1, failure.spot.line - _BEFORE), min(failure.spot.line, len(lines)) + 1):
        mark = ">" if n == failure.spot.line else " "
        console.print(
            f"[dim]{mark}{n:>4} | {terminal_markup(lines[n - 1])}[/]", highlight=False, soft_wrap=True
        )
    for name, value in (("expected", failure.expected), ("came", failure.came)):
        console.print(f"  [cyan]{name:<9}[/]{terminal_markup(value)}", highlight=False, soft_wrap=True)
    for n, sentence in enumerate(failure.why):
        console.print(
            f"  [cyan]{'why' if n == 0 else '':<9}[/]{terminal_markup(sentence)}",
            highlight=False,
            soft_wrap=True,
        )
    console.print()


def coverage(console: Console, found: Covered) -> None:
    """The parts that no timeline exercises, with their places, and the share of exercised parts."""
    for gap in found.gaps:
        console.print(
            f"[bold]{terminal_markup(_place(gap.spot))}[/]  {terminal_markup(gap.rule)}: {terminal_markup(gap.what)}",
            highlight=False,
            soft_wrap=True,
        )
    console.print(
        f"[bold]{found.share:.1%} of the rules is exercised[/]: {found.parts - len(found.gaps)} of {found.parts} leaves (each to "
        "hold and not to hold), events, steps and recipients",
        highlight=False,
        soft_wrap=True,
    )


def mark(console: Console, noticed: bool) -> None:
    """One character for each mutant, as it ends."""
    console.print("[green].[/]" if noticed else "[red]S[/]", end="")


def survivors(console: Console, gate: Gate, seconds: float) -> None:
    """The undetected changes, with their places, and the score."""
    for m in gate.survivors:
        console.print(
            f"[bold]{terminal_markup(_place(m.spot))}[/]  {terminal_markup(m.name)}: {terminal_markup(m.what)}",
            highlight=False,
            soft_wrap=True,
        )
    style = "bold green" if gate.passed else "bold red"
    killed = gate.tried - len(gate.survivors)
    console.print(
        f"[{style}]{gate.score:.1%} of the changes were noticed[/]: {killed} of {gate.tried}, the gate is {GATE:.0%}, {seconds:.1f} s",
        highlight=False,
        soft_wrap=True,
    )


def summary(console: Console, suite: Suite, outcomes: Sequence[TimelineResult], seconds: float) -> None:
    """One line: the number of timelines, failures, and the time."""
    failed = sum(bool(o.failures) for o in outcomes)
    rules = {name for o in outcomes for name in o.timeline.rules}
    said = (
        f"{counted(len(outcomes), 'timeline')} over {counted(len(rules), 'rule')}, "
        f"{counted(sum(o.moments for o in outcomes), 'step')}, "
        f"{counted(sum(o.notices for o in outcomes), 'notice')} as expected, {seconds:.1f} s"
    )
    console.print()
    untested = suite.untested()
    if untested:
        names = terminal_markup(listing(untested))
        console.print(
            f"[yellow]{counted(len(untested), 'rule has', 'rules have')} no timeline: {names}[/]",
            highlight=False,
            soft_wrap=True,
        )
    style = "bold red" if failed else "bold green"
    console.print(
        f"[{style}]{f'{failed} failed, ' if failed else ''}{len(outcomes) - failed} passed[/]: {said}",
        highlight=False,
    )


def _place(spot: Spot) -> str:
    """A place in a form that editors open, relative to the current folder."""
    path = Path(spot.file)
    here = Path.cwd()
    return f"{path.relative_to(here) if path.is_relative_to(here) else path}:{spot.line}"

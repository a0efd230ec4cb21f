"""What `vigil test` prints: a dot a timeline, failures with the lines they stand on, a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape

from vigil.compliance.vocabulary import listing
from vigil.timeline.compare import Failure
from vigil.timeline.load import Suite
from vigil.timeline.reading import local
from vigil.timeline.suite import Outcome

_BEFORE = 2  # lines of the file shown above a failure


def dot(console: Console, outcome: Outcome) -> None:
    """One character a timeline, as it ends."""
    console.print("[red]F[/]" if outcome.failures else "[green].[/]", end="")


def failures(console: Console, outcomes: Sequence[Outcome], sources: Mapping[str, str]) -> None:
    """Every failure under the name of its timeline."""
    for outcome in outcomes:
        if not outcome.failures:
            continue
        console.print()
        console.rule(f"[bold red]{escape(outcome.timeline.name)}[/]", align="left", style="red")
        for failure in outcome.failures:
            _failure(console, outcome, failure, sources.get(failure.spot.file, ""))


def _failure(console: Console, outcome: Outcome, failure: Failure, text: str) -> None:
    moments = outcome.timeline.moments
    now = max((m.at for m in moments if m.spot.line <= failure.spot.line), default=moments[0].at)
    when = local(now, outcome.timeline.zone)
    console.print(
        f"[bold]{escape(str(failure.spot))}[/]  {escape(failure.headline)}, {when}",
        highlight=False,
        soft_wrap=True,
    )
    lines = text.splitlines()
    for n in range(max(1, failure.spot.line - _BEFORE), min(failure.spot.line, len(lines)) + 1):
        mark = ">" if n == failure.spot.line else " "
        console.print(f"[dim]{mark}{n:>4} | {escape(lines[n - 1])}[/]", highlight=False, soft_wrap=True)
    for name, value in (("expected", failure.expected), ("came", failure.came)):
        console.print(f"  [cyan]{name:<9}[/]{escape(value)}", highlight=False, soft_wrap=True)
    for n, sentence in enumerate(failure.why):
        console.print(
            f"  [cyan]{'why' if n == 0 else '':<9}[/]{escape(sentence)}", highlight=False, soft_wrap=True
        )
    console.print()


def summary(console: Console, suite: Suite, outcomes: Sequence[Outcome], seconds: float) -> None:
    """One line: how many, how many not, how long."""
    failed = sum(bool(o.failures) for o in outcomes)
    rules = {name for o in outcomes for name in o.timeline.rules}
    said = (
        f"{len(outcomes)} timelines over {len(rules)} rules, {sum(o.moments for o in outcomes)} steps, "
        f"{sum(o.notices for o in outcomes)} notices as expected, {seconds:.1f} s"
    )
    console.print()
    untested = suite.untested()
    if untested:
        names = escape(listing(untested))
        console.print(
            f"[yellow]{len(untested)} rules have no timeline: {names}[/]", highlight=False, soft_wrap=True
        )
    style = "bold red" if failed else "bold green"
    console.print(
        f"[{style}]{f'{failed} failed, ' if failed else ''}{len(outcomes) - failed} passed[/]: {said}",
        highlight=False,
    )

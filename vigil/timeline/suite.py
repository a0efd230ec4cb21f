"""Plays timelines and gathers what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vigil.compliance.rules import RuleSet
from vigil.timeline.compare import Failure, differences
from vigil.timeline.coverage import Part, Watched
from vigil.timeline.model import Spot, Timeline
from vigil.timeline.play import Theatre, Watcher
from vigil.timeline.spread import spread
from vigil.timeline.world import WorldError


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one timeline went.

    `moments` counts the steps that were played, `notices` those that were expected and came. `exercised` is filled where coverage
    was asked for.
    """

    timeline: Timeline
    failures: tuple[Failure, ...]
    moments: int
    notices: int
    exercised: frozenset[Part] = frozenset()


def play(
    theatre: Theatre,
    timeline: Timeline,
    rules: RuleSet,
    watcher: Watcher | None = None,
    stop_at_first: bool = False,
) -> Outcome:
    """One timeline from its first step to its last, or to the first step that is not as expected."""
    mine = RuleSet(tuple(r for r in rules if r.name in set(timeline.rules)))
    stage = theatre.stage(timeline, mine, watcher)
    failures: list[Failure] = []
    notices = played = 0
    for moment in timeline.moments:
        try:
            found = differences(stage, stage.play(moment))
        except WorldError as wrong:
            failures.append(_impossible(wrong))
            break
        played += 1
        notices += len(moment.expected)
        failures += found
        if failures and stop_at_first:
            break
    missing = sum(f.headline == "a notice did not come" for f in failures)
    return Outcome(timeline, tuple(failures), played, notices - missing)


def _impossible(wrong: WorldError) -> Failure:
    spot: Spot = wrong.change.spot
    return Failure(spot, "this cannot happen", wrong.change.kind, str(wrong))


def play_all(
    theatre: Theatre,
    timelines: Sequence[Timeline],
    rules: RuleSet,
    after_each: Callable[[Outcome], None] = lambda _: None,
    jobs: int = 1,
    coverage: bool = False,
) -> list[Outcome]:
    """Every timeline, on `jobs` processes (see `spread`); `after_each` is for progress."""

    def one(n: int) -> Outcome:
        watched = Watched() if coverage else None
        outcome = play(theatre, timelines[n], rules, watched)
        return outcome if watched is None else replace(outcome, exercised=frozenset(watched.parts))

    out = []
    for outcome in spread(one, range(len(timelines)), jobs):
        out.append(outcome)
        after_each(outcome)
    return out

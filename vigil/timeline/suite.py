"""Plays timelines and collects the failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vigil.compliance.rules.model import RuleSet
from vigil.timeline.compare import Failure, differences
from vigil.timeline.coverage import Part, Watched
from vigil.timeline.memory_player import NotInMemory
from vigil.timeline.model import Spot, Timeline
from vigil.timeline.players import Players
from vigil.timeline.processes import spread
from vigil.timeline.results import Player, Watcher
from vigil.timeline.state import WorldError


@dataclass(frozen=True, slots=True)
class TimelineResult:
    """The result of one timeline.

    `moments` counts the played steps, and `notices` the expected notices that came. `exercised` is filled if coverage was requested.
    """

    timeline: Timeline
    failures: tuple[Failure, ...]
    moments: int
    notices: int
    exercised: frozenset[Part] = frozenset()


def play(
    players: Players,
    timeline: Timeline,
    rules: RuleSet,
    watcher: Watcher | None = None,
    *,
    through_ledger: bool = False,
) -> TimelineResult:
    """Play one timeline from its first step to its last, in memory. The real run plays it if requested, and after a failure."""
    mine = rules_of(timeline, rules)
    if not through_ledger:
        try:
            remembered = perform(players.in_memory(timeline, mine, watcher))
        except NotInMemory:
            return perform(players.on_ledger(timeline, mine, watcher))
        if not remembered.failures:
            return remembered
    played = perform(players.on_ledger(timeline, mine, watcher))
    if through_ledger or played.failures:
        return played
    return replace(played, failures=(_torn(remembered.failures[0]),))


def rules_of(timeline: Timeline, rules: RuleSet) -> RuleSet:
    """The rules of a timeline."""
    return RuleSet(tuple(r for r in rules if r.name in set(timeline.rules)))


def perform(player: Player, stop_at_first: bool = False) -> TimelineResult:
    """Play every moment of a player's timeline, or up to the first failure."""
    timeline = player.timeline
    failures: list[Failure] = []
    notices = played = 0
    for moment in timeline.moments:
        try:
            found = differences(player, player.play(moment))
        except WorldError as wrong:
            failures.append(_impossible(wrong))
            break
        played += 1
        notices += len(moment.expected)
        failures += found
        if failures and stop_at_first:
            break
    missing = sum(f.headline == "a notice did not come" for f in failures)
    return TimelineResult(timeline, tuple(failures), played, notices - missing)


def _impossible(wrong: WorldError) -> Failure:
    spot: Spot = wrong.change.spot
    return Failure(spot, "this cannot happen", wrong.change.kind, str(wrong))


def _torn(remembered: Failure) -> Failure:
    """The failure for two players that disagree: a fault in Vigil that the reader must report."""
    said = f"in memory: {remembered.headline}: {remembered.came}"
    return Failure(
        remembered.spot,
        "the real run is as expected, the one in memory is not; please report this timeline, and use --ledger",
        remembered.expected,
        said,
        remembered.why,
    )


def play_all(
    players: Players,
    timelines: Sequence[Timeline],
    rules: RuleSet,
    after_each: Callable[[TimelineResult], None] = lambda _: None,
    jobs: int = 1,
    coverage: bool = False,
    through_ledger: bool = False,
) -> list[TimelineResult]:
    """Play every timeline, in `jobs` processes (see `spread`); `after_each` is for progress."""

    def one(n: int) -> TimelineResult:
        watched = Watched() if coverage else None
        outcome = play(players, timelines[n], rules, watched, through_ledger=through_ledger)
        return outcome if watched is None else replace(outcome, exercised=frozenset(watched.parts))

    out = []
    for outcome in spread(one, range(len(timelines)), jobs):
        out.append(outcome)
        after_each(outcome)
    return out

"""Mutation testing: changes one element of a rule at a time and plays the rule's timelines. At least one of them must fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vigil.compliance.rules.model import Rule, RuleSet
from vigil.timeline.memory_player import NotInMemory
from vigil.timeline.model import Timeline
from vigil.timeline.mutants import Mutant, mutants
from vigil.timeline.players import Players
from vigil.timeline.processes import spread
from vigil.timeline.suite import perform, rules_of

GATE = 0.9
"""The share of mutants that a suite's timelines must detect."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The number of mutants, and those that no timeline detected."""

    tried: int
    survivors: tuple[Mutant, ...]

    @property
    def score(self) -> float:
        return 1.0 if not self.tried else 1 - len(self.survivors) / self.tried

    @property
    def passed(self) -> bool:
        return self.score >= GATE


def gate(
    players: Players,
    timelines: Sequence[Timeline],
    rules: RuleSet,
    sources: Mapping[str, str],
    after_each: Callable[[bool], None] = lambda _: None,
    jobs: int = 1,
) -> Gate:
    """Try every mutant of the timelines' rules. `sources` are the texts of the rules' files."""
    tested = {name for t in timelines for name in t.rules}
    some = RuleSet(tuple(r for r in rules if r.name in tested))
    found = list(mutants(some, sources))
    noticed: list[bool] = []
    for one in spread(lambda n: is_noticed(players, found[n], timelines, rules), range(len(found)), jobs):
        noticed.append(one)
        after_each(one)
    return Gate(len(found), tuple(m for m, ok in zip(found, noticed, strict=True) if not ok))


def is_noticed(players: Players, mutant: Mutant, timelines: Iterable[Timeline], rules: RuleSet) -> bool:
    """Whether a timeline fails with the mutant in place of its rule."""
    changed = RuleSet(tuple(mutant.rule if r.name == mutant.name else r for r in rules))
    concerned = frozenset({mutant.name, *_relatives(mutant.rule, rules)})
    for timeline in timelines:
        if mutant.name not in timeline.rules:
            continue
        some = timeline.only(concerned)
        mine = rules_of(some, changed)
        try:
            outcome = perform(players.in_memory(some, mine), stop_at_first=True)
        except NotInMemory:
            outcome = perform(players.on_ledger(some, mine), stop_at_first=True)
        if outcome.failures:
            return True
    return False


def _relatives(rule: Rule, rules: RuleSet) -> set[str]:
    """The rules whose notices depend on this one, and those that it depends on."""
    return {*rules.by_name[rule.name].inhibit_by, *(r.name for r in rules if rule.name in r.inhibit_by)}

"""The player in memory says what the real run says: of every shipped timeline, and of what a mutant of a shipped rule makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.timeline.players import APPROVAL, COST, both, players, suite
from vigil.compliance.rules.model import RuleSet
from vigil.rulefiles import read_sources
from vigil.timeline.load import Suite
from vigil.timeline.memory_player import MemoryPlayer, NotInMemory
from vigil.timeline.mutants import Mutant, mutants
from vigil.timeline.suite import perform, play

EVERY = 9
"""Of the mutants each ninth is played by both: different ones of every rule."""


def test_of_every_shipped_timeline(shipped: Suite) -> None:
    for timeline in shipped.timelines:
        rehearsed, real = both(timeline, shipped.rules)
        assert rehearsed == real, timeline.name


@pytest.mark.slow
def test_of_what_a_mutant_makes_of_a_timeline(shipped: Suite) -> None:
    sources, _ = read_sources(shipped.folder)
    some: list[Mutant] = list(mutants(shipped.rules, sources))[::EVERY]
    assert len(some) > 25
    for mutant in some:
        changed = RuleSet(tuple(mutant.rule if r.name == mutant.name else r for r in shipped.rules))
        for timeline in (t for t in shipped.timelines if mutant.name in t.rules):
            rehearsed, real = both(timeline, changed)
            assert rehearsed == real, (mutant.what, timeline.name)


STORY = """\
people: {ada: {}}
---
timeline: an approval waits
workspace: {}
steps:
  - at: 2026-03-02T08:00
  - at: 09:00
    do: [step_assigned: {step: 1, title: Approve, to: ada}]
    expect: {ada: approval}
"""


def test_where_they_disagree_the_timeline_fails_and_says_whose_fault_that_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = suite(tmp_path, APPROVAL, STORY)
    monkeypatch.setattr(MemoryPlayer, "_show", lambda self, notice, now: None)
    (failure,) = play(players(), played.timelines[0], played.rules).failures
    assert failure.headline.startswith("the real run is as expected, the one in memory is not")
    assert failure.expected == "ada: approval"


def test_what_fails_in_memory_is_said_to_fail_by_the_real_run(tmp_path: Path) -> None:
    played = suite(tmp_path, APPROVAL, STORY.replace("Approve, to", "Check, to"))
    (failure,) = play(players(), played.timelines[0], played.rules).failures
    # The reasons come from a ledger: the player in memory gives none.
    assert (failure.headline, failure.why) == (
        "a notice did not come",
        ("Contract 1001: waits for an event",),
    )


def test_a_message_that_may_be_shortened_on_its_way_is_not_rehearsed(tmp_path: Path) -> None:
    rules = COST.replace("for: 1d\n", "").replace("A contract in force", "A contract in force " + "€" * 900)
    story = STORY.split("workspace")[0] + (
        "workspace: {attrs: {status: active}, roles: {steward: ada}}\n"
        "steps: [{at: 2026-03-02T08:00, expect: {ada: cost-center}}]\n"
    )
    played = suite(tmp_path, rules, story)
    with pytest.raises(NotInMemory):
        perform(players().in_memory(played.timelines[0], played.rules))
    assert play(players(), played.timelines[0], played.rules).failures == ()

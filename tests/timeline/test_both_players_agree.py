"""The player in memory says what the real run says: of every shipped timeline, and of what a mutant of a shipped rule makes of it."""

from __future__ import annotations

import pytest

from tests.timeline.theatre import ROOT, both
from vigil.compliance.rules import RuleSet
from vigil.rulefiles import read_sources
from vigil.timeline.load import Suite, read_suite
from vigil.timeline.mutants import Mutant, mutants

EVERY = 9
"""Of the mutants each ninth is played by both: different ones of every rule."""


@pytest.fixture(scope="module")
def shipped() -> Suite:
    return read_suite(ROOT / "rules")


def test_of_every_shipped_timeline(shipped):
    for timeline in shipped.timelines:
        rehearsed, real = both(timeline, shipped.rules)
        assert rehearsed == real, timeline.name


def test_of_what_a_mutant_makes_of_a_timeline(shipped):
    sources, _ = read_sources(shipped.folder)
    some: list[Mutant] = list(mutants(shipped.rules, sources))[::EVERY]
    assert len(some) > 25
    for mutant in some:
        changed = RuleSet(tuple(mutant.rule if r.name == mutant.name else r for r in shipped.rules))
        for timeline in (t for t in shipped.timelines if mutant.name in t.rules):
            rehearsed, real = both(timeline, changed)
            assert rehearsed == real, (mutant.what, timeline.name)

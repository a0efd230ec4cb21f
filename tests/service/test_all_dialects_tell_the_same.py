"""The demo's week and the two shared estates on each named server: the same rows, except for what it cannot know, which is named.

CI runs the demo's week on all of them and a shared estate on two: the oldest, and the one that has least.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.shared import ESTATES, PROJECT
from tests.support.played_estates import Played, Tick, played, ticks
from tests.support.unknowable import UNKNOWABLE, Judgement, judge, of
from vigil.compliance.rules.model import RuleSet
from vigil.rulefiles import read_rules
from vigil.sandbox.dialects import DEFAULT, DIALECTS
from vigil.sandbox.estate.load import load
from vigil.sandbox.estate.model import Estate
from vigil.sandbox.generate.generator import generate
from vigil.sandbox.quirks import Quirks

OTHERS = sorted(DIALECTS.keys() - {DEFAULT})
SOME = ("2016", "poor")


@dataclass
class Stories:
    """One estate's story, played once on each server that is asked for."""

    estate: Estate
    rules: RuleSet
    runs: list[Tick]
    _played: dict[str, Played] = field(default_factory=dict)

    def of(self, dialect: str) -> Played:
        if dialect not in self._played:
            self._played[dialect] = played(self.estate, self.rules, self.runs, dialect)
        return self._played[dialect]

    def judged(self, dialect: str) -> Judgement:
        return judge(self.of(DEFAULT), self.of(dialect), self.rules, UNKNOWABLE[dialect])


def shared(name: str, start: str, runs: int, every: timedelta) -> Stories:
    begins = datetime.fromisoformat(start)
    rules = read_rules(PROJECT / "tests" / "estates" / f"{name}.yaml")
    return Stories(load(ESTATES / name), rules, ticks(begins, begins + (runs - 1) * every, every))


def demo(folder: Path, every: timedelta) -> Stories:
    made = generate(folder / "estate", seed=7)
    return Stories(load(made.folder), read_rules(PROJECT / "rules"), ticks(made.start, made.end, every))


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Stories:
    """The demo's week, one run a day."""
    return demo(tmp_path_factory.mktemp("demo"), timedelta(hours=24))


@pytest.fixture(scope="module")
def summer() -> Stories:
    """Two months of fines, one run in ten days."""
    return shared("fines", "2006-05-21T00:00+00:00", 7, timedelta(days=10))


SHARED_WINDOWS: Mapping[str, tuple[str, int, timedelta]] = {
    "helpdesk": ("2013-03-01T00:00+00:00", 181, timedelta(hours=6)),
    "fines": ("2006-01-01T00:00+00:00", 365, timedelta(days=1)),
}
"""Those of expected.jsonl: ../shared/estates/README.md."""


def tell_the_same(stories: Stories, dialect: str) -> Judgement:
    wanted, found, judged = stories.of(DEFAULT), stories.of(dialect), stories.judged(dialect)
    assert sum(wanted.rows.values()) > 5, "runs tell something"
    assert not wanted.errors and not found.errors
    assert max(found.rows.values()) == 1
    assert judged.silences == []
    return judged


def test_every_dialect_has_its_row_in_the_table() -> None:
    assert UNKNOWABLE.keys() == DIALECTS.keys()
    assert UNKNOWABLE[DEFAULT] == ()
    for dialect, unknowable in UNKNOWABLE.items():
        quirks = Quirks()
        quirks.update(DIALECTS[dialect])
        assert unknowable == of(quirks), dialect


@pytest.mark.slow
@pytest.mark.parametrize("dialect", OTHERS)
def test_the_demos_week_is_told_alike(week: Stories, dialect: str) -> None:
    judged = tell_the_same(week, dialect)
    assert judged.met == {one.what for one in UNKNOWABLE[dialect]}, "nothing in the table is there in vain"


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("dialect", SOME)
def test_fines_are_told_alike(summer: Stories, dialect: str) -> None:
    tell_the_same(summer, dialect)


@pytest.mark.soak
@pytest.mark.parametrize("dialect", OTHERS)
@pytest.mark.timeout(3600)
def test_the_demos_week_is_told_alike_at_each_quarter_of_a_day(whole_week: Stories, dialect: str) -> None:
    tell_the_same(whole_week, dialect)


@pytest.fixture(scope="module")
def whole_week(tmp_path_factory: pytest.TempPathFactory) -> Stories:
    return demo(tmp_path_factory.mktemp("demo"), timedelta(hours=6))


@pytest.fixture(scope="module", params=list(SHARED_WINDOWS))
def whole(request: pytest.FixtureRequest) -> Stories:
    return shared(request.param, *SHARED_WINDOWS[request.param])


@pytest.mark.soak
@pytest.mark.shared
@pytest.mark.parametrize("dialect", OTHERS)
@pytest.mark.timeout(3600)
def test_a_shared_estate_is_told_alike_in_its_whole_window(whole: Stories, dialect: str) -> None:
    tell_the_same(whole, dialect)

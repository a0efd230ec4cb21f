"""The judge finds each thing that can be wrong, and nothing where all is well."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.outside.judging import Found, Judge, Look, happened_by
from tests.outside.sandbox import Shown
from tests.outside.story import Expected
from tests.outside.trial import START

SAID = "added|100|document=memo 1"
PHONE, TABLET = Shown("dora-phone", SAID), Shown("dora-tablet", SAID)
TICK = timedelta(minutes=10)


def judged(*screens: list[Shown], moment: bool = False, ahead: timedelta = timedelta()) -> Found:
    """What is wrong when dora must be told of a document at the start, and this is on the screens after each tick; the first is not
    clean."""
    judge = Judge()
    judge.expected.append(Expected(SAID, frozenset({"dora"}), START, moment))
    for n, shows in enumerate(screens):
        judge.see(shows)
        judge.looks.append(Look(n > 0, START + n * TICK, START + n * TICK + ahead))
    found = Found()
    judge.judge(found)
    return found


def wrong(found: Found) -> dict[str, int]:
    return {name: len(some) for name, some in found.wrongs().items() if some}


def test_all_is_well_when_each_device_shows_it_by_the_second_clean_tick() -> None:
    assert judged([], [PHONE], [PHONE, TABLET]).well


def test_what_a_device_never_shows_is_lost_there() -> None:
    assert wrong(judged([], [PHONE], [PHONE], [PHONE])) == {"lost": 1}
    assert wrong(judged([], [], [], [])) == {"lost": 2}


def test_what_comes_with_the_third_clean_tick_is_late() -> None:
    assert wrong(judged([], [], [PHONE], [PHONE, TABLET])) == {"late": 1}


def test_nothing_is_lost_while_there_was_one_clean_tick_only() -> None:
    assert judged([], []).well


def test_a_moment_comes_by_the_clock_of_vigil() -> None:
    assert judged([], [], [], moment=True, ahead=-3 * TICK).well
    assert wrong(judged([], [], [], moment=True)) == {"lost": 2}


def test_two_on_one_screen_are_twice() -> None:
    assert wrong(judged([], [PHONE, TABLET], [PHONE, PHONE, TABLET])) == {"twice": 1}


@pytest.mark.parametrize(
    "stray", [Shown("gus-phone", SAID), Shown("dora-phone", "added|100|document=another")]
)
def test_what_is_not_for_somebody_is_told_wrongly_though_it_was_taken_back(stray: Shown) -> None:
    assert wrong(judged([stray], [PHONE, TABLET], [PHONE, TABLET])) == {"sent to the wrong person": 1}


@pytest.mark.parametrize(
    ("account", "green"),
    [
        ("Completed: nothing new", False),
        ("Completed: 1 notice waits for another try: 503", True),
        ("Completed: 1 person was told; 1 notice is being sent by another run", True),
        ("Completed: 1 person was told", False),
    ],
)
def test_a_run_is_green_when_what_is_missing_waits_by_name(account: str, green: bool) -> None:
    judge = Judge()
    judge.expected.append(Expected(SAID, frozenset({"dora"}), START))
    judge.see([PHONE])
    due = happened_by(judge.expected, START)
    assert (judge.may_be_green(due, account) == "") is green
    assert judge.may_be_green(happened_by(judge.expected, START - TICK), account) == "", "it had not happened"
    judge.see([PHONE, TABLET])
    assert judge.may_be_green(due, account) == ""


def test_a_device_whose_app_was_removed_is_not_waited_for() -> None:
    judge = Judge()
    judge.gone.add("dora-tablet")
    judge.see([PHONE])
    assert judge.missing([Expected(SAID, frozenset({"dora"}), START)]) == []

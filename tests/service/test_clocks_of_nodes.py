"""Clocks that jump between the nodes of a cluster: how far back a run reads again. Decision 0019."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from vigil.ecm.clocks import Skew
from vigil.ledger.watermarks import Evaluated
from vigil.service import clocks

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(minutes=15)


@dataclass
class Looks:
    """The part of a run that clocks are read from."""

    as_of: datetime
    skew: Skew | None


def after(before: Evaluated, at: datetime, skew: Skew | None) -> Evaluated:
    return Evaluated.of(Evaluated(**clocks.remembered(before, Looks(at, skew))).plain())  # type: ignore[arg-type]


def below(mark: Evaluated, at: datetime, skew: Skew | None = None) -> timedelta:
    run: Any = Looks(at, skew)
    return clocks.below(mark, run)


def test_a_node_that_answers_rarely_counts_in_runs_that_do_not_meet_it() -> None:
    """Its clock is five hours behind: what it dates stands five hours down the list."""
    right = Skew(timedelta(), timedelta(seconds=1))
    mark = after(Evaluated(), NOON, Skew(-5 * HOUR, timedelta()))
    for n in range(1, 90):
        mark = after(mark, NOON + n * TICK, right)
        assert below(mark, NOON + n * TICK, right) >= 5 * HOUR


def test_a_clock_that_was_put_right_is_forgotten_after_two_days() -> None:
    right = Skew(timedelta(), timedelta(seconds=1))
    mark = after(Evaluated(), NOON, Skew(-5 * HOUR, timedelta()))
    at = NOON
    while at < NOON + timedelta(days=2, hours=1):
        at += TICK
        mark = after(mark, at, right)
    assert below(mark, at, right) == clocks.APART


def test_a_ledger_of_an_earlier_version_keeps_its_measured_difference() -> None:
    old = Evaluated.of({"skew": [-18000.0, 0.0]})
    assert below(old, NOON) == 5 * HOUR
    assert below(after(old, NOON, None), NOON) == 5 * HOUR


def test_without_any_measured_clock_two_hours_are_read_again() -> None:
    assert below(Evaluated(), NOON) == clocks.APART
    assert below(after(Evaluated(), NOON, None), NOON) == clocks.APART


def test_a_clock_of_ours_that_was_set_back_starts_a_new_day_of_measuring() -> None:
    mark = after(Evaluated(), NOON, Skew(-5 * HOUR, timedelta()))
    mark = after(mark, NOON - HOUR, Skew(timedelta(), timedelta()))
    assert mark.skew_since == NOON - HOUR
    assert below(mark, NOON - HOUR) == 5 * HOUR

"""The moments of a milestone's dates: those in a window, and the next one. Computed once for each distinct date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from vigil.compliance.calendar import NEVER, Calendar, calendar_for
from vigil.compliance.evaluation.columns import instants
from vigil.compliance.evaluation.zoned import moved
from vigil.compliance.rules.model import Repeat, Rule, RuleStep

_FEW = 2000
"""Up to this number of distinct instants, the calendar computes each one, because it caches its results."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant of a step, by its number: the k-th repeat, 0 for the first."""

    step: int
    k: int
    at: datetime


def moments(rule: Rule, due: date | datetime, calendar: Calendar) -> list[Moment]:
    """Every instant of a milestone for one date."""
    out = []
    for number, step in enumerate(rule.steps):
        if step.at is not None:
            repeat = _repeat(rule, step)
            every, times = (repeat.every, repeat.max) if repeat else (None, 0)
            found = calendar.moments(due, step.at, every, times)
            out += [Moment(number, k, at) for k, at in enumerate(found)]
    return out


def repeats_of(rule: Rule, first: datetime, zone: str) -> list[tuple[int, datetime]]:
    """The numbered repeats of a finding that was first sent at `first`. `zone` is the site's."""
    if rule.repeat is None:
        return []
    calendar = calendar_for(rule.calendar, zone)
    return list(enumerate(calendar.repeats(first, rule.repeat.every, rule.repeat.max), start=1))


def _repeat(rule: Rule, step: RuleStep) -> Repeat | None:
    return step.repeat or rule.repeat


@dataclass(frozen=True)
class Schedule:
    """For some dates: `inside` has the moments in (after, as_of], `following` (due, next_check_at) the first one after as_of."""

    inside: Mapping[date | datetime, list[Moment]]
    following: pl.DataFrame


def schedule_of(
    rule: Rule, dates: pl.Series, calendar: Calendar, after: datetime, as_of: datetime
) -> Schedule:
    """The schedule of distinct dates or instants, none of them null."""
    if dates.dtype == pl.Date or len(dates) <= _FEW:
        return _asked(rule, dates, calendar, after, as_of)
    return _counted(rule, dates.alias("due"), calendar, after, as_of)


def _asked(rule: Rule, dates: pl.Series, calendar: Calendar, after: datetime, as_of: datetime) -> Schedule:
    inside: dict[date | datetime, list[Moment]] = {}
    following: dict[date | datetime, datetime] = {}
    for due in dates.to_list():
        some = moments(rule, due, calendar)
        ahead = min((m.at for m in some if m.at > as_of), default=NEVER)
        if ahead < NEVER:
            following[due] = ahead
        now = [m for m in some if after < m.at <= as_of]
        if now:
            inside[due] = now
    columns = {
        "due": pl.Series(list(following), dtype=dates.dtype),
        "next_check_at": instants(list(following.values())),
    }
    return Schedule(inside, pl.DataFrame(columns))


def _counted(rule: Rule, due: pl.Series, calendar: Calendar, after: datetime, as_of: datetime) -> Schedule:
    """The same with columns, for as many distinct instants as there are workspaces."""
    some = [
        frame
        for number, step in enumerate(rule.steps)
        for frame in _of_step(rule, number, step, due, calendar, as_of)
    ]
    if not some:
        return Schedule({}, pl.DataFrame({"due": due, "next_check_at": due}).clear())
    found = pl.concat(some)
    inside: dict[date | datetime, list[Moment]] = defaultdict(list)
    now = found.filter((pl.col("at") > after) & (pl.col("at") <= as_of)).sort("step", "k")
    for at_due, step_number, k, at in now.select("due", "step", "k", "at").iter_rows():
        inside[at_due].append(Moment(step_number, k, at))
    ahead = found.filter((pl.col("at") > as_of) & (pl.col("at") < NEVER))
    return Schedule(inside, ahead.group_by("due").agg(pl.col("at").min().alias("next_check_at")))


def _of_step(
    rule: Rule, number: int, step: RuleStep, due: pl.Series, calendar: Calendar, as_of: datetime
) -> list[pl.DataFrame]:
    if step.at is None:
        return []
    first = moved(due, step.at, calendar)
    out = [_frame(due, number, 0, first)]
    repeat = _repeat(rule, step)
    # If the first moment is in the future, no repeat is earlier, unless the calendar rolls it back over days off.
    begun = pl.repeat(True, len(first), eager=True) if calendar.spec.roll == "back" else first <= as_of
    if repeat is not None and begun.any():
        base = first.filter(begun)
        for k in range(1, repeat.max + 1):
            out.append(_frame(due.filter(begun), number, k, moved(base, repeat.every.times(k), calendar)))
    return out


def _frame(due: pl.Series, step: int, k: int, at: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"due": due, "at": at}).with_columns(
        pl.lit(step, pl.Int64).alias("step"), pl.lit(k, pl.Int64).alias("k")
    )

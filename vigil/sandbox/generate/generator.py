"""Generates estates from a seed: the demo's week, and any amount of activity for load tests. The same arguments give the same bytes.

The demo is a fixed set of scenarios (`scenarios`), in which every shipped rule has findings, with background activity (`background`).
The seed determines the background, and `scale` its amount.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from vigil.sandbox.generate.background import open_place, remark, work
from vigil.sandbox.generate.builder import EstateBuilder
from vigil.sandbox.generate.demo_people import PEOPLE, TYPES
from vigil.sandbox.generate.scenarios import add_scenarios

START = date(2026, 3, 2)
"""The demo's first day, a Monday."""
ZONE = "Europe/Berlin"
_WORKSPACES = 51
_BACKGROUND = 15  # of them; the rest is the story's


@dataclass(frozen=True, slots=True)
class Generated:
    """The generated estate. Watch it from `start` (the first run) to `end`."""

    folder: Path
    start: datetime
    end: datetime
    workspaces: int
    events: int


def generate(
    out_dir: Path | str, seed: int = 7, start: date = START, days: int = 6, scale: int = 1
) -> Generated:
    """Write the demo's estate: 51 workspaces at scale 1, 15 more for each further one.

    `start` must be a Monday, with no public holiday in the three weeks after it: the story counts business days.
    Raises ValueError when it is not.
    """
    if start.weekday() != 0:
        raise ValueError(f"start must be a Monday, and {start.isoformat()} is not")
    builder, random = EstateBuilder("demo", ZONE, start), Random(seed)
    add_scenarios(builder)
    for n in range(_WORKSPACES - len(builder.workspaces) + _BACKGROUND * (scale - 1)):
        place = open_place(builder, random, n)
        for day in range(days):
            if builder.day(day).weekday() < 5 and random.random() < 0.25:
                work(builder, random, place, day)
    return _save(builder, Path(out_dir), days)


def behind(now: datetime) -> date:
    """The first day of a demo that is over by now: the Monday two weeks before this week's.

    Nothing becomes due by itself in it during the present week: only triggered events happen.
    """
    today = now.astimezone(ZoneInfo(ZONE)).date()
    return today - timedelta(days=today.weekday() + 14)


def generate_load(
    out_dir: Path | str,
    workspaces: int = 1000,
    events: int = 10_000,
    seed: int = 7,
    start: date = START,
    days: int = 6,
) -> Generated:
    """Write an estate of exactly so many workspaces and events.

    The creation of a workspace and its first documents count as events and lie before the watched days; all others lie
    in them. Raises ValueError when `events` is too small for that (up to 4 for each workspace).
    """
    builder, random = EstateBuilder("load", ZONE, start), Random(seed)
    places = [open_place(builder, random, n) for n in range(workspaces)]
    if len(builder.events) > events:
        raise ValueError(f"{workspaces} workspaces take {len(builder.events)} events before anything happens")
    while (left := events - len(builder.events)) > 0:
        happens = work if left > 1 else remark
        happens(builder, random, random.choice(places), random.randrange(days))
    return _save(builder, Path(out_dir), days)


def _save(builder: EstateBuilder, folder: Path, days: int) -> Generated:
    start, end = builder.at(0, "00:00"), builder.at(days, "00:00")
    builder.save(folder, TYPES, [someone.row() for someone in PEOPLE], until=end)
    return Generated(folder, start, end, len(builder.workspaces), len(builder.events))

"""What must become of each milestone of the year: one workspace after the other, in plain Python.

A moment is told by the first tick at or after it, to whom it concerns then. One that lies before the window when its date becomes
known was missed. `late` says what becomes of what is missed, or is told later than `within`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from tests.flows.year import rules
from tests.flows.year.calendar import moments
from tests.flows.year.rules import Rule
from tests.flows.year.world import TYPES, Place, World

DROPPED = ("too_late", "late_drop")
LENGTHS = {"d": timedelta(days=1), "w": timedelta(weeks=1), "h": timedelta(hours=1)}


class Key(NamedTuple):
    """What is told once, for ever."""

    rule: str
    workspace: int
    due: date | datetime
    repeat: int
    step: str
    person: str


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of it: `sent`, `no_device`, `unroutable`, `digest` or `suppressed`, and why."""

    fire_at: datetime
    tick: datetime
    outcome: str
    reason: str = ""


def expected(world: World, ticks: Sequence[datetime]) -> dict[Key, Row]:
    """Everything that a correct year says, by key."""
    out: dict[Key, Row] = {}
    begun = {r["rule"]: ticks[0] for r in rules.at(ticks[0])}
    for after, tick in pairwise(ticks):
        for rule in rules.at(tick):
            since = begun.setdefault(rule["rule"], tick)
            if since == tick:
                continue  # a rule's first look: nothing that lies before it counts
            for place in world.places:
                if place.type == rule["subject"]["workspace_type"] and place.created <= tick:
                    for key, row in _of_place(world, rule, place, max(after, since), tick):
                        out.setdefault(key, row)
    return out


def _of_place(
    world: World, rule: Rule, place: Place, after: datetime, tick: datetime
) -> Iterator[tuple[Key, Row]]:
    if place.ended_at is not None and place.ended_at <= tick:
        return
    due = _due(rule, place, tick)
    assert due is not None
    fresh = place.created > after or due != _due(rule, place, after)
    for step in rule["steps"]:
        for repeat, at in enumerate(moments(due, step, rule["calendar"])):
            missed = at <= after
            if at > tick or (missed and not (fresh and repeat == 0)):
                continue
            why = _late(rule, tick - at, missed)
            # Of what is dropped there is one row, and nobody's.
            people = [""] if why in DROPPED else _people(world, rule, step, place, tick)
            for person in people:
                key = Key(rule["rule"], place.id, due, repeat, step["id"], person)
                yield key, _row(world, person, at, tick, why)


def _due(rule: Rule, place: Place, now: datetime) -> date | datetime | None:
    if rule["due"] == "created":
        return place.created
    assert rule["due"] == f"attr.{TYPES[place.type][0]}"
    return next((due for since, due in reversed(place.dues) if since <= now), None)


def _late(rule: Rule, by: timedelta, missed: bool) -> str:
    """The reason of what is not sent; empty for what is."""
    late = rule.get("late")
    if late is None:
        return "too_late" if missed else ""
    if by > int(late["within"][:-1]) * LENGTHS[late["within"][-1]]:
        return "late_drop"
    return {"send": "", "digest": "late_digest", "drop": "late_drop"}[late["policy"]] if missed else ""


def _people(world: World, rule: Rule, step: Rule, place: Place, tick: datetime) -> list[str]:
    """Whom it concerns at a tick; the fallback's people where nobody is left, and nobody at all as an empty text."""
    found = {p for to in step["to"] for p in _named(world, to, place, tick)}
    found = found or {p for to in rule["fallback"] for p in _named(world, to, place, tick)}
    return sorted(found) or [""]


def _named(world: World, to: Rule, place: Place, tick: datetime) -> set[str]:
    if "group" in to:
        logins = {p.login for p in world.people.values() if to["group"] in p.groups}
    else:
        logins = set(next(some for since, some in reversed(place.roles[to["role"]]) if since <= tick))
    return {x for x in logins if (gone := world.people[x].deleted_at) is None or gone > tick}


def _row(world: World, person: str, at: datetime, tick: datetime, why: str) -> Row:
    if why in DROPPED:
        return Row(at, tick, "suppressed", why)
    if not person:
        return Row(at, tick, "unroutable")
    if why == "late_digest":
        return Row(at, tick, "digest")
    return Row(at, tick, "sent" if world.people[person].devices else "no_device")

"""The year as an estate: 500 workspaces of five types, dates that move, people who leave and their successors."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.support.jsonl import write_lines

START = datetime.fromisoformat("2023-11-01T08:00Z")
END = datetime.fromisoformat("2024-11-08T08:00Z")
ZONE = "Europe/Berlin"
COUNT = 500
NEW = 100  # of them come to be during the year
MOVED, ENDED, LEAVERS = 150, 60, 6

TYPES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "Contract": ("ends", "date", ("owner", "steward")),
    "Lease": ("until", "date", ("agent",)),
    "Licence": ("renew by", "date", ("holder",)),
    "Review": ("review by", "date", ("reviewer",)),
    "Hearing": ("begins", "datetime", ("clerk",)),
}
"""Workspace type -> its date, of which kind that is, its roles."""

SPECIAL = [
    "2023-11-05",  # New York's clocks go back
    "2023-11-27",  # the Monday after Thanksgiving
    "2023-12-27",
    "2024-01-02",
    "2024-01-09",  # the day after Japan's Coming of Age Day
    "2024-02-28",
    "2024-02-29",
    "2024-03-01",
    "2024-03-10",  # New York's go forward
    "2024-03-11",
    "2024-03-12",
    "2024-03-29",
    "2024-03-31",  # Berlin's go forward; a month before is 29 February
    "2024-04-03",
    "2024-05-07",  # after the Golden Week
    "2024-05-21",  # after Whitsun, and the outage
    "2024-07-05",
    "2024-10-27",  # Berlin's go back
    "2024-10-28",
    "2024-11-03",  # New York's
    "2025-02-28",  # a year before is no leap day
    "2025-03-31",
]


@dataclass
class Person:
    login: str
    groups: tuple[str, ...] = ()
    devices: int = 1
    deleted_at: datetime | None = None


@dataclass
class Place:
    """A workspace with the history of what rules look at: (since, value), the first since its creation."""

    id: int
    type: str
    created: datetime
    dues: list[tuple[datetime, date | datetime]] = field(default_factory=list)
    ended_at: datetime | None = None
    roles: dict[str, list[tuple[datetime, tuple[str, ...]]]] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    people: dict[str, Person]
    places: list[Place]


def make(seed: int = 12) -> World:
    random = Random(seed)
    people = {p.login: p for p in _people()}
    staff = [login for login in people if login.startswith("staff")]
    places = [_place(random, n, staff) for n in range(COUNT)]
    _move(random, places)
    # Just before a rule comes that would have told of them two weeks before: its first look must leave them alone.
    for place in [p for p in places if p.type == "Contract" and len(p.dues) == 1][:4]:
        place.dues.append((datetime(2024, 1, 17, 12, tzinfo=UTC), date(2024, 1, 28)))
    for place in random.sample(places, ENDED):
        place.ended_at = _instant(random, max(place.created, START))
    for n, leaver in enumerate(random.sample(staff, LEAVERS)):
        staff.remove(leaver)
        _leave(random, people[leaver], places, staff, when=START + timedelta(days=25 + 55 * n, hours=3))
    return World(people, places)


def _people() -> list[Person]:
    staff = [Person(f"staff{n:02}", devices=0 if n == 5 else 1 + n % 2) for n in range(24)]
    return [*staff, *(Person(f"board{n}", ("board",)) for n in range(2)), Person("desk0", ("desk",))]


def _instant(random: Random, after: datetime) -> datetime:
    """Some instant of the rest of the year: to the minute, and not at a tick's own."""
    minutes = int((END - after) / timedelta(minutes=1))
    return after + timedelta(minutes=random.randrange(1, minutes), seconds=17)


def _place(random: Random, n: int, staff: list[str]) -> Place:
    type = list(TYPES)[n % len(TYPES)]
    if n < COUNT - NEW:
        created = datetime(2020, 1, 1, 10, tzinfo=UTC) + timedelta(days=random.randrange(1300), minutes=n)
        if n % 25 == 0:
            created = datetime(2020, 2, 29, 12, 30, tzinfo=UTC)
    else:
        created = _instant(random, START)
    place = Place(100_000 + n, type, created)
    place.dues.append((created, _due(random, type, max(created, START))))
    for role in TYPES[type][2]:
        place.roles[role] = [(created, tuple(random.sample(staff, random.choice((1, 1, 1, 2)))))]
    return place


def _due(random: Random, type: str, known: datetime) -> date | datetime:
    """A date of the year, often one that is special; some lie a few days ahead of when they become known."""
    kind = random.random()
    if kind < 0.25:
        day = date.fromisoformat(random.choice(SPECIAL))
    elif kind < 0.65 and known > START:  # often a few days after one of its moments
        ahead = random.choice((1, 5, 7, 10, 14, 28, 30, 45, 60, 91)) - random.randrange(4)
        day = known.date() + timedelta(days=max(1, ahead))
    else:
        day = START.date() + timedelta(days=random.randrange(420))
    if TYPES[type][1] == "date":
        return day
    return datetime(
        day.year, day.month, day.day, random.randrange(24), random.choice((0, 15, 30)), tzinfo=UTC
    )


def _move(random: Random, places: list[Place]) -> None:
    for place in random.sample(places, MOVED):
        since = _instant(random, max(place.created, START))
        due = _due(random, place.type, since)
        if due != place.dues[-1][1]:
            place.dues.append((since, due))


def _leave(random: Random, person: Person, places: list[Place], staff: list[str], when: datetime) -> None:
    """A person goes. Of some roles the successor comes the same day, of others a week later; of a few there is none."""
    person.deleted_at = when
    for place in places:
        for history in place.roles.values():
            since, members = history[-1]
            if person.login not in members:
                continue
            left = tuple(m for m in members if m != person.login)
            wait = random.choice((timedelta(hours=1), timedelta(days=7), None))
            if wait is not None:
                heir = random.choice([s for s in staff if s not in left])
                history.append((max(when, since) + wait, (*left, heir)))


def save(world: World, folder: Path) -> None:
    """Write the estate: docs/estates.md#files."""
    folder.mkdir(parents=True)
    meta = {"name": "year", "zone": ZONE, "start": START.isoformat(), "public_url": "https://ecm.example.org"}
    (folder / "meta.json").write_text(json.dumps(meta))
    write_lines(folder / "types.jsonl", [_type(name) for name in TYPES])
    write_lines(folder / "users.jsonl", [_user(p) for p in world.people.values()])
    write_lines(folder / "workspaces.jsonl", [_workspace(p) for p in world.places])
    events = [e for p in world.places for e in _events(p)]
    gone = [p for p in world.people.values() if p.deleted_at]
    events += [(p.deleted_at, {"kind": "user_deleted", "login": p.login}) for p in gone if p.deleted_at]
    events.sort(key=lambda e: e[0])
    write_lines(folder / "events.jsonl", [{"ts": ts.isoformat(), **e} for ts, e in events])


def _type(name: str) -> dict[str, Any]:
    due, kind, roles = TYPES[name]
    attributes = [
        {"name": "status", "kind": "string", "values": ["active", "ended"]},
        {"name": due, "kind": kind},
    ]
    return {
        "type": name,
        "categories": [{"name": name, "attributes": attributes}],
        "roles": list(roles),
        "required_documents": [],
    }


def _user(p: Person) -> dict[str, Any]:
    devices = [{"token": f"{p.login}-{n}", "platform": ("android", "ios")[n]} for n in range(p.devices)]
    return {
        "login": p.login,
        "name": p.login.title(),
        "email": f"{p.login}@example.org",
        "groups": list(p.groups),
        "devices": devices,
    }


def _workspace(p: Place) -> dict[str, Any]:
    attrs = {f"{p.type}.status": "active", f"{p.type}.{TYPES[p.type][0]}": p.dues[0][1].isoformat()}
    roles = {role: list(history[0][1]) for role, history in p.roles.items()}
    name = f"{p.type} {p.id}"
    return {
        "id": p.id,
        "type": p.type,
        "name": name,
        "created": p.created.isoformat(),
        "attrs": attrs,
        "roles": roles,
    }


def _events(p: Place) -> list[tuple[datetime, dict[str, Any]]]:
    by = {"workspace": p.id, "by": "desk0", "kind": "attribute_changed"}
    out: list[tuple[datetime, dict[str, Any]]] = []
    if p.created > START:
        out.append((p.created, {"kind": "workspace_created", "workspace": p.id}))
    for since, due in p.dues[1:]:
        out.append((since, by | {"attr": f"{p.type}.{TYPES[p.type][0]}", "value": due.isoformat()}))
    if p.ended_at:
        out.append((p.ended_at, by | {"attr": f"{p.type}.status", "value": "ended"}))
    for role, history in p.roles.items():
        for since, members in history[1:]:
            out.append(
                (since, {"kind": "role_changed", "workspace": p.id, "role": role, "members": list(members)})
            )
    return out

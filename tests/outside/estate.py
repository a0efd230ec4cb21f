"""The estate of a trial, as the sandbox loads it, and the rules and templates of its site. Small, and drawn by a seed.

A notice's body names its rule, workspace and thing and nothing else, so that a device can be read like a list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

Json = dict[str, Any]

RECORDS = "Records office"  # the group that falls back, and hears of what is overdue
LEGAL = "Legal team"  # a group that holds roles
DEVICES = {
    "ada": {"ada-phone": "android", "ada-web": "web"},
    "ben": {"ben-phone": "ios"},
    "cem": {"cem-phone": "android"},
    "dora": {"dora-phone": "android", "dora-tablet": "ios"},
    "eva": {"eva-phone": "ios"},
    "finn": {"finn-web": "web"},
    "gus": {"gus-phone": "android"},
}  # fmt: skip
"""Each person's devices, by token, with their platforms. The same in all trials: they are imported once."""
GROUPS = {RECORDS: ("gus",), LEGAL: ("eva", "finn")}
INSIDERS = ("ada", "ben", "cem", "dora")
"""Who may hold a role alone. Nobody else of them is in a group, so that whoever is told by mistake shows."""

RULES = f"""\
rules:
  - {{rule: added, kind: transition, subject: {{workspace_type: Contract}}, events: [document_added], to: [role: owner], fallback: [group: {RECORDS}]}}
  - {{rule: versions, kind: transition, subject: {{workspace_type: Contract}}, events: [version_added], to: [role: steward], fallback: [group: {RECORDS}]}}
  - {{rule: status, kind: transition, subject: {{workspace_type: Contract}}, events: [{{status_changed: {{field: attr.status}}}}], to: [role: owner]}}
  - {{rule: assigned, kind: transition, subject: {{workspace_type: Contract}}, events: [step_assigned], to: [step: assignee]}}
  - {{rule: completed, kind: transition, subject: {{workspace_type: Contract}}, events: [step_completed], to: [role: steward]}}
  - {{rule: overdue, kind: transition, subject: {{workspace_type: Contract}}, events: [escalated], to: [group: {RECORDS}]}}
  - {{rule: comments, kind: transition, subject: {{workspace_type: Contract}}, events: [comment_added], to: [role: owner]}}
  - {{rule: unled, kind: condition, subject: {{workspace_type: Contract}}, require: {{field: attr.lead, op: present}}, to: [role: steward]}}
  - {{rule: unproven, kind: condition, subject: {{workspace_type: Contract}}, require: {{document: Certificate, state: present}}, to: [role: owner]}}
  - {{rule: renewal, kind: milestone, subject: {{workspace_type: Contract}}, due: attr.renews, steps: [{{id: early, at: -7d, to: [role: owner, role: steward]}}]}}
  - {{rule: filed, kind: transition, subject: {{workspace_type: Case}}, events: [document_added], to: [role: supervisor], fallback: [group: {RECORDS}]}}
"""  # noqa: E501
FAMILIES = ("transition", "condition", "milestone")
SAYS = {
    "added": ("document",),
    "filed": ("document",),
    "versions": ("document", "version"),
    "status": ("to",),
    "assigned": ("title",),
    "completed": ("title",),
    "overdue": ("title",),
    "comments": ("text",),
    "unled": (),
    "unproven": (),
    "renewal": (),
}
"""What of its event a rule's notice says."""
BODY = "{{ rule }}|{{ workspace }}" + "".join(
    f'{{% if rule == "{rule}" %}}|{key}={{{{ event.{key} }}}}{{% endif %}}'
    for rule, keys in SAYS.items()
    for key in keys
)

TYPES: list[Json] = [
    {
        "type": "Contract",
        "categories": [
            {
                "name": "Terms",
                "attributes": [
                    {"name": "status", "kind": "string"},
                    {"name": "lead", "kind": "string"},
                    {"name": "renews", "kind": "datetime"},
                ],
            }
        ],
        "roles": ["owner", "steward"],
        "required_documents": [{"type": "Certificate"}, {"type": "Memo"}],
    },
    {"type": "Case", "categories": [], "roles": ["supervisor"], "required_documents": [{"type": "Memo"}]},
]


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace as it is at the start. `roles` have members as the estate names them: logins, and groups."""

    id: int
    type: str
    roles: dict[str, tuple[str, ...]]
    lead: str | None = None
    certified: bool = False
    renews: datetime | None = None

    @property
    def certificate(self) -> int:
        """The id of the certificate that a certified one has from the start."""
        return self.id * 10

    @property
    def process(self) -> int:
        """The number of the workflow that a contract has from the start, with one open step."""
        return self.id * 10

    @property
    def step(self) -> str:
        """The title of that step."""
        return f"first step {self.id}"


def drawn(random: Random, start: datetime, lasts: timedelta) -> list[Place]:
    """Workspaces of a trial that begins at `start`: of some the moment before their renewal comes while it `lasts`."""
    return [_contract(random, 100 + n, start, lasts) for n in range(random.randrange(4, 8))] + [
        Place(200 + n, "Case", {"supervisor": _members(random)}) for n in range(random.randrange(1, 3))
    ]


def _contract(random: Random, number: int, start: datetime, lasts: timedelta) -> Place:
    moment = start + timedelta(seconds=random.randrange(60, int(lasts.total_seconds())))
    return Place(
        number,
        "Contract",
        {"owner": _members(random), "steward": _members(random)},
        lead="Ada Berg" if random.random() < 0.8 else None,
        certified=random.random() < 0.8,
        renews=moment + timedelta(days=7) if random.random() < 0.6 else None,
    )


def _members(random: Random) -> tuple[str, ...]:
    if random.random() < 0.2:
        return (LEGAL,)
    return tuple(random.sample(INSIDERS, random.choice((1, 1, 2))))


def people(members: Iterable[str]) -> frozenset[str]:
    """The people of a role's members, groups opened."""
    return frozenset(person for member in members for person in GROUPS.get(member, (member,)))


def write(folder: Path, places: Iterable[Place], start: datetime) -> None:
    """Write the estate. It exists since the day before `start`, and in each place little has happened."""
    folder.mkdir(parents=True)
    made = start - timedelta(days=1)
    _write(
        folder / "meta.json",
        json.dumps(
            {
                "name": "outside",
                "zone": "UTC",
                "start": made.isoformat(),
                "public_url": "https://ecm.example.org",
            }
        ),
    )
    _lines(folder / "types.jsonl", TYPES)
    _lines(folder / "users.jsonl", (_user(login) for login in DEVICES))
    places = list(places)
    _lines(folder / "workspaces.jsonl", (_workspace(place, made) for place in places))
    past = (made + timedelta(hours=1)).isoformat()
    _lines(
        folder / "events.jsonl",
        ({"ts": past, "by": "cem", **event} for place in places for event in _past(place)),
    )


def _past(place: Place) -> Iterator[Json]:
    """What has happened in a place before the start."""
    if place.certified:
        yield {
            "kind": "document_added",
            "workspace": place.id,
            "id": place.certificate,
            "name": f"certificate {place.id}",
            "type": "Certificate",
        }
    if place.type == "Contract":
        step = {"process": place.process, "step": 1, "title": place.step, "to": "cem"}
        yield {"kind": "step_assigned", "workspace": place.id, **step}


def _user(login: str) -> Json:
    devices = [{"token": token, "platform": platform} for token, platform in DEVICES[login].items()]
    groups = [group for group, members in GROUPS.items() if login in members]
    return {"login": login, "name": login.title(), "groups": groups, "devices": devices}


def _workspace(place: Place, made: datetime) -> Json:
    attrs = {
        "Terms.status": "draft",
        "Terms.lead": place.lead,
        "Terms.renews": place.renews and place.renews.isoformat(),
    }
    return {
        "id": place.id,
        "type": place.type,
        "name": f"{place.type} {place.id}",
        "created": made.isoformat(),
        "attrs": {k: v for k, v in attrs.items() if v is not None} if place.type == "Contract" else {},
        "roles": place.roles,
    }


def write_site(folder: Path) -> None:
    """Write `rules` and `templates` into the folder, for the sites of all trials, and `devices.csv`."""
    _write(folder / "rules" / "outside.yaml", RULES)
    for family in FAMILIES:
        _write(folder / "templates" / family / "title.j2", "{{ rule }}")
        _write(folder / "templates" / family / "body.j2", BODY)
    rows = [
        f"{login},{token},{platform}" for login, some in DEVICES.items() for token, platform in some.items()
    ]
    _write(folder / "devices.csv", "\n".join(["person,address,platform", *rows, ""]))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _lines(file: Path, rows: Iterable[Json]) -> None:
    _write(file, "".join(json.dumps(row) + "\n" for row in rows))

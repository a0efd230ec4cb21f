"""Random estates that use all that the format allows (docs/estates.md), and rules that ask for all of it.

Roles and groups with spaces, groups as assignees, deleted people, process numbers that two workspaces share, steps side by
side, changes in one second, offsets of all kinds, workspaces whose creation is not announced, a change to summer time.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

from tests.support.jsonl import write_lines

START = datetime(2024, 3, 25, tzinfo=UTC)
LOGINS = [f"user {i}" if i % 5 == 0 else f"u.{i}" for i in range(12)]
GROUPS = ["Back Office", "records", "Night shift"]
CASE, MEMO = "Big Case", "Memo"
STATUSES = ["open", "in work", "done"]
PAUSES = (0, 1, 59, 600, 3600, 7200, 40_000, 86_400)  # seconds from one event of a workspace to the next

Json = dict[str, Any]


class Wild:
    """One estate, written by `save`; the same seed gives the same one. It is to be watched from START on, for `days`."""

    def __init__(self, seed: int, workspaces: int, days: int) -> None:
        self.random = Random(seed)
        self.end = START + timedelta(days=days)
        self.workspaces: list[Json] = []
        self.events: list[tuple[datetime, Json]] = []
        self._documents = 5000
        for number in range(workspaces):
            self._workspace(100 + number, MEMO if number % 6 == 0 else CASE, days)
        self.events.append((START + timedelta(days=days / 2), {"kind": "user_deleted", "login": "u.4"}))
        self.events.sort(key=lambda pair: pair[0])

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        meta = {
            "name": "wild",
            "zone": "Europe/Rome",
            "start": _text(START),
            "public_url": "https://ecm.example.org",
        }
        (folder / "meta.json").write_text(json.dumps(meta))
        write_lines(folder / "types.jsonl", TYPES)
        write_lines(folder / "users.jsonl", [self._user(n, login) for n, login in enumerate(LOGINS)])
        write_lines(folder / "workspaces.jsonl", self.workspaces)
        write_lines(
            folder / "events.jsonl", ({"ts": self._instant(at), **event} for at, event in self.events)
        )

    def _instant(self, at: datetime) -> str:
        return at.astimezone(timezone(timedelta(minutes=self.random.choice([0, 60, 120, -300])))).isoformat()

    def _user(self, number: int, login: str) -> Json:
        devices = [
            {"token": f"token-{number}-{k}", "platform": self.random.choice(["android", "ios", "web"])}
            for k in range(self.random.choice([0, 1, 1, 2]))
        ]
        groups = self.random.sample(GROUPS, self.random.randrange(3))
        found: Json = {
            "login": login,
            "name": login.title(),
            "email": f"p{number}@example.org",
            "groups": groups,
        }
        found |= {"devices": devices} | ({"deleted": True} if number == 11 else {})
        return found | ({"zone": "Asia/Tokyo", "language": "de"} if number == 3 else {})

    def _workspace(self, number: int, kind: str, days: int) -> None:
        r = self.random
        created = START + timedelta(seconds=r.randrange(-5 * 86_400, int(days * 0.6 * 86_400)))
        attrs, roles = self._memo() if kind == MEMO else self._case(days)
        name = f"{kind} {number} <&> [x]"
        made = {
            "id": number,
            "type": kind,
            "name": name,
            "created": self._instant(created),
            "attrs": attrs,
            "roles": roles,
        }
        self.workspaces.append(made)
        if r.random() < 0.8:
            self.events.append((created, {"kind": "workspace_created", "workspace": number}))
        at, life = created, _Life(number, kind)
        for _ in range(r.randrange(22)):
            at += timedelta(seconds=r.choice(PAUSES))
            event = self._event(life, at) if at <= self.end else None
            if event is not None:
                self.events.append((at, {"workspace": number, **event}))

    def _memo(self) -> tuple[Json, Json]:
        return {"Memo.state": self.random.choice(["new", "sent"])}, {
            "author": [self.random.choice(LOGINS[:11])]
        }

    def _case(self, days: int) -> tuple[Json, Json]:
        r = self.random
        attrs: Json = {"Main data.status": r.choice(STATUSES), "Main data.amount": r.randrange(100)}
        if r.random() < 0.7:
            attrs["Main data.due"] = _day(START + timedelta(days=r.randrange(-3, days + 8)))
        if r.random() < 0.5:
            attrs["Main data.meeting"] = self._instant(
                START + timedelta(seconds=r.randrange((days + 4) * 86_400))
            )
        if r.random() < 0.5:
            attrs["Main data.urgent"] = r.random() < 0.5
        if r.random() < 0.6:
            attrs["Main data.clerk in charge"] = r.choice(LOGINS)
        if r.random() < 0.3:
            attrs["Extra.status"] = r.choice(["x", "y"])
        return attrs, {"Case owner": r.sample(LOGINS, r.randrange(3)), "clerk": [r.choice(GROUPS + LOGINS)]}

    # -- what happens ----------------------------------------------------------------------------------------

    def _event(self, life: _Life, at: datetime) -> Json | None:
        chance, by = self.random.random(), self.random.choice(LOGINS)
        if chance < 0.25:
            attr, value = self._value(life, at)
            return {"kind": "attribute_changed", "attr": attr, "value": value, "by": by}
        if chance < 0.55:
            return self._paper(life, at, chance, by)
        if chance < 0.85:
            return self._step(life, at, chance < 0.72, by)
        if chance < 0.93:
            role = (
                "author" if life.kind == MEMO else self.random.choice(["Case owner", "clerk", "Empty role"])
            )
            members = self.random.sample(LOGINS + GROUPS, self.random.randrange(3))
            return {"kind": "role_changed", "role": role, "members": members}
        return {"kind": "comment_added", "by": by, "text": f"said {self.random.randrange(99)}"}

    def _value(self, life: _Life, at: datetime) -> tuple[str, Any]:
        r = self.random
        if life.kind == MEMO:
            return "Memo.state", r.choice(["new", "sent", "read"])
        values = {
            "status": r.choice(STATUSES),
            "due": r.choice([None, _day(at + timedelta(days=r.randrange(-2, 9)))]),
            "meeting": self._instant(at + timedelta(hours=r.randrange(-5, 100))),
            "amount": r.randrange(100),
            "urgent": r.random() < 0.5,
            "clerk in charge": r.choice(LOGINS),
        }
        name = r.choice(sorted(values))
        return f"Main data.{name}", values[name]

    def _paper(self, life: _Life, at: datetime, chance: float, by: str) -> Json | None:
        if chance < 0.42:
            self._documents += 1
            life.documents.append(self._documents)
            kind = self.random.choice(["ID copy", "Certificate", "Letter"])
            made = {
                "kind": "document_added",
                "id": self._documents,
                "name": f"{self._documents}.pdf",
                "type": kind,
                "by": by,
            }
            lasts = kind == "Certificate" and self.random.random() < 0.8
            return made | (
                {"expires": _day(at + timedelta(days=self.random.randrange(-1, 6)))} if lasts else {}
            )
        if not life.documents:
            return None
        number = self.random.choice(life.documents)
        if chance < 0.50:
            return {"kind": "version_added", "id": number, "by": by}
        life.documents.remove(number)
        return {"kind": "document_deleted", "id": number, "by": by}

    def _step(self, life: _Life, at: datetime, begins: bool, by: str) -> Json | None:
        r = self.random
        if begins:
            process = r.choice([7, 8, 7000 + life.number])
            step = life.steps[process] = life.steps.get(process, 0) + 1
            life.open.append((process, step))
            title, to = r.choice(["Check", "Approve it", "Sign"]), r.choice(LOGINS + GROUPS)
            made = {"kind": "step_assigned", "process": process, "step": step, "title": title, "to": to}
            return made | (
                {"due": self._instant(at + timedelta(hours=r.randrange(1, 60)))} if r.random() < 0.5 else {}
            )
        if not life.open:
            return None
        process, step = life.open.pop(r.randrange(len(life.open)))
        disposition = r.choice(["approved", "rejected"])
        return {
            "kind": "step_completed",
            "process": process,
            "step": step,
            "by": by,
            "disposition": disposition,
        }


class _Life:
    """What is there in one workspace while its events are made up."""

    def __init__(self, number: int, kind: str) -> None:
        self.number, self.kind = number, kind
        self.documents: list[int] = []
        self.steps: dict[int, int] = {}
        self.open: list[tuple[int, int]] = []


def _day(at: datetime) -> str:
    return at.date().isoformat()


def _text(at: datetime) -> str:
    return at.isoformat()


TYPES: list[Json] = [
    {
        "type": CASE,
        "categories": [
            {
                "name": "Main data",
                "attributes": [
                    {"name": "status", "kind": "string", "values": STATUSES},
                    {"name": "due", "kind": "date"},
                    {"name": "meeting", "kind": "datetime"},
                    {"name": "amount", "kind": "integer"},
                    {"name": "urgent", "kind": "boolean"},
                    {"name": "clerk in charge", "kind": "user"},
                ],
            },
            {"name": "Extra", "attributes": [{"name": "status", "kind": "string"}]},
        ],
        "roles": ["Case owner", "clerk", "Empty role"],
        "required_documents": [{"type": "ID copy"}, {"type": "Certificate", "valid_months": 12}],
    },
    {
        "type": MEMO,
        "categories": [{"name": "Memo", "attributes": [{"name": "state", "kind": "string"}]}],
        "roles": ["author"],
        "required_documents": [],
    },
]

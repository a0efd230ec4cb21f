"""Builds invented estates: collects workspaces and events, and saves them in the format of docs/estates.md.

Ids are sequential, instants have their offset, and events are saved in the order of their instants: the same calls give the same
bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]


class EstateBuilder:
    """The workspaces and events of an estate under construction. `day` 0 is the first day that the demo watches."""

    def __init__(self, name: str, zone: str, first_day: date) -> None:
        self.name = name
        self.zone = ZoneInfo(zone)
        self.first_day = first_day
        self.workspaces: list[Json] = []
        self.events: list[tuple[datetime, Json]] = []
        self._documents = 500_000
        self._processes = 800_000

    def at(self, day: int, clock: str = "09:00") -> datetime:
        """An instant in the estate's zone, `day` days after the first day (negative: before it)."""
        return datetime.combine(self.day(day), time.fromisoformat(clock), self.zone)

    def day(self, day: int) -> date:
        return self.first_day + timedelta(days=day)

    def workspace(
        self,
        type_: str,
        name: str,
        created: datetime,
        attrs: Mapping[str, Any],
        roles: Mapping[str, Sequence[str]],
        related: Sequence[int] = (),
    ) -> int:
        """Add a workspace created at `created`; returns its id. `related` are its children."""
        found = 100_001 + len(self.workspaces)
        self.workspaces.append(
            {
                "id": found,
                "type": type_,
                "name": name,
                "created": _written(created),
                "attrs": {key: _written(value) for key, value in attrs.items()},
                "roles": {role: list(members) for role, members in roles.items()},
                **({"related": list(related)} if related else {}),
            }
        )
        self._note(created, "workspace_created", workspace=found)
        return found

    def attribute(self, when: datetime, workspace: int, attr: str, value: Any, by: str) -> None:
        self._note(when, "attribute_changed", workspace=workspace, attr=attr, value=_written(value), by=by)

    def document(
        self, when: datetime, workspace: int, name: str, type_: str, by: str, expires: date | None = None
    ) -> int:
        """Add a document; returns its id."""
        self._documents += 1
        more = {} if expires is None else {"expires": _written(expires)}
        self._note(
            when,
            "document_added",
            workspace=workspace,
            id=self._documents,
            name=name,
            type=type_,
            by=by,
            **more,
        )
        return self._documents

    def version(self, when: datetime, workspace: int, document: int, by: str) -> None:
        self._note(when, "version_added", workspace=workspace, id=document, by=by)

    def process(self) -> int:
        """The number of a new process, for `assign` and `complete`."""
        self._processes += 1
        return self._processes

    def assign(
        self,
        when: datetime,
        workspace: int,
        process: int,
        step: int,
        title: str,
        to: str,
        due: datetime | None = None,
    ) -> None:
        more = {} if due is None else {"due": _written(due)}
        self._note(
            when, "step_assigned", workspace=workspace, process=process, step=step, title=title, to=to, **more
        )

    def complete(
        self, when: datetime, workspace: int, process: int, step: int, by: str, disposition: str
    ) -> None:
        self._note(
            when,
            "step_completed",
            workspace=workspace,
            process=process,
            step=step,
            by=by,
            disposition=disposition,
        )

    def role(self, when: datetime, workspace: int, role: str, members: Sequence[str]) -> None:
        self._note(when, "role_changed", workspace=workspace, role=role, members=list(members))

    def comment(self, when: datetime, workspace: int, by: str, text: str) -> None:
        self._note(when, "comment_added", workspace=workspace, by=by, text=text)

    def leave(self, when: datetime, login: str) -> None:
        """Delete the person's account."""
        self._note(when, "user_deleted", login=login)

    def _note(self, when: datetime, kind: str, **more: Any) -> None:
        self.events.append((when, {"ts": _written(when), "kind": kind, **more}))

    def save(self, folder: Path, types: Iterable[Json], users: Iterable[Json], until: datetime) -> None:
        """Write the estate's five files. Events after `until` are left out."""
        folder.mkdir(parents=True, exist_ok=True)
        # Sorting is stable: what was written down first stays first within one instant.
        self.events = sorted((e for e in self.events if e[0] <= until), key=lambda event: event[0])
        meta = {
            "name": self.name,
            "zone": self.zone.key,
            "start": self.events[0][1]["ts"],
            "public_url": "https://ecm.example.org",
        }
        (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", "utf-8")
        _lines(folder / "types.jsonl", types)
        _lines(folder / "users.jsonl", users)
        _lines(folder / "workspaces.jsonl", self.workspaces)
        _lines(folder / "events.jsonl", (event for _, event in self.events))


def _written(value: Any) -> Any:
    """Instants and dates in the format; other values unchanged."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else value


def _lines(path: Path, rows: Iterable[Json]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def business_days_after(day: date, count: int) -> date:
    """The day from which `-{count}bd` leads back to `day`. Considers only weekends: no holiday may lie between."""
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day

"""What happens in a trial, drawn by its seed, and who must be told of it: the checker's own few lines, not Vigil's.

Each happening has one right answer, whenever a run sees it: a role changes only before something else happens in its workspace, a
status changes once, and what is wrong stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.outside.estate import INSIDERS, RECORDS, Place, people

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """What these people must be shown from the instant `at` on. A `moment` comes by Vigil's clock, all else when it happens."""

    said: str
    people: frozenset[str]
    at: datetime
    moment: bool = False


@dataclass(frozen=True, slots=True)
class Happening:
    """Events of one instant, as POST /sandbox/events takes them, and what is to be told of them."""

    events: tuple[Json, ...]
    expected: tuple[Expected, ...]


class Story:
    """What happens in these places. `next` draws it; the same seed and the same instants give the same story."""

    def __init__(self, random: Random, places: Sequence[Place]) -> None:
        self._random, self._places = random, places
        self._contracts = [p for p in places if p.type == "Contract"]
        self._roles = {p.id: dict(p.roles) for p in places}
        self._touched: set[int] = set()  # where something has happened
        self._status: set[int] = set()  # where the status has changed
        self._wrong: set[tuple[str, int]] = {("unled", p.id) for p in self._contracts if p.lead is None}
        self._wrong |= {("unproven", p.id) for p in self._contracts if not p.certified}
        self._versions: dict[int, tuple[int, str, int]] = {}  # document -> workspace, name, newest version
        self._open = {p.process: p for p in self._contracts}  # of the steps that are open from the start
        self._number = 0
        self._kinds: Sequence[Callable[[datetime], Happening | None]] = (
            *[self._document] * 4, *[self._version] * 2, *[self._filed] * 2, *[self._assigned] * 2, self._due, self._completed,
            self._comment, self._status_changed, self._lead_lost, self._certificate_lost, self._role_changed,
        )  # fmt: skip

    def beginning(self, start: datetime, first: datetime) -> Iterator[Expected]:
        """What is to be told of the places as they are at the start, and of their dates after the instant of the `first` run."""
        for rule, place in sorted(self._wrong):
            yield self._told(rule, place, start, "steward" if rule == "unled" else "owner")
        for contract in self._contracts:
            if contract.renews is None:
                continue
            at = contract.renews - timedelta(days=7)
            if at > first:  # docs/rules.md: what lies before the first run with a rule is not told
                both = (*contract.roles["owner"], *contract.roles["steward"])
                yield Expected(said("renewal", contract.id), people(both), at, moment=True)

    def next(self, at: datetime) -> Happening:
        """Something that happens at this instant."""
        while True:
            happened = self._random.choice(self._kinds)(at)
            if happened is not None:
                self._touched.update(e["workspace"] for e in happened.events)
                return happened

    def _told(self, rule: str, place: int, at: datetime, role: str, **of: object) -> Expected:
        return Expected(said(rule, place, **of), people(self._roles[place][role]), at)

    def _count(self) -> int:
        self._number += 1
        return self._number

    def _new_document(self, place: int) -> Json:
        n = self._count()
        self._versions[9000 + n] = place, f"memo {n}", 1
        return {
            "kind": "document_added",
            "workspace": place,
            "id": 9000 + n,
            "name": f"memo {n}",
            "type": "Memo",
            "by": "cem",
        }

    def _document(self, at: datetime) -> Happening:
        place = self._random.choice(self._contracts).id
        event = self._new_document(place)
        return Happening((event,), (self._told("added", place, at, "owner", document=event["name"]),))

    def _filed(self, at: datetime) -> Happening:
        place = self._random.choice([p for p in self._places if p.type == "Case"]).id
        event = self._new_document(place)
        return Happening((event,), (self._told("filed", place, at, "supervisor", document=event["name"]),))

    def _version(self, at: datetime) -> Happening | None:
        known = [d for d, (place, _, _) in self._versions.items() if "steward" in self._roles[place]]
        if not known:
            return None
        document = self._random.choice(known)
        place, name, newest = self._versions[document]
        self._versions[document] = place, name, newest + 1
        event = {"kind": "version_added", "workspace": place, "id": document, "by": "cem"}
        return Happening(
            (event,), (self._told("versions", place, at, "steward", document=name, version=newest + 1),)
        )

    def _assigned(self, at: datetime) -> Happening:
        return self._step(at, None)

    def _due(self, at: datetime) -> Happening:
        return self._step(at, at + timedelta(minutes=self._random.randrange(5, 25)))

    def _step(self, at: datetime, due: datetime | None) -> Happening:
        """A step that stays open: nobody is told of one that was completed before a run saw it."""
        place, assignee, n = (
            self._random.choice(self._contracts).id,
            self._random.choice(INSIDERS),
            self._count(),
        )
        title = f"step {n}"
        event = {
            "kind": "step_assigned",
            "workspace": place,
            "process": n,
            "step": 1,
            "title": title,
            "to": assignee,
        }
        told = Expected(said("assigned", place, title=title), frozenset({assignee}), at)
        if due is None:
            return Happening((event,), (told,))
        late = Expected(said("overdue", place, title=title), people((RECORDS,)), due, moment=True)
        return Happening((event | {"due": due.isoformat()},), (told, late))

    def _completed(self, at: datetime) -> Happening | None:
        """A step that was open from the start is done."""
        if not self._open:
            return None
        process = self._random.choice(sorted(self._open))
        place = self._open.pop(process)
        event = {
            "kind": "step_completed",
            "workspace": place.id,
            "process": process,
            "step": 1,
            "by": "cem",
            "disposition": "approved",
        }
        return Happening((event,), (self._told("completed", place.id, at, "steward", title=place.step),))

    def _comment(self, at: datetime) -> Happening:
        place, text = self._random.choice(self._contracts).id, f"remark {self._count()}"
        event = {"kind": "comment_added", "workspace": place, "text": text, "by": "cem"}
        return Happening(
            (event,), (self._told("comments", place, at, "owner", text=f"Comment Added: {text}"),)
        )

    def _status_changed(self, at: datetime) -> Happening | None:
        left = [p.id for p in self._contracts if p.id not in self._status]
        if not left:
            return None
        place, to = self._random.choice(left), f"stage {self._count()}"
        self._status.add(place)
        event = {
            "kind": "attribute_changed",
            "workspace": place,
            "attr": "Terms.status",
            "value": to,
            "by": "cem",
        }
        return Happening((event,), (self._told("status", place, at, "owner", to=to),))

    def _lead_lost(self, at: datetime) -> Happening | None:
        event = {"kind": "attribute_changed", "attr": "Terms.lead", "value": None, "by": "cem"}
        return self._goes_wrong("unled", "steward", at, event)

    def _certificate_lost(self, at: datetime) -> Happening | None:
        return self._goes_wrong("unproven", "owner", at, {"kind": "document_deleted", "by": "cem"})

    def _goes_wrong(self, rule: str, role: str, at: datetime, event: Json) -> Happening | None:
        left = [p for p in self._contracts if (rule, p.id) not in self._wrong]
        if not left:
            return None
        place = self._random.choice(left)
        self._wrong.add((rule, place.id))
        event |= {"workspace": place.id} | (
            {"id": place.certificate} if event["kind"] == "document_deleted" else {}
        )
        return Happening((event,), (self._told(rule, place.id, at, role),))

    def _role_changed(self, at: datetime) -> Happening | None:
        """Somebody else owns a contract; then a document comes into it."""
        left = [p for p in self._contracts if p.id not in self._touched and p.renews is None]
        if not left:
            return None
        place = self._random.choice(left).id
        now = [p for p in INSIDERS if p not in people(self._roles[place]["owner"])]
        self._roles[place]["owner"] = (self._random.choice(now),)
        event = {
            "kind": "role_changed",
            "workspace": place,
            "role": "owner",
            "members": list(self._roles[place]["owner"]),
        }
        document = self._new_document(place)
        return Happening(
            (event, document), (self._told("added", place, at, "owner", document=document["name"]),)
        )


def said(rule: str, place: int, **of: object) -> str:
    """A notice's body, as the templates of the site write it."""
    return "|".join([rule, str(place), *(f"{key}={of[key]}" for key in sorted(of))])

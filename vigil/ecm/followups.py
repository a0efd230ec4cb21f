"""Extended ECM's own reminders on items: `GET /v2/nodes/{id}/followups`. Contract: docs/contracts/ecm.md#followups."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import Client
from vigil.ecm.errors import EcmError, NotReadable
from vigil.ecm.people import MemberDirectory

COMPLETED = 2
"""The only status of a reminder that is done: open, active and being worked on are others, and versions have more."""


@dataclass(frozen=True, slots=True)
class Assignee:
    """One whom a reminder names: `name` as the reminder writes it, empty where it has only the id."""

    id: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Reminder:
    """A reminder as Extended ECM writes it. `due` is a day, or an instant in UTC; None without one."""

    id: int
    node: int
    status: int | None
    due: date | datetime | None
    description: str
    assignees: tuple[Assignee, ...]

    @property
    def is_open(self) -> bool:
        return self.status != COMPLETED


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One open reminder with a date. `assignees` are logins, `others` the names of groups, roles and of people who are not known."""

    node: int
    due: date | datetime
    description: str
    assignees: tuple[str, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FollowUps:
    """Open reminders of some nodes. `absent` is ECM's own message if it has none at all: the module is not installed."""

    found: tuple[FollowUp, ...] = ()
    absent: str = ""


def reminders(answer: Json, zone: tzinfo) -> list[Reminder]:
    """The reminders of `GET /v2/nodes/{id}/followups`. Raises LookupError, TypeError or ValueError for another shape."""
    rows = answer["results"]["followups"]
    if not isinstance(rows, list):
        raise TypeError("no list of follow-ups")
    return [reminder(row["data"]["followup"], zone) for row in rows]


def reminder(row: Json, zone: tzinfo) -> Reminder:
    """One reminder, as also rows of the search and of a node have them. Raises LookupError, TypeError or ValueError."""
    given = row.get("assignees")
    return Reminder(
        id=parse.identity(row["followup_id"]),
        node=parse.identity(row["data_id"]),
        status=parse.integer(row.get("status")),
        due=_due(row.get("due_date"), zone),
        description=parse.clean(str(row.get("description") or "")),
        assignees=tuple(_assignee(one) for one in (given if isinstance(given, list) else [given]) if one),
    )


def _due(text: object, zone: tzinfo) -> date | datetime | None:
    """A day is written as its midnight in UTC, which a server in another zone shows shifted. Anything else is an instant."""
    moment = parse.instant(text, zone)
    if moment is None or moment != moment.replace(hour=0, minute=0, second=0, microsecond=0):
        return moment
    return moment.astimezone(UTC).date()


def _assignee(one: object) -> Assignee:
    if isinstance(one, dict):
        return Assignee(parse.identity(one["id"]), parse.clean(str(one.get("name") or "")))
    return Assignee(parse.identity(one))


async def read(client: Client, nodes: Sequence[int]) -> FollowUps:
    """The open reminders of some nodes, one request each.

    An unreadable node has none; if no node gets an answer, the module counts as absent. Raises Unavailable, Refused and Malformed.
    """
    answers = await asyncio.gather(*(_one(client, node) for node in nodes))
    refused = [a for a in answers if isinstance(a, NotReadable)]
    if nodes and len(refused) == len(nodes):
        return FollowUps(absent=refused[0].message)
    found = [r for a in answers if isinstance(a, list) for r in a if r.is_open]
    directory = MemberDirectory(client)
    failed = await directory.ensure({one.id for r in found for one in r.assignees})
    return FollowUps(tuple(_followup(directory, failed, r, r.due) for r in found if r.due is not None))


async def _one(client: Client, node: int) -> list[Reminder] | NotReadable:
    path = f"/v2/nodes/{node}/followups"
    try:
        answer = await client.get(path)
    except NotReadable as error:
        return error
    with parse.shaped(path):
        return reminders(answer, client.settings.tz)


def _followup(
    directory: MemberDirectory, failed: Mapping[int, EcmError], of: Reminder, due: date | datetime
) -> FollowUp:
    people: list[str] = []
    others: list[str] = []
    for one in of.assignees:
        if one.id in failed:
            others.append(one.name or f"id:{one.id}")
        elif directory.principal(one.id).startswith("user:"):
            people.append(directory.login(one.id))
        else:
            others.append(directory.login(one.id))
    return FollowUp(of.node, due, of.description, tuple(people), tuple(others))

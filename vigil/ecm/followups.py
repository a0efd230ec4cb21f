"""Extended ECM's own reminders on items: `GET /v2/nodes/{id}/followups`. Contract: docs/contracts/ecm.md#followups."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import Client
from vigil.ecm.errors import NotReadable
from vigil.ecm.people import MemberDirectory

OPEN = 1


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One open reminder; `assignees` are logins."""

    node: int
    due: datetime
    description: str
    assignees: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FollowUps:
    """Open reminders of some nodes. `absent` is ECM's own message if it has none at all: the module is not installed."""

    found: tuple[FollowUp, ...] = ()
    absent: str = ""


async def read(client: Client, nodes: Sequence[int]) -> FollowUps:
    """The open reminders of some nodes, one request each.

    An unreadable node has none; if no node gets an answer, the module counts as absent. Raises Unavailable, Refused and Malformed.
    """
    answers = await asyncio.gather(*(_one(client, node) for node in nodes))
    refused = [a for a in answers if isinstance(a, NotReadable)]
    if nodes and len(refused) == len(nodes):
        return FollowUps(absent=refused[0].message)
    rows = [(node, row) for node, a in zip(nodes, answers, strict=True) if isinstance(a, list) for row in a]
    directory = MemberDirectory(client)
    await directory.ensure({i for _, row in rows for i in parse.integers(row.get("assignees"))})
    found = [_followup(client, directory, node, row) for node, row in rows]
    return FollowUps(tuple(f for f in found if f is not None))


async def _one(client: Client, node: int) -> list[Json] | NotReadable:
    path = f"/v2/nodes/{node}/followups"
    try:
        answer = await client.get(path)
    except NotReadable as error:
        return error
    with parse.shaped(path):
        return [row["data"]["followup"] for row in answer["results"]["followups"]]


def _followup(client: Client, directory: MemberDirectory, node: int, row: Json) -> FollowUp | None:
    """One reminder; None if it is done or has no date."""
    with parse.shaped(f"/v2/nodes/{node}/followups"):
        due = parse.instant(row.get("due_date"), client.settings.tz)
        if due is None or parse.integer(row.get("status")) != OPEN:
            return None
        people = tuple(directory.login(i) for i in parse.integers(row.get("assignees")))
        return FollowUp(node, due, str(row.get("description") or ""), people)

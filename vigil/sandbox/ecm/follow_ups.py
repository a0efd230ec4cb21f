"""``GET /v2/nodes/{id}/followups``, and the same reminders in rows of search (quirk 35).

A document that expires has a reminder on that day; a version with a later date completes it and brings the next one.
"""

from __future__ import annotations

from datetime import UTC, datetime

from vigil.sandbox.ecm.call import Call
from vigil.sandbox.ecm.protocol import Json
from vigil.sandbox.world.ids import BLOCK, Family
from vigil.sandbox.world.state import Node, WorldDocument

OPEN, ACTIVE, IN_PROGRESS, COMPLETED = 1, -1, -2, 2
_OPEN = (OPEN, ACTIVE, IN_PROGRESS)


def followups(call: Call) -> Json:
    call.site.needs_module("followups")
    found = call.readable(parent=True)
    entries = [{"data": {"followup": entry}} for entry in of_node(call, found)]
    return {"links": call.self_link(), "results": {"followups": entries}}


def of_node(call: Call, node: Node) -> list[Json]:
    """All reminders of a node, the oldest first."""
    if not isinstance(node, WorldDocument):
        return []
    past = [_reminder(call, node, day, version, COMPLETED) for day, version in node.past_expiries]
    if node.expires is None:
        return past
    number = node.past_expiries[-1][1] + 1 if node.past_expiries else 1
    status = _OPEN[node.id % 3] if call.site.quirks.followup_statuses else OPEN
    return [*past, _reminder(call, node, node.expires, number, status)]


def _reminder(call: Call, document: WorldDocument, day: str, version: int, status: int) -> Json:
    """`version`: the number of the version that brought the day."""
    world = call.site.world
    source = document.versions[min(version, len(document.versions)) - 1]
    number = world.ids.of(Family.FOLLOWUP, source.id % BLOCK)
    due = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
    return {
        "activation_by_day": 0,
        "activation_date": None,
        "assignees": _assignees(call, document),
        "create_date": _date(call, source.at),
        "create_user_id": world.user_id(source.by),
        "data_id": document.id,
        "description": f"{document.name} expires",
        # A day is midnight UTC; a server that writes naive dates shows it in its own zone.
        "due_date": _date(call, due),
        "end_sequence_date": None,
        "followup_client": world.structure_id(0),
        "followup_client_name": "Document validity",
        "followup_handler": 1,
        "followup_id": number,
        "followup_type": 2,
        "followup_type_name": "Document expires",
        "parent_id": number,
        "rule": 0,
        "start_sequence_date": None,
        "status": status,
        "status_by": world.user_id(document.modified_by) if status == COMPLETED else None,
    }


def _date(call: Call, at: int) -> str:
    return call.site.world.zulu(at) if call.site.quirks.mixed_dates else call.site.world.local(at)


def _assignees(call: Call, document: WorldDocument) -> list[Json] | list[int]:
    world, form = call.site.world, call.site.quirks.followup_assignees
    roles = document.workspace.type.roles
    if form == "roles" and roles:
        return [{"id": world.role_id(document.workspace, roles[0]), "name": roles[0]}]
    number = world.user_id(document.by)
    if form == "ids":
        return [number]
    found = world.estate.users.get(document.by or "")
    return [{"id": number, "name": found.name if found else "Vigil"}]

"""Which reader reads the answers of which request."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.recorded import Recording
from vigil.ecm import categories, followups, parse, recycle_bin, search, steps
from vigil.ecm.answers import Json
from vigil.ecm.errors import Malformed
from vigil.ecm.paging import Page, page_of
from vigil.ecm.schema import listed_types

ZONE = ZoneInfo("Asia/Kolkata")
"""A zone in which naive dates and those in UTC differ, by half an hour more than whole hours."""


@dataclass(frozen=True, slots=True)
class Node:
    """What is read of a node's row."""

    id: int
    type: int | None
    modified: str | None
    size: int | None
    version: int | None


def _node(row: Json) -> Node:
    found = parse.properties(row)
    modified = parse.instant(found.get("modify_date"), ZONE)
    versions = parse.versions(row)
    return Node(
        parse.node_id(row),
        parse.integer(found.get("type")),
        None if modified is None else modified.isoformat(),
        parse.held(found) if found.get("type") != parse.DOCUMENT else None,
        parse.integer(versions[-1].get("version_number")) if versions else None,
    )


def _page(answer: Json, rows: list[Json] | None = None) -> Page:
    return page_of(answer, 1, 100, "/list", rows)


def nodes(answer: Json) -> tuple[list[Node], int | None, bool]:
    """The rows of a list, its count, and whether there are more pages."""
    page = _page(answer)
    return [_node(row) for row in page.rows], page.total, page.more


def node(answer: Json) -> Node:
    return _node(parse.single(answer, "/node"))


def workspace(answer: Json) -> tuple[int, dict[str, Any]]:
    """A workspace with its attributes by its own definitions; user attributes stay ids."""
    found = parse.single(answer, "/workspace")
    data = parse.mapping(found.get("data"))
    known = categories.definitions({"results": found})
    values = categories.flat(data)
    read = categories.category_ids(values)
    attributes = (
        categories.attributes(values, known, ZONE, lambda number: f"id:{number}")
        if read <= known.keys()
        else {}
    )
    return parse.node_id(found), dict(attributes) or values


def values(answer: Json) -> tuple[int, dict[str, Any]]:
    found = parse.single(answer, "/node")
    return parse.node_id(found), categories.flat(parse.mapping(found.get("data")))


def member(answer: Json) -> parse.Member:
    return parse.member(parse.properties(parse.single(answer, "/member")))


def members(answer: Json) -> list[parse.Member]:
    return [parse.member(parse.properties(row)) for row in _page(answer).rows]


def audit(answer: Json) -> tuple[list[tuple[str, str, int | None]], int | None, bool]:
    """The events: name by the answer's own table, instant, user."""
    page = _page(answer, parse.audit_rows(answer))
    names = parse.audit_names(answer)
    events = []
    for row in page.rows:
        at, kind = parse.instant(row["audit_date"], ZONE), int(row["event_type"])
        if at is None:
            raise Malformed("/audit", "a row has no audit_date")
        events.append((names.get(kind, f"event {kind}"), at.isoformat(), parse.integer(row.get("user_id"))))
    return events, page.total, page.more


def workflows(answer: Json) -> dict[int, bool]:
    """Process -> whether it has ended."""
    assert all(steps.row_hash(row) for row in steps.listed(answer))
    return {steps.process_id(row): steps.is_ended(row, "ontime") for row in steps.listed(answer)}


def process(answer: Json) -> list[Any]:
    results = parse.single(answer, "/process")
    steps.users(results, "/process")
    steps.attachment_folder(results)
    read = steps.Process(steps.work_id(results, 1), results, "/process", {})
    return steps.of_process(read, 1, ZONE, lambda number: f"user:id:{number}")


def roles(answer: Json) -> list[parse.Role]:
    return [parse.role(row) for row in parse.rows(answer, "/roles")]


def home(answer: Json) -> tuple[int, int | None]:
    return parse.identity(answer["id"]), parse.integer(answer.get("type"))


def server(answer: Json) -> tuple[str, str]:
    found = parse.mapping(answer.get("server"))
    return str(found.get("version") or ""), str(found.get("current_date") or "")


READERS: dict[str, tuple[Callable[[Json], Any], ...]] = {
    r"GET /v2/businessworkspaces": (nodes,),
    r"GET /v2/businessworkspaces/\d+": (workspace,),
    r"GET /v2/businessworkspaces/(\d+|\{id\})/relateditems(picklist)?": (nodes,),
    r"GET /v2/businessworkspaces/\d+/roles": (roles,),
    r"GET /v2/businessworkspaces/\d+/roles/\d+/members": (members,),
    r"GET /v2/businessworkspaces/\d+/(missing|inprocess)documents": (parse.missing_types,),
    r"GET /v2/businessworkspaces/\d+/doctypes": (parse.doc_types,),
    r"GET /v2/businessworkspacetypes": (listed_types,),
    r"GET /v2/nodes/\d+": (node, values),
    r"GET /v2/nodes/\d+/nodes": (nodes,),
    r"POST /v2/nodes/list": (nodes,),
    r"GET /v2/nodes/\d+/categories": (categories.definitions,),
    r"GET /v2/nodes/\d+/audit": (audit,),
    r"GET /v[12]/nodes/\d+/versions(/\d+)?": (parse.version_list,),
    r"GET /v2/nodes/\d+/followups": (lambda answer: followups.reminders(answer, ZONE),),
    r"GET /v1/nodes/(\d+|\{id\})/classifications": (parse.classifications,),
    r"GET /v1/nodes/(\d+|\{id\})/businessworkspace": (home,),
    r"GET /v2/members/\d+": (member,),
    r"GET /v2/members": (members,),
    r"GET /v2/members/\d+/members": (members,),
    r"GET /v2/workflows/status": (workflows,),
    r"GET /v2/workflows/status/processes/\d+": (process,),
    r"GET /v2/workflows/status/info": (lambda answer: steps.ends_of_info(answer, ZONE),),
    r"GET /v2/processes/[^/]+/subprocesses/[^/]+/activities": (
        lambda answer: steps.activities(answer, ZONE),
    ),
    r"GET /v2/workflows/[^/]+/subworkflows/[^/]+/activities": (
        lambda answer: steps.activities(answer, ZONE),
    ),
    r"POST /v2/search": (lambda answer: search.page(answer, ZONE),),
    r"GET /v2/volumes/recyclebin/nodes": (lambda answer: recycle_bin.rows(answer, ZONE),),
    r"GET /v1/serverinfo": (server,),
}

UNREAD = {
    r"GET /v2/members/assignments": "the caller's own, and a service user has none",
    r"GET /v2/businessworkspace/myteamtodo": "people and their files, no steps",
    r"GET /v2/businessworkspace/\d+/reports": "rules judge documents themselves",
}
"""Requests that Vigil does not make."""


def readers(of: Recording) -> tuple[Callable[[Json], Any], ...] | None:
    """The readers of a recording's request; None for a request that nobody reads."""
    request = f"{of.method} {of.path}"
    return next((some for pattern, some in READERS.items() if re.fullmatch(pattern, request)), None)


def is_unread(of: Recording) -> bool:
    return any(re.fullmatch(pattern, f"{of.method} {of.path}") for pattern in UNREAD)

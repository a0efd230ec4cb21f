"""Queries that only `vigil doctor` makes to Extended ECM: the kind of server, and the rights of this user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import Client, Params
from vigil.ecm.errors import NotReadable
from vigil.ecm.paging import read_page

WORKSPACES = "/v2/businessworkspaces"
WORKFLOWS = "/v2/workflows/status"
_MORE_THAN_ANY = 1000  # rows to a page: above every cap of the contract


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The server's information about itself; empty or None where missing. `clock` is naive, in the server's own zone."""

    version: str
    zone: str
    clock: datetime | None


@dataclass(frozen=True, slots=True)
class Twins:
    """One modify date of one workspace from two calls: `naive` without a zone, `utc` with one."""

    workspace: int
    naive: datetime
    utc: datetime


async def server_info(client: Client) -> ServerInfo:
    """`GET /v1/serverinfo`. Missing values are empty: versions differ."""
    found = (await client.get("/v1/serverinfo")).get("server")
    said: Json = found if isinstance(found, dict) else {}
    zone = said.get("time_zone")
    return ServerInfo(
        str(said.get("version") or ""),
        zone if isinstance(zone, str) else "",
        _moment(said.get("current_date")),
    )


async def newest(client: Client, type_id: int) -> tuple[int, str] | None:
    """The newest workspace of a type that this user sees, and its modify date as the list writes it; None without any."""
    params: Params = {
        "where_workspace_type_id": type_id,
        "sort": "desc_modify_date",
        "expanded_view": "true",
        "fields": "properties{id,name,modify_date}",
        "action": "properties-",
        "limit": 1,
        "page": 1,
    }
    rows = parse.rows(await client.get(WORKSPACES, params), WORKSPACES)
    if not rows:
        return None
    with parse.shaped(WORKSPACES):
        return parse.node_id(rows[0]), str(parse.properties(rows[0]).get("modify_date") or "")


async def twins(client: Client, workspace: int, written: str) -> Twins | None:
    """The modify date `written` in a list beside that of the node itself; None if both are written alike.

    Contract: docs/contracts/ecm.md#dates. Some calls return naive dates in the server's zone, others end in Z.
    """
    path = f"/v2/nodes/{workspace}"
    found = parse.properties(parse.single(await client.get(path), path))
    naive, utc = _moment(written), _moment(found.get("modify_date"))
    if naive is None or utc is None or (naive.tzinfo is None) == (utc.tzinfo is None):
        return None
    return Twins(workspace, naive, utc) if naive.tzinfo is None else Twins(workspace, utc, naive)


async def cap(client: Client, path: str, params: Params) -> int:
    """The maximum number of rows in a page of this list, as echoed by the server."""
    return (await read_page(client, path, params, 1, _MORE_THAN_ANY)).limit


async def refusal(client: Client, path: str, params: Params | None = None) -> str:
    """Why a call is refused, in ECM's own words; empty if it works."""
    try:
        await client.get(path, params)
    except NotReadable as error:
        return error.message or "refused"
    return ""


async def managed(client: Client, statuses: Sequence[str] = ("ontime", "workflowlate", "completed")) -> int:
    """How many workflows this user manages, by the first pages. Raises NotReadable without the workflow module."""
    count = 0
    for status in statuses:
        page = await read_page(client, WORKFLOWS, {"Kind": "Managed", "wstatus": status}, 1, 1)
        count += len(page.rows) if page.total is None else page.total
    return count


async def roles_with_members(client: Client, workspace: int) -> bool:
    """Whether this version returns the members of roles in the same call. Contract: docs/contracts/ecm.md#roles."""
    path = f"{WORKSPACES}/{workspace}/roles"
    answer = await client.get(path, {"fields": "members"})
    with parse.shaped(path):
        return all(parse.role(row).members is not None for row in parse.rows(answer, path))


def _moment(text: Any) -> datetime | None:
    """A date as written, with or without a zone."""
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) and text else None
    except ValueError:
        return None

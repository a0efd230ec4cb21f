"""Queries that only `vigil doctor` makes to Extended ECM: the kind of server, and the rights of this user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import Client, Params
from vigil.ecm.dialect import KindSpelling
from vigil.ecm.errors import NotReadable
from vigil.ecm.listing import PATH as WORKSPACES
from vigil.ecm.listing import list_params
from vigil.ecm.paging import read_page

WORKFLOWS = "/v2/workflows/status"
_MORE_THAN_ANY = 1000  # rows to a page: above every cap of the contract


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The server's information about itself; empty or None where missing. `clock` is naive, in the server's own zone.

    `shifts_dates`: whether it may show dates in the zone of the user who asks.
    """

    version: str
    clock: datetime | None
    shifts_dates: bool = False


@dataclass(frozen=True, slots=True)
class Twins:
    """One modify date of one workspace from two calls: `naive` without a zone, `utc` with one."""

    workspace: int
    naive: datetime
    utc: datetime


async def server_info(client: Client) -> ServerInfo:
    """`GET /v1/serverinfo`. Missing values are empty: versions differ. It has no zone."""
    found = (await client.get("/v1/serverinfo")).get("server")
    said: Json = found if isinstance(found, dict) else {}
    return ServerInfo(
        str(said.get("version") or ""),
        _moment(said.get("current_date")),
        said.get("time_zone_offset_enabled") is True,
    )


async def newest(client: Client, type_id: int) -> tuple[int, str] | None:
    """The first workspace of a type's list, newest change first, and its modify date as the list writes it; None without any.

    The date is "" where it is none.
    """
    params: Params = {**list_params(type_id), "limit": 1, "page": 1}
    rows = parse.rows(await client.get(WORKSPACES, params), WORKSPACES)
    if not rows:
        return None
    with parse.shaped(WORKSPACES):
        written = parse.properties(rows[0]).get("modify_date")
        return parse.node_id(rows[0]), written if isinstance(written, str) and _moment(written) else ""


async def count(client: Client, type_id: int) -> int | None:
    """How many workspaces a type's list has by its own count."""
    return (await read_page(client, WORKSPACES, list_params(type_id), 1, 1)).total


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
    """Why a call is refused; empty if it works."""
    try:
        await client.get(path, params)
    except NotReadable as error:
        return error.message or "refused"
    return ""


def managed_params(client: Client, status: str) -> dict[str, str | int]:
    """The parameters of the list of workflows with a status that this user manages, in the dialect's spelling."""
    spelling = client.dialect.kind or KindSpelling.BOTH
    names = ("Kind", "kind") if spelling is KindSpelling.BOTH else (str(spelling),)
    return {**dict.fromkeys(names, "Managed"), "wstatus": status}


async def managed(client: Client, statuses: Sequence[str] = ("ontime", "workflowlate", "completed")) -> int:
    """How many workflows this user manages. The lists have no pages. Raises NotReadable without the workflow module."""
    answers = [await client.get(WORKFLOWS, managed_params(client, status)) for status in statuses]
    return sum(len(parse.rows(answer, WORKFLOWS)) for answer in answers)


def _moment(text: Any) -> datetime | None:
    """A date as written, with or without a zone."""
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) and text else None
    except ValueError:
        return None

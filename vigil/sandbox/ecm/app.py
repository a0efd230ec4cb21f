"""The Extended ECM simulator: the REST API of docs/contracts/ecm.md over a `Site`, as a Starlette application below `/cs/cs`.

Every request goes through `answer`: count, latency, fault, ticket, endpoint. Endpoints are functions of a Call that return JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import parse_qs

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from vigil.sandbox.ecm import (
    follow_ups,
    login,
    members,
    modules,
    nodes,
    recycle_bin,
    search,
    workflow,
    workspaces,
)
from vigil.sandbox.ecm.call import Call
from vigil.sandbox.ecm.faulty import faulty, refusal
from vigil.sandbox.ecm.parameters import PARAMETERS
from vigil.sandbox.ecm.protocol import EcmRefusal, Json, unknown_url
from vigil.sandbox.ecm.site import SimulatedEcm

CGI = "/cs/cs"

Endpoint = Callable[[Call], Json]
ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/v2/nodes/{a:int}/nodes", nodes.children),
    ("GET", "/v2/businessworkspaces", workspaces.workspaces),
    ("POST", "/v2/nodes/list", nodes.listed),
    ("GET", "/v2/nodes/{a:int}", nodes.node),
    ("GET", "/v2/nodes/{a:int}/categories", nodes.categories),
    ("GET", "/v2/nodes/{a:int}/audit", nodes.audit),
    ("GET", "/v2/nodes/{a:int}/versions", nodes.versions),
    ("GET", "/v2/businessworkspaces/{a:int}", workspaces.workspace),
    ("GET", "/v2/businessworkspaces/{a:int}/roles", workspaces.roles),
    ("GET", "/v2/businessworkspaces/{a:int}/roles/{b:int}", workspaces.role),
    ("GET", "/v2/businessworkspaces/{a:int}/roles/{b:int}/members", workspaces.role_members),
    ("GET", "/v2/businessworkspaces/{a:int}/members", workspaces.team),
    ("GET", "/v2/businessworkspaces/{a:int}/members/{b:int}/members", workspaces.team_members),
    ("GET", "/v1/nodes/{a:int}/businessworkspace", workspaces.root),
    ("GET", "/v2/workflows/status/processes/{a:int}", workflow.process),
    ("GET", "/v2/processes/{a:int}/subprocesses/{b:int}/activities", workflow.activities),
    ("GET", "/v2/workflows/{a:int}/subworkflows/{b:int}/activities", workflow.activities),
    ("GET", "/v2/workflows/status", workflow.status),
    ("GET", "/v2/workflows/status/active", workflow.active),
    ("GET", "/v2/workflows/status/info", workflow.info),
    ("POST", "/v2/search", search.search),
    ("GET", "/v1/regions", search.regions),
    ("GET", "/v2/volumes/recyclebin/nodes", recycle_bin.nodes),
    ("GET", "/v2/members/{a:int}", members.member),
    ("GET", "/v2/members/{a:int}/members", members.group_members),
    ("GET", "/v2/members", members.members),
    ("GET", "/v2/businessworkspaces/{a:int}/missingdocuments", modules.missing_documents),
    ("GET", "/v2/businessworkspaces/{a:int}/inprocessdocuments", modules.in_process_documents),
    ("GET", "/v2/businessworkspaces/{a:int}/doctypes", modules.doctypes),
    ("GET", "/v2/businessworkspaces/{a:int}/relateditems", workspaces.related),
    ("GET", "/v2/businessworkspace/{a:int}/reports", modules.reports),
    ("GET", "/v2/businessworkspace/myteamtodo", modules.team_todo),
    ("GET", "/v2/businessworkspacetypes", workspaces.types),
    ("GET", "/v2/nodes/{a:int}/categories/{b:int}", nodes.categories),
    ("GET", "/v2/nodes/{a:int}/versions/{b:int}", nodes.versions),
    ("GET", "/v2/nodes/{a:int}/followups", follow_ups.followups),
    ("GET", "/v1/nodes/{a:int}/classifications", modules.classifications),
    ("GET", "/v2/members/assignments", workflow.assignments),
    ("GET", "/v1/serverinfo", login.server_info),
)


def ecm_app(site: SimulatedEcm, extra: Iterable[Route] = ()) -> Starlette:
    """The application that answers for `site`, with `extra` routes beside those of Extended ECM."""
    app = Starlette(routes=[*_routes(site), *login.routes(site, CGI), *extra])
    app.router.default = _unknown(site)  # an unknown URL is 400
    return app


async def answer(site: SimulatedEcm, name: str, endpoint: Endpoint, request: Request) -> Response:
    """The answer of the endpoint with this name, or what comes in its place: a refusal, a fault."""
    scope = request.scope
    path = scope["path"][len(CGI) + 4 :]
    query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    site.requests[name] += 1
    url = f"{scope['method']} {path}"
    fault = site.faults.pick(name, url, f"{url}?{scope['query_string'].decode()}")
    if site.faults.latency:
        await asyncio.sleep(site.faults.latency)
    form = await read_form(request) if scope["method"] == "POST" else {}
    headers: dict[str, str] = {}
    try:
        ticket = request.headers.get("otcsticket") or request.cookies.get("OTCSTicket")
        caller, rotated = site.tickets.use(ticket)
        if rotated:
            headers["OTCSTicket"] = rotated
        _allow(site, name, query.keys() | form.keys())
        call = Call(site, caller, path, query, form, tuple(scope["path_params"].values()))
        response = Response(orjson.dumps(endpoint(call)), 200, headers, "application/json")
    except EcmRefusal as refused:
        response = refusal(site, refused, headers, suppressed="suppress_response_codes" in {*query, *form})
    if fault is not None:
        response = await faulty(request, response, *fault)
    return site.answered(response, name, url)


def _allow(site: SimulatedEcm, name: str, parameters: Iterable[str]) -> None:
    """Raises EcmRefusal for an endpoint or a parameter that this version does not have."""
    if not site.has_route(name):
        raise unknown_url()
    if site.quirks.strict_parameters and (unknown := set(parameters) - PARAMETERS.get(name, frozenset())):
        raise EcmRefusal(400, f"One or more parameters are invalid: {', '.join(sorted(unknown))}")


async def read_form(request: Request) -> dict[str, list[str]]:
    """A form's values by name, urlencoded or multipart."""
    if request.headers.get("content-type", "").startswith("multipart/"):
        async with request.form() as form:
            return {key: [str(v) for v in form.getlist(key)] for key in form}
    return parse_qs((await request.body()).decode(), keep_blank_values=True)


def _routes(site: SimulatedEcm) -> list[Route]:
    def route(method: str, path: str, endpoint: Endpoint) -> Route:
        name = f"{method} {path.replace('{a:int}', '{id}').replace('{b:int}', '{id}')}"

        async def handle(request: Request) -> Response:
            return await answer(site, name, endpoint, request)

        return Route(f"{CGI}/api{path}", handle, methods=[method])

    return [route(*entry) for entry in ROUTES]


def _unknown(site: SimulatedEcm) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await refusal(site, unknown_url())(scope, receive, send)

    return answer

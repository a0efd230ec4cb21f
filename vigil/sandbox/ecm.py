"""The Extended ECM simulator: the REST API of docs/contracts/ecm.md over a World, as a Starlette application.

`Site(world).app` is the application, served below `/cs/cs`. Every request goes through
`Site.answer`: count, latency, fault, ticket, endpoint. Endpoints are functions of a Call that return JSON.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TypeVar
from urllib.parse import parse_qs

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from vigil.sandbox import ecm_login, ecm_members, ecm_nodes, ecm_workflow, ecm_workspaces
from vigil.sandbox.ecm_call import Call, Caller, Json, Refused
from vigil.sandbox.ecm_categories import Categories
from vigil.sandbox.ecm_faulty import faulty
from vigil.sandbox.ecm_tickets import Tickets
from vigil.sandbox.quirks import Faults, Quirks
from vigil.sandbox.world import World
from vigil.sandbox.world_state import Document, Folder, Node, Process, Workspace

CGI = "/cs/cs"
RECENTLY = 10

Endpoint = Callable[[Call], Json]
ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/v2/nodes/{a:int}/nodes", ecm_nodes.children),
    ("GET", "/v2/businessworkspaces", ecm_workspaces.workspaces),
    ("POST", "/v2/nodes/list", ecm_nodes.listed),
    ("GET", "/v2/nodes/{a:int}", ecm_nodes.node),
    ("GET", "/v2/nodes/{a:int}/categories", ecm_nodes.categories),
    ("GET", "/v2/nodes/{a:int}/audit", ecm_nodes.audit),
    ("GET", "/v2/nodes/{a:int}/versions", ecm_nodes.versions),
    ("GET", "/v2/businessworkspaces/{a:int}", ecm_workspaces.workspace),
    ("GET", "/v2/businessworkspaces/{a:int}/roles", ecm_workspaces.roles),
    ("GET", "/v2/businessworkspaces/{a:int}/roles/{b:int}/members", ecm_workspaces.role_members),
    ("GET", "/v2/workflows/status/processes/{a:int}", ecm_workflow.process),
    ("GET", "/v2/workflows/status/processes/{a:int}/activities", ecm_workflow.activities),
    ("GET", "/v2/workflows/status", ecm_workflow.status),
    ("GET", "/v2/workflows/status/active", ecm_workflow.active),
    ("GET", "/v2/members/{a:int}", ecm_members.member),
    ("GET", "/v2/members/{a:int}/members", ecm_members.group_members),
    ("GET", "/v2/members", ecm_members.members),
    ("GET", "/v2/businessworkspaces/{a:int}/missingdocuments", ecm_workspaces.missing_documents),
    ("GET", "/v2/businessworkspaces/{a:int}/inprocessdocuments", ecm_workspaces.in_process_documents),
    ("GET", "/v2/businessworkspaces/{a:int}/doctypes", ecm_workspaces.doctypes),
    ("GET", "/v2/businessworkspaces/{a:int}/relateditems", ecm_workspaces.related),
    ("GET", "/v2/businessworkspace/{a:int}/reports", ecm_workspaces.reports),
    ("GET", "/v2/businessworkspace/myteamtodo", ecm_workspaces.team_todo),
    ("GET", "/v2/businessworkspacetypes", ecm_workspaces.types),
    ("GET", "/v2/nodes/{a:int}/categories/{b:int}", ecm_nodes.categories),
    ("GET", "/v2/nodes/{a:int}/versions/{b:int}", ecm_nodes.versions),
    ("GET", "/v2/nodes/{a:int}/followups", ecm_nodes.followups),
    ("GET", "/v1/nodes/{a:int}/classifications", ecm_nodes.classifications),
    ("GET", "/v2/members/assignments", ecm_members.assignments),
    ("GET", "/v2/members/moduleassignments/ExpandAssignments/workflow", ecm_members.expanded_assignments),
    ("GET", "/v1/serverinfo", ecm_login.server_info),
)
T = TypeVar("T", Workspace, Node)


class Site:
    """One simulated server: its world, its misbehaviour, its tickets, what it was asked."""

    def __init__(self, world: World, faults: Faults | None = None, extra: Iterable[Route] = ()) -> None:
        self.world = world
        self.faults = faults or Faults()
        self.quirks: Quirks = self.faults.quirks
        self.tickets = Tickets(world, self.quirks, self.faults.seed)
        self.categories = Categories(world, self.quirks)
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.sent = 0
        self._recent: dict[str | None, deque[int]] = {}
        self._shifted: set[str] = set()
        self._visible: dict[str, tuple[int, frozenset[int]]] = {}
        self.quirks_changed()
        world.ahead = lambda event: self.faults.ahead(event.ts, f"event {event.kind}")
        self.app = Starlette(routes=[*_routes(self), *ecm_login.routes(self, CGI), *extra])
        self.app.router.default = _unknown  # an unknown URL is 400

    def quirks_changed(self) -> None:
        """To be called after switches were set: some of them are part of the world's order."""
        self._shifted.clear()
        self.world.folders.depth = self.quirks.folders
        self.world.state.touch_by_children(not self.quirks.child_change_silent)

    # -- one request -----------------------------------------------------------------------------------

    async def answer(self, name: str, endpoint: Endpoint, request: Request) -> Response:
        scope = request.scope
        path = scope["path"][len(CGI) + 4 :]
        query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
        self.requests[name] += 1
        url = f"{scope['method']} {path}"
        fault = self.faults.pick(name, url, f"{url}?{scope['query_string'].decode()}")
        if self.faults.latency:
            await asyncio.sleep(self.faults.latency)
        form = await read_form(request) if scope["method"] == "POST" else {}
        headers: dict[str, str] = {}
        try:
            ticket = request.headers.get("otcsticket") or request.cookies.get("OTCSTicket")
            caller, rotated = self.tickets.use(ticket)
            if rotated:
                headers["OTCSTicket"] = rotated
            call = Call(self, caller, path, query, form, tuple(scope["path_params"].values()))
            response = Response(orjson.dumps(endpoint(call)), 200, headers, "application/json")
        except Refused as refused:
            response = error(refused.status, refused.message, headers)
        if fault is not None:
            response = await faulty(request, response, *fault)
        return self.answered(response, name, url)

    def answered(self, response: Response, *names: str) -> Response:
        """An answer of the endpoint with these names, counted, and dated by the clock of the node that gives it."""
        response.headers["date"] = format_datetime(self.clock(*names).replace(microsecond=0), usegmt=True)
        self.statuses[response.status_code] += 1
        self.sent += len(response.body)
        return response

    # -- what endpoints ask ----------------------------------------------------------------------------

    def clock(self, *names: str) -> datetime:
        """What the clock of the node shows that serves the endpoint with these names."""
        now = self.world.now.astimezone(UTC)
        return now + self.faults.ahead(now, *names)

    def now(self) -> float:
        return self.world.now.timestamp()

    def find(self, caller: Caller, number: int) -> Node | None:
        """A node that exists and that the caller may read."""
        found = self.world.node(number)
        return found if found is not None and self.may_read(caller, found) else None

    def readable(self, call: Call, *, parent: bool = False) -> Node:
        """The node of the path. Raises Refused: 400 when there is none to read, 500 below it (quirks 6 and 7)."""
        found = self.find(call.caller, call.ids[0])
        if found is None:
            if parent and self.quirks.missing_children_500:
                raise Refused(500, "Sorry, the item you requested could not be accessed.")
            raise self.missing(call.ids[0])
        return found

    def missing(self, number: int) -> Refused:
        status = 400 if self.quirks.missing_is_400 else 404
        return Refused(status, f"Sorry, the item {number} could not be accessed. Either it does not exist or you do "
                               "not have permission to access it.")  # fmt: skip

    def may_read(self, caller: Caller, found: Node | Process) -> bool:
        """Rights: the service user reads all but `unreadable`; others what holds them in a role."""
        if self.quirks.unreadable and found.id in self.quirks.unreadable:
            return False
        workspace = found.workspace if isinstance(found, Document | Folder | Process) else found
        if not isinstance(workspace, Workspace):
            return True
        if self.quirks.unreadable and workspace.id in self.quirks.unreadable:
            return False
        return caller.login is None or workspace.id in self._visible_to(caller.login)

    def _visible_to(self, login: str) -> frozenset[int]:
        kept = self._visible.get(login)
        if kept is None or kept[0] != self.world.version:
            principals = self.principals(login)
            ids = frozenset(
                w.id for w in self.world.state.workspaces.values()
                if any(m in principals for held in w.roles.values() for m in held)
            )  # fmt: skip
            kept = self._visible[login] = (self.world.version, ids)
        return kept[1]

    def restricts(self, caller: Caller) -> bool:
        """Whether there may be anything that the caller must not see."""
        return bool(self.quirks.unreadable) or caller.login is not None

    def countable(self, caller: Caller, found: list[T]) -> list[T]:
        """What a list's total counts: with `unreadable_counted` also what the caller does not see."""
        if self.quirks.unreadable_counted or not self.restricts(caller):
            return found
        return [n for n in found if self.may_read(caller, n)]

    def visible(self, caller: Caller, found: Iterable[T]) -> Iterable[T]:
        """What the caller sees of a page: what may not be read vanishes without a word (quirk 15)."""
        return (n for n in found if self.may_read(caller, n)) if self.restricts(caller) else found

    def principals(self, login: str) -> frozenset[str]:
        """A login and every group that holds it, directly or through groups."""
        found, before = {login}, 0
        while len(found) > before:
            before = len(found)
            found |= {g for g, members in self.world.estate.groups.items() if not found.isdisjoint(members)}
        return frozenset(found)

    def people_in(self, names: Iterable[str]) -> tuple[str, ...]:
        """The logins of groups and of the groups in them, each once."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        queue = deque(names)
        while queue:
            name = queue.popleft()
            if not self.world.is_group(name):
                found[name] = None
            elif name not in seen:
                seen.add(name)
                queue.extend(self.world.estate.groups[name])
        return tuple(found)

    def is_for(self, caller: Caller, to: str) -> bool:
        return caller.login is not None and to in self.principals(caller.login)

    def matches(self, name: str, wanted: str) -> bool:
        """A filter on a name: the start of it, or with `contains_` any part (quirk 18). Case does not count."""
        name, wanted = name.lower(), wanted.lower()
        if wanted.startswith("contains_"):
            return wanted.removeprefix("contains_") in name
        if wanted.startswith("startswith_") or self.quirks.starts_with:
            return name.startswith(wanted.removeprefix("startswith_"))
        return name == wanted

    def needs_module(self, name: str) -> None:
        """Raises Refused (400) when the module is not installed (quirk 20)."""
        if name in self.quirks.modules_absent:
            raise Refused(400, "The requested API is not available.")

    def opened(self, caller: Caller, found: Node) -> None:
        if isinstance(found, Workspace):
            recent = self._recent.setdefault(caller.login, deque(maxlen=RECENTLY))
            if found.id in recent:
                recent.remove(found.id)
            recent.append(found.id)

    def recent(self, caller: Caller) -> frozenset[int]:
        """Workspaces that the caller opened last: all that is listed without `expanded_view` (quirk 19)."""
        return frozenset(self._recent.get(caller.login, ()))

    def has_shifted(self, key: str, *, now: bool) -> bool:
        """Whether a list has shifted; `now` makes it so."""
        if now:
            self._shifted.add(key)
        return key in self._shifted


def error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps({"error": message}), status, headers, "application/json")


async def read_form(request: Request) -> dict[str, list[str]]:
    """A form's values by name, urlencoded or multipart."""
    if request.headers.get("content-type", "").startswith("multipart/"):
        async with request.form() as form:
            return {key: [str(v) for v in form.getlist(key)] for key in form}
    return parse_qs((await request.body()).decode(), keep_blank_values=True)


def _routes(site: Site) -> list[Route]:
    def route(method: str, path: str, endpoint: Endpoint) -> Route:
        name = f"{method} {path.replace('{a:int}', '{id}').replace('{b:int}', '{id}')}"

        async def handle(request: Request) -> Response:
            return await site.answer(name, endpoint, request)

        return Route(f"{CGI}/api{path}", handle, methods=[method])

    return [route(*entry) for entry in ROUTES]


async def _unknown(scope: Scope, receive: Receive, send: Send) -> None:
    await error(400, "The requested URL is not known.")(scope, receive, send)

"""A small estate behind the real client and the sandbox's application, of which one call can be made to fail in every way.

No sockets and no pauses: a run costs some tens of milliseconds, so that each call of it can be failed in its turn.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import httpx
from starlette.requests import Request
from starlette.responses import Response

from tests.shared import PROJECT
from tests.support.jsonl import write_lines
from tests.support.plain_runs import watched
from vigil.compliance.rules.loader import load_text
from vigil.compliance.rules.model import RuleSet
from vigil.delivery.rendering.render import Renderer
from vigil.ecm.answers import Json
from vigil.ecm.client import Client, Form
from vigil.ecm.limits import CircuitBreaker
from vigil.ecm.retry import Policy
from vigil.ecm.settings import Settings
from vigil.errors import VigilError
from vigil.ledger import Ledger
from vigil.ledger.in_memory import InMemoryLedger
from vigil.ledger.outbox import queue
from vigil.ledger.people import devices
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.values import RunState
from vigil.sandbox.ecm.app import ecm_app
from vigil.sandbox.ecm.faulty import faulty
from vigil.sandbox.ecm.site import SimulatedEcm as SandboxSite
from vigil.sandbox.estate.load import load
from vigil.sandbox.estate.model import Estate, EstateEvent
from vigil.sandbox.quirks import EcmFaults
from vigil.sandbox.request_log import App, LoggedRequest, RequestLog
from vigil.sandbox.world.world import World
from vigil.service import account_text, accounting
from vigil.service.run import Run
from vigil.service.site import Site

T = TypeVar("T")

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
RETRIES = 1
WAYS = ("500", "400", "404", "try_again", "503", "html_200", "malformed", "cut", "slow", "401")
GATEWAY = {
    "internal": (500, {"error": "internal"}),
    "bad request": (400, {"error": "Bad Request"}),
    "not found": (404, {"status": 404, "error": "Not Found", "path": "/api"}),
    "error in a 200": (200, {"error": "internal"}),
}
"""Errors in JSON that are not Extended ECM's own: an API gateway's, or those of a call that went wrong inside."""
NO_ROWS = "no rows"
"""A page without the rows that its count promises."""
EMPTY = "empty"
"""A page without rows, and a count of none: well formed, and not so."""
TOLD = ("rule", "workspace", "step", "person", "state", "title", "body")

RULES = """\
rule: new-offer
kind: transition
subject: {workspace_type: Case}
events: [{document_added: {type: Offer}}]
to: [role: owner]
fallback: [group: Office]
---
rule: new-version
kind: transition
subject: {workspace_type: Case}
events: [version_added]
where: {field: role.owner, op: present}
to: [group: Board]
exclude_actor: true
---
rule: comment
kind: transition
subject: {workspace_type: Case}
events: [comment_added]
to: [attr: lead]
fallback: [group: Office]
---
rule: status
kind: transition
subject: {workspace_type: Case}
events: [{status_changed: {field: attr.status, to: closed}}]
where: {field: related.Supplier.attr.status, op: eq, value: active}
to: [role: owner]
---
rule: to-do
kind: transition
subject: {workspace_type: Case}
events: [step_assigned]
to: [step: assignee]
fallback: [group: Office]
---
rule: done
kind: transition
subject: {workspace_type: Case}
events: [step_completed]
to: [role: owner]
---
rule: late
kind: transition
subject: {workspace_type: Case}
events: [escalated]
to: [user: cem]
---
rule: steward-changed
kind: transition
subject: {workspace_type: Case}
events: [{role_changed: {role: steward}}]
to: [event: removed, user: dan]
---
rule: new-supplier
kind: transition
subject: {workspace_type: Supplier}
events: [workspace_created]
to: [role: owner]
---
rule: permit
kind: condition
subject: {workspace_type: Case}
require: {document: Permit, state: valid}
to: [role: owner]
fallback: [group: Office]
resolved: true
---
rule: incomplete
kind: condition
subject: {workspace_type: Case}
when: {missing_documents: any}
to: [role: steward]
fallback: [group: Office]
---
rule: ownerless
kind: condition
subject: {workspace_type: Case}
when: {field: role.steward, op: absent}
to: [group: Office]
---
rule: due
kind: milestone
subject: {workspace_type: Case}
due: attr.until
calendar: {zone: UTC, at: "13:30"}
steps: [{id: last, at: -1d, to: [role: owner]}]
"""


def rules() -> RuleSet:
    texts = {f"{n}.yaml": text for n, text in enumerate(RULES.split("---\n"))}
    return load_text(texts)


GROUPS = {"Office": ["cem"], "Board": ["ada", "Inner"], "Inner": ["bob"]}
_CASE = [
    {"name": "status", "kind": "string"},
    {"name": "until", "kind": "date"},
    {"name": "lead", "kind": "user"},
]
TYPES = [
    {
        "type": "Case",
        "categories": [{"name": "Case", "attributes": _CASE}],
        "roles": ["owner", "steward"],
        "required_documents": [{"type": "Permit", "valid_months": 12}],
    },
    {
        "type": "Supplier",
        "categories": [{"name": "Supplier", "attributes": [{"name": "status", "kind": "string"}]}],
        "roles": ["owner"],
        "required_documents": [],
    },
]
USERS: list[dict[str, Any]] = [
    {"login": u, "name": u.title(), "email": f"{u}@example.org", "groups": [], "devices": []}
    for u in ("ada", "bob", "cem", "dan")
]


def _case(number: int, **attrs: Any) -> dict[str, Any]:
    born = (NOON - 48 * HOUR).isoformat()
    roles = {"owner": ["Inner"], "steward": ["ada"]}
    given = {"Case.status": "open", "Case.lead": "dan", **{f"Case.{k}": v for k, v in attrs.items()}}
    more = {"related": [2001]}
    return {
        "id": number,
        "type": "Case",
        "name": f"Case {number}",
        "created": born,
        "attrs": given,
        "roles": roles,
    } | more


WORKSPACES = [
    _case(1001),
    _case(1002, until="2026-03-03"),
    {
        "id": 2001,
        "type": "Supplier",
        "name": "Acme",
        "created": (NOON - 48 * HOUR).isoformat(),
        "attrs": {"Supplier.status": "active"},
        "roles": {"owner": ["ada"]},
    },
    {
        "id": 2002,
        "type": "Supplier",
        "name": "Made late",
        "created": (NOON + HOUR / 2).isoformat(),
        "attrs": {"Supplier.status": "active"},
        "roles": {"owner": ["dan"]},
    },
]


def _events() -> list[dict[str, Any]]:
    def at(hours: float, kind: str, workspace: int, **more: Any) -> dict[str, Any]:
        return {"ts": (NOON + hours * HOUR).isoformat(), "kind": kind, "workspace": workspace, **more}

    permit = {"id": 51, "name": "permit.pdf", "type": "Permit", "by": "ada", "expires": "2026-12-31"}
    step = {"process": 71, "title": "Check"}
    return [
        *(at(-48, "workspace_created", w["id"]) for w in WORKSPACES[:-1]),
        at(-40, "document_added", 1001, **permit),
        at(-30, "step_assigned", 1002, process=70, step=1, title="Sign", to="ada"),
        # between the first run and the second
        at(0.2, "document_added", 1001, id=52, name="offer.pdf", type="Offer", by="dan"),
        at(0.3, "version_added", 1001, id=51, by="ada"),
        at(0.4, "comment_added", 1002, by="ada", text="please look"),
        at(0.5, "workspace_created", 2002),
        at(0.5, "attribute_changed", 1002, attr="Case.status", value="closed", by="ada"),
        at(0.5, "step_assigned", 1001, **step, step=1, to="Inner", due=(NOON + 0.8 * HOUR).isoformat()),
        at(0.6, "step_completed", 1002, process=70, step=1, by="ada", disposition="signed"),
        at(0.7, "role_changed", 1001, role="steward", members=[]),
        # between the second and the third
        at(1.2, "document_added", 1002, id=53, name="offer 2.pdf", type="Offer", by="dan"),
        at(2.3, "step_completed", 1001, **step, step=1, by="bob", disposition="checked"),
        at(
            1.4,
            "document_added",
            1002,
            id=54,
            name="permit 2.pdf",
            type="Permit",
            by="ada",
            expires="2026-12-31",
        ),
    ]


def save(folder: Path, more: int = 0) -> Estate:
    """Write the estate's files and load them; with `more` cases in which nothing happens."""
    others = [_case(3001 + n) for n in range(more)]
    born = [{"ts": w["created"], "kind": "workspace_created", "workspace": w["id"]} for w in others]
    meta = {
        "name": "small",
        "zone": "UTC",
        "start": (NOON - 49 * HOUR).isoformat(),
        "public_url": "https://ecm.example",
        "groups": GROUPS,
    }
    events = sorted([*_events(), *born], key=lambda e: e["ts"])
    for name, rows in (
        ("meta.json", [meta]),
        ("types.jsonl", TYPES),
        ("users.jsonl", USERS),
        ("workspaces.jsonl", [*WORKSPACES, *others]),
        ("events.jsonl", events),
    ):
        write_lines(folder / name, rows)
    return load(folder)


@dataclass(frozen=True, slots=True)
class Ask:
    """One call of a run: what was asked, and how often the same had been asked before."""

    what: str
    nth: int


@dataclass
class Failure:
    """The call that fails, and how. `asked` are all calls of the run; `happened` whether it was made.

    With `endpoint` every call of one endpoint fails, in place of the one.
    `spoil` changes the answers of calls that do not fail: it gets what was asked and the body.
    """

    ask: Ask | None = None
    way: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    happened: bool = False
    spoil: Callable[[str, bytes], bytes] = lambda asked, body: body
    spoilt_status: int | None = None  # of the answers that it changes
    refused: int = 0  # attempts that got no answer since it died
    dies_after: int | None = None  # calls; from then on there is no answer
    endpoint: str = ""

    def meets(self, what: str) -> bool:
        self.asked[what] += 1
        if self.ask != Ask(what, self.asked[what]) and self.endpoint != endpoint_of(what):
            return False
        self.happened = True
        return True


def endpoint_of(what: str) -> str:
    """The endpoint that a call asks: its method and path, without numbers; lists of workflows by their status."""
    method, _, rest = what.partition(" ")
    path, _, query = rest.partition("?")
    status = re.search(r"wstatus=\w+", query)
    return f"{method} {re.sub(r'[0-9]+', '{id}', path.split(' ')[0][3:])}{f'?{status[0]}' if status else ''}"


def without_rows(body: bytes, *, counted: bool = True) -> bytes:
    """A page without rows, which keeps its count or, not `counted`, has none either; what carries no count stays as it is."""
    answer = json.loads(body)
    paging = answer.get("paging") or answer.get("collection", {}).get("paging", {})
    if paging.get("total_count"):
        paging["total_count"] *= counted
        given = answer["results"]
        answer["results"] = [] if isinstance(given, list) else {"data": given["data"] | {"audit": []}}
    return json.dumps(answer).encode()


_fails: ContextVar[bool] = ContextVar("fails", default=False)


class FailingClient(Client):
    """The client, of whose calls one fails in each of its attempts."""

    def __init__(self, app: App, failure: Failure, settings: Settings) -> None:
        super().__init__(
            settings,
            policy=Policy(RETRIES, settings.total_timeout, first=0.0),
            circuit=CircuitBreaker(pause=0.001, longest=0.01),
        )
        self.app, self.failure = app, failure

    async def __aenter__(self) -> Client:
        self._pool = _Pool(self.app, self.failure)  # type: ignore[assignment]
        return self

    async def _call(self, method: str, path: str, url: str, form: Form | None) -> Json:
        token = _fails.set(self.failure.meets(f"{method} {url.partition('/api')[2]} {dict(form or {})}"))
        try:
            return await super()._call(method, path, url, form)
        finally:
            _fails.reset(token)


class _Pool:
    def __init__(self, app: App, failure: Failure) -> None:
        self._client = httpx.AsyncClient(transport=_Transport(app, failure))

    @contextmanager
    def connection(self) -> Iterator[httpx.AsyncClient]:
        yield self._client

    async def close(self) -> None:
        await self._client.aclose()


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, app: App, failure: Failure) -> None:
        self._inner = httpx.ASGITransport(app)
        self._failure = failure

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        failure = self._failure
        if "/v1/auth" in str(request.url):
            return await self._inner.handle_async_request(request)
        if failure.dies_after is not None and failure.asked.total() > failure.dies_after:
            failure.refused += 1
            raise httpx.ConnectError("connection refused", request=request)
        if not _fails.get():
            answer = await self._inner.handle_async_request(request)
            own = await answer.aread()
            body = failure.spoil(f"{request.method} {request.url.path}", own)
            kept = {"content-type": answer.headers.get("content-type", "")}
            status = answer.status_code if body is own else failure.spoilt_status or answer.status_code
            return httpx.Response(status, content=body, headers=kept)
        way = failure.way
        if way == "cut":
            raise httpx.ReadError("the connection was closed", request=request)
        if way == "slow":
            raise httpx.ReadTimeout("nothing came in time", request=request)
        if way in GATEWAY:
            status, said = GATEWAY[way]
            return httpx.Response(status, json=said)
        answer = await self._inner.handle_async_request(request)
        if way in (NO_ROWS, EMPTY):
            page = without_rows(await answer.aread(), counted=way == NO_ROWS)
            return httpx.Response(answer.status_code, content=page)
        spoilt = await faulty(Request({"type": "http"}), Response(await answer.aread()), way, 0)
        return httpx.Response(spoilt.status_code, content=bytes(spoilt.body), headers=dict(spoilt.headers))


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of one run: everything that was queued so far, and whether it was all right."""

    rows: frozenset[tuple[Any, ...]]
    green: bool
    said: str


class RunBench:
    """The estate with a ledger that can be put back to where it was."""

    def __init__(self, folder: Path, more: int = 0) -> None:
        self.estate = save(folder, more)
        self.rules = rules()
        self.scratch = InMemoryLedger()
        self.renderer = Renderer(PROJECT / "templates")
        self.settings = Settings(
            "http://ecm.example/cs/cs", username="vigil", password="vigil", retries=RETRIES
        )
        self.note: Callable[[LoggedRequest], None] | None = None
        """Gets each request that a run makes, when it is set before the run begins."""
        self.server: App | None = None
        """Answers in place of the estate, when it is set: a recording of it."""
        self.site = Site("https://ecm.example", "UTC", PROJECT / "rules", PROJECT / "templates")
        self._loop = asyncio.Runner()
        ledger = self.scratch.fresh()
        with ledger.write() as connection:
            some = [NewDevice(u["login"], f"token-{u['login']}", "android") for u in USERS]
            devices.register(connection, some, NOON - HOUR)
        self.empty = self.scratch.save()

    def close(self) -> None:
        self._loop.close()
        self.scratch.close()

    def with_changes(
        self, rules: Mapping[str, str], changes: Iterable[tuple[float, int, str, str | None]]
    ) -> RunBench:
        """The bench with these rules, by name, and an estate in which only these attributes of cases change.

        A change is (hours after NOON, workspace, attribute, value).
        """
        born = tuple(e for e in self.estate.events if e.ts < NOON)
        changed = tuple(
            EstateEvent(
                NOON + hours * HOUR,
                "attribute_changed",
                workspace,
                {"attr": f"Case.{attr}", "value": value, "by": "ada"},
                line=0,
            )
            for hours, workspace, attr, value in changes
        )
        there = copy(self)
        there.estate = replace(self.estate, events=(*born, *changed))
        there.rules = load_text({f"{name}.yaml": text for name, text in rules.items()})
        return there

    def watch(
        self,
        ledger: Ledger,
        hours: float,
        failure: Failure | None = None,
        unreadable: tuple[int, ...] = (),
        counted: bool = False,
        quirks: Mapping[str, Any] = MappingProxyType({}),
    ) -> RunResult:
        """One `watch` at so many hours after NOON. Its user may not read the nodes `unreadable`, which lists count or do not."""
        faults = EcmFaults()
        faults.quirks.update(quirks)
        faults.quirks.unreadable, faults.quirks.unreadable_counted = unreadable, counted
        run, client = self.run("watch", ledger, hours, failure, faults)
        try:
            self._loop.run(watched(run, client))
            made = accounting.account(run)
            green, said = made.state is RunState.DONE, account_text.sentence(made)
        except VigilError as error:
            accounting.close(run, RunState.FAILED)
            green, said = False, f"{type(error).__name__}: {error}"
        with ledger.read() as connection:
            rows = frozenset(
                tuple(r[k] if k in r else getattr(r["message"], k) for k in TOLD)
                for r in queue.rows(connection)
            )
        return RunResult(rows, green, said)

    def run(
        self,
        flow: str,
        ledger: Ledger,
        hours: float,
        failure: Failure | None = None,
        faults: EcmFaults | None = None,
    ) -> tuple[Run, Client]:
        """A run at so many hours after NOON, with the client that it reads by."""
        at = NOON + hours * HOUR
        world, faults = World(self.estate), faults or EcmFaults()
        faults.quirks.folders, faults.quirks.newest_version_only = 1, True
        app: App = self.server or ecm_app(SandboxSite(world, faults))
        if self.note is not None:
            app = RequestLog(app, self.note)
        world.move(at)
        client = FailingClient(app, failure or Failure(), self.settings)
        run = Run(flow, at, ledger, self.site, self.rules, self.renderer, clock=lambda: at)
        return run, client

    def do(self, run: Run, client: Client, what: Callable[[], Awaitable[T]]) -> T:
        """What a flow does while it may read, from its beginning to its account."""

        async def doing() -> T:
            async with run.reading(client):
                return await what()

        done = self.alone(doing)
        accounting.account(run)
        return done

    def alone(self, what: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do something in the bench's own loop, to its end."""
        return self._loop.run(what())

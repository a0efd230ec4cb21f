"""An estate's whole story: run after run of `watch` without Prefect, over the sandbox's application in this process.

Each run may have other faults. A tick costs what reading costs: there are no sockets, no pauses, and nothing is sent.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import httpx
from starlette.types import Message, Receive, Scope, Send

from tests.shared import PROJECT
from tests.support.plain_runs import watched
from tests.support.run_bench import FailingClient, Failure
from vigil.compliance.rules.model import RuleSet
from vigil.delivery.rendering.render import Renderer
from vigil.ecm.dialect import Dialect
from vigil.ecm.model import Gap
from vigil.ecm.settings import Settings
from vigil.errors import VigilError
from vigil.ledger import Ledger
from vigil.ledger.in_memory import InMemoryLedger
from vigil.ledger.outbox import queue
from vigil.ledger.values import RunState
from vigil.sandbox.ecm.app import ecm_app
from vigil.sandbox.ecm.site import SimulatedEcm
from vigil.sandbox.estate.model import Estate
from vigil.sandbox.quirks import EcmFaults
from vigil.sandbox.request_log import App
from vigil.sandbox.world.world import World
from vigil.service import accounting
from vigil.service.run import Number, Run
from vigil.service.site import Site

ALL = 1_000_000
"""Look-ups a run: a small estate is walked whole at each tick."""


class Told(NamedTuple):
    """A row of the outbox: what was said to whom."""

    rule: str
    workspace: int
    occurrence: str
    step: str
    person: str | None


@dataclass
class Played:
    """What came of a story: the rows, and what the runs said that they could not know."""

    rows: Counter[Told] = field(default_factory=Counter)
    reasons: dict[Told, str] = field(default_factory=dict)  # of the rows that are not sent
    gaps: list[Gap] = field(default_factory=list)
    unseen: Counter[int] = field(
        default_factory=Counter
    )  # workspace -> changes that no two observations show
    errors: list[VigilError] = field(default_factory=list)
    not_evaluated: int = 0
    dialect: Dialect = field(default_factory=Dialect)
    requests: int = 0
    read: list[int] = field(default_factory=list)  # workspaces that each run read


@dataclass(frozen=True)
class Tick:
    """One run: when, and what `EcmFaults.configure` is told before it. `world` is where the estate stands, if that is not `at`."""

    at: datetime
    faults: Mapping[str, Any] = field(default_factory=dict)
    world: datetime | None = None


def ticks(start: datetime, end: datetime, every: timedelta) -> list[Tick]:
    """A run at `start`, `start + every`, ... up to `end`."""
    return [Tick(start + n * every) for n in range((end - start) // every + 1)]


def played(
    estate: Estate, rules: RuleSet, runs: Sequence[Tick], dialect: str = "", quirks: Mapping[str, Any] = {}
) -> Played:
    """Watch the estate at each tick, with a ledger of its own, on a server of this dialect and these switches beside it."""
    faults = EcmFaults()
    faults.configure({"dialect": dialect, "quirks": dict(quirks)} if dialect else {"quirks": dict(quirks)})
    ecm = SimulatedEcm(World(estate), faults)
    app = _dropping(ecm_app(ecm))
    templates = PROJECT / "templates"
    site = Site("https://ecm.example", estate.zone.key, PROJECT / "rules", templates, verify_requests=ALL)
    settings = Settings("http://ecm.example/cs/cs", "vigil", "vigil", zone=estate.zone.key, retries=1)
    scratch, found = InMemoryLedger(), Played()
    ledger = scratch.fresh()
    try:
        with asyncio.Runner() as loop:
            for tick in runs:
                faults.configure(tick.faults)
                ecm.quirks_changed()
                ecm.world.move(tick.world or tick.at)
                client = FailingClient(app, Failure(), settings)
                run = Run(
                    "watch",
                    tick.at,
                    ledger,
                    site,
                    rules,
                    Renderer(templates),
                    clock=partial(_as_it_is, tick.at),
                )
                try:
                    loop.run(watched(run, client))
                except VigilError as error:
                    found.errors.append(error)
                    accounting.close(run, RunState.FAILED)
                else:
                    made = accounting.account(run)
                    found.not_evaluated += made.numbers.get("not evaluated", 0)
                found.gaps += run.counters.gaps
                found.unseen.update(run.counters.unseen)
                found.requests += client.requests
                found.read.append(run.counters.numbers[Number.WORKSPACES_READ])
                found.dialect = client.dialect
        found.rows, found.reasons = told(ledger)
    finally:
        scratch.close()
    return found


def _as_it_is(instant: datetime) -> datetime:
    return instant


def told(ledger: Ledger) -> tuple[Counter[Told], dict[Told, str]]:
    """The rows of the outbox, and the reasons of those that are not sent."""
    with ledger.read() as connection:
        rows = queue.rows(connection)
    keys = [Told(*(row[name] for name in Told._fields)) for row in rows]
    held = {key: str(row["reason"]) for key, row in zip(keys, rows, strict=True) if row["reason"]}
    return Counter(keys), held


def _dropping(app: App) -> App:
    """The application behind a server that closes the connection where an answer is not whole, or is shorter than it promises."""

    async def dropping(scope: Scope, receive: Receive, send: Send) -> None:
        open, promised, sent = True, 0, 0

        async def counted(message: Message) -> None:
            nonlocal open, promised, sent
            if message["type"] == "http.response.start":
                promised = int(dict(message["headers"]).get(b"content-length", 0))
            else:
                open, sent = message.get("more_body", False), sent + len(message["body"])
            await send(message)

        await app(scope, receive, counted)
        if open or sent < promised:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")

    return dropping

"""One run: its ledger, connection, rules and instant, opened once and closed once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from vigil.compliance.channels import PUSH, TextFormat
from vigil.compliance.evaluation.results import Why
from vigil.compliance.notices import NoticeState
from vigil.compliance.rules.in_force import Refusal
from vigil.compliance.rules.model import RuleSet
from vigil.delivery.lease_owners import owner_name
from vigil.delivery.push.topics import TopicClient, TopicOutcome
from vigil.delivery.rendering.render import Renderer
from vigil.delivery.transport import SendOutcome, Transport
from vigil.ecm import Client, Extractor
from vigil.ecm.clocks import Skew, joined
from vigil.ecm.located import Located
from vigil.ecm.model import Gap, ListedWorkspace
from vigil.errors import Problem
from vigil.ledger import Ledger
from vigil.ledger.observed import runs
from vigil.ledger.outbox.counts import Waiting
from vigil.ledger.outbox.leases import RealTime, real_time
from vigil.service import dialects
from vigil.service.needs import needs_of
from vigil.service.plan import Plan
from vigil.service.site import Site

log = logging.getLogger("vigil.run")


def utc_now() -> datetime:
    return datetime.now(UTC)


class Number(StrEnum):
    """What a run counts for its account, by the words of the account."""

    WORKSPACES_READ = "workspaces read"
    OBSERVATIONS = "observations"
    MISSING_LISTS = "lists of missing documents"
    FOUND_BY_SEARCH = "found by search"
    FOUND_IN_BIN = "found in the recycle bin"
    GONE = "gone"
    THERE_AGAIN = "there again"
    WORKFLOWS_CHANGED = "workflows changed"
    PARTLY_KNOWN = "workflows partly known"
    EVALUATED = "evaluated"
    FINDINGS = "findings"
    NOT_EVALUATED = "not evaluated"
    ROUTED = "routed"
    ALREADY_TOLD = "already told"
    RELEASED = "released by an answer"
    IN_DIGESTS = "put into digests"
    REQUESTS = "requests"
    UNSEEN_CHANGES = "unseen changes"
    TOO_OLD = "too old"


@dataclass
class RunCounters:
    """The counters of a run. The account combines them with counts from the ledger.

    The outbox must contain exactly `routed` minus `already_told` rows of the run. The account checks this, to prove that every finding
    was sent or explained.
    """

    routed: int = 0  # rows for the outbox: the run's own, and those that it took over from other runs
    already_told: int = 0  # those of them that were in the outbox before
    routes: bool = False  # whether the run has counted rows: if not, the account shows neither number
    numbers: Counter[Number] = field(default_factory=Counter)
    attempts: Counter[SendOutcome] = field(default_factory=Counter)  # requests for one device each
    left_out: Counter[Why] = field(default_factory=Counter)  # notices that a digest does not contain
    subscriptions: Counter[TopicOutcome] = field(default_factory=Counter)  # devices whose topic changed
    gaps: list[Gap] = field(default_factory=list)
    unseen: dict[int, int] = field(default_factory=dict)  # workspace -> changes that no two observations show
    verified: int = 0  # known workspaces that were looked up again
    missing: int = 0  # those of them that were not found
    delivers: bool = False  # whether it sends what is due
    refused: dict[str, str] = field(default_factory=dict)  # credentials that a person has to replace, and why
    waits: Waiting | None = None  # what was due and not handed over when its delivery ended
    earlier: Counter[NoticeState] = field(
        default_factory=Counter
    )  # rows of other runs that it brought to an end
    old: dict[int, int] = field(default_factory=dict)  # workspace -> events that were too old to be news
    requests: int = 0  # that other processes made for the run
    unasked: set[int] = field(default_factory=set)  # workspaces of which something was not asked any more
    untold: set[int] = field(default_factory=set)  # workspaces whose people were not asked for any more
    stopped: bool = False  # whether Extended ECM was given up
    wanted: int = 0  # workspaces that had to be read, as far as lists said
    reached: int = 0  # those of them that were read
    evaluated: int = 0  # batches that could be evaluated
    odd: int = 0  # workspaces that could not be evaluated
    behind: dict[int, str] = field(default_factory=dict)  # workspaces left to the next run, and why
    skew: Skew | None = None  # of the clocks of Extended ECM, as far as it is no longer the client's to say

    @property
    def whole(self) -> bool:
        """Whether everything could be read."""
        return not self.gaps and not self.stopped

    def route(self, rows: int, already_told: int = 0) -> None:
        """Count rows for the outbox, and how many of them it had before."""
        self.routed += rows
        self.already_told += already_told
        self.routes = True

    def add(self, part: RunCounters) -> None:
        """Add the counters of another process of the run."""
        self.routed += part.routed
        self.already_told += part.already_told
        self.routes = self.routes or part.routes
        self.numbers.update(part.numbers)
        self.attempts.update(part.attempts)
        self.left_out.update(part.left_out)
        self.subscriptions.update(part.subscriptions)
        self.gaps += part.gaps
        self.unseen |= part.unseen
        self.old |= part.old
        self.skew = joined(self.skew, part.skew)
        self.requests += part.requests
        self.odd += part.odd
        self.unasked |= part.unasked
        self.untold |= part.untold
        self.stopped = self.stopped or part.stopped
        self.reached += part.reached


class RemoteWorkers(Protocol):
    """Executes parts of a run in other processes, and adds their counters to the run's."""

    async def read_page(self, rows: Sequence[ListedWorkspace], located: Located | None = None) -> None:
        """As `extraction.read_page`."""

    async def evaluate_batch(self, plan: Plan, n: int) -> set[str]:
        """As `evaluation.process_batch`."""


class Run:
    """What the steps of one run share. A plain object, so that Prefect passes it to tasks without inspecting it."""

    def __init__(
        self,
        flow: str,
        as_of: datetime,
        ledger: Ledger,
        site: Site,
        rules: RuleSet,
        renderer: Renderer,
        clock: Callable[[], datetime] = utc_now,
        channels: Collection[str] = (PUSH,),
        formats: Mapping[TextFormat, Renderer] | None = None,
        topics: Callable[[], TopicClient] | None = None,
        part_of: int | None = None,
        refused: Sequence[Refusal] = (),
        unworded: Sequence[Problem] = (),
        patience: timedelta = timedelta(0),
        real: RealTime = real_time,
    ) -> None:
        """`channels` are those that the site can send on, and `formats` writes notices in each format that they need.

        `part_of` is the number of a run that another process began, and will end: a part of it is done here.

        `patience` is how long it tries again what could not be sent: none where the clock stands. `real` tells the time of leases.
        `refused` is what of the rules is not as it is written, `unworded` what is wrong with the templates.
        """
        self.flow = flow
        self.as_of = as_of
        self.ledger = ledger
        self.site = site
        self.rules = self.site_rules = rules  # see `narrowed`
        self.refused, self.unworded = refused, unworded
        self.renderer = renderer
        self.channels = channels
        self.formats = formats or {TextFormat.PLAIN: renderer}
        self.topics = topics  # opens what subscribes devices to topics; None where nothing does
        self.clock = clock
        self.patience, self.real = patience, real
        self.needs = needs_of(rules)
        self.records = True  # whether what it reads of people is filed under its instant; not where that lies in the past
        self.counters = RunCounters()
        self.remote: RemoteWorkers | None = None  # does the larger parts, where the site has more processes
        self._is_part = part_of is not None
        self.id = self._begun() if part_of is None else part_of
        self._client: Client | None = None
        self._extractor: Extractor | None = None
        self._transport: Transport | None = None

    def narrowed(self, rules: RuleSet) -> Run:
        """The same run, which looks at fewer rules. What it needs of Extended ECM stays, and so do `site_rules`."""
        mine = copy(self)
        mine.rules = rules
        return mine

    def _begun(self) -> int:
        with self.ledger.write() as connection:
            return runs.begin(connection, self.flow, self.as_of, self.clock(), owner_name())

    @property
    def left_out(self) -> Mapping[str, Problem]:
        """The rules that are not evaluated, though nobody removed them; each with its problem."""
        return {rule.name: refusal.problems[0] for refusal in self.refused for rule in refusal.left_out}

    @property
    def extractor(self) -> Extractor:
        if self._extractor is None:
            raise RuntimeError("this run reads nothing: open it with `reading(client)` first")
        return self._extractor

    @property
    def client(self) -> Client:
        if self._client is None:
            raise RuntimeError("this run reads nothing: open it with `reading(client)` first")
        return self._client

    @property
    def transport(self) -> Transport:
        if self._transport is None:
            raise RuntimeError("this run sends nothing: open it with `sending(transport)` first")
        return self._transport

    @property
    def skew(self) -> Skew | None:
        """The difference between Extended ECM's clocks and the run's, as measured so far."""
        return joined(self.counters.skew, None if self._client is None else self._client.skew)

    @asynccontextmanager
    async def reading(self, client: Client) -> AsyncIterator[None]:
        """Log in to Extended ECM for as long as the run reads. Its dialect is probed first, if that is due; parts of a run know it."""
        async with client as connected:
            self._client = connected
            connected.clock = self.clock
            self._extractor = Extractor(connected, self.needs, expiry=self.site.expiry)
            try:
                if self._is_part:
                    connected.dialect = dialects.load(self.ledger, connected.settings.url)
                else:
                    await dialects.prepare(connected, self.ledger, self.id, self.as_of)
                yield
            finally:
                self.counters.skew = self.skew
                dialects.finish(connected, self.ledger, self.id)
                if not self._is_part:
                    dialects.tell(
                        connected.dialect, self.ledger, self.id, self.as_of, self.site.verify_requests
                    )
                self._client = self._extractor = None

    def numbers(self) -> dict[str, int]:
        """The counters so far, by the words of the account."""
        counters = self.counters
        out: dict[str, int] = {name.value: n for name, n in counters.numbers.items()}
        out |= {f"attempts {outcome}": n for outcome, n in counters.attempts.items()}
        out |= {f"left out: {why.value}": n for why, n in counters.left_out.items()}
        out |= {f"devices {outcome}": n for outcome, n in counters.subscriptions.items()}
        if counters.routes:
            out |= {Number.ROUTED: counters.routed, Number.ALREADY_TOLD: counters.already_told}
        if self._client is not None:
            out[Number.REQUESTS] = self._client.requests + counters.requests
        if missed := sum(counters.unseen.values()):
            out[Number.UNSEEN_CHANGES] = missed
        if old := sum(counters.old.values()):
            out[Number.TOO_OLD] = old
        return {str(name): n for name, n in out.items()}

    @asynccontextmanager
    async def sending(self, transport: Transport) -> AsyncIterator[None]:
        """Hold the transport for as long as the run sends."""
        async with transport as opened:
            self._transport = opened
            try:
                yield
            finally:
                self._transport = None

    def gap(self, gaps: Sequence[Gap], people: bool = False) -> None:
        """Record gaps: the run continues and reports them. Calls that were not made are reported once, at the end.

        `people`: the gap concerns recipients; the affected workspaces themselves were read.
        """
        for g in gaps:
            if g.asked:
                log.warning(
                    "run %d: could not read %s: %s (workspaces %s)",
                    self.id,
                    g.path,
                    g.error,
                    list(g.workspaces)[:10],
                )
                self.counters.gaps.append(g)
            else:
                unasked = self.counters.untold if people else self.counters.unasked
                unasked |= set(g.workspaces)
                self.counters.stopped = True

"""The client: reliable JSON over HTTP. It does not know the meaning of the JSON."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import orjson

from vigil.connections import of_connection
from vigil.ecm import answers
from vigil.ecm.answers import Json
from vigil.ecm.clocks import Skew, joined, measured
from vigil.ecm.connections import ConnectionPool
from vigil.ecm.dialect import Dialect, NodesForm
from vigil.ecm.errors import (
    CallFailed,
    CallRefused,
    CutOff,
    EcmError,
    Malformed,
    NotReadable,
    Refused,
    Unavailable,
)
from vigil.ecm.limits import CircuitBreaker, RateLimiter
from vigil.ecm.retry import Policy, Retryable, retry
from vigil.ecm.settings import Settings
from vigil.ecm.tickets import HEADER, Ticket, Tickets
from vigil.recording import exchanges

MOST_IDS = 250
"""The maximum number of ids in one `POST /v2/nodes/list` (docs/contracts/ecm.md#paging)."""

_MOST_TICKETS = 3
"""The number of tickets with which one call is tried: a ticket from another call's login may have expired again before this call
uses it.
"""

_PING = "/v1/ping"
"""Answered without a ticket: it shows nothing about one."""

_CONTROL = "/v1/auth"
"""Answered for every user whose ticket works, and for no other: it tells a dead ticket from a call that is refused alone."""

Params = Mapping[str, str | int | Sequence[str]]
Form = Mapping[str, str | Sequence[str]]
"""The fields of a form; a sequence repeats its field."""


@dataclass(slots=True)
class Counts:
    """The requests to the server: HTTP requests (logins and repeats included), bytes received, repeats."""

    requests: int = 0
    bytes: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class _Ask:
    """One call, to be sent once or repeatedly."""

    method: str
    path: str
    url: str
    form: Form | None = field(repr=False)
    deadline: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    as_json: bool = False  # whether the form is sent as JSON


@dataclass(frozen=True, slots=True)
class _Response:
    """One HTTP response, read to its end."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


_CUT = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError, httpx.DecodingError)
"""How a connection ends that was open, if not by a time-out."""

_ALONE = "refused with 401, and the same ticket works for another call"

_counting: ContextVar[tuple[Counts, ...]] = ContextVar("vigil_ecm_counting", default=())


class Client:
    """One connection to Extended ECM, used as ``async with Client(settings) as client``.

    Any number of calls may run at the same time; `settings.concurrency` of them are open. The client belongs to one event loop.
    `policy` says how calls are retried and `circuit` when the server is no longer asked; the defaults follow from `settings`. `skew`
    is the difference between the server's clocks and `clock`, measured from its responses; None before the first one. `dialect` is
    what the server understands, as far as it is known; `learned` has a sentence for each answer that showed more.
    """

    def __init__(
        self, settings: Settings, *, policy: Policy | None = None, circuit: CircuitBreaker | None = None
    ) -> None:
        self.settings = settings
        self.counts = Counts()
        self.clock: Callable[[], datetime] = partial(datetime.now, UTC)
        self.skew: Skew | None = None
        self.dialect = Dialect()
        self.learned: list[str] = []
        self.assumed_nodes: NodesForm | None = None  # answered, and not shown to give categories
        self.learning = asyncio.Lock()  # held while a form is tried, so that many calls do not try it at once
        self._policy = policy or Policy(settings.retries, settings.total_timeout)
        self._rate = RateLimiter(settings.requests_per_second)
        self._circuit = circuit or CircuitBreaker()
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._tickets = Tickets(settings, self._login)
        self._pool: ConnectionPool | None = None

    async def __aenter__(self) -> Client:
        self._pool = ConnectionPool(self.settings)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    @property
    def requests(self) -> int:
        """HTTP requests sent so far."""
        return self.counts.requests

    @property
    def given_up(self) -> bool:
        """Whether the client has given up the server, which did not answer for too long, and makes no more calls."""
        return self._circuit.given_up

    @property
    def logins(self) -> int:
        return self._tickets.logins

    def learn(self, *, why: str, **values: Any) -> None:
        """Correct fields of the dialect, as `why` an answer shows: ``learn(sorted=False, why="row 7 is newer than row 6")``."""
        after = self.dialect.with_learned(why, **values)
        if after is not self.dialect:
            self.dialect = after
            self.learned.append(why)

    def doubt(self, name: str, why: str) -> None:
        """Note that answers contradict a field of the dialect, without showing what is right: the next run probes again."""
        after = self.dialect.with_doubt(name, why)
        if after is not self.dialect:
            self.dialect = after
            self.learned.append(why)

    @contextmanager
    def counting(self) -> Iterator[Counts]:
        """Counts the calls of this task, and of tasks that it starts, inside the block."""
        mine = Counts()
        token = _counting.set((*_counting.get(), mine))
        try:
            yield mine
        finally:
            _counting.reset(token)

    async def is_up(self) -> bool:
        """Whether the server answers a call that every user may make: it tells an outage from a call that fails alone.

        Raises Refused.
        """
        try:
            await self.get(_CONTROL)
        except NotReadable:
            return True  # in its own words
        except CallFailed:
            return False
        return True

    async def get(self, path: str, params: Params | None = None) -> Json:
        """GET `path` (under ``{cgi}/api``). Raises the errors of `vigil.ecm.errors`."""
        query = f"?{urlencode(params, doseq=True)}" if params else ""
        return await self._call("GET", path, f"{self.settings.api}{path}{query}", None)

    async def post(self, path: str, form: Form) -> Json:
        """POST a form to `path` (under ``{cgi}/api``). Raises the errors of `vigil.ecm.errors`."""
        return await self._call("POST", path, f"{self.settings.api}{path}", form)

    async def nodes(self, ids: Sequence[int], fields: Sequence[str], form: NodesForm) -> Json:
        """``POST /v2/nodes/list``: those of at most 250 nodes that are readable, the ids and fields sent in this form."""
        if len(ids) > MOST_IDS:
            raise ValueError(f"nodes/list takes {MOST_IDS} ids at once, {len(ids)} were given")
        path = "/v2/nodes/list"
        if form is NodesForm.BODY_URL:
            url = f"{self.settings.api}{path}?{urlencode({'fields': list(fields)}, doseq=True)}"
            return await self._call("POST", path, url, {"body": orjson.dumps({"ids": list(ids)}).decode()})
        if form is NodesForm.BODY:
            body = orjson.dumps({"ids": list(ids), "fields": list(fields)}).decode()
            return await self.post(path, {"body": body})
        repeated = {"ids": [str(number) for number in ids], "fields": list(fields)}
        if form is NodesForm.NONE:
            del repeated["fields"]
        return await self.post(path, repeated)

    async def _call(self, method: str, path: str, url: str, form: Form | None) -> Json:
        async def once(deadline: float) -> Json:
            return await self._answered(_Ask(method, path, url, form, deadline))

        # A slot is also held during the wait for a retry: a failing server gets fewer calls, not
        # more.
        async with self._slots:
            return await retry(once, self._policy, self._retried)

    async def _answered(self, ask: _Ask) -> Json:
        """The answer to one call, with as many tickets as it needs. Raises CallRefused if only this call is refused."""
        ticket = await self._tickets.current()
        for left in reversed(range(_MOST_TICKETS)):
            # Behind a load balancer another node may not know a fresh ticket yet: it is tried once more.
            for _ in range(1 if self._tickets.is_proven(ticket) else 2):
                answer = await self._with_ticket(ask, ticket)
                if answer is not None:
                    return answer
            if not left:
                ticket = await self._tickets.current()  # it may have been rotated meanwhile
            works = await self._works(ticket, ask.deadline)
            if works:
                # Once more, because it may have been another node that refused.
                answer = await self._with_ticket(ask, ticket)
                if answer is not None:
                    return answer
                raise CallRefused(ask.path, _ALONE, 401)
            if left:
                ticket = await self._tickets.renew(ticket)
        if works is None and self._tickets.is_proven(ticket):
            raise CallRefused(ask.path, _ALONE, 401)
        said = "the ticket was refused, and those of new logins as well"
        raise self._tickets.give_up(Refused(ask.path, said, 401))

    async def _with_ticket(self, ask: _Ask, ticket: Ticket) -> Json | None:
        """The answer to one HTTP request, None for 401. Raises CallRefused for a 403 that concerns this call alone."""
        try:
            answer = await self._send(ask, ticket)
        except Refused as refused:
            ticket = await self._tickets.current()
            works = await self._works(ticket, ask.deadline)
            if works or (works is None and self._tickets.is_proven(ticket)):
                raise refused.turned_into(CallRefused) from refused
            raise
        return answer[0] if answer is not None else None

    async def _works(self, ticket: Ticket, deadline: float) -> bool | None:
        """Whether a call that every user may make is answered with a ticket; None if that cannot be told. Raises Retryable."""

        async def accepts(ticket: Ticket) -> bool | None:
            ask = _Ask("GET", _CONTROL, f"{self.settings.api}{_CONTROL}", None, deadline)
            try:
                return await self._send(ask, ticket) is not None
            except Refused:
                return False
            except EcmError:
                return None
            except Retryable as again:
                if isinstance(again.error, Unavailable):
                    raise
                return None

        return await self._tickets.works(ticket, monotonic(), accepts)

    async def _login(
        self, url: str, values: Mapping[str, str], headers: Mapping[str, str], *, as_json: bool = False
    ) -> tuple[Json, Mapping[str, str]]:
        path = urlsplit(url).path

        async def once(deadline: float) -> tuple[Json, Mapping[str, str]]:
            method = "POST" if values else "GET"
            ask = _Ask(method, path, url, values or None, deadline, headers, as_json)
            try:
                answer = await self._send(ask, None)
            except NotReadable as error:
                # OTDS answers 400 where ECM answers 401: in both cases these credentials must not be tried again.
                raise error.turned_into(Refused) from error
            if answer is None:
                raise Refused(path, "these credentials are not accepted", 401)
            return answer

        return await retry(once, self._policy, self._retried)

    async def _send(self, ask: _Ask, ticket: Ticket | None) -> tuple[Json, Mapping[str, str]] | None:
        """Send one HTTP request: the JSON and headers of its response, None for 401. Raises Retryable for a temporary failure."""
        async with self._circuit.admitted(ask.path, ask.deadline):
            await self._rate.turn()
            response = await self._exchange(ask, {HEADER: ticket.value} if ticket else dict(ask.headers))
            if ticket:  # observers hear of no login: it carries secrets
                exchanges.tell(
                    ask.method, ask.url, ask.form, response.status, response.headers, response.body
                )
            if response.status == 401:
                return None
            if ticket:
                self._tickets.adopt(ticket, response.headers.get(HEADER))
            try:
                answer = answers.read(ask.path, response.status, response.headers, response.body)
            except Refused as refused:
                if refused.status == 401:  # in the body of a 200
                    return None
                raise
            if ticket and ask.path != _PING:
                self._tickets.prove(ticket)
            return answer, response.headers

    async def _exchange(self, ask: _Ask, headers: Mapping[str, str]) -> _Response:
        if self._pool is None:
            raise RuntimeError("the client is closed: use it inside `async with Client(settings) as client`")
        seconds = min(self.settings.timeout, max(0.001, ask.deadline - monotonic()))
        self._count(requests=1)
        asked = self.clock()
        sent: dict[str, Any] = {"json" if ask.as_json else "data": ask.form}
        try:
            with self._pool.connection() as connection:
                async with (
                    asyncio.timeout(seconds),
                    connection.stream(ask.method, ask.url, headers=headers, **sent) as response,
                ):
                    body = await self._body(ask.path, response)
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
            kind = CutOff if isinstance(error, _CUT) else Unavailable
            raise Retryable(kind(ask.path, f"no answer: {_reason(error)}")) from error
        self._count(received=len(body))
        self.skew = joined(self.skew, measured(response.headers.get("date"), asked, self.clock()))
        return _Response(response.status_code, response.headers, body)

    async def _body(self, path: str, response: httpx.Response) -> bytes:
        """The body, up to the largest answer. Raises Retryable for a larger one, which may never end."""
        most = self.settings.largest_answer
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_bytes():
            parts.append(part)
            size += len(part)
            if size > most:
                self._count(received=size)
                said = f"the answer is longer than {most} bytes, and was not read further"
                raise Retryable(Malformed(path, said, response.status_code), times=1)
        return b"".join(parts)

    def _count(self, requests: int = 0, received: int = 0, retries: int = 0) -> None:
        for counts in (self.counts, *_counting.get()):
            counts.requests += requests
            counts.bytes += received
            counts.retries += retries

    def _retried(self) -> None:
        self._count(retries=1)


def _reason(error: Exception) -> str:
    """Why there was no response, in Vigil's own words: the client's text may quote the proxy's, or an address with a password."""
    if isinstance(error, httpx.ProxyError):
        status = re.match(r"\d{3}\b", str(error))
        return f"the proxy turned the request away{f' ({status[0]})' if status else ''}"
    if isinstance(error, httpx.DecodingError):
        return "the answer could not be decompressed"
    return of_connection(error)

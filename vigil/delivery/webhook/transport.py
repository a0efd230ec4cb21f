"""The transport of webhooks: one signed POST for each message, over aiohttp, with the same four outcomes as a push."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from yarl import URL

from vigil.delivery.codes import HELD_DEVICE, HELD_HOST
from vigil.delivery.errors import InvalidMessage
from vigil.delivery.http_session import NO_ANSWER, HttpClient, read_failure
from vigil.delivery.limits import DeviceRates
from vigil.delivery.responses import ParsedResponse, sent_of
from vigil.delivery.transport import Outgoing, Sent
from vigil.delivery.webhook import post
from vigil.delivery.webhook.outcomes import read_status
from vigil.delivery.webhook.settings import WebhookSettings

log = logging.getLogger("vigil.delivery.webhook")

FAILURES = 3  # requests in a row that got no answer, after which a host is left alone for the rest of a batch

_Numbered = Iterator[tuple[int, Outgoing]]


@dataclass(slots=True)
class _Host:
    """A host during one batch: how many requests in a row it did not answer, and how many messages to it are under way."""

    failures: int = 0
    answers: bool = False  # whether it answered the last request
    under_way: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def down(self) -> bool:
        return self.failures >= FAILURES

    def _has_room(self) -> bool:
        """Whether one more message may begin: a host that does not answer gets no more than `FAILURES` requests in all."""
        return self.down or self.answers or self.failures + self.under_way < FAILURES

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The time of one message, which begins once it is sure that the host may get a request, or must not."""
        async with self.changed:
            await self.changed.wait_for(self._has_room)
            self.under_way += 1
        try:
            yield
        finally:
            async with self.changed:
                self.under_way -= 1
                self.changed.notify_all()

    def note(self, answered: bool) -> None:
        """Count one request."""
        self.answers = answered
        self.failures = 0 if answered else self.failures + 1


class Webhooks(HttpClient[WebhookSettings]):
    """A `Transport` for addresses of kind webhook. `now` dates the attempts.

    `wall` is the clock of signatures, in seconds since 1970: receivers compare it with theirs, also where a run's clock stands still.
    """

    def __init__(
        self,
        settings: WebhookSettings,
        now: Callable[[], datetime] = partial(datetime.now, UTC),
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(settings)
        self._now, self._wall = now, wall
        self._keys = settings.keys
        self._gate = asyncio.Semaphore(settings.concurrency)
        self._rates = DeviceRates(None, None)  # no limit of our own: it holds an address that answered 429

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        """See `Transport.send`."""
        _ = self._http  # a transport that is not open fails here, not once a message
        results: dict[int, Sent] = {}
        async with asyncio.TaskGroup() as group:
            for some in _by_host(batch).values():
                work, host = iter(some), _Host()
                for _ in range(min(self._settings.per_host, len(some))):
                    group.create_task(self._some(work, host, results))
        return [results[index] for index in range(len(batch))]

    async def _some(self, work: _Numbered, host: _Host, results: dict[int, Sent]) -> None:
        """Messages to one host, one after another."""
        for index, out in work:
            async with host.turn(), self._gate:
                results[index] = await self._one(out, host)

    async def _one(self, out: Outgoing, host: _Host) -> Sent:
        """One message, whatever happens. An invalid message ends here and never reaches its batch."""
        started = self._now()
        try:
            url, content = post.address(out), post.body(out)
            wait = self._rates.take(out.token, started.timestamp())
            if wait > 0:
                reading = ParsedResponse("retry", HELD_DEVICE, retry_after=wait)
            elif host.down:
                reading = ParsedResponse("retry", HELD_HOST)
            else:
                reading = await self._post(url, post.idempotency_key(out), content)
                host.note(reading.status is not None)
            if reading.status == 429:
                self._rates.hold(out.token, self._now().timestamp(), reading.retry_after or 0.0)
        except InvalidMessage as invalid:
            reading = ParsedResponse("rejected", invalid.code, detail=str(invalid))
        except Exception as wrong:  # noqa: BLE001  its text may quote the address, and its batch must not end with it
            log.error("a webhook ended in an unforeseen way and counts as unknown: %s", type(wrong).__name__)
            return Sent.unforeseen(wrong, started, self._now())
        return sent_of(reading, started, self._now())

    async def _post(self, url: URL, key: str, content: bytes) -> ParsedResponse:
        """One request. What fails before a connection stands was not sent; whatever fails after it is unknown."""
        signed = post.headers(self._keys, key, int(self._wall()), content)
        try:
            async with self._http.post(url, data=content, headers=signed, allow_redirects=False) as answer:
                return read_status(answer.status, answer.headers.get("Retry-After"))
        except NO_ANSWER as error:
            return read_failure(error, self._settings.timeout)


def _by_host(batch: Sequence[Outgoing]) -> dict[str, list[tuple[int, Outgoing]]]:
    """The messages with their places in the batch, by the host and port of their addresses; those of no address together."""
    hosts: dict[str, list[tuple[int, Outgoing]]] = {}
    for index, out in enumerate(batch):
        try:
            host = str(post.address(out).origin())
        except InvalidMessage:
            host = ""
        hosts.setdefault(host, []).append((index, out))
    return hosts


__all__ = ["Webhooks"]

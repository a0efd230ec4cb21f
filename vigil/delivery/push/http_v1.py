"""The default push transport: FCM HTTP v1 over aiohttp, with many concurrent requests and an outcome for each message.

Contract: docs/contracts/fcm.md. firebase-admin builds messages and credentials; the HTTP requests are Vigil's own, because
firebase-admin's retries contradict the contract's table and one exception in it loses a batch.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import orjson
from yarl import URL

from vigil.delivery.codes import HELD_CREDENTIAL, HELD_DEVICE, HELD_PROJECT
from vigil.delivery.errors import CredentialRefused, CredentialUnavailable, InvalidMessage
from vigil.delivery.http_session import NO_ANSWER, read_failure
from vigil.delivery.limits import DeviceRates, ProjectRate
from vigil.delivery.push.firebase import FirebaseClient
from vigil.delivery.push.messages import as_json, encode
from vigil.delivery.push.outcomes import message_name, read_answer
from vigil.delivery.push.platforms import data_only
from vigil.delivery.push.settings import FcmSettings
from vigil.delivery.responses import ParsedResponse, sent_of
from vigil.delivery.transport import Outgoing, Sent

log = logging.getLogger("vigil.delivery.fcm")

ENCODED_AT_ONCE = 256
DEVICE_HOLD = 60.0  # seconds, when FCM names the device and no time

EVERYTHING = "*"
THIRD_PARTY = {
    "ios": "the APNs authentication key of Firebase project {project}",
    "web": "the web push certificate of Firebase project {project}",
    "android": "the sender credential of Firebase project {project}",
}


def _encode(out: Outgoing, now: datetime) -> bytes | Exception:
    """The body, or the error of building it, which is raised when the message's turn comes: its neighbours are encoded with it."""
    try:
        return encode(out, now)
    except Exception as wrong:  # noqa: BLE001  `_one` says what becomes of it
        return wrong


class FcmHttp(FirebaseClient):
    """A `Transport`. `now` dates attempts, APNs expirations and the devices' rates; pass the sandbox's clock there."""

    def __init__(
        self, settings: FcmSettings, now: Callable[[], datetime] = partial(datetime.now, UTC)
    ) -> None:
        super().__init__(settings)
        self._now = now
        self._url = URL(settings.send_url, encoded=True)
        self._project_rate = ProjectRate(settings.project_per_second)
        self._device_rates = DeviceRates(settings.device_per_minute, settings.device_per_hour)
        self._gate = asyncio.Semaphore(settings.concurrency)
        self._stopped: dict[str, CredentialRefused] = {}  # platform, or EVERYTHING
        self._surprises: set[type[Exception]] = set()

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        """See `Transport.send`."""
        _ = self._http  # a closed transport fails here, not for each message
        results: dict[int, Sent] = {}
        work = self._encoded(batch)

        async def worker() -> None:
            async with self._gate:
                for index, out, body in work:
                    results[index] = await self._one(out, body)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._settings.concurrency, len(batch))):
                group.create_task(worker())
        ordered = [results[index] for index in range(len(batch))]
        self._raise_if_stopped(batch, ordered)
        return ordered

    async def validate(self, out: Outgoing) -> ParsedResponse:
        """Let FCM validate a message without delivering it, and return its answer. Contract: docs/contracts/fcm.md#send.

        Raises InvalidMessage, CredentialRefused and CredentialUnavailable.
        """
        _ = self._http
        body = b'{"validate_only":true,' + encode(out, self._now())[1:]
        bearer = await self._credential.bearer()
        answer = await self._exchange(out.token, body, bearer)
        return ParsedResponse("accepted", status=200, name=answer) if isinstance(answer, str) else answer

    async def hand(
        self, address: str, address_kind: str, data: Mapping[str, str], ttl: timedelta
    ) -> ParsedResponse:
        """Send invisible data to the app on a device, and return FCM's answer.

        Raises InvalidMessage, CredentialRefused and CredentialUnavailable.
        """
        _ = self._http
        message = as_json(data_only(address, address_kind, data, ttl, self._now()))
        body = orjson.dumps({"message": message})
        bearer = await self._credential.bearer()
        answer = await self._exchange(address, body, bearer)
        if isinstance(answer, ParsedResponse) and answer.action == "refresh":
            answer = await self._exchange(address, body, await self._credential.renew(bearer))
        return ParsedResponse("accepted", status=200, name=answer) if isinstance(answer, str) else answer

    def _encoded(self, batch: Sequence[Outgoing]) -> Iterator[tuple[int, Outgoing, bytes | Exception]]:
        """The messages with their bodies, some hundred at a time: encoded singly between two waits, with cold processor caches, a
        message takes three times as long.
        """
        for start in range(0, len(batch), ENCODED_AT_ONCE):
            now, some = self._now(), batch[start : start + ENCODED_AT_ONCE]
            bodies = [_encode(out, now) for out in some]
            yield from zip(range(start, start + len(some)), some, bodies, strict=True)

    def _raise_if_stopped(self, batch: Sequence[Outgoing], sent: list[Sent]) -> None:
        for out in batch:
            stop = self._stopped.get(EVERYTHING) or self._stopped.get(out.platform)
            if stop is not None:
                raise CredentialRefused(stop.credential, stop.why, sent)

    async def _one(self, out: Outgoing, body: bytes | Exception) -> Sent:
        """Send one message, whatever happens. An invalid message ends here and never affects its batch."""
        started = self._now()
        try:
            if isinstance(body, Exception):
                raise body
            held = self._hold(out, started)
            if isinstance(held, Sent):
                return held
            if held > 0:
                await asyncio.sleep(held)
            bearer = self._credential.at_hand() or await self._credential.bearer()
            answer = await self._exchange(out.token, body, bearer)
            if isinstance(answer, str):
                return Sent("accepted", 200, "", answer, None, started, self._now())
            return self._done(await self._mind(out, body, bearer, answer), started)
        except InvalidMessage as invalid:
            return self._done(ParsedResponse("rejected", invalid.code, detail=str(invalid)), started)
        except CredentialUnavailable as wrong:
            return self._done(ParsedResponse("retry", HELD_CREDENTIAL, detail=str(wrong)), started)
        except CredentialRefused as wrong:
            self._stopped[EVERYTHING] = wrong
            return self._done(ParsedResponse("retry", HELD_CREDENTIAL, detail=str(wrong)), started)
        except Exception as wrong:
            if type(wrong) not in self._surprises:  # once for each kind: a batch may hold thousands of them
                self._surprises.add(type(wrong))
                log.exception("a message ended in an unforeseen way; it and its like count as unknown")
            return Sent.unforeseen(wrong, started, self._now())

    def _hold(self, out: Outgoing, started: datetime) -> Sent | float:
        """The outcome of a message that is deferred without a request, or the seconds to wait before it, nearly always 0."""
        stop = self._stopped and (self._stopped.get(EVERYTHING) or self._stopped.get(out.platform))
        if stop:
            return self._done(ParsedResponse("retry", HELD_CREDENTIAL, detail=str(stop)), started)
        if out.address_kind in ("token", "fid"):
            wait = self._device_rates.take(out.token, started.timestamp())
            if wait > 0:
                return self._done(ParsedResponse("retry", HELD_DEVICE, retry_after=wait), started)
        wait = self._project_rate.take(time.monotonic(), self._settings.max_wait)
        if wait > self._settings.max_wait:
            return self._done(ParsedResponse("retry", HELD_PROJECT, retry_after=wait), started)
        return wait

    async def _mind(self, out: Outgoing, body: bytes, bearer: str, reading: ParsedResponse) -> ParsedResponse:
        """React to a failed response: refresh the token and repeat once, stop, or slow down."""
        if reading.action == "refresh":
            again = await self._exchange(out.token, body, await self._credential.renew(bearer))
            if isinstance(again, str):
                return ParsedResponse("accepted", status=200, name=again)
            reading = again
        if reading.action != "none":
            self._stop(out, reading)
        if reading.status == 429:
            self._slow(out, reading)
        return reading

    async def _exchange(self, address: str, body: bytes, bearer: str) -> str | ParsedResponse:
        """One request to a device's `address`: the name of the accepted message, or the failure.

        If it fails before the connection is made, nothing was sent; any later failure leaves the outcome unknown.
        """
        try:
            response = await self._http.post(
                self._url, data=body, headers={"Authorization": bearer}, allow_redirects=False
            )
            # Reading to the end returns the connection to the pool; on failure, aiohttp closes it.
            answer = await response.read()
        except NO_ANSWER as error:
            return read_failure(error, self._settings.timeout)
        name = message_name(answer) if response.status == 200 else ""
        return name or read_answer(response.status, answer, response.headers.get("Retry-After"), address)

    def _slow(self, out: Outgoing, reading: ParsedResponse) -> None:
        """A 429 that names the device slows that device; any other slows the whole sender."""
        if reading.quota.startswith("device"):
            wait = DEVICE_HOLD if reading.retry_after is None else reading.retry_after
            self._device_rates.hold(out.token, self._now().timestamp(), wait)
        else:
            self._project_rate.slow(time.monotonic())

    def _stop(self, out: Outgoing, reading: ParsedResponse) -> None:
        why = f"HTTP {reading.status} {reading.code} {reading.detail}".strip()
        project = self._settings.project
        if reading.code == "THIRD_PARTY_AUTH_ERROR":
            named = THIRD_PARTY.get(out.platform, THIRD_PARTY["android"]).format(project=project)
            self._stopped[out.platform] = CredentialRefused(
                named, f"{why}; upload a new one in the Firebase console"
            )
            return
        hint = f"check that it may send for project {project} and that the FCM API is enabled there"
        self._stopped[EVERYTHING] = CredentialRefused(self._credential.name, f"{why}; {hint}")

    def _done(self, reading: ParsedResponse, started: datetime) -> Sent:
        return sent_of(reading, started, self._now())

"""The default push transport: FCM HTTP v1 over aiohttp, many requests in flight, every outcome accounted for.

Contract: shared/contracts/fcm.md, all of it. firebase-admin builds messages and credentials; the HTTP path is
own, because firebase-admin's retries go against the contract's table and one exception in it loses a batch.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from vigil.delivery.credentials import Credential
from vigil.delivery.errors import CredentialRefused, CredentialUnavailable, InvalidMessage
from vigil.delivery.limits import DeviceRates, ProjectRate
from vigil.delivery.messages import Outgoing, encode
from vigil.delivery.outcomes import Reading, read_answer
from vigil.delivery.settings import FcmSettings
from vigil.delivery.transport import HELD_CREDENTIAL, HELD_DEVICE, HELD_PROJECT, Outcome, Sent

log = logging.getLogger("vigil.delivery.fcm")

# Idle connections are dropped before servers drop them (uvicorn after 5 s): a POST on a connection that has
# just been closed cannot be told from one that was accepted.
KEEPALIVE = 4.0
CONNECT_TIMEOUT = 10.0
DEVICE_HOLD = 60.0  # seconds, when FCM names the device and no time

EVERYTHING = "*"
THIRD_PARTY = {
    "ios": "the APNs authentication key of Firebase project {project}",
    "web": "the web push certificate of Firebase project {project}",
    "android": "the sender credential of Firebase project {project}",
}

_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FcmHttp:
    """A `Transport`. `now` dates attempts, APNs expirations and the devices' rates; pass the sandbox's clock
    there.
    """

    def __init__(self, settings: FcmSettings, now: Callable[[], datetime] = _utc_now) -> None:
        self._settings = settings
        self._now = now
        self._url = URL(settings.send_url, encoded=True)
        self._credential = Credential(settings)
        self._project_rate = ProjectRate(settings.project_per_second)
        self._device_rates = DeviceRates(settings.device_per_minute, settings.device_per_hour)
        self._gate = asyncio.Semaphore(settings.concurrency)
        self._stopped: dict[str, CredentialRefused] = {}  # platform, or EVERYTHING
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        tls: ssl.SSLContext | bool = True
        if self._settings.ca_file:
            tls = ssl.create_default_context(cafile=self._settings.ca_file)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE, ssl=tls, ttl_dns_cache=300),
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout, sock_connect=CONNECT_TIMEOUT),
            headers={"Content-Type": "application/json; charset=UTF-8"},
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
            proxy=self._settings.proxy,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        await self._credential.close()

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("open the transport with `async with` before sending")
        return self._session

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        """See `Transport.send`."""
        _ = self._http  # a transport that is not open fails here, not once a message
        results: dict[int, Sent] = {}
        work = iter(enumerate(batch))

        async def worker() -> None:
            for index, out in work:
                async with self._gate:
                    results[index] = await self._one(out)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._settings.concurrency, len(batch))):
                group.create_task(worker())
        ordered = [results[index] for index in range(len(batch))]
        self._raise_if_stopped(batch, ordered)
        return ordered

    def _raise_if_stopped(self, batch: Sequence[Outgoing], sent: list[Sent]) -> None:
        for out in batch:
            stop = self._stopped.get(EVERYTHING) or self._stopped.get(out.platform)
            if stop is not None:
                raise CredentialRefused(stop.credential, stop.why, sent)

    async def _one(self, out: Outgoing) -> Sent:
        """One message, whatever happens. A poison message ends here and never reaches its batch."""
        started = self._now()
        try:
            held = await self._hold(out, started)
            if held is not None:
                return held
            return await self._post(out, encode(out, started), started)
        except InvalidMessage as wrong:
            return self._sent("rejected", started, code=wrong.code, detail=str(wrong))
        except CredentialUnavailable as wrong:
            return self._sent("retry", started, code=HELD_CREDENTIAL, detail=str(wrong))
        except CredentialRefused as wrong:
            self._stopped[EVERYTHING] = wrong
            return self._sent("retry", started, code=HELD_CREDENTIAL, detail=str(wrong))
        except Exception as wrong:
            log.exception("a message ended in an unforeseen way; it counts as unknown")
            return self._sent("unknown", started, code="UNFORESEEN", detail=type(wrong).__name__)

    async def _hold(self, out: Outgoing, started: datetime) -> Sent | None:
        """The message held back without a request, or None: it may go now."""
        stop = self._stopped.get(EVERYTHING) or self._stopped.get(out.platform)
        if stop is not None:
            return self._sent("retry", started, code=HELD_CREDENTIAL, detail=str(stop))
        if out.address_kind in ("token", "fid"):
            wait = self._device_rates.take(out.token, started.timestamp())
            if wait > 0:
                return self._sent("retry", started, code=HELD_DEVICE, retry_after=wait)
        wait = self._project_rate.take(time.monotonic(), self._settings.max_wait)
        if wait > self._settings.max_wait:
            return self._sent("retry", started, code=HELD_PROJECT, retry_after=wait)
        if wait > 0:
            await asyncio.sleep(wait)
        return None

    async def _post(self, out: Outgoing, body: bytes, started: datetime) -> Sent:
        bearer = await self._credential.bearer()
        status, reading = await self._exchange(body, bearer)
        if reading.action == "refresh":
            bearer = await self._credential.renew(bearer)
            status, reading = await self._exchange(body, bearer)
        if reading.action != "none":
            self._stop(out, status, reading)
        if status == 429:
            self._slow(out, reading)
        return Sent(
            reading.outcome,
            status,
            reading.code,
            reading.name,
            reading.retry_after,
            started,
            self._now(),
            reading.detail,
        )

    async def _exchange(self, body: bytes, bearer: str) -> tuple[int | None, Reading]:
        """One request. What fails before a connection stands was not sent; whatever fails after it is
        unknown.
        """
        try:
            async with self._http.post(self._url, data=body, headers={"Authorization": bearer}) as response:
                answer = await response.read()
                return response.status, read_answer(
                    response.status, answer, response.headers.get("Retry-After")
                )
        except _NOT_SENT as error:
            return None, Reading("retry", "CONNECT", detail=type(error).__name__)
        except TimeoutError:
            return None, Reading("unknown", "TIMEOUT", detail=f"no answer in {self._settings.timeout:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return None, Reading("unknown", "RESET", detail=type(error).__name__)

    def _slow(self, out: Outgoing, reading: Reading) -> None:
        """A 429 that names the device is about that device; any other slows the whole sender."""
        if reading.quota.startswith("device"):
            wait = DEVICE_HOLD if reading.retry_after is None else reading.retry_after
            self._device_rates.hold(out.token, self._now().timestamp(), wait)
        else:
            self._project_rate.slow(time.monotonic())

    def _stop(self, out: Outgoing, status: int | None, reading: Reading) -> None:
        why = f"HTTP {status} {reading.code} {reading.detail}".strip()
        project = self._settings.project
        if reading.code == "THIRD_PARTY_AUTH_ERROR":
            named = THIRD_PARTY.get(out.platform, THIRD_PARTY["android"]).format(project=project)
            self._stopped[out.platform] = CredentialRefused(
                named, f"{why}; upload a new one in the Firebase console"
            )
            return
        hint = f"check that it may send for project {project} and that the FCM API is enabled there"
        self._stopped[EVERYTHING] = CredentialRefused(self._credential.name, f"{why}; {hint}")

    def _sent(
        self,
        outcome: Outcome,
        started: datetime,
        *,
        code: str,
        retry_after: float | None = None,
        detail: str = "",
    ) -> Sent:
        return Sent(outcome, None, code, "", retry_after, started, self._now(), detail)

"""The second push transport: firebase-admin's own `send_each` behind the same interface.

It is slower than `FcmHttp`, and intended for sites that require Google's client. It works around firebase-admin's defects
(docs/contracts/fcm.md#firebase-admin): each instance has its own App and runs it in threads, so that no App crosses event loops;
retries are off, because the outbox retries by the contract's table; a message that firebase-admin would refuse is sorted out before
the batch. Responses are read here and not by firebase-admin, which accepts any `name` as a message's, and loses the results of the
whole batch on a response that it cannot read.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Self

import firebase_admin
import requests
from firebase_admin import exceptions, messaging
from requests import Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectTimeout, RequestException, Timeout

from vigil.connections import of_connection
from vigil.delivery.codes import HELD_CREDENTIAL, UNFORESEEN
from vigil.delivery.errors import CredentialRefused, CredentialUnavailable, InvalidMessage
from vigil.delivery.push.credentials import Credential
from vigil.delivery.push.messages import as_json, build
from vigil.delivery.push.outcomes import message_name, read_answer
from vigil.delivery.push.settings import FcmSettings
from vigil.delivery.responses import ParsedResponse, sent_of
from vigil.delivery.transport import Outgoing, Sent

log = logging.getLogger("vigil.delivery.push.admin_sdk")

BATCH = 500  # firebase-admin's own bound


class FcmAdmin:
    """A `Transport`. See `FcmHttp` for `now`. It does not apply the rates of `FcmSettings`, because it is slower than they are."""

    def __init__(
        self, settings: FcmSettings, now: Callable[[], datetime] = partial(datetime.now, UTC)
    ) -> None:
        self._settings = settings
        self._now = now
        self._credential = Credential(settings)
        self._app: firebase_admin.App | None = None
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="fcm-admin")

    async def __aenter__(self) -> Self:
        options = {"projectId": self._settings.project, "httpTimeout": self._settings.timeout}
        self._app = firebase_admin.initialize_app(
            self._credential.google, options, name=f"vigil-{uuid.uuid4()}"
        )
        _redirect(self._app, self._settings)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=True)
        await self._credential.close()
        if self._app is not None:
            app, self._app = self._app, None
            # In a thread: deleting an App runs another event loop to close its asynchronous client.
            await asyncio.to_thread(firebase_admin.delete_app, app)

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        """See `Transport.send`."""
        if self._app is None:
            raise RuntimeError("open the transport with `async with` before sending")
        sent: list[Sent] = []
        for at in range(0, len(batch), BATCH):
            sent.extend(await self._some(batch[at : at + BATCH], sent))
        return sent

    async def _some(self, batch: Sequence[Outgoing], before: Sequence[Sent]) -> list[Sent]:
        """Send at most `BATCH` messages: invalid ones are rejected, the rest goes in one call."""
        started = self._now()
        results: dict[int, Sent] = {}
        good: list[tuple[int, messaging.Message]] = []
        for index, out in enumerate(batch):
            try:
                message = build(out, started)
                as_json(
                    message
                )  # firebase-admin encodes all before it sends any, so one invalid message would stop all
            except InvalidMessage as wrong:
                rejected = ParsedResponse("rejected", wrong.code, detail=str(wrong))
                results[index] = sent_of(rejected, started, self._now())
            else:
                good.append((index, message))
        refused: CredentialRefused | None = None
        if good:
            try:
                # The token is proved first: a refused refresh inside send_each would cost the results of the
                # batch.
                await self._credential.bearer()
                answers = await self._send_each([message for _, message in good])
            except (CredentialRefused, CredentialUnavailable) as wrong:
                answers = [ParsedResponse("retry", HELD_CREDENTIAL, detail=str(wrong))] * len(good)
                refused = wrong if isinstance(wrong, CredentialRefused) else None
            for (index, _), reading in zip(good, answers, strict=True):
                results[index] = sent_of(reading, started, self._now())
                refused = refused or self._refusal(reading, batch[index])
        ordered = [results[index] for index in range(len(batch))]
        if refused is not None:
            raise CredentialRefused(refused.credential, refused.why, [*before, *ordered])
        return ordered

    async def _send_each(self, messages: list[messaging.Message]) -> list[ParsedResponse]:
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(
                self._threads, messaging.send_each, messages, False, self._app
            )
        except exceptions.FirebaseError as error:
            log.warning(
                "send_each gave no results for %d messages: %s", len(messages), type(error.cause).__name__
            )
            lost = ParsedResponse("unknown", "BATCH_LOST", detail=type(error.cause).__name__)
            return [lost] * len(messages)
        return [_read(r, m.token or "") for r, m in zip(answer.responses, messages, strict=True)]

    def _refusal(self, reading: ParsedResponse, out: Outgoing) -> CredentialRefused | None:
        if reading.action == "none":
            return None
        named = self._credential.name
        if reading.code == "THIRD_PARTY_AUTH_ERROR":
            named = f"the {out.platform} push credential of Firebase project {self._settings.project}"
        return CredentialRefused(named, f"HTTP {reading.status} {reading.code} {reading.detail}".strip())


def _redirect(app: firebase_admin.App, settings: FcmSettings) -> None:
    """Point the App at `settings.endpoint`, switch its retries off and read its responses here. firebase-admin has no public API
    for that.
    """
    service: Any = messaging._get_messaging_service(app)
    service._fcm_url = settings.send_url
    session = service._client.session
    service._client.body = partial(_taken, session, settings.timeout)
    session.trust_env = False  # see Credential
    size = min(settings.concurrency, BATCH)
    session.mount(settings.endpoint, HTTPAdapter(pool_connections=1, pool_maxsize=size, max_retries=0))
    if settings.ca_file:
        session.verify = settings.ca_file
    if settings.proxy:
        session.proxies = {"http": settings.proxy, "https": settings.proxy}


class _NotTaken(RequestException):
    """A response without a message name. It is not the error's `response`, which firebase-admin would read, and could fail to."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class _Unforeseen(RequestException):
    """Any other failure of one message, as its cause: firebase-admin keeps the batch's results only for errors of requests."""


def _taken(session: Any, timeout: float, method: str, url: str, **request: Any) -> dict[str, str]:
    """Send one request in place of firebase-admin's own, and return the name of the accepted message. Raises only RequestException."""
    try:
        # A redirection comes from an intermediary, and a message must not follow it.
        answer: Response = session.request(method, url, timeout=timeout, allow_redirects=False, **request)
        name = message_name(answer.content) if answer.status_code == 200 else ""
    except RequestException:
        raise
    except Exception as wrong:
        raise _Unforeseen from wrong
    if not name:
        raise _NotTaken(answer)
    return {"name": name}


def _read(response: messaging.SendResponse, address: str) -> ParsedResponse:
    if response.success:
        return ParsedResponse("accepted", status=200, name=response.message_id)
    cause = None if response.exception is None else response.exception.cause
    if isinstance(cause, _NotTaken):
        answer = cause.answer
        return read_answer(answer.status_code, answer.content, answer.headers.get("Retry-After"), address)
    if isinstance(cause, _Unforeseen):
        log.error("a message ended in an unforeseen way and counts as unknown", exc_info=cause.__cause__)
        return ParsedResponse("unknown", UNFORESEEN, detail=type(cause.__cause__).__name__)
    if cause is not None and (isinstance(cause, ConnectTimeout) or _never_connected(cause)):
        return ParsedResponse("retry", "CONNECT", detail=of_connection(cause))
    if isinstance(cause, Timeout):
        return ParsedResponse("unknown", "TIMEOUT")
    return ParsedResponse(
        "unknown", "RESET" if isinstance(cause, requests.exceptions.ConnectionError) else "UNREADABLE"
    )


def _never_connected(cause: BaseException) -> bool:
    """Whether no connection was made. requests wraps urllib3's error twice; only the innermost one tells."""
    reason = getattr(cause.args[0], "reason", None) if cause.args else None
    return type(reason).__name__ in ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")

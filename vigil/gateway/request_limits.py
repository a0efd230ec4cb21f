"""Middleware in front of every route: rate limits, the size of the body, headers, one log line, and no internal error outside.

A log line has the method, the route's template (never the path, which may contain a link's token), the status and the time.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vigil.gateway.errors import ApiError, RequestRefused, answer, too_many
from vigil.gateway.limits import Buckets, network_of
from vigil.gateway.settings import LARGEST_BODY, LARGEST_HEAD, SLOWEST_BODY

log = logging.getLogger("vigil.gateway")

LONGEST_LENGTH = 20  # digits of a body's stated length: Python converts no number of thousands of them
_ENDING = (400, 408)  # answers after which the connection cannot be parsed further
_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),  # a link's token is in its path
    (b"x-content-type-options", b"nosniff"),
]


class RequestLimits:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, addresses: Buckets, at_once: int) -> None:
        self._app = app
        self._addresses = addresses
        self._at_once = at_once
        self._under_way: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 0, time.monotonic()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        try:
            with self._counted(scope):
                body = await _body(scope, receive)
                await self._app(scope, _replay(body, receive), watched)
        except RequestRefused as refused:
            problem = ApiError(error=refused.error, message=str(refused))
            made = answer(refused.status, problem, refused.retry_after)
            if refused.status in _ENDING:
                made.headers["Connection"] = "close"
            await made(scope, receive, watched)
        except ClientDisconnect:
            log.debug("the caller left")
        except Exception as error:  # noqa: BLE001  the last line before the server, which would log its text
            # Only the place: the error's own text may contain values of the request.
            log.error("%s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
            if status == 0:
                problem = ApiError(error="failed", message="This is our fault: it was written down.")
                await answer(500, problem)(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "-")
            log.info("%s %s %d %.0f ms", scope["method"], route, status, (time.monotonic() - started) * 1000)

    @contextmanager
    def _counted(self, scope: Scope) -> Iterator[None]:
        """Count the request for its address while it is in progress. Raises Refused if the address has used its share.

        Behind a trusted proxy the address is the one that the proxy names: the connection is the proxy's.
        """
        client = scope.get("client")
        network = network_of(client[0]) if client else ""
        wait = self._addresses.take(network)
        if wait > 0:
            raise too_many(wait)
        if self._under_way[network] >= self._at_once:
            raise too_many(1)
        self._under_way[network] += 1
        try:
            yield
        finally:
            self._under_way[network] -= 1
            if not self._under_way[network]:
                del self._under_way[network]


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The whole body of a request. Raises Refused for a head that is too large or ambiguous, and for a body that is too large or
    too slow.
    """
    if sum(len(name) + len(value) for name, value in scope["headers"]) > LARGEST_HEAD:
        raise RequestRefused(431, "too_large", f"Headers have at most {LARGEST_HEAD} bytes.")
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers and b"content-length" in headers:
        # A proxy that uses the other length would treat the rest of this body as another client's request.
        raise RequestRefused(400, "two_lengths", "Say how long the body is in one way.")
    stated = headers.get(b"content-length", b"0")
    if not stated.isdigit() or len(stated) > LONGEST_LENGTH or int(stated) > LARGEST_BODY:
        raise _too_large()
    try:
        async with asyncio.timeout(SLOWEST_BODY):
            return await _read(receive)
    except TimeoutError:
        raise RequestRefused(
            408, "too_slow", f"The body must come within {SLOWEST_BODY:g} seconds."
        ) from None


async def _read(receive: Receive) -> bytes:
    """The body. Raises ClientDisconnect if the caller left before its end: an incomplete request is not executed."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            raise _too_large()
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return the body once, then the server's own messages, such as the disconnect."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _too_large() -> RequestRefused:
    return RequestRefused(413, "too_large", f"A body has at most {LARGEST_BODY} bytes.")

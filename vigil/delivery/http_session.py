"""The aiohttp session of all requests that send: its certificate authority, proxy and time-outs, and the meaning of its failures."""

from __future__ import annotations

import logging
import ssl
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

import aiohttp

from vigil.connections import of_connection
from vigil.delivery.responses import DETAIL, ParsedResponse

log = logging.getLogger("vigil.delivery.http")

# Idle connections are dropped before servers drop them (uvicorn after 5 s): a POST on a connection that has
# just been closed cannot be told from one that was accepted.
KEEPALIVE = 4.0
CONNECT_TIMEOUT = 10.0


NO_ANSWER = (aiohttp.ClientError, OSError)
"""The errors of aiohttp for a request without a response."""


class HttpSettings(Protocol):
    """The settings of a session. `timeout` in seconds, `ca_file` a PEM file, `proxy` a URL that may hold a password."""

    @property
    def timeout(self) -> float: ...

    @property
    def ca_file(self) -> str | None: ...

    @property
    def proxy(self) -> str | None: ...


S = TypeVar("S", bound=HttpSettings)


def read_failure(error: Exception, timeout: float) -> ParsedResponse:
    """The meaning of one of `NO_ANSWER`: without a connection nothing was sent; after that the outcome is unknown."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return ParsedResponse("retry", "CERTIFICATE", detail=str(error.certificate_error)[:DETAIL])
        case aiohttp.ClientHttpProxyError():
            return ParsedResponse("retry", "PROXY", detail=f"it answered {error.status}")
        case aiohttp.ClientProxyConnectionError():
            return ParsedResponse("retry", "PROXY", detail=of_connection(error))
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return ParsedResponse("retry", "CONNECT", detail=of_connection(error))
        case TimeoutError():
            return ParsedResponse("unknown", "TIMEOUT", detail=f"no answer in {timeout:g} s")
    log.debug("a connection was cut: %s", type(error).__name__)
    return ParsedResponse("unknown", "RESET")


def open_session(settings: HttpSettings) -> aiohttp.ClientSession:
    """A session for the running event loop. It ignores the environment's proxies: only the settings count."""
    tls: ssl.SSLContext | bool = True
    if settings.ca_file:
        tls = ssl.create_default_context(cafile=settings.ca_file)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE, ssl=tls, ttl_dns_cache=300),
        timeout=aiohttp.ClientTimeout(total=settings.timeout, sock_connect=CONNECT_TIMEOUT),
        headers={
            "Content-Type": "application/json; charset=UTF-8",
            "Accept-Encoding": "identity",  # answers are a line long
            "User-Agent": "vigil",
        },
        proxy=settings.proxy,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


class HttpClient(Generic[S]):
    """Base of what sends over HTTP, with one session. Open it with ``async with`` in the event loop that uses it."""

    def __init__(self, settings: S) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("open the transport with `async with` before sending")
        return self._session

    async def __aenter__(self) -> Self:
        self._session = open_session(self._settings)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

"""The aiohttp session of all requests to Firebase: its certificate authority, proxy and time-outs."""

from __future__ import annotations

import ssl
from types import TracebackType
from typing import Self

import aiohttp

from vigil.delivery.credentials import Credential
from vigil.delivery.settings import FcmSettings

# Idle connections are dropped before servers drop them (uvicorn after 5 s): a POST on a connection that has
# just been closed cannot be told from one that was accepted.
KEEPALIVE = 4.0
CONNECT_TIMEOUT = 10.0


def open_session(settings: FcmSettings) -> aiohttp.ClientSession:
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


class FirebaseClient:
    """Base of the clients of Firebase, with the service account's credential. Open it with ``async with`` in the event loop that
    uses it.
    """

    def __init__(self, settings: FcmSettings) -> None:
        self._settings = settings
        self._credential = Credential(settings)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = open_session(self._settings)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        await self._credential.close()

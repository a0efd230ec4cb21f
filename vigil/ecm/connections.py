"""HTTP clients with one connection each, which carry the client's calls."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.cookiejar import CookieJar

import httpx

from vigil.ecm.settings import Settings

IDLE = 4.0
"""Seconds after which an idle connection is no longer used: servers close theirs after five or more."""


@lru_cache(maxsize=8)
def _tls(ca: str | None) -> ssl.SSLContext:
    """The trusted certificate authorities. Reading the system's takes 40 ms: it happens once in a process, not once in a run."""
    return ssl.create_default_context(cafile=ca)


class ConnectionPool:
    """Hands out HTTP clients with one kept-alive connection each.

    A single client with a pool of 32 would be the usual solution, but its pool examines every connection for every request several
    times, which takes more time than the rest of a call. The last client used is taken first, so that few connections stay open in
    quiet times. All of them share their cookies: a load balancer keeps by a cookie which node has the ticket.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tls = _tls(settings.ca)
        self._free: list[httpx.AsyncClient] = []
        self._all: list[httpx.AsyncClient] = []
        self._cookies = CookieJar()

    @contextmanager
    def connection(self) -> Iterator[httpx.AsyncClient]:
        """A client for one request. There are as many as the maximum number of simultaneous requests."""
        taken = self._free.pop() if self._free else self._open()
        try:
            yield taken
        finally:
            self._free.append(taken)

    async def close(self) -> None:
        await asyncio.gather(*(client.aclose() for client in self._all))

    def _open(self) -> httpx.AsyncClient:
        opened = httpx.AsyncClient(
            verify=self._tls,
            proxy=self._settings.proxy,
            timeout=self._settings.timeout,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE),
            headers={"Accept": "application/json", "User-Agent": "vigil"},
            cookies=self._cookies,
            trust_env=False,
        )
        self._all.append(opened)
        return opened

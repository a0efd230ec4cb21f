"""A simulator served over real HTTP on this machine, from a thread of this process: for tests and measurements."""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import uvicorn

from vigil.sandbox.asgi import Receive, Scope, Send

START = 20.0  # seconds to wait for the server to answer


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a server certificate and its key, PEM."""

    certificate: str
    key: str


class LocalServer:
    """A server that listens while it is entered. Its `url` is known from the beginning, its application before it is entered."""

    def __init__(self, name: str, tls: Tls | None = None) -> None:
        self._name, self._tls = name, tls
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
        self.url = f"{scheme}://{host}:{self._socket.getsockname()[1]}"

    def serve(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        """Serve an application from when it is entered on."""
        tls = self._tls
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
        )
        self._server = _Announcing(config)
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._server.up.wait(START):
            raise RuntimeError(f"the {self._name} did not start within {START:g} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(START)
        self._socket.close()


class _Announcing(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

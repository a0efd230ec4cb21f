"""The FCM simulator alone, served from a thread of this process: for tests and measurements.

`vigil sandbox` serves it beside Extended ECM in a separate process; here a test reads devices and scripts faults directly, without a
control interface.
"""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from vigil.sandbox.devices import Devices
from vigil.sandbox.fcm import FcmApp, fcm_app
from vigil.sandbox.fcm_oauth import write_service_account

START = 20.0  # seconds to wait for the server to answer


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a server certificate and its key, PEM."""

    certificate: str
    key: str


class LocalFcm:
    """A running simulator: ``with LocalFcm(folder) as fcm: ... fcm.url, fcm.account, fcm.devices, fcm.faults``.

    `folder` gets the service-account file. The clock stands still when `now` is set and is the machine's otherwise.
    """

    def __init__(self, folder: Path, project: str = "demo", tls: Tls | None = None) -> None:
        self.project = project
        self.now: datetime | None = None
        self.devices = Devices(self._clock)
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
        self.url = f"{scheme}://{host}:{self._socket.getsockname()[1]}"
        self.account = folder / "service-account.json"
        public_key = write_service_account(self.account, f"{self.url}/token", project)
        self.app: FcmApp = fcm_app(self.devices, project=project, public_key=public_key)
        self.faults = self.app.faults
        config = uvicorn.Config(
            self.app,
            log_level="warning",
            access_log=False,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
        )
        self._server = _Announcing(config)
        self._thread = threading.Thread(target=self._serve, name="fcm-simulator", daemon=True)

    def _clock(self) -> datetime:
        return self.now or datetime.now(UTC)

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._server.up.wait(START):
            raise RuntimeError(f"the FCM simulator did not start within {START:g} s")
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

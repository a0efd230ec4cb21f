"""Both simulators over real HTTP in one process and one event loop, ready when one JSON line is printed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import orjson
import uvicorn

from vigil.sandbox.control import Control
from vigil.sandbox.ecm import CGI
from vigil.sandbox.estate import load
from vigil.sandbox.fcm import fcm_app, write_service_account
from vigil.sandbox.quirks import Faults
from vigil.sandbox.world import World

PROJECT = "vigil-sandbox"
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Options:
    """`start` None: the estate's own. `faults`: as POST /sandbox/faults takes them under ``ecm``."""

    estate: Path
    ecm_port: int = 0
    fcm_port: int = 0
    start: datetime | None = None
    faults: dict[str, Any] | None = None
    until_stdin_closes: bool = False


class _Server(uvicorn.Server):
    """Tells when it listens. Signals are taken once for both servers, below."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(options: Options, out: TextIO = sys.stdout) -> None:
    """Serve until a signal comes (or stdin closes). Raises BadInput for a malformed estate, OSError for a taken port."""
    faults = Faults()
    faults.configure(options.faults or {})
    world = World(load(options.estate))
    world.move(options.start or world.estate.start)
    with tempfile.TemporaryDirectory(prefix="vigil-sandbox-") as folder:
        account = Path(folder) / "service-account.json"
        with _listen(options.ecm_port) as ecm, _listen(options.fcm_port) as fcm:
            control = Control(world, faults)
            public_key = write_service_account(account, f"{_url(fcm)}/token", PROJECT)
            control.fcm = fcm_app(control.devices, project=PROJECT, public_key=public_key)
            ready = {
                "ecm": f"{_url(ecm)}{CGI}",
                "fcm": _url(fcm),
                "service_account": str(account),
                "control": _url(ecm),
            }
            servers = [_server(control.site.app), _server(control.fcm)]
            work = _run(servers, [ecm, fcm], ready, options, out)
            with asyncio.Runner(loop_factory=servers[0].config.get_loop_factory()) as runner:
                runner.run(work)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


def _server(app: Any) -> _Server:
    # uvicorn would report each connection that a fault cuts on purpose as an error of the application.
    return _Server(
        uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", timeout_keep_alive=75,
                       timeout_graceful_shutdown=1, server_header=False)
    )  # fmt: skip


async def _run(
    servers: list[_Server],
    listeners: list[socket.socket],
    ready: dict[str, str],
    options: Options,
    out: TextIO,
) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    if options.until_stdin_closes:
        threading.Thread(target=_wait_for_stdin, args=(loop, stop), daemon=True).start()
    async with asyncio.TaskGroup() as group:
        for server, listener in zip(servers, listeners, strict=True):
            group.create_task(server.serve(sockets=[listener]))
        for server in servers:
            await server.up.wait()
        out.write(orjson.dumps(ready).decode() + "\n")
        out.flush()


def _wait_for_stdin(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """Stop when whoever started this has gone: its end of the pipe closes, however it went."""
    while sys.stdin.buffer.read(4096):
        pass
    loop.call_soon_threadsafe(stop)

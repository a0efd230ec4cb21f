"""Serves both simulators over HTTP in one process and one event loop; prints one JSON line when ready."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import orjson
import uvicorn

from vigil.recording.folder import Manifest, Recording
from vigil.sandbox.control import Control
from vigil.sandbox.ecm.app import CGI
from vigil.sandbox.estate.load import Estate, load
from vigil.sandbox.fcm.app import fcm_app, write_service_account
from vigil.sandbox.fcm.devices import Devices
from vigil.sandbox.generate.generator import START, behind, generate
from vigil.sandbox.quirks import EcmFaults
from vigil.sandbox.recorded import RecordedEcm
from vigil.sandbox.request_log import RequestLog, to_file
from vigil.sandbox.world.world import World

PROJECT = "vigil-sandbox"
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Options:
    """`start` None: the estate's own. `faults`: as POST /sandbox/faults takes them under ``ecm``.

    `clock`: one that the world follows from `start` on, such as the machine's; None: it stands until it is moved. `folder`: where
    the service account and devices.csv go, in place of a temporary one that ends with the sandbox. `log_requests`: a file to which
    each request to Extended ECM is appended (`vigil.sandbox.request_log`).
    """

    estate: Path
    ecm_port: int = 0
    fcm_port: int = 0
    start: datetime | None = None
    faults: dict[str, Any] | None = None
    until_stdin_closes: bool = False
    clock: Callable[[], datetime] | None = None
    folder: Path | None = None
    log_requests: Path | None = None


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


def serve(options: Options, out: TextIO = sys.stdout) -> int | None:
    """Serve until a signal comes, and return its number (None if stdin closes). Raises BadInput for a malformed estate, OSError for
    a taken port.
    """
    faults = EcmFaults()
    faults.configure(options.faults or {})
    world = World(load(options.estate))
    with tempfile.TemporaryDirectory(prefix="vigil-sandbox-") as temporary:
        folder = options.folder or Path(temporary)
        account, devices = folder / "service-account.json", folder / "devices.csv"
        _write_devices(world.estate, devices)
        with _listen(options.ecm_port) as ecm, _listen(options.fcm_port) as fcm:
            control = Control(world, faults, partial(load, options.estate), options.clock)
            world.move(
                options.start or world.estate.start
            )  # after the switches were set, some of which change what events do
            public_key = write_service_account(account, f"{_url(fcm)}/token", PROJECT)
            control.fcm = fcm_app(control.devices, project=PROJECT, public_key=public_key)
            ready = {
                "ecm": f"{_url(ecm)}{CGI}",
                "fcm": _url(fcm),
                "service_account": str(account),
                "control": _url(ecm),
                "devices": str(devices),
            }
            logged = options.log_requests
            front = control.ecm if logged is None else RequestLog(control.ecm, to_file(logged))
            servers = [_server(front, dated=False), _server(control.fcm)]
            work = _run(servers, [ecm, fcm], ready, options, out, control.follow)
            with asyncio.Runner(loop_factory=servers[0].config.get_loop_factory()) as runner:
                return runner.run(work)


def serve_demo(
    folder: Path, at: datetime | None, ecm_port: int, fcm_port: int, faults: dict[str, Any] | None = None
) -> int | None:
    """Serve the demo's estate, written anew into the folder, with the service account and devices.csv beside it; as `serve`.

    `at`: where its clock stands until it is moved; None: it goes by this machine's, and the story is over.
    """
    now = datetime.now(UTC)
    made = generate(folder / "estate", start=START if at else behind(now))
    clock = None if at else partial(datetime.now, UTC)
    return serve(Options(made.folder, ecm_port, fcm_port, at or now, faults, clock=clock, folder=folder))


def serve_recorded(recorded: Path, ecm_port: int, fcm_port: int, out: TextIO = sys.stdout) -> int | None:
    """Serve a recording as Extended ECM, and an FCM without devices beside it; as `serve`. Requests that were not recorded are lines
    of stderr. Raises BadRequest for a folder without a recording.
    """
    Manifest.read(recorded)
    ecm_app = RecordedEcm(Recording(recorded), partial(print, file=sys.stderr, flush=True))
    with (
        tempfile.TemporaryDirectory(prefix="vigil-sandbox-") as temporary,
        _listen(ecm_port) as ecm,
        _listen(fcm_port) as fcm,
    ):
        account = Path(temporary) / "service-account.json"
        public_key = write_service_account(account, f"{_url(fcm)}/token", PROJECT)
        push = fcm_app(Devices(partial(datetime.now, UTC)), project=PROJECT, public_key=public_key)
        ready = {
            "ecm": f"{_url(ecm)}{CGI}",
            "fcm": _url(fcm),
            "service_account": str(account),
            "control": _url(ecm),
        }
        servers = [_server(ecm_app, dated=False), _server(push)]
        work = _run(servers, [ecm, fcm], ready, Options(recorded), out, lambda: None)
        with asyncio.Runner(loop_factory=servers[0].config.get_loop_factory()) as runner:
            number = runner.run(work)
    if ecm_app.unknown:
        print(
            f"{sum(ecm_app.unknown.values())} of {ecm_app.total} requests were not recorded", file=sys.stderr
        )
    return number


def _write_devices(estate: Estate, file: Path) -> None:
    """Everybody's devices, as `vigil devices import` takes them."""
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["person", "address", "platform"])
        rows.writerows([u.login, d.token, d.platform] for u in estate.users.values() for d in u.devices)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


def _server(app: Any, *, dated: bool = True) -> _Server:
    """`dated`: whether answers carry this machine's time; the other one writes its world's."""
    # uvicorn would report each connection that a fault cuts on purpose as an error of the application.
    return _Server(
        uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", timeout_keep_alive=75,
                       timeout_graceful_shutdown=1, server_header=False, date_header=dated)
    )  # fmt: skip


async def _run(
    servers: list[_Server],
    listeners: list[socket.socket],
    ready: dict[str, str],
    options: Options,
    out: TextIO,
    follow: Callable[[], None],
) -> int | None:
    loop = asyncio.get_running_loop()
    came: list[int] = []

    def stop(*number: int) -> None:
        came.extend(number)
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    if options.until_stdin_closes:
        threading.Thread(target=_wait_for_stdin, args=(loop, stop), daemon=True).start()
    async with asyncio.TaskGroup() as group:
        serving = [
            group.create_task(server.serve(sockets=[listener]))
            for server, listener in zip(servers, listeners, strict=True)
        ]
        for server in servers:
            await server.up.wait()
        out.write(orjson.dumps(ready).decode() + "\n")
        out.flush()
        ticks = group.create_task(_follow(follow))
        await asyncio.gather(*serving)
        ticks.cancel()
    return came[0] if came else None


async def _follow(follow: Callable[[], None]) -> None:
    """Once a second: Extended ECM shows no finer time."""
    while True:
        follow()
        await asyncio.sleep(1)


def _wait_for_stdin(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """Stop when whoever started this has gone: its end of the pipe closes, however it went."""
    while sys.stdin.buffer.read(4096):
        pass
    loop.call_soon_threadsafe(stop)

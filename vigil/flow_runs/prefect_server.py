"""A Prefect API on loopback for the duration of a command, if none is configured. This module does not import Prefect."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from vigil import places, stopping
from vigil.errors import VigilError
from vigil.flow_runs.prefect_address import address

PATIENCE = 120.0  # seconds; a fresh database is migrated first
LOOK = 6.0  # seconds for a configured server to answer at all; with the start of a command that makes ten

QUIET: Mapping[str, str] = {
    "PREFECT_SERVER_UI_ENABLED": "false",  # Prefect copies its pages into its own package, which may be read-only or shared
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",  # the server's is off: it is asked for nothing, with each run
    # As it comes, the server writes each change of a task run in a transaction of its own. On SQLite that makes two of five new
    # flow runs meet another writer: 503, and the client waits two seconds before it asks again.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "2",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "2",
}


class ServerError(VigilError):
    """The Prefect server did not start, or cannot be reached."""


@contextmanager
def prefect_api(
    home: Path | None = None,
    must_answer: bool = True,
    say: Callable[[str], None] = lambda _: None,
    ui: bool = False,
) -> Iterator[str]:
    """The URL of a Prefect API: the configured one, else a private server that ends with the block, which is reported.

    Sets the environment that Prefect reads at its import: call it before. `home` stores the server's database; without it, the
    database is temporary. It has no pages unless `ui`: Prefect would copy them into its own package. Raises ServerError, also for a
    configured API that `must_answer` and does not.
    """
    if configured := address():
        if must_answer:
            _look_for(configured)
        yield configured
        return
    say(private(home))
    with tempfile.TemporaryDirectory(prefix="vigil-prefect-") as scratch:
        environment = {**QUIET, "PREFECT_HOME": str(home or scratch)}
        places.made(Path(environment["PREFECT_HOME"]))  # SQLite makes files, no folders
        environment["PREFECT_API_SSL_CERT_FILE"] = str(_no_authority(Path(scratch)))
        for name, value in environment.items():
            os.environ.setdefault(name, value)
        pages = {"PREFECT_SERVER_UI_ENABLED": "true"} if ui else {}
        quiet = {**os.environ, **environment, **pages, "PREFECT_LOGGING_SERVER_LEVEL": "WARNING"}
        with serving(quiet, Path(scratch) / "server.log") as url:
            os.environ["PREFECT_API_URL"] = url
            try:
                yield url
            finally:
                _flush_logs()
                for name in (*environment, "PREFECT_API_URL"):
                    os.environ.pop(name, None)


@contextmanager
def serving(environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """The URL of the API of a `prefect server start` on a free port of loopback, which ends with the block.

    `environment` is its whole environment; its output goes to `log`. Raises ServerError if it does not start.
    """
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    command = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with ExitStack() as stack:
        with log.open("wb") as out, stopping.starting():
            child = subprocess.Popen(
                [sys.executable, *command],
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**environment, "PREFECT_API_URL": url},
            )
            stack.callback(_end, child)
        _wait(child, f"{url}/health", log)
        yield url


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(timeout=15)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def private(home: Path | None) -> str:
    """The message of commands that use a private Prefect server."""
    where = f"one in {home}" if home else "one, which ends with the command"
    return f"no Prefect is configured: this uses a private {where}"


def _flush_logs() -> None:
    """Let Prefect's handlers send their last lines while the server still runs."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    for handler in {h for one in loggers if isinstance(one, logging.Logger) for h in one.handlers}:
        with suppress(ValueError):  # its stream is closed already: there is nothing left to send
            handler.flush()


def _look_for(url: str) -> None:
    """Raise ServerError if nothing answers there within LOOK. Prefect's client handles all other problems."""
    import httpx  # a tenth of a second, which commands that need no server do not wait for

    try:
        asyncio.run(_look(f"{url.rstrip('/')}/health"))
        return
    except TimeoutError:
        why = f"nothing came within {LOOK:.0f} s"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error)
    raise ServerError(
        f"no Prefect server answers at {url} ({why}): start it (`prefect server start`), look at its log, or correct the "
        f"address (`prefect config view` shows where it is set)"
    )


async def _look(health: str) -> None:
    """One request, whatever the response: Prefect's client, which knows its settings, checks certificates and permissions."""
    import httpx

    # Nothing secret is sent and nothing of the answer is used; the time is bounded beside it.
    async with asyncio.timeout(LOOK), httpx.AsyncClient(verify=False, timeout=None) as client:  # nosec B501 B113
        await client.get(health)


def _no_authority(folder: Path) -> Path:
    """An unused certificate. Prefect's client would read the whole list of authorities each time it is made, twice in a flow run
    and 40 ms each; the server is on loopback over plain HTTP, and needs none of them.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    )
    file = folder / "nobody.pem"
    file.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return file


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _wait(child: subprocess.Popen[bytes], health: str, log: Path) -> None:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        if child.poll() is not None:
            raise ServerError(f"the Prefect server ended at once:\n{log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(health, timeout=2) as answer:  # nosec B310
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)  # between two looks at the condition; there is nothing to be told by
    raise ServerError(
        f"the Prefect server did not answer within {PATIENCE:.0f} s:\n{log.read_text()[-2000:]}"
    )

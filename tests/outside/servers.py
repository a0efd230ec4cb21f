"""What the trials share: one plain Prefect server with a throw-away database, and where a PostgreSQL is wanted, one."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import trustme

PR_SET_PDEATHSIG = 1
PATIENCE = 120.0  # seconds; a fresh database is migrated first

SETTINGS: Mapping[str, str] = {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_SERVER_LEVEL": "ERROR",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
    "PREFECT_PROFILES_PATH": os.devnull + ".toml",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}
"""Of the server and of the commands: whatever the trials do not need costs them nothing."""


@contextmanager
def prefect(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which commands use a Prefect server of the trials' own, on loopback, which ends with the block."""
    authority = (
        folder / "authority.pem"
    )  # one that nobody uses: Prefect's client would read the whole list each time
    trustme.CA().cert_pem.write_to_path(str(authority))
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "VIGIL_"))}
    environment = {
        **ours,
        **SETTINGS,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": url,
        "PREFECT_API_SSL_CERT_FILE": str(authority),
    }
    (folder / "prefect").mkdir()
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "prefect.log").open("wb") as log:
        child = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=environment, preexec_fn=_die_with_us
        )
    try:
        _wait(child, f"{url}/health", folder / "prefect.log")
        yield environment
    finally:
        _end(child)


@contextmanager
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL of the trials' own. It is the one of the project's tests, started as a process."""
    command = [sys.executable, "-m", "tests.support.postgres"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None and child.stdout is not None
    try:
        url = child.stdout.readline().strip()
        if not url:
            raise RuntimeError("there is no PostgreSQL: install its server, or use --database sqlite")
        yield url
    finally:
        child.stdin.close()  # it ends with its input
        _end(child)


def _die_with_us() -> None:
    """The kernel ends the server when the trials are killed and cannot do so."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(child: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    child.terminate()
    try:
        child.wait(15)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait(child: subprocess.Popen[bytes], health: str, log: Path) -> None:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up and child.poll() is None:
        try:
            with urllib.request.urlopen(health, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)  # between two looks
    raise RuntimeError(f"the Prefect server does not start:\n{log.read_text()[-2000:]}")

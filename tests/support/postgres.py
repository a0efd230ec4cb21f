"""A real PostgreSQL for tests: found on this machine, started once a session on loopback, an empty database for each test.

`server()` starts it. `Server.database()` copies a template that was migrated once; `Server.empty()` hands out such copies again
and again, and empties them between. The server runs as `postgres` or `nobody` when the tests run as root, since PostgreSQL
refuses root. Nobody gets in without the password made for the session. Databases sort by American English where the server
has ICU: code that wants bytes must say so.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from sqlmodel import SQLModel

from tests.shared import absent
from vigil.ledger.engine import migrate

READY = "database system is ready to accept connections"
PR_SET_PDEATHSIG = 1
TEMPLATE = "vigil_template"
SCHEMA = """
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, collation_name)
        FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT version_num FROM alembic_version
    ORDER BY 1"""
FAST = {  # the machine under a test does not lose power
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
}


class NoPostgres(Exception):
    """There is no server program on this machine, or it does not start."""


def programs() -> Path:
    """The folder with `postgres` and `initdb`. Raises NoPostgres with the places that were looked at."""
    on_path = shutil.which("postgres")
    found = [Path(on_path).resolve().parent] if on_path else []
    # The newest version first: 9 sorts after 16 as text.
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    found += sorted(versions, key=lambda p: [int(n) for n in re.findall(r"\d+", p.parent.name)], reverse=True)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NoPostgres(
        "no PostgreSQL server: neither `postgres` on PATH nor /usr/lib/postgresql/*/bin has one. "
        "On Debian: apt-get install -y postgresql"
    )


def _unprivileged() -> dict[str, Any]:
    """How to start a program as somebody else than root; nothing when this is not root."""
    if os.geteuid() != 0:
        return {}
    names = {p.pw_name for p in pwd.getpwall()}
    name = next((n for n in ("postgres", "nobody") if n in names), None)
    if name is None:
        raise NoPostgres("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
    user = pwd.getpwnam(name)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _die_with_us() -> None:
    """Let the kernel shut the server down when the tests are killed and cannot do so. Linux only; elsewhere it stays behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


class Server:
    """A running server. Use `server()`: one a session is enough."""

    def __init__(self) -> None:
        self._programs = programs()
        self._as = _unprivileged()
        self._password = secrets.token_urlsafe(24)
        self._numbers = count(1)
        self._free: list[str] = []
        self._log: deque[str] = deque(maxlen=200)
        self._folder = Path(tempfile.mkdtemp(prefix="vigil-postgres-"))
        if self._as:
            os.chown(self._folder, self._as["user"], self._as["group"])
        try:
            self._init()
            self.port, self._process = self._start()
            self._make_template()
        except BaseException:
            self.stop()
            raise

    def _init(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self._password)
        if self._as:
            os.chown(secret, self._as["user"], self._as["group"])
        common = [
            "-D",
            "data",
            "-U",
            "vigil",
            "--pwfile=password",
            "--auth=scram-sha-256",
            "-E",
            "UTF8",
            "-N",
        ]
        icu = ["--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8"]
        for locale in (icu, ["--locale=C.UTF-8"], ["--no-locale"]):
            done = self._run("initdb", *common, *locale)
            if done.returncode == 0:
                return
            shutil.rmtree(self._folder / "data", ignore_errors=True)
        raise NoPostgres(f"initdb failed: {done.stderr.strip()}")

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self._programs / program), *arguments]
        return subprocess.run(command, cwd=self._folder, capture_output=True, text=True, **self._as)

    def _start(self) -> tuple[int, subprocess.Popen[str]]:
        for _ in range(5):  # another process may take the port between our look and the server's
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = int(probe.getsockname()[1])
            settings = FAST | {
                "listen_addresses": "127.0.0.1",
                "port": str(port),
                "unix_socket_directories": "",
            }
            options = [part for k, v in settings.items() for part in ("-c", f"{k}={v}")]
            command = [str(self._programs / "postgres"), "-D", "data", *options]
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # an interrupt at the terminal is ours to handle
                preexec_fn=_die_with_us,
                **self._as,
            )
            if self._ready(self._process):
                return port, self._process
        raise NoPostgres("PostgreSQL does not start:\n" + "".join(self._log))

    def _ready(self, process: subprocess.Popen[str]) -> bool:
        """Read the server's log until it says that it is up, or ends; go on reading in a thread, so that it never blocks."""
        assert process.stderr is not None
        for line in process.stderr:
            self._log.append(line)
            if READY in line:
                threading.Thread(target=self._log.extend, args=(process.stderr,), daemon=True).start()
                return True
        return False

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://vigil:{self._password}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement in its own connection, outside of a transaction."""
        url = self.url(database).replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _make_template(self) -> None:
        self.sql(f"CREATE DATABASE {TEMPLATE}")
        migrate(self.url(TEMPLATE))
        self._schema = self.sql(SCHEMA, TEMPLATE)

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """The URL of a fresh database, dropped afterwards whoever is still connected."""
        name = f"test_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of a migrated database without rows, quicker than a fresh one. One whose schema a test spoils is not used again."""
        if not self._free:
            name = f"shared_{next(self._numbers)}"
            self.sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
            self._free.append(name)
        name = self._free.pop()
        yield self.url(name)
        self.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        if self.sql(SCHEMA, name) != self._schema:
            self.sql(f"DROP DATABASE {name} WITH (FORCE)")
            return
        self.sql(f"TRUNCATE {', '.join(SQLModel.metadata.tables)} RESTART IDENTITY", name)
        self._free.append(name)

    def stop(self) -> None:
        process: subprocess.Popen[str] | None = getattr(self, "_process", None)
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)  # fast shutdown: open sessions are ended
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(20)
        shutil.rmtree(self._folder, ignore_errors=True)


@cache
def _started() -> Server | NoPostgres:
    try:
        running = Server()
    except NoPostgres as absent:
        return absent
    atexit.register(running.stop)
    return running


def server() -> Server:
    """The session's server. In CI its absence fails the test; elsewhere the test is skipped and says why."""
    found = _started()
    if isinstance(found, NoPostgres):
        absent(str(found))
    return found


@cache
def _sqlite_template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="vigil-sqlite-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    migrate(f"sqlite:///{folder / 'template.sqlite'}")
    return folder / "template.sqlite"


DATABASES = ("sqlite", "postgresql")


@contextmanager
def fresh(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a migrated ledger without rows, one of DATABASES. `folder` takes the file of a SQLite one."""
    if kind == "sqlite":
        path = folder / "ledger.sqlite"
        shutil.copy(_sqlite_template(), path)
        yield f"sqlite:///{path}"
        return
    with server().empty() as url:
        yield url


if __name__ == "__main__":
    print(server().url("postgres"), flush=True)
    sys.stdin.read()  # until whoever started this has gone

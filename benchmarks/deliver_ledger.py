"""The contenders of benchmarks/deliver.py that write down what became of each message, on SQLite and on PostgreSQL.

Vigil is its real outbox worker over the real ledger: claims by lease, in each person's order, an attempt a row, devices noted. The
rivals keep one table of messages as a plain user would: read the next `BATCH`, send them, write their results, commit. They are
spared what Vigil does: their messages are built beforehand, they claim nothing, and two of them at once would send all twice.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import psycopg
from deliver_contenders import BATCH, DEVICES, Contender, Job, Watch, admin_app, aiohttp_post, drained
from firebase_admin import messaging

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.draining import drain
from tests.support.postgres import NoPostgres, Server
from vigil.compliance.notices import NoticeState
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.transport import Outgoing
from vigil.delivery.worker import Worker
from vigil.ledger import Ledger
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.outbox import queue
from vigil.ledger.people import devices
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.values import Entry

TABLE = """CREATE TABLE message (id BIGINT PRIMARY KEY, token TEXT NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL,
    link TEXT NOT NULL, state TEXT NOT NULL, name TEXT, error TEXT, sent_at TEXT)"""
INDEX = "CREATE INDEX queued ON message (id) WHERE state = 'queued'"


@cache
def postgres() -> Server | NoPostgres:
    """This machine's PostgreSQL, started once on loopback (without fsync: for everybody alike), with this process's priority."""
    try:
        found = Server()
    except NoPostgres as absent:
        return absent
    mine, its = Path("/proc/self/autogroup"), Path(f"/proc/{found._process.pid}/autogroup")
    if mine.exists():  # Linux groups processes by session, and the server has its own
        its.write_text(mine.read_text().split()[-1])
    return found


def databases() -> tuple[str, ...]:
    """The kinds of databases that there are on this machine."""
    return ("sqlite",) if isinstance(postgres(), NoPostgres) else ("sqlite", "postgresql")


def stop() -> None:
    """End the PostgreSQL server where one was started."""
    if postgres.cache_info().currsize and isinstance(found := postgres(), Server):
        found.stop()


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The URL of an empty database."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/ledger.sqlite"
        return
    found = postgres()
    if isinstance(found, NoPostgres):
        raise found
    with found.database("template1") as url:
        yield url


# Vigil


def entry_of(out: Outgoing, number: int, now: datetime) -> Entry:
    message = NoticeMessage(
        key=out.key,
        title=out.title,
        body=out.body,
        link=out.link,
        severity=out.severity,
        ttl=int(out.ttl.total_seconds()),
        why=("the contract ends on 2026-03-31",),
    )
    person = f"p{number % DEVICES}"
    return Entry(
        "contract-renewal", number, "2026-03-31", "last", person, now, NoticeState.QUEUED, "", message
    )


def fill(ledger: Ledger, messages: Sequence[Outgoing]) -> None:
    now = datetime.now(UTC) - timedelta(seconds=1)
    with ledger.write() as connection:
        some = messages[:DEVICES]
        new = [NewDevice(f"p{n % DEVICES}", out.token, out.platform) for n, out in enumerate(some)]
        devices.register(connection, new, now)
        queue.enqueue(connection, [entry_of(out, n, now) for n, out in enumerate(messages)], now, 1)


def vigil(kind: str) -> Contender:
    def contender(job: Job, watch: Watch) -> int:
        async def run(ledger: Ledger) -> None:
            async with FcmHttp(job.settings()) as transport:
                await transport._credential.bearer()
                worker = Worker(ledger, transport, lambda: datetime.now(UTC))
                with watch:
                    await drain(worker)

        with database(kind) as url:
            ledger = Ledger.open(url)
            try:
                fill(ledger, job.outgoing)
                asyncio.run(run(ledger))
                with ledger.read() as connection:
                    sent: int = sum(r["state"] == NoticeState.SENT for r in queue.rows(connection, run=1))
                    rows = range(1, len(job.outgoing) + 1)
                    written = sum(len(a) for a in queue.attempts(connection, rows).values())
                assert written >= sent, f"{written} attempts were written for {sent} notices"
            finally:
                ledger.close()
        return sent

    return contender


# A plain user's table


class Plain:
    """One table of messages over a DB-API connection; `mark` is the driver's sign for a parameter."""

    def __init__(self, connection: Any, mark: str) -> None:
        self._connection, self._mark = connection, mark
        self._cursor = connection.cursor()

    def fill(self, queue: Sequence[Outgoing]) -> None:
        self._cursor.execute(TABLE)
        self._cursor.execute(INDEX)
        rows = [
            (n, out.token, out.title, out.body, out.link, "queued", None, None, None)
            for n, out in enumerate(queue)
        ]
        marks = ", ".join([self._mark] * 9)
        self._cursor.executemany(f"INSERT INTO message VALUES ({marks})", rows)
        self._connection.commit()

    def next(self) -> list[int]:
        """The numbers of the next messages; every column is read, since a message is made of them."""
        self._cursor.execute(f"SELECT * FROM message WHERE state = 'queued' ORDER BY id LIMIT {BATCH}")
        return [row[0] for row in self._cursor.fetchall()]

    def write(self, ids: Sequence[int], results: Iterable[tuple[str | None, str]]) -> None:
        """(message name or None, error) of each of `ids`, and commit."""
        now, m = datetime.now(UTC).isoformat(), self._mark
        rows = [
            ("sent" if name else "failed", name, error, now, id)
            for id, (name, error) in zip(ids, results, strict=True)
        ]
        columns = ", ".join(f"{c} = {m}" for c in ("state", "name", "error", "sent_at"))
        self._cursor.executemany(f"UPDATE message SET {columns} WHERE id = {m}", rows)
        self._connection.commit()

    def count(self) -> int:
        self._cursor.execute("SELECT count(*) FROM message WHERE state = 'sent' AND name IS NOT NULL")
        return int(self._cursor.fetchone()[0])


@contextmanager
def plain(kind: str, job: Job) -> Iterator[Plain]:
    with database(kind) as url:
        if kind == "sqlite":
            connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"))
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
        else:
            connection = psycopg.connect(url.replace("+psycopg", ""))
        try:
            table = Plain(connection, "?" if kind == "sqlite" else "%s")
            table.fill(job.outgoing)
            yield table
        finally:
            connection.close()


def send_each(kind: str) -> Contender:
    def contender(job: Job, watch: Watch) -> int:
        with plain(kind, job) as table, admin_app(job) as app:
            with watch:
                while ids := table.next():
                    answer = messaging.send_each([job.messages[i] for i in ids], app=app)
                    table.write(ids, [(r.message_id, str(r.exception or "")) for r in answer.responses])
            return table.count()

    return contender


def bare_aiohttp(kind: str) -> Contender:
    def contender(job: Job, watch: Watch) -> int:
        async def run(table: Plain) -> None:
            async with aiohttp_post(job) as post:
                with watch:
                    while ids := table.next():
                        answers = await drained([job.bodies[i] for i in ids], post, job.concurrency)
                        names = [orjson.loads(answer)["name"] if answer else None for answer in answers]
                        table.write(ids, [(name, "" if name else "refused") for name in names])

        with plain(kind, job) as table:
            asyncio.run(run(table))
            return table.count()

    return contender


def contenders(kind: str) -> dict[str, Contender]:
    """Those that keep a ledger in a database of this kind."""
    return {
        f"vigil + {kind}": vigil(kind),
        f"aiohttp + {kind}": bare_aiohttp(kind),
        f"send_each + {kind}": send_each(kind),
    }

"""Canaries in every secret and every sensitive attribute: none is found again in what the flows leave, whatever failed."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import BaseModel

from tests.flows import canaries
from tests.shared import PROJECT

TICKET = re.compile(r"ya29\.sandbox-[\w-]{6}|eyJhbGciOiJSUzI1NiIs|\*OTCSTicket|otds-[0-9a-f]{8}")
"""What the sandbox gives and takes, by its looks: access tokens and assertions."""

PLACES = {
    ("device", "address"): "the registry is where a device's address is kept",
    ("observation", "body"): "what was read is what rules are evaluated by",
    ("rule_revision", "text"): "a rule as its file says it, with what it compares with",
    ("notice", "occurrence"): "the key of a milestone's notice is its date",
    ("manifest", "body"): "a manifest has the keys of its notices",
}
"""Where the ledger must hold what else is told nowhere: docs/deploying.md, "What stays secret"."""


@dataclass
class Quoting:
    """A mail server that quotes in its refusals what it was sent: the login, then the recipient, then it takes everything."""

    logins: list[str] = field(default_factory=lambda: ["535 5.7.8 bad: {}", "454 4.7.0 later: {}"])
    recipients: list[str] = field(default_factory=lambda: ["550 5.1.1 nobody: {}", "451 4.2.0 later: {}"])
    mails: list[str] = field(default_factory=list)
    refused: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")

        say("220 me")
        while line := (await reader.readline()).decode().rstrip():
            match line.split()[0].upper():
                case "EHLO":
                    say("250-me\r\n250 AUTH PLAIN")
                case "AUTH":
                    say(self._answer(self.logins, line, "235 welcome"))
                case "RCPT":
                    say(self._answer(self.recipients, line, "250 ok"))
                case "DATA":
                    say("354 go")
                    self.mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                    say("250 taken")
                case "QUIT":
                    break
                case _:
                    say("250 ok")
            await writer.drain()
        writer.close()

    def _answer(self, refusals: list[str], line: str, otherwise: str) -> str:
        if not refusals:
            return otherwise
        self.refused += 1
        return refusals.pop(0).format(line)


@pytest.fixture(scope="module")
def mail() -> Iterator[tuple[Quoting, int]]:
    quoting, loop, port, stop = Quoting(), asyncio.new_event_loop(), Future[int](), asyncio.Event()

    async def serve() -> None:
        server = await asyncio.start_server(quoting.serve, "127.0.0.1", 0)
        port.set_result(server.sockets[0].getsockname()[1])
        await stop.wait()
        server.close()

    thread = Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    yield quoting, port.result(10)
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)


@dataclass(frozen=True)
class Left:
    """What the runs left: texts by where they were found."""

    folder: Path
    texts: dict[str, str]
    mails: Quoting

    def found(self, canary: str) -> set[str]:
        """Where a canary stands, as it is or within something in base 64."""
        forms = {canary, *_in_base64(canary)}
        return {where for where, text in self.texts.items() if any(form in text for form in forms)}


def _in_base64(text: str) -> Iterator[str]:
    """The letters that base 64 makes of it at any place, without those that depend on what stands beside it."""
    for before in range(3):
        whole = b64encode(b"\0" * before + text.encode()).decode()
        yield whole[(0, 2, 3)[before] : (before + len(text)) * 8 // 6]


@pytest.fixture(scope="module")
def left(prefect_url: str, mail: tuple[Quoting, int], tmp_path_factory: pytest.TempPathFactory) -> Left:
    folder = tmp_path_factory.mktemp("canaries")
    quiet = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_LOGGING")}
    logging = {"PREFECT_LOGGING_LEVEL": "DEBUG", "PREFECT_LOGGING_EXTRA_LOGGERS": "vigil"}
    with (folder / "stdout").open("w") as out, (folder / "stderr").open("w") as err:
        done = subprocess.run(
            [sys.executable, "-m", "tests.flows.canaries", str(folder), str(mail[1])],
            cwd=PROJECT,
            env={**quiet, **logging, "PREFECT_API_URL": prefect_url},
            stdout=out,
            stderr=err,
            timeout=240,
        )
    assert done.returncode == 0, (folder / "stderr").read_text()[-3000:]
    home = Path(os.environ["PREFECT_HOME"])
    _wait_for_the_last_event(home / "prefect.db")
    texts = {name: (folder / name).read_text() for name in ("stdout", "stderr")}
    texts |= _tables(folder / "ledger.sqlite", "ledger") | _tables(home / "prefect.db", "prefect")
    texts |= {f"mail {n}": text for n, text in enumerate(mail[0].mails)}
    texts |= _files(home / "storage") | {"blocks": _blocks()}
    return Left(folder, texts, mail[0])


def _wait_for_the_last_event(database: Path) -> None:
    give_up = time.monotonic() + 30
    with closing(sqlite3.connect(database)) as connection:
        asked = "SELECT count(*) FROM events WHERE event = ?"
        while not connection.execute(asked, (canaries.DONE,)).fetchone()[0]:
            assert time.monotonic() < give_up, "the server did not keep the last event"
            time.sleep(0.2)  # between two looks


def _tables(database: Path, whose: str) -> dict[str, str]:
    """Every column of every table, as text."""
    found: dict[str, str] = {}
    with closing(sqlite3.connect(database)) as connection:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table in names:
            rows = connection.execute(f'SELECT * FROM "{table}"')
            columns = [c[0] for c in rows.description]
            values = list(zip(*rows.fetchall(), strict=True)) or [()] * len(columns)
            found |= {f"{whose} {table}.{c}": _text(v) for c, v in zip(columns, values, strict=True)}
    return found


def _text(values: Iterable[Any]) -> str:
    return "\n".join(v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values)


def _files(folder: Path) -> dict[str, str]:
    return {str(f): f.read_text(errors="replace") for f in folder.rglob("*") if f.is_file()}


def _blocks() -> str:
    """Blocks, their types and their schemas as the API gives them to whoever does not ask for secrets."""
    from prefect.client.orchestration import get_client

    async def go() -> str:
        async with get_client() as client:
            found: list[Sequence[BaseModel]] = [
                await client.read_block_documents(include_secrets=False),
                await client.read_block_schemas(),
                await client.read_block_types(),
            ]
        return "\n".join(one.model_dump_json() for some in found for one in some)

    return asyncio.run(go())


def _shown(places: set[str]) -> set[str]:
    """Places other than those in which the ledger must hold it."""
    return places - {f"ledger {table}.{column}" for table, column in PLACES}


@pytest.mark.parametrize("secret", canaries.SECRETS)
def test_no_secret_is_in_what_the_runs_left(left: Left, secret: str) -> None:
    assert not _shown(left.found(secret))


@pytest.mark.parametrize("value", canaries.SENSITIVE)
def test_no_sensitive_value_is_in_what_the_runs_left(left: Left, value: str) -> None:
    assert not _shown(left.found(value))


def test_no_ticket_no_access_token_and_no_key_is_in_what_the_runs_left(left: Left) -> None:
    key = [line for line in (left.folder / "account.json").read_text().split("\\n") if len(line) == 64]
    assert len(key) > 10
    assert not {where for where, text in left.texts.items() if any(line in text for line in key)}
    assert not {where: found for where, text in left.texts.items() if (found := TICKET.search(text))}


def test_what_was_planted_was_used_and_what_was_to_fail_failed(left: Left) -> None:
    """So that the tests above could fail."""
    assert {"ledger device.address"} <= left.found(canaries.DEVICE) & left.found(canaries.HOOK)
    assert {"ledger observation.body"} <= left.found(canaries.PARTY) & left.found(str(canaries.VALUE))
    assert left.mails.mails and left.mails.refused == 4
    said = left.texts["stdout"]
    assert said.count("(redacted)") > 10, said
    for words in ("a sensitive value", "is a sensitive value, as the rule asks", "and is a sensitive value"):
        assert words in left.texts["ledger notice.message"]
    for words in ("these credentials are not accepted", "proxy", "cannot be used", "Fault: "):
        assert words in said, (words, said)

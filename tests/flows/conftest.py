"""One Prefect server for the flow tests of a process, which ends with the last of them, and a small watched world for each."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.flows.deployed import working
from tests.shared import PROJECT
from vigil.ecm.limits import CircuitBreaker
from vigil.flow_runs.prefect_server import prefect_api
from vigil.ledger import Ledger
from vigil.ledger.outbox import queue
from vigil.replay.estate import SITE, Replay, register, save_site
from vigil.sandbox.estate.load import load
from vigil.sandbox.generate.generator import Generated, generate
from vigil.sandbox.process import SandboxProcess
from vigil.service.connecting.changes import Values


@pytest.fixture(scope="package")
def prefect_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of a real server; Prefect's settings point at it."""
    with prefect_api(tmp_path_factory.mktemp("prefect"), ui=True) as url:
        from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_LEVEL, temporary_settings

        with temporary_settings({PREFECT_API_URL: url, PREFECT_LOGGING_LEVEL: "ERROR"}):
            yield url


@pytest.fixture(scope="package")
def worker(prefect_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The project's deployments, and a process worker that runs them."""
    with working(prefect_url, tmp_path_factory.mktemp("worker")):
        yield


class Said(NamedTuple):
    """What a command ended with, and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def vigil(
    prefect_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Runs the `vigil` command against the server, in this process."""
    from vigil.cli import app

    monkeypatch.setenv("PREFECT_API_URL", prefect_url)

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["vigil", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses between two tries at an Extended ECM that does not answer are short. tests/ecm has how long they are."""
    monkeypatch.setattr("vigil.ecm.retry.Policy.pause", lambda self, failures, after: 0.001)
    monkeypatch.setattr("vigil.ecm.client.CircuitBreaker", partial(CircuitBreaker, pause=0.001))


class Watched:
    """The demo's estate in a sandbox, with a ledger and a site block of its own."""

    def __init__(
        self,
        folder: Path,
        sandbox: SandboxProcess,
        made: Generated,
        rules: Path,
        ledger_url: str = "",
    ) -> None:
        self.folder, self.sandbox, self.made = folder, sandbox, made
        self.what = Replay(
            made.folder,
            rules,
            PROJECT / "templates",
            made.start,
            made.end,
            made.end - made.start,
            ledger_url or f"sqlite:///{folder}/ledger.sqlite",
        )
        self.user = "vigil"  # whom Extended ECM takes it for; every other user reads less
        self.password = ""  # the right one when empty
        self.settings: dict[str, dict[str, Any]] = {}  # of the site, where they are not the usual ones
        self._saved: tuple[Any, Values] | None = None  # what was asked for, and what the server held then
        self.estate = load(made.folder)
        self.ledger = Ledger.open(self.what.ledger_url)
        register(self.ledger, self.estate, made.start)

    async def save(self) -> None:
        """Save the site, unless the server still holds it as it was saved last: its blocks cost more than a run of this world."""
        from blocks import kept
        from flows.support.sites import server

        login = {"username": self.user, "password": self.password or self.user}
        changed = {**self.settings, "ecm": {**login, **self.settings.get("ecm", {})}}
        wanted = self.what, deepcopy(changed)
        async with server() as client:
            if self._saved == (wanted, await kept.read(client, SITE)):
                return
            await save_site(self.what, self.estate, self.sandbox, changed=changed)
            self._saved = wanted, await kept.read(client, SITE)

    def change_rule(self, name: str, lines: str) -> None:
        """Add lines to a rule, in a copy of the rules that belongs to this test."""
        folder = self.folder / "rules"
        if not folder.exists():
            shutil.copytree(PROJECT / "rules", folder, ignore=shutil.ignore_patterns("*.timeline.yaml"))
        for file in folder.glob("*.yaml"):
            file.write_text(
                re.sub(rf"^rule: {name}$", f"rule: {name}\n{lines}", file.read_text(), flags=re.MULTILINE)
            )
        self.what = replace(self.what, rules=folder)

    def watch(self, at: datetime, **parameters: Any) -> Any:
        """Move the clock and run the flow."""
        from flows.watch import watch

        async def go() -> Any:
            await self.save()
            given: dict[str, Any] = {"site": SITE, "as_of": at, "return_state": True}
            return await watch(**given | parameters)

        self.sandbox.move(at)
        return asyncio.run(go())

    def past(self, *days: int) -> None:
        """A world that was watched on these days. Its ledger is in the file it has by default; its phones are new and show nothing.

        The first world of a process with these rules is watched; each later one gets a copy of the ledger that this gave.
        """
        rules = tuple(file.read_text() for file in sorted(self.what.rules.glob("*.yaml")))
        if (days, rules) not in _PASTS:
            _PASTS[days, rules] = self._really_watched(days)
        with closing(sqlite3.connect(self.folder / "ledger.sqlite")) as ledger:
            _PASTS[days, rules].backup(ledger)
        self.sandbox.move(self.made.start + timedelta(days=days[-1]))
        asyncio.run(self.save())

    def _really_watched(self, days: Sequence[int]) -> sqlite3.Connection:
        with world(self.folder / "past") as other:
            other.what = replace(other.what, rules=self.what.rules)
            for day in days:
                state = other.watch(other.made.start + timedelta(days=day))
                assert state.name in ("Completed", "Held"), state.message
            with closing(sqlite3.connect(other.folder / "ledger.sqlite")) as ledger:
                found = sqlite3.connect(":memory:", check_same_thread=False)
                ledger.backup(found)
                return found

    def rows(self) -> list[dict[str, Any]]:
        with self.ledger.read() as connection:
            return queue.rows(connection)

    def told(self) -> list[tuple[str, int, str, str, str, str]]:
        """The outbox as keys and outcomes, in an order of its own."""
        return sorted(
            (r["rule"], r["workspace"], r["occurrence"], r["step"], r["person"], r["state"])
            for r in self.rows()
        )

    def received(self) -> int:
        return sum(len(d["received"]) for d in self.sandbox.devices())

    def shown(self) -> list[tuple[str, str]]:
        """(device, replace key) of everything that devices show now; twice the same would be a visible duplicate."""
        return sorted((d["token"], n["key"]) for d in self.sandbox.devices() for n in d["shows"])


_PASTS: dict[tuple[tuple[int, ...], tuple[str, ...]], sqlite3.Connection] = {}
"""Ledgers of worlds that were watched, by days and rules."""


@contextmanager
def world(folder: Path) -> Iterator[Watched]:
    """A world of its own below this folder."""
    made = generate(folder / "estate")
    with SandboxProcess(made.folder, start=made.start) as sandbox:
        yield Watched(folder, sandbox, made, PROJECT / "rules")


@pytest.fixture
def watched(tmp_path: Path, prefect_url: str) -> Iterator[Watched]:
    with world(tmp_path) as found:
        yield found


WEEK = (0, 2, 6)  # the days on which the demo's week is watched


@pytest.fixture
def week(watched: Watched) -> Watched:
    """The demo's week, watched."""
    watched.past(*WEEK)
    return watched

"""A sandbox over the estate of `contracts`, spoken to over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.ecm import contracts
from tests.ecm.doubles import client_of
from vigil.ecm import Client, Settings
from vigil.ecm.limits import CircuitBreaker
from vigil.sandbox.process import SandboxProcess


@dataclass
class Server:
    """A running sandbox. `asked` counts the requests since the last `mark`."""

    sandbox: SandboxProcess
    marked: dict[str, int]

    def client(self, circuit: CircuitBreaker | None = None, **settings: Any) -> Client:
        """A client for it; by default one that loses no time between attempts."""
        given = {"username": "vigil", "password": "vigil", "zone": contracts.ZONE, **settings}
        if "otds" in given:
            given["username"] = given["password"] = ""
        return Client(Settings(**{"url": self.sandbox.ecm_url, **given}), circuit=circuit)

    def mark(self) -> None:
        self.marked = dict(self.sandbox.requests()["ecm"]["by_endpoint"])

    def asked(self, endpoint: str = "") -> int:
        """Requests since the mark to endpoints that hold this text, such as ``GET /v2/nodes/{id}/nodes``."""
        now = self.sandbox.requests()["ecm"]["by_endpoint"]
        return sum(count - self.marked.get(name, 0) for name, count in now.items() if endpoint in name)

    def quirks(self, **quirks: Any) -> None:
        self.sandbox.faults(ecm={"quirks": quirks})

    def fault(self, endpoint: str, what: str, times: int = 1, nth: int = 1, seconds: float = 2.0) -> None:
        script = {"endpoint": endpoint, "what": what, "nth": nth, "times": times, "seconds": seconds}
        self.sandbox.faults(ecm={"script": [script]})


@pytest.fixture(scope="session")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return contracts.save(tmp_path_factory.mktemp("estate"))


@pytest.fixture(scope="session")
def running(estate: Path) -> Iterator[SandboxProcess]:
    """One sandbox for all tests that do not move the clock: it stands at NOON."""
    with SandboxProcess(estate, start=contracts.NOON) as sandbox:
        yield sandbox


@pytest.fixture
def server(running: SandboxProcess) -> Server:
    """The estate at NOON, with no fault and all quirks as they are by default."""
    running.faults(ecm={"clear": True})
    found = Server(running, {})
    found.mark()
    return found


@pytest.fixture
def moving(estate: Path) -> Iterator[Server]:
    """A sandbox of its own, for a test that moves the clock."""
    with SandboxProcess(estate, start=contracts.NOON) as sandbox:
        yield Server(sandbox, {})


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Pauses between attempts become short, for tests in which every attempt fails."""

    def shorten() -> None:
        monkeypatch.setattr("vigil.ecm.retry.Policy.pause", lambda self, failures, after: 0.001)

    return shorten


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Client]:
    """Makes a client whose requests a function answers."""
    return partial(client_of, monkeypatch)

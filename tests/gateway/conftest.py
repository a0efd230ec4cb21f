"""A real gateway over HTTP on a real SQLite ledger, with the Firebase emulator's unsigned tokens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from tests.support.id_tokens import FIREBASE_PROJECT, token
from tests.support.postgres import fresh
from vigil.compliance.facts import User
from vigil.compliance.notices import NoticeState
from vigil.delivery.identity import EMULATOR, FirebaseVerifier
from vigil.delivery.links import Links
from vigil.gateway.command import server_config
from vigil.gateway.limits import Limit
from vigil.gateway.settings import Gateway
from vigil.ledger import Ledger, watermarks
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.observed import observations
from vigil.ledger.outbox import queue
from vigil.ledger.values import Entry
from vigil.ledger.watermarks import Watermark, WatermarkName

SECRET = "0123456789abcdef0123456789abcdef"
PLENTY = Limit(per_minute=60_000, burst=60_000)
AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def bearer(login: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(sub=login, ecm_login=login)}"}


def entry(person: str, number: int, state: NoticeState = NoticeState.SENT, **changes: Any) -> Entry:
    message = NoticeMessage(
        key=f"key-{person}-{number}",
        title=f"Contract {number} ends",
        body="On 31 March",
        link=f"https://ecm.example.org/cs/cs/app/nodes/{number}",
        severity="normal",
    )
    fields: dict[str, Any] = {"occurrence": f"o{number}", "step": "", "fire_at": AT, "message": message}
    return Entry("contract-renewal", number, person=person, state=state, **fields | changes)


class Clock:
    """The gateway's clock: moved by hand."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


@contextmanager
def served(gateway: Gateway, trusted_proxies: str = "") -> Iterator[str]:
    """The gateway under uvicorn on a free port, in a thread."""
    server = uvicorn.Server(server_config(gateway, "127.0.0.1", 0, trusted_proxies))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the gateway did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


class Api:
    """A gateway that runs, its ledger, and a client for each person."""

    def __init__(self, url: str, gateway: Gateway, clock: Clock) -> None:
        self.url, self.gateway, self.clock, self.ledger = url, gateway, clock, gateway.ledger
        self.anyone = httpx.Client(base_url=url, verify=False)
        self._clients: list[httpx.Client] = [self.anyone]

    def of(self, login: str) -> httpx.Client:
        client = httpx.Client(
            base_url=self.url, headers=bearer(login), verify=False
        )  # plain HTTP: no authorities
        self._clients.append(client)
        return client

    def tell(self, *entries: Entry) -> list[int]:
        """Put notices into the outbox; their numbers, in order."""
        with self.ledger.write() as connection:
            queue.enqueue(connection, entries, AT)
            numbers = {(r["person"], r["workspace"]): r["id"] for r in queue.rows(connection)}
        return [numbers[e.person, e.workspace] for e in entries]

    def know(self, *users: User) -> None:
        """Let the ledger know accounts of Extended ECM, all that there are."""
        with self.ledger.write() as connection:
            observations.record(connection, users, AT)
            watermarks.set_watermark(connection, WatermarkName.ACCOUNTS, Watermark(at=AT))

    def register(self, login: str, address: str = "token-of-a-phone", **more: Any) -> dict[str, Any]:
        body = {"address": address, "platform": "android"} | more
        answer = self.of(login).post("/v1/devices", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens there: an ID token is verified without asking anybody."""
    monkeypatch.setenv(EMULATOR, "127.0.0.1:9099")


@pytest.fixture
def ledger_url(tmp_path: Path) -> Iterator[str]:
    """Where the gateway's ledger is. A module whose gateway has another gives its own."""
    with fresh("sqlite", tmp_path) as url:
        yield url


@pytest.fixture
def opened(ledger_url: str, emulated: None) -> Iterator[Callable[..., Any]]:
    """Opens a gateway with what is given changed."""
    ledger = Ledger.open(ledger_url)
    verifier = FirebaseVerifier(FIREBASE_PROJECT, emulator=True)

    @contextmanager
    def open_(trusted_proxies: str = "", **changes: Any) -> Iterator[Api]:
        clock = Clock()
        links = Links("https://vigil.example.org", [SECRET], clock=clock)
        usual: dict[str, Any] = {"links": links, "clock": clock, "per_address": PLENTY, "per_person": PLENTY}
        gateway = Gateway(ledger, verifier, **usual | changes)
        with served(gateway, trusted_proxies) as url:
            api = Api(url, gateway, clock)
            try:
                yield api
            finally:
                api.close()

    yield open_
    verifier.close()
    ledger.close()


@pytest.fixture
def api(opened: Callable[..., Any]) -> Iterator[Api]:
    with opened() as running:
        yield running

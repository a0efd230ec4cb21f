"""Small estates, and a plain HTTP caller of a running sandbox: what the tests of the simulator share."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import uvicorn

from tests.support.jsonl import write_lines
from vigil.sandbox.control import Control
from vigil.sandbox.ecm.app import CGI
from vigil.sandbox.estate.load import load
from vigil.sandbox.process import SandboxClient
from vigil.sandbox.world.world import World

Lines = list[dict[str, Any]]

META = {
    "name": "small",
    "zone": "Europe/Rome",
    "start": "2024-01-01T00:00:00Z",
    "public_url": "https://ecm.example.org",
}
CASE = {
    "type": "Case",
    "categories": [
        {
            "name": "Case",
            "attributes": [
                {"name": "status", "kind": "string", "values": ["open", "waiting", "closed"]},
                {"name": "due", "kind": "date"},
                {"name": "heard at", "kind": "datetime"},
                {"name": "amount", "kind": "integer"},
                {"name": "urgent", "kind": "boolean"},
                {"name": "lead", "kind": "user"},
                {"name": "tags", "kind": "string", "multiple": True},
                {"name": "Contacts", "kind": "set",
                 "attributes": [{"name": "name", "kind": "string"}, {"name": "since", "kind": "date"}]},
            ],
        }
    ],
    "roles": ["case manager", "clerk"],
    "required_documents": [{"type": "Contract", "valid_months": 12}, {"type": "Proof of identity"}],
}  # fmt: skip
USERS: Lines = [
    {"login": "ada", "name": "Ada Byron", "email": "ada@example.org", "zone": "Europe/Berlin", "language": "de",
     "groups": ["clerks"], "devices": [{"token": "ada-1", "platform": "android"}]},
    {"login": "bob", "name": "Bob Stone", "email": "bob@example.org", "groups": ["clerks"], "devices": []},
    {"login": "eve", "name": "Eve Gone", "email": "eve@example.org", "groups": [], "devices": [], "deleted": True},
]  # fmt: skip


@dataclass
class Draft:
    """An estate being written. `save` puts its files in a folder, one object a line."""

    meta: dict[str, Any] = field(default_factory=lambda: dict(META))
    types: Lines = field(default_factory=lambda: [json.loads(json.dumps(CASE))])
    users: Lines = field(default_factory=lambda: json.loads(json.dumps(USERS)))
    workspaces: Lines = field(default_factory=list)
    events: Lines = field(default_factory=list)

    def case(self, number: int = 100, **more: Any) -> None:
        row = {"id": number, "type": "Case", "name": f"Case {number}", "created": "2024-01-01T08:00:00Z",
               "attrs": {"Case.status": "open"}, "roles": {"case manager": ["ada"]}}  # fmt: skip
        self.workspaces.append(row | more)

    def event(self, ts: str, kind: str, **more: Any) -> None:
        self.events.append({"ts": ts, "kind": kind, **more})

    def save(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "meta.json").write_text(json.dumps(self.meta))
        for name in ("types", "users", "workspaces", "events"):
            write_lines(folder / f"{name}.jsonl", getattr(self, name))
        return folder


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Ecm:
    """A plain HTTP caller of a sandbox's ECM, logged in as the service user unless told otherwise."""

    sandbox: SandboxClient
    ticket: str = ""

    def __post_init__(self) -> None:
        self.ticket = self.ticket or self.login()

    def login(self, name: str = "vigil", password: str | None = None) -> str:
        form = {"username": name, "password": password or name}
        answer = self.call("POST", "/v1/auth", form)
        assert answer.status == 200, answer.body
        return str(answer.json["ticket"])

    def call(self, method: str, path: str, form: Mapping[str, Any] | None = None, **headers: str) -> Answer:
        base = urlsplit(self.sandbox.ecm_url)
        connection = http.client.HTTPConnection(base.netloc, timeout=30)
        sent = {"OTCSTicket": self.ticket, **headers} if self.ticket else headers
        text = urlencode(form, doseq=True) if form is not None else None
        if text is not None:
            sent = {**sent, "content-type": "application/x-www-form-urlencoded"}
        try:
            connection.request(method, base.path + "/api" + quote(path, safe="/?&=%,()*"), text, sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """The JSON of an answer that must be 200."""
        answer = self.call("GET", path)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.json

    def status(self, path: str) -> int:
        return self.call("GET", path).status


class Threaded(SandboxClient):
    """The ECM half of a sandbox over real HTTP, in a thread of the test: up in milliseconds."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        world = World(load(folder))
        world.move(world.estate.start)
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.connect({"ecm": url + CGI, "fcm": "", "service_account": "", "control": url})
        app = Control(world).ecm
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_level="critical", lifespan="off", date_header=False)
        )
        self._thread = threading.Thread(target=self._server.run, args=([listener],))
        self._thread.start()

    def close(self) -> None:
        self.disconnect()
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()


@dataclass
class Running:
    """A sandbox in use by one test: `set` switches quirks by name."""

    sandbox: SandboxClient
    ecm: Ecm

    def set(self, **quirks: Any) -> None:
        self.sandbox.faults({"quirks": quirks})

    def script(self, *entries: dict[str, Any], **more: Any) -> None:
        self.sandbox.faults({"script": list(entries), **more})

    def at(self, now: str) -> None:
        self.sandbox.move(datetime.fromisoformat(now))

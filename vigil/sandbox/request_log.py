"""What the simulated Extended ECM is asked, one record a request: for tests, and for ``python -m vigil.sandbox --log-requests FILE``.

It stands in front of the application, so that requests to unknown URLs are there too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request

from vigil.sandbox.asgi import Receive, Scope, Send, read_body

App = Callable[[Scope, Receive, Send], Awaitable[None]]
SECRET = frozenset({"password", "client_secret"})
NOT_ITS_OWN = "/sandbox/"


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request. `path` is the one below ``{cgi}/api``, or that of OTDS; `query` and `form` map a name to its values.

    Values of passwords are three asterisks.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    form: dict[str, list[str]]


class RequestLog:
    """An application in front of `app` that gives `note` each request before it is answered. The sandbox's own are left out."""

    def __init__(self, app: App, note: Callable[[LoggedRequest], None]) -> None:
        self._app, self._note = app, note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(NOT_ITS_OWN):
            await self._app(scope, receive, send)
            return
        body = await read_body(receive) if scope["method"] == "POST" else b""
        self._note(await _logged(scope, body, receive))
        await self._app(scope, _received(body, receive) if body else receive, send)


def _received(body: bytes, rest: Receive) -> Receive:
    """`receive` of a request whose body was read: the body, then what `rest` says, such as that the client has gone."""
    given = False

    async def receive() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await rest()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _logged(scope: Scope, body: bytes, receive: Receive) -> LoggedRequest:
    path = scope["path"]
    _, api, below = path.partition("/api/")
    query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    form = await _form(scope, body, receive) if scope["method"] == "POST" else {}
    hidden = {name: ["***"] * len(values) if name in SECRET else values for name, values in form.items()}
    return LoggedRequest(scope["method"], f"/{below}" if api else path, query, hidden)


async def _form(scope: Scope, body: bytes, receive: Receive) -> dict[str, list[str]]:
    """A form's values by name, urlencoded or multipart, and those of an object of JSON."""
    request = Request(scope, _received(body, receive))
    if request.headers.get("content-type", "").startswith("application/json"):
        return _fields(body)
    if not request.headers.get("content-type", "").startswith("multipart/"):
        return parse_qs(body.decode(), keep_blank_values=True)
    async with request.form() as form:
        return {key: [str(v) for v in form.getlist(key)] for key in form}


def _fields(body: bytes) -> dict[str, list[str]]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    return {key: [str(value)] for key, value in found.items()} if isinstance(found, dict) else {}


def to_file(file: Path) -> Callable[[LoggedRequest], None]:
    """Append each request to a file as a line of JSON, with the keys of LoggedRequest."""

    def note(request: LoggedRequest) -> None:
        with file.open("ab") as out:
            out.write(orjson.dumps(asdict(request)) + b"\n")

    return note


def from_file(file: Path) -> list[LoggedRequest]:
    """The requests of a file that `to_file` wrote."""
    return [LoggedRequest(**orjson.loads(line)) for line in file.read_bytes().splitlines()]

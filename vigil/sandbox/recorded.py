"""Plays a recording (docs/recording.md) as an Extended ECM: the same request gets the recorded answer, and any login is let in.

A request that was not recorded gets 400 in Extended ECM's words; `unknown` counts those, and `say` is told of each once.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from vigil.recording.folder import LOGINS, RecordedAnswer, Recording, Request
from vigil.sandbox.asgi import Receive, Scope, Send

UNKNOWN = "The REST API URL could not be found in the mappings registry"
TICKET = "recorded"
OTDS = "/otdsws/"
OWN = "/sandbox/requests"


class RecordedEcm:
    """The application. GET /sandbox/requests gives ``{"ecm": {"total": 12, "unknown": {"GET /v2/nodes/7": 2}}}``."""

    def __init__(self, recording: Recording, say: Callable[[str], None]) -> None:
        self._recording, self._say = recording, say
        self._date = format_datetime(datetime.now(UTC), usegmt=True)
        self.total = 0
        self.unknown: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(HttpRequest(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: HttpRequest) -> Response:
        path = request.url.path
        if path == OWN:
            return _json({"ecm": {"total": self.total, "unknown": dict(self.unknown)}})
        if path.startswith(OTDS):
            return _json({"access_token": TICKET, "token_type": "Bearer", "ticket": TICKET})
        _, api, below = path.partition("/api/")
        if api and f"/{below}" in LOGINS:
            return _json({"ticket": TICKET}, headers={"OTCSTicket": TICKET})
        self.total += 1
        asked = await _asked(request, f"/{below}" if api else path)
        answer = self._recording.answer(asked)
        return self._unknown(asked) if answer is None else self._recorded(answer)

    def _recorded(self, answer: RecordedAnswer) -> Response:
        self._date = answer.headers.get("date", self._date)
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        return Response(text, answer.status, {"date": self._date, **answer.headers})

    def _unknown(self, asked: Request) -> Response:
        said = str(asked)
        if said not in self.unknown:
            self._say(f"not recorded: {said}")
        self.unknown[said] += 1
        return _json({"error": UNKNOWN}, 400, {"date": self._date})


async def _asked(request: HttpRequest, path: str) -> Request:
    query = parse_qsl(request.url.query, keep_blank_values=True)
    form: list[tuple[str, str]] = []
    if request.method == "POST":
        if request.headers.get("content-type", "").startswith("multipart/"):
            async with request.form() as given:
                form = [(name, str(value)) for name, value in given.multi_items()]
        else:
            form = parse_qsl((await request.body()).decode(), keep_blank_values=True)
    return Request(request.method, path, query, form)


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers, "application/json")

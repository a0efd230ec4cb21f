"""A client whose requests a function of the test answers: for what a whole simulator does not do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from vigil.ecm import Client, Settings

_REAL = httpx.AsyncClient
Answer = Callable[[httpx.Request], httpx.Response]


def client_of(monkeypatch: pytest.MonkeyPatch, answer: Answer, **settings: Any) -> Client:
    """A client over `answer`, without retries if `settings` do not say how many."""

    def opened(**given: Any) -> httpx.AsyncClient:
        for key in ("verify", "proxy", "limits"):
            given.pop(key, None)
        return _REAL(transport=httpx.MockTransport(answer), **given)

    monkeypatch.setattr("vigil.ecm.connections.httpx.AsyncClient", opened)
    return Client(Settings("http://ecm.test/cs/cs", "vigil", "vigil", **{"retries": 0, **settings}))


def ticketed(answer: Answer) -> Answer:
    """The login, and for everything else an answer."""

    def given(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/v1/auth"):
            return httpx.Response(200, json={"ticket": "t"})
        return answer(request)

    return given

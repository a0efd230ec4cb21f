"""A receiver of webhooks, as docs/delivery.md tells people to build one: it checks the signature, and shows once what comes twice.

It was written from that page and imports nothing of the client that is tested on it. Each path of it is an address of its own:

    with LocalReceiver(["whsec_..."]) as receiver:
        receiver.url                                  http://127.0.0.1:PORT
        receiver.answers["/legal"] = [Answer(503)]    the next answers there, in order; then 200 again
        receiver.shown["/legal"]                      the notices, by webhook-id
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from vigil.sandbox.asgi import Receive, Scope, Send, lifespan, read_body, reset
from vigil.sandbox.local_server import LocalServer, Tls

TOLERANCE = 300  # seconds by which a timestamp may differ from the receiver's clock


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver answers in place of 200. Status 0 cuts the connection.

    `delay` is in seconds, before it; `takes`: the notice is shown all the same, as by a receiver that fails after its work.
    """

    status: int
    headers: Mapping[str, str] | None = None
    delay: float = 0.0
    takes: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """One request as it came. `verified`: its signature and its timestamp were good."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    verified: bool


class Receiver:
    """The ASGI application. `secrets` are those of this receiver, any of which may have signed."""

    def __init__(self, secrets: Sequence[str], seconds: Callable[[], float] = time.time) -> None:
        self._keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
        self._seconds = seconds
        self.answers: defaultdict[str, list[Reply]] = defaultdict(list)
        self.posts: list[Post] = []
        self.arrived = threading.Event()  # once there is a post
        self.shown: defaultdict[str, dict[str, Any]] = defaultdict(dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        body = await read_body(receive)
        path = scope["path"] + (f"?{query}" if (query := scope["query_string"].decode()) else "")
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        post = Post(path, headers, body, self._verified(headers, body))
        self.posts.append(post)
        self.arrived.set()
        answer = self.answers[path].pop(0) if self.answers[path] else Reply(200)
        if not post.verified:
            answer = Reply(401)
        elif answer.takes or 200 <= answer.status < 300:
            self.shown[path].setdefault(headers["webhook-id"], orjson.loads(body))
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if not answer.status:
            await reset(receive)
            return
        pairs = [(n.lower().encode(), v.encode()) for n, v in (answer.headers or {}).items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
        await send({"type": "http.response.body", "body": b""})

    def _verified(self, headers: Mapping[str, str], body: bytes) -> bool:
        id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not id or not timestamp.isdecimal() or abs(self._seconds() - int(timestamp)) > TOLERANCE:
            return False
        signed = f"{id}.{timestamp}.".encode() + body
        given = headers.get("webhook-signature", "").split()
        return any(
            hmac.compare_digest(
                f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}", one
            )
            for key in self._keys
            for one in given
        )


class LocalReceiver(LocalServer):
    """A receiver over real HTTP on this machine, served from a thread of this process."""

    def __init__(self, secrets: Sequence[str], tls: Tls | None = None) -> None:
        super().__init__("webhook receiver", tls)
        self.app = Receiver(secrets)
        self.answers, self.shown = self.app.answers, self.app.shown
        self.posts, self.arrived = self.app.posts, self.app.arrived
        self.serve(self.app)


__all__ = ["LocalReceiver", "Post", "Receiver", "Reply", "Tls"]

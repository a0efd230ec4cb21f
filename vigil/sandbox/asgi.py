"""Low-level ASGI operations: read a body, find a header, and cut a connection on purpose."""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def read_body(receive: Receive) -> bytes:
    event = await receive()
    if not event.get("more_body"):
        return bytes(event.get("body", b""))
    parts = [event.get("body", b"")]
    while event.get("more_body"):
        event = await receive()
        parts.append(event.get("body", b""))
    return b"".join(parts)


async def reset(receive: Receive) -> None:
    """Cut the connection with a TCP reset. ASGI has no word for it, so this reaches for the server's
    transport.
    """
    cycle = getattr(receive, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise RuntimeError("reset faults need uvicorn, and nothing that wraps `receive` before the simulator")
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        continue


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


def header(scope: Scope, name: bytes) -> bytes:
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return b""


def origin(scope: Scope) -> str:
    """The URL under which the client reached this server, so that a test account works on any port."""
    return f"{scope['scheme']}://{header(scope, b'host').decode()}"

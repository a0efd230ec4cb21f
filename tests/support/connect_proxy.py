"""A real HTTP proxy on loopback that knows CONNECT and nothing else, with a login where one is wanted."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class ConnectProxy:
    """`url` for clients; `seen` has the target of every CONNECT that was let through, `turned_away` how many were not."""

    login: str = ""  # user:password
    url: str = ""
    seen: list[str] = field(default_factory=list)
    turned_away: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, target, _ = head.split(" ", 2)
            wanted = f"proxy-authorization: basic {base64.b64encode(self.login.encode()).decode()}".lower()
            if method != "CONNECT" or (self.login and wanted not in head.lower()):
                self.turned_away += 1
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            host, _, port = target.rpartition(":")
            onward, back = await asyncio.open_connection(host, int(port))
            self.seen.append(target)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pump(reader, back), _pump(onward, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client is gone
        finally:
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def connect_proxy(login: str = "") -> AsyncIterator[ConnectProxy]:
    """A running proxy; with `login` only for those who give it."""
    proxy = ConnectProxy(login)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()

"""Mail servers of our own: aiosmtpd for what servers do, and a scripted one for what they do when they break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP

from vigil.delivery.email.settings import SmtpSettings


def settings(port: int, **changes: Any) -> SmtpSettings:
    usual: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "Vigil <vigil@example.org>",
        "timeout": 2.0,
    }
    return SmtpSettings(**usual | changes)


class Inbox:
    """An aiosmtpd handler: takes mail, and answers as `rcpt` and `data` say, by recipient, in turn."""

    def __init__(self) -> None:
        self.received: list[tuple[str, EmailMessage]] = []
        self.rcpt: dict[str, list[str]] = {}
        self.data: dict[str, list[str]] = {}
        self.sessions: set[int] = set()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        self.sessions.add(id(session))
        if self.rcpt.get(address):
            return self.rcpt[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        (to,) = envelope.rcpt_tos
        if self.data.get(to):
            return self.data[to].pop(0)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.received.append((to, mail))
        return "250 2.0.0 taken"


USUAL = {
    "EHLO": "250 me",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go",
    ".": "250 taken",
    "QUIT": "221 bye",
    "RSET": "250 ok",
}


@asynccontextmanager
async def serving(inbox: Inbox, **options: Any) -> AsyncIterator[int]:
    """aiosmtpd with `inbox`, in this event loop; gives its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(inbox, loop=loop, **options), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@dataclass
class Breaking:
    """A server that answers each command as it is told, and hangs up, or says no more, where the answer is one of these."""

    answers: Mapping[str, list[str]] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    port: int = 0

    HANG_UP = "(hang up)"
    SILENCE = "(silence)"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._say(writer, "220 me")
            while line := await reader.readline():
                command = line.decode().split()[0].upper().rstrip(":")
                self.commands.append(command)
                await self._say(writer, self._answer(command))
                if command == "DATA" and not self._broken:
                    self.messages.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                    await self._say(writer, self._answer("."))
        except (ConnectionError, asyncio.IncompleteReadError, _HungUp):
            writer.close()

    def _answer(self, command: str) -> str:
        script = self.answers.get(command) or []
        answer = script.pop(0) if script else USUAL[command]
        self._broken = answer[0] in "45("
        return answer

    async def _say(self, writer: asyncio.StreamWriter, answer: str) -> None:
        if answer == self.HANG_UP:
            raise _HungUp
        if answer != self.SILENCE:
            writer.write(answer.encode() + b"\r\n")
            await writer.drain()


class _HungUp(Exception):
    pass


@asynccontextmanager
async def breaking(**answers: list[str]) -> AsyncIterator[Breaking]:
    """A scripted server on a free port; answers by command, ``dot`` for the end of the message."""
    script = Breaking({"." if name == "dot" else name.upper(): some for name, some in answers.items()})
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    try:
        yield script
    finally:
        server.close()

"""Combines two transports: mailboxes go to the mail transport, every other address to the push transport."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from vigil.delivery.channels import MAIL, channel_of
from vigil.delivery.codes import HELD_CREDENTIAL
from vigil.delivery.errors import CredentialRefused
from vigil.delivery.transport import Outgoing, Sent, Transport

log = logging.getLogger("vigil.delivery.router")


class ByAddress:
    """A `Transport` over two others. A failure of one does not affect the other's messages."""

    def __init__(self, push: Transport, mail: Transport) -> None:
        self._push, self._mail = push, mail
        self._opened: AsyncExitStack | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._push)
            await stack.enter_async_context(self._mail)
            self._opened = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            opened, self._opened = self._opened, None
            await opened.__aexit__(kind, error, trace)

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        """See `Transport.send`. A refused credential of one is raised when both are done."""
        mails = [n for n, out in enumerate(batch) if channel_of(out.address_kind) == MAIL]
        pushes = [n for n, out in enumerate(batch) if channel_of(out.address_kind) != MAIL]
        parts = ((self._push, pushes), (self._mail, mails))
        done = await asyncio.gather(*(_part(t, [batch[n] for n in part]) for t, part in parts))
        results: dict[int, Sent] = {}
        for (_, part), (sent, _) in zip(parts, done, strict=True):
            results |= zip(part, sent, strict=True)
        ordered = [results[n] for n in range(len(batch))]
        for _, refused in done:
            if refused is not None:
                raise CredentialRefused(refused.credential, refused.why, ordered)
        return ordered


async def _part(
    transport: Transport, batch: list[Outgoing]
) -> tuple[Sequence[Sent], CredentialRefused | None]:
    """One transport's part of a batch, with one outcome for each message whatever happens."""
    if not batch:
        return (), None
    started = datetime.now(UTC)
    try:
        return await transport.send(batch), None
    except CredentialRefused as refused:
        held = Sent("retry", None, HELD_CREDENTIAL, "", None, started, started, str(refused))
        return refused.sent or [held] * len(batch), refused
    except Exception as wrong:
        log.exception("a transport failed as a whole; its messages count as unknown")
        lost = Sent.unforeseen(wrong, started, datetime.now(UTC))
        return [lost] * len(batch), None

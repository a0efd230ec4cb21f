"""Combines transports: each message goes to the transport of its address's channel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from vigil.compliance.channels import channel_of
from vigil.delivery.codes import HELD_CREDENTIAL
from vigil.delivery.errors import CredentialRefused
from vigil.delivery.transport import Outgoing, Sent, Transport

log = logging.getLogger("vigil.delivery.router")


class ByAddress:
    """A `Transport` over others, by the name of their channel. A failure of one does not affect the others' messages."""

    def __init__(self, transports: Mapping[str, Transport]) -> None:
        self._transports = transports
        self._opened: AsyncExitStack | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for transport in self._transports.values():
                await stack.enter_async_context(transport)
            self._opened = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            opened, self._opened = self._opened, None
            await opened.__aexit__(kind, error, trace)

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        """See `Transport.send`. A refused credential of one is raised when all are done."""
        parts: dict[str, list[int]] = {}
        for n, out in enumerate(batch):
            parts.setdefault(channel_of(out.address_kind).name, []).append(n)
        done = await asyncio.gather(
            *(self._part(name, [batch[n] for n in part]) for name, part in parts.items())
        )
        results: dict[int, Sent] = {}
        for part, (sent, _) in zip(parts.values(), done, strict=True):
            results |= zip(part, sent, strict=True)
        ordered = [results[n] for n in range(len(batch))]
        for _, refused in done:
            if refused is not None:
                raise CredentialRefused(refused.credential, refused.why, ordered)
        return ordered

    async def _part(
        self, name: str, batch: list[Outgoing]
    ) -> tuple[Sequence[Sent], CredentialRefused | None]:
        """One channel's part of a batch, with one outcome for each message whatever happens."""
        started = datetime.now(UTC)
        transport = self._transports.get(name)
        if transport is None:
            why = f"the site has no block for the channel {name}"
            return [
                Sent(
                    outcome="rejected",
                    status=None,
                    code="INVALID_ADDRESS",
                    name="",
                    retry_after=None,
                    started_at=started,
                    ended_at=started,
                    detail=why,
                )
            ] * len(batch), None
        try:
            return await transport.send(batch), None
        except CredentialRefused as refused:
            held = Sent(
                outcome="retry",
                status=None,
                code=HELD_CREDENTIAL,
                name="",
                retry_after=None,
                started_at=started,
                ended_at=started,
                detail=str(refused),
            )
            return refused.sent or [held] * len(batch), refused
        except Exception as wrong:
            log.exception("the transport of %s failed as a whole; its messages count as unknown", name)
            lost = Sent.unforeseen(wrong, started, datetime.now(UTC))
            return [lost] * len(batch), None

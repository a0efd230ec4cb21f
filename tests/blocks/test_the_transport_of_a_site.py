"""The transport of a site, whichever channels it has: a message to a channel without a block is refused as such."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import pytest

from blocks.site import Connected
from tests.support.webhooks import post_to
from vigil.compliance.channels import CHANNELS, PUSH
from vigil.delivery.transport import Outgoing, Sent

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Accepting:
    """A transport that accepts everything."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        return [Sent("accepted", 200, "", "", None, NOON, NOON)] * len(batch)


def connected(*channels: str) -> Connected:
    """A site with a sender for each of some channels. Push is always one of them."""
    parts: dict[str, Any] = {"push": "fcm", "email": "smtp", "webhook": "webhook"}
    senders = {
        parts[name]: SimpleNamespace(channel=name, transport=lambda now: Accepting()) for name in channels
    }
    nothing: Any = None
    return Connected(**{"name": "s", "settings": nothing, "ecm": nothing, "ledger": nothing, **senders})


@pytest.mark.parametrize(
    "channels", [(PUSH,), (PUSH, "email"), (PUSH, "webhook"), (PUSH, "email", "webhook")]
)
async def test_only_messages_to_channels_of_the_site_reach_a_sender(channels: tuple[str, ...]) -> None:
    every = [post_to("x", address_kind=c.address_kinds[0], platform=c.platforms[0]) for c in CHANNELS]
    async with connected(*channels).transport(lambda: NOON) as transport:
        got = await transport.send(every)
    codes = {c.name: s.code for c, s in zip(CHANNELS, got, strict=True)}
    assert codes == {c.name: "" if c.name in channels else "INVALID_ADDRESS" for c in CHANNELS}

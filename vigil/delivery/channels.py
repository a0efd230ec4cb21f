"""Chooses the addresses of a notice: the first channel, in order, on which the person can be reached."""

from __future__ import annotations

from collections.abc import Sequence

from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.values import MAIL, Registered

PUSH = "push"
USUAL = (PUSH, MAIL)
"""The default order of channels: mail only for people without a device."""

ONLY_PUSH = (PUSH,)
"""The order of a notice that was queued at a site without a mail server."""


def order_of(rule: Sequence[str], person: Sequence[str], mail: bool) -> tuple[str, ...]:
    """The channels of a notice, in order: the rule's own if given, otherwise the person's, otherwise the default.

    Without `mail` (the site has no SMTP server) only push remains, whatever was configured: a notice on a device is better than none.
    """
    return tuple(rule or person or USUAL) if mail else ONLY_PUSH


def chosen(order: Sequence[str], registered: Sequence[Registered]) -> list[Registered]:
    """The addresses of the first channel in `order` that has any; none if no channel has."""
    for channel in order:
        found = [d for d in registered if channel_of(d.address_kind) == channel]
        if found:
            return found
    return []


def channel_of(address_kind: str) -> str:
    """The channel of an address kind."""
    return MAIL if address_kind == MAIL else PUSH


def order_in(message: NoticeMessage) -> tuple[str, ...]:
    """The order stored in a queued message."""
    return message.channels or ONLY_PUSH


__all__ = ["MAIL", "ONLY_PUSH", "PUSH", "USUAL", "channel_of", "chosen", "order_in", "order_of"]

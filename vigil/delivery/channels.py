"""Which of a person's addresses a notice goes to: the first channel, in order, on which the person can be reached."""

from __future__ import annotations

from collections.abc import Sequence

from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.values import MAIL, Registered

PUSH = "push"
USUAL = (PUSH, MAIL)
"""The order where neither rule nor person says another: a mail only where there is no device."""

ONLY_PUSH = (PUSH,)
"""The order of a notice that was queued where no mail can be sent."""


def order_of(rule: Sequence[str], person: Sequence[str], mail: bool) -> tuple[str, ...]:
    """The channels of a notice, in order. The rule's own come first, then the person's, then the usual ones.

    Without `mail` (the site has no SMTP server) there is push alone, whatever was asked for: better on a device than nowhere.
    """
    return tuple(rule or person or USUAL) if mail else ONLY_PUSH


def chosen(order: Sequence[str], registered: Sequence[Registered]) -> list[Registered]:
    """The addresses of the first channel in `order` that has any; none when no channel has."""
    for channel in order:
        found = [d for d in registered if channel_of(d.address_kind) == channel]
        if found:
            return found
    return []


def channel_of(address_kind: str) -> str:
    """The channel that an address of this kind is reached on."""
    return MAIL if address_kind == MAIL else PUSH


def order_in(message: NoticeMessage) -> tuple[str, ...]:
    """The order that a queued message was given."""
    return message.channels or ONLY_PUSH


__all__ = ["MAIL", "ONLY_PUSH", "PUSH", "USUAL", "channel_of", "chosen", "order_in", "order_of"]

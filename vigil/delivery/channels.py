"""Which of a person's addresses a notice goes to: the first channel, in order, on which the person can be reached."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vigil.compliance.channels import CHANNEL_NAMES, PUSH, channel_of
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.values import Registered

ONLY_PUSH = (PUSH,)
"""The order of a queued message that names no channel."""


def order_of(rule: Sequence[str], person: Sequence[str], there: Collection[str]) -> tuple[str, ...]:
    """The channels of a notice, in order: the rule's own, else the person's, else all, in the order of their rows.

    `there` are the channels that the site has. Where it has none of those that were asked for, all that it has are tried: it is
    better to tell a person in another way than not at all.
    """
    asked = tuple(name for name in rule or person if name in there)
    return asked or tuple(name for name in CHANNEL_NAMES if name in there)


def chosen(order: Sequence[str], registered: Sequence[Registered]) -> list[Registered]:
    """The addresses of the first channel in `order` that has any; none when no channel has."""
    for name in order:
        found = [d for d in registered if channel_of(d.address_kind).name == name]
        if found:
            return found
    return []


def stored(order: tuple[str, ...]) -> tuple[str, ...]:
    """An order as a message keeps it: push alone is not written."""
    return () if order == ONLY_PUSH else order


def order_in(message: NoticeMessage) -> tuple[str, ...]:
    """The order that a queued message was given."""
    return message.channels or ONLY_PUSH


__all__ = ["ONLY_PUSH", "chosen", "order_in", "order_of", "stored"]

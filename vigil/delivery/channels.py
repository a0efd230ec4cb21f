"""Chooses the addresses of a notice: the first channel, in order, on which the person can be reached."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vigil.compliance.channels import CHANNEL_NAMES, PUSH, channel_of
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.values import Registered

ONLY_PUSH = (PUSH,)
"""The order of a queued message that names no channel."""


def order_of(rule: Sequence[str], person: Sequence[str], there: Collection[str]) -> tuple[str, ...]:
    """The channels of a notice, in order: the rule's own if given, otherwise the person's, otherwise all in the order of their rows.

    `there` are the site's channels. If it has none of the configured ones, all of its channels remain: a notice on another channel is
    better than none.
    """
    asked = tuple(name for name in rule or person if name in there)
    return asked or tuple(name for name in CHANNEL_NAMES if name in there)


def chosen(order: Sequence[str], registered: Sequence[Registered]) -> list[Registered]:
    """The addresses of the first channel in `order` that has any; none if no channel has any."""
    for name in order:
        found = [d for d in registered if channel_of(d.address_kind).name == name]
        if found:
            return found
    return []


def stored(order: tuple[str, ...]) -> tuple[str, ...]:
    """The order as a message stores it: push alone is not stored."""
    return () if order == ONLY_PUSH else order


def order_in(message: NoticeMessage) -> tuple[str, ...]:
    """The order stored in a queued message."""
    return message.channels or ONLY_PUSH


__all__ = ["ONLY_PUSH", "chosen", "order_in", "order_of", "stored"]

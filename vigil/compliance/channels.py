"""The channels by which people are told, one row each: what has to know a channel asks its row, from the rules to the router.

A new channel begins with a row here. CONTRIBUTING.md has the recipe.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

PUSH, MAIL, WEBHOOK = "push", "email", "webhook"


class TextFormat(StrEnum):
    """How the words of a notice are written."""

    PLAIN = "plain"  # plain text: nothing escaped, control and reordering characters removed
    HTML = "html"  # the same, then escaped


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach people.

    `name` is what rules, preferences and queued messages say. `address_kinds` and `platforms` are those of its addresses in the
    registry, no other channel's; the first kind is the usual one. `taker` takes its messages: causes name it. Its transport's codes
    of answers begin with `code_prefix`, and the codes in `gone` say that an address no longer exists.
    """

    name: str
    address_kinds: tuple[str, ...]
    platforms: tuple[str, ...]
    taker: str
    text_format: TextFormat = TextFormat.PLAIN
    # Apps register its addresses and refresh them: one that no app refreshes ages, and topics are for these alone.
    by_app: bool = False
    # A CSV file may hold its addresses. The others come from the accounts in Extended ECM.
    by_import: bool = True
    code_prefix: str = ""
    gone: frozenset[str] = frozenset()
    # Says what is wrong with an address, "" for nothing; never quotes it, since an address is a secret.
    fault: Callable[[str], str] = lambda address: ""


LONGEST_URL = 2_000  # characters
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NETLOC = re.compile(r"(?:\[(?P<ipv6>[0-9a-fA-F:.]+)\]|(?P<name>[a-zA-Z0-9._-]+))(?::[0-9]*)?")


def _webhook_fault(address: str) -> str:
    if len(address) > LONGEST_URL or not address.isascii() or not address.isprintable() or " " in address:
        return f"a URL of at most {LONGEST_URL:,} characters, all of them ASCII and none of them a space"
    if "\\" in address:
        return r"a URL without \; the parts of its path are separated by /"
    try:
        parts = urlsplit(address)
        host = None if parts.port == 0 else parts.hostname
    except ValueError:  # an invalid port, an unclosed bracket
        host = None
    if not host or parts.scheme not in ("https", "http"):
        return "a URL that begins with https:// and a host"
    if "@" in parts.netloc:
        return "a URL without a login; the signature proves who posts"
    if not _is_host(parts.netloc):
        return "a URL whose host is an IP address, or a name of letters, digits, hyphens and dots"
    if parts.scheme == "http" and host not in _LOOPBACK:
        return "a URL that begins with https://; http:// is for a receiver on the same machine"
    return ""


def _is_host(netloc: str) -> bool:
    """Whether HTTP clients can connect to a host, with or without a port. They raise for what they can neither parse nor look up."""
    found = _NETLOC.fullmatch(netloc)
    if found is None:
        return False
    try:
        if found["ipv6"]:
            ipaddress.IPv6Address(found["ipv6"])
        else:
            # Its parts have 1 to 63 characters, and what begins with xn-- can be decoded.
            found["name"].encode("idna").decode("idna")
    except ValueError:
        return False
    return True


CHANNELS: tuple[Channel, ...] = (
    Channel(
        name=PUSH,
        address_kinds=("token", "fid"),
        platforms=("android", "ios", "web"),
        taker="FCM",
        by_app=True,
        gone=frozenset({"UNREGISTERED", "APNS_410"}),
    ),
    Channel(
        name=MAIL,
        address_kinds=("email",),
        platforms=("email",),
        taker="the mail server",
        text_format=TextFormat.HTML,
        by_import=False,
        code_prefix="SMTP_",
    ),
    Channel(
        name=WEBHOOK,
        address_kinds=("webhook",),
        platforms=("webhook",),
        taker="the webhook receiver",
        code_prefix="WEBHOOK_",
        gone=frozenset({"WEBHOOK_410"}),
        fault=_webhook_fault,
    ),
)
"""In the order in which they are tried where neither rule nor person says another."""

CHANNEL_NAMES = tuple(c.name for c in CHANNELS)

if TYPE_CHECKING:
    ChannelName = str
else:
    ChannelName = Literal[CHANNEL_NAMES]
"""The type of a field of a model that names a channel."""

_BY_NAME = {c.name: c for c in CHANNELS}
_BY_KIND = {kind: c for c in CHANNELS for kind in c.address_kinds}


def channel(name: str) -> Channel:
    """The row of a channel. Raises KeyError."""
    return _BY_NAME[name]


def channel_of(address_kind: str) -> Channel:
    """The channel that an address of this kind is reached on. What no row has is FCM's: its topics and conditions."""
    return _BY_KIND.get(address_kind, CHANNELS[0])


__all__ = [
    "CHANNELS",
    "CHANNEL_NAMES",
    "MAIL",
    "PUSH",
    "WEBHOOK",
    "Channel",
    "ChannelName",
    "TextFormat",
    "channel",
    "channel_of",
]

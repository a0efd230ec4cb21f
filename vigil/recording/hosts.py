"""Finds hosts in texts: they are replaced wherever they stand, also where another text would stay."""

from __future__ import annotations

import re

_GROUP = "[0-9a-f]{1,4}"
_QUAD = r"(?<!\d)\d{1,3}(?:\.\d{1,3}){3,}(?!\d)"
_SHORT = rf"(?=:*[0-9a-f])(?:{_GROUP}(?::{_GROUP})*)?::(?:{_GROUP}(?::{_GROUP})*)?"
_IPV6 = rf"(?<![\w:])(?:{_GROUP}(?::{_GROUP}){{7}}|{_SHORT})(?![\w:])"
_NAME_AND_PORT = r"(?<![\w.-])(?!\d{4}-\d\d-\d\d)(?=[\w.-]*[^\W\d_])[\w-]+(?:\.[\w-]+)*:\d{2,5}(?![\w:])"

HOST = rf"(?:{_QUAD}|{_IPV6})(?::\d+)?|{_NAME_AND_PORT}"
"""An address of IPv4 (so a version of four numbers, too) or IPv6, with or without a port, or a name with a port. Small letters."""

_HOST = re.compile(HOST, re.IGNORECASE)
_ADDRESS = re.compile(f"{_QUAD}|{_IPV6}", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def host_within(text: str) -> re.Match[str] | None:
    """The first host in a text."""
    return _HOST.search(text)


def has_address(text: str) -> bool:
    """Whether a text has the address of a host in numbers."""
    return _ADDRESS.search(text) is not None


def has_host_or_url(text: str) -> bool:
    """Whether a text has a host or the address of a page."""
    return _HOST.search(text) is not None or _URL.search(text) is not None

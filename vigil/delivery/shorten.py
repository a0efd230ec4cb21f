"""Texts made shorter by bytes, for a payload limit: whole graphemes, an ellipsis where something was cut."""

from __future__ import annotations

import orjson
import regex

ELLIPSIS = "…"
_CLUSTER = regex.compile(r"\X")


def json_size(text: str) -> int:
    """Bytes that `text` takes as a JSON string in UTF-8, without its quotes."""
    return len(orjson.dumps(text)) - 2


def to_bytes(text: str, limit: int) -> str:
    """The longest start of `text` that takes at most `limit` bytes in JSON, the ellipsis included.

    Never cuts inside a grapheme (an accent, a flag, a family). Empty when not even the ellipsis fits.
    """
    if json_size(text) <= limit:
        return text
    room = limit - json_size(ELLIPSIS)
    kept: list[str] = []
    for match in _CLUSTER.finditer(text):
        room -= json_size(match[0])
        if room < 0:
            break
        kept.append(match[0])
    start = "".join(kept).rstrip()
    return start + ELLIPSIS if start else ""

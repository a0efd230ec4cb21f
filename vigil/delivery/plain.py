"""Text from outside made safe for a plain-text notice: no control, no reordering, no cut character.

Push bodies are plain text, so nothing is escaped; see docs/decisions/0002-plain-text-and-html.md.
"""

from __future__ import annotations

import unicodedata

import regex

ELLIPSIS = "…"

# Format characters that words and emoji need: the joiners and the soft directional marks.
_KEPT = frozenset("\u200c\u200d\u200e\u200f\u061c")
_SPACED = frozenset({"Cc", "Zl", "Zp"})  # become one space
_DROPPED = frozenset({"Cf", "Cs", "Co", "Cn"})  # overrides, isolates, tags, lone surrogates, private use
_CLUSTER = regex.compile(r"\X")


def neutral(text: str) -> str:
    """`text` on one line, without control characters, bidirectional overrides or invisible tags.

    Printable text, which nearly all is, is returned as it is; `<`, `>` and `&` are never touched.
    """
    if text.isprintable():
        return text
    return "".join(map(_neutral_character, text.replace("\r\n", "\n")))


def _neutral_character(character: str) -> str:
    if character.isprintable() or character in _KEPT:
        return character
    category = unicodedata.category(character)
    if category in _SPACED:
        return " "
    return "" if category in _DROPPED else character


def short(text: str, limit: int) -> str:
    """`text` in at most `limit` characters as a reader counts them; an ellipsis ends it when cut.

    Cuts at a space when one is near the end, and never inside a grapheme (an accent, a flag, a family).
    """
    if len(text) <= limit:
        return text
    clusters = _CLUSTER.findall(text)
    if len(clusters) <= limit:
        return text
    kept = "".join(clusters[: limit - 1])
    space = kept.rfind(" ")
    if space > limit * 2 // 3:
        kept = kept[:space]
    return kept.rstrip() + ELLIPSIS

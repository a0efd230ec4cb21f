"""Replaces texts: the same text by the same replacement, which nobody can turn back without the recording's key.

What stays: "" and blanks, numbers, dates, `true` and `false`. Four numbers with dots between are no number but the address of a host.
Of other texts the first characters are exchanged one by one, as far as a host in them, so that names with the same start have the same
start afterwards, as filters by `startswith_` need it; the rest becomes a keyed hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from string import ascii_lowercase as LETTERS

from vigil.recording.hosts import host_within

STARTS = 3
"""The number of characters at the start of a text that are exchanged one by one."""
REMEMBERED = 200_000

_NUMBER = r"-?\d+(?:[.,]\d+)*"
_DATE = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
_STAYS = re.compile(rf"\s*|{_NUMBER}|{_DATE}|true|false", re.IGNORECASE)
_MAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\.\w+")
_LONG = 1_000
_ODD = re.compile("[\0\ud800-\udfff]")
"""Characters that no ledger can store: where one made trouble, the replacement has it too."""


class Words:
    """The replacements of one recording. `key` is secret; `starts` is STARTS, or more where lists are narrowed by longer starts."""

    def __init__(self, key: bytes, starts: int = STARTS) -> None:
        self._key, self._starts = key, starts
        self._known: dict[str, str] = {}

    def text(self, text: str) -> str:
        """The replacement of a whole text. Texts that differ in case alone get replacements that do."""
        if stays(text):
            return text
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            found = self._known[text] = self._replaced(text)
        return found

    def start(self, text: str) -> str:
        """The replacement of the start of a text, as long as it: with which the text's own replacement starts.

        A start longer than `starts` is replaced like a whole text: no replacement starts with it.
        """
        if len(text) > self._starts or host_within(text) is not None:
            return self.text(text)
        return self._exchanged(text)

    def hidden(self, text: str) -> str:
        """A replacement also of numbers and dates, such as of a phone number. "" stays."""
        return self._digest(text) if text.strip() else text

    def _replaced(self, text: str) -> str:
        digest = self._digest(text.casefold())
        if _MAIL.fullmatch(text):
            return f"m{digest}@example.org"
        host = host_within(text)
        start = text[: self._starts] if host is None else text[: min(self._starts, host.start())]
        found = self._exchanged(start) + digest
        found += "".join(dict.fromkeys(_ODD.findall(text)))
        return found.ljust(len(text), "x") if len(text) > _LONG else found

    def _exchanged(self, start: str) -> str:
        """Each letter by one that depends on those before it; digits and signs stay, and capital letters are capital."""
        return "".join(self._letter(start[:at].casefold(), character) for at, character in enumerate(start))

    def _letter(self, before: str, character: str) -> str:
        if _ODD.match(character):
            return "x"
        if not character.isalpha():
            return character
        low = character.lower()
        order = sorted(LETTERS, key=lambda letter: self._digest(f"{before}|{letter}"))
        at = LETTERS.find(low)
        found = order[at if at >= 0 else ord(low[0]) % len(LETTERS)]
        return found.upper() if character.isupper() else found

    def _digest(self, text: str) -> str:
        made = hmac.new(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return made.hexdigest()[:12]


def stays(text: str) -> bool:
    """Whether a text tells nothing: blank, a number, a date, a truth value. The address of a host does."""
    return _STAYS.fullmatch(text) is not None and host_within(text) is None

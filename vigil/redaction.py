"""The one place that redacts: what this process knows as secret, and what looks like a secret, is taken out of texts.

A secret is told to `learn` where it enters: a password of a setting, a ticket or an access token of an answer. A text that comes
from outside (a body, a header that somebody echoes, the text of a third party's error) passes through `redacted` before it becomes
a message, a gap, a cause or a line of a log: errors for people do so by themselves (`vigil.errors`), and so does every record of a
log (`vigil.logs`).

A text is redacted before it is cut: the first half of a secret is one, too.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from threading import Lock
from urllib.parse import quote, quote_plus, unquote, urlsplit

MARK = "(redacted)"

SHORTEST = 8
"""Characters of a secret that is looked for by its value. A shorter one would be found within ordinary words."""

PASSING = 128
"""Tickets and access tokens that are remembered, the newest: a server gives a new one every few hundred requests."""

_LINE = 16
"""Characters of a line by which a secret of several lines, such as a private key, is looked for line by line, too.

The lines that begin and end a key are no secret."""

_HEADERS = ("authorization", "otcsticket", "otdsticket", "cookie", "x-api-key")
_SCHEMES = ("bearer", "basic", "digest", "negotiate")
_KEYS = (
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "assertion",
    "ticket",
    "apikey",
    "api_key",
    "private_key",
)
_HEADER, _SCHEME, _KEY = ("|".join(some) for some in (_HEADERS, _SCHEMES, _KEYS))


@dataclass(frozen=True, slots=True)
class Looks:
    """How a kind of secret looks, and what takes its place. Texts that have none of the `hints`, in small letters, have none of it."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    instead: str = MARK


PATTERNS = (
    Looks(
        ("private key",),
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S),
    ),
    Looks(("eyj",), re.compile(r"\beyJ[\w-]{10,4096}\.[\w-]{10,}(?:\.[\w-]*)?")),  # a JWT
    Looks(("ya29.",), re.compile(r"\bya29\.[\w.-]{10,}")),  # an access token of Google's
    Looks((":apa91b",), re.compile(r"[\w-]{8,64}:APA91b[\w-]{20,}")),  # a registration token
    Looks(
        ("://",), re.compile(r"(://[^/\s:@\"'<>]*:)(?!\*\*\*@)[^/\s\"'<>]+@"), rf"\1{MARK}@"
    ),  # the password of a URL
    Looks(
        _HEADERS,
        re.compile(
            rf"(?i)({_HEADER})(\\?[\"']?\s*[:=]\s*\\?[\"']?|[\"'],\s*b?[\"']|(?:\s*</?\w+>)+\s*)(?:(?:{_SCHEME})\s+)?[^\s\"'<>,;]+"
        ),
        rf"\1\2{MARK}",
    ),
    Looks(
        _SCHEMES,
        re.compile(rf"(?i)\b({_SCHEME})\s+(?=[^\s\"'<>,;]*[\d=+/_-])[^\s\"'<>,;]{{16,}}"),
        rf"\1 {MARK}",
    ),
    Looks(_KEYS, re.compile(rf"(?i)((?:{_KEY})=)[^\s&\"'<>;,]+"), rf"\1{MARK}"),
    Looks(
        _KEYS,
        re.compile(rf"(?i)((?:{_KEY})\\?[\"']\s*:\s*\\?[\"'])(?:\\[^\"']|[^\\\"'])+"),
        rf"\1{MARK}",
    ),
)
"""What is a secret by its looks. They run in this order.

Whoever writes the text may want it to take long: no pattern has two ways to match the same whitespace, nor a long run before its end.
"""

Index = dict[str, tuple[str, ...]]
"""The first SHORTEST characters of forms -> those forms, the longest first."""


class _Known:
    """The secrets of this process: those that last, and the newest of those that pass. May be used by several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._lasting: set[str] = set()
        self._passing: OrderedDict[str, None] = OrderedDict()
        self._holders: Counter[str] = Counter()  # form -> secrets that have it
        self.index: Index = {}

    def add(self, secret: str, passing: bool) -> None:
        with self._lock:
            if secret in self._lasting:
                return
            if secret in self._passing:
                self._passing.move_to_end(secret)
                return
            if passing:
                self._passing[secret] = None
            else:
                self._lasting.add(secret)
            self._enter(_forms(secret))
            if len(self._passing) > PASSING:
                self._leave(_forms(self._passing.popitem(last=False)[0]))

    def _enter(self, forms: Iterable[str]) -> None:
        for form in forms:
            self._holders[form] += 1
            if self._holders[form] == 1:
                _put(self.index, form)

    def _leave(self, forms: Iterable[str]) -> None:
        for form in forms:
            self._holders[form] -= 1
            if not self._holders[form]:
                del self._holders[form]
                left = tuple(f for f in self.index[form[:SHORTEST]] if f != form)
                if left:
                    self.index[form[:SHORTEST]] = left
                else:
                    del self.index[form[:SHORTEST]]


_known = _Known()


def learn(secret: str | None, *, passing: bool = False) -> None:
    """Remember a secret by its value. `passing`: one of many that follow each other, as tickets do."""
    for part in _parts(secret or ""):
        _known.add(part, passing)


def learn_url(url: str | None) -> None:
    """Remember the password of a URL, as it is written there and as it is sent."""
    try:
        password = urlsplit(url or "").password
    except ValueError:  # no URL: whoever opens it says so
        return
    if password:
        learn(password)
        learn(unquote(password))


def redacted(text: str, *also: str) -> str:
    """The text without what is secret in it. `also` are secrets that only this text may hold, such as a device's address."""
    found = _without(text, _known.index)
    mine = [form for secret in also for part in _parts(secret) for form in _forms(part)]
    if mine:
        found = _without(found, _index(mine))
    low = found.lower()
    for looks in PATTERNS:
        if any(hint in low for hint in looks.hints):
            found = looks.pattern.sub(looks.instead, found)
    return found


def _parts(secret: str) -> Iterator[str]:
    """A secret, and the lines of one that has several: who echoes it may write it in one line."""
    whole = secret.strip()
    if len(whole) < SHORTEST:
        return
    yield whole
    lines = whole.splitlines()
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _LINE and not line.startswith("-----"))


def _forms(secret: str) -> set[str]:
    """The forms in which a secret may stand in a text: as it is, in a URL, JSON, HTML or Python, and within something in base 64."""
    in_json = json.dumps(secret)[1:-1]
    found = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        in_json,
        in_json.replace("/", "\\/"),
        re.sub("[<>&='\"]", lambda m: f"\\u{ord(m[0]):04x}", secret),
        json.dumps(secret, ensure_ascii=False)[1:-1],
        escape(secret),
        repr(secret)[1:-1],
    }
    found |= {re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), form) for form in found}
    raw = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        # Of a text in base 64 the letters depend on what stands before by its length alone, but for the first and the last of them.
        start, end = (0, 2, 3)[before], (before + len(raw)) * 8 // 6
        shifted = b"\0" * before + raw
        found |= {encode(shifted).decode()[start:end] for encode in (b64encode, urlsafe_b64encode)}
    return {form for form in found if len(form) >= SHORTEST}


def _index(forms: Iterable[str]) -> Index:
    found: Index = {}
    for form in set(forms):
        _put(found, form)
    return found


def _put(index: Index, form: str) -> None:
    """Add a form. A reader beside it sees the forms of a head as they were or as they are."""
    head = form[:SHORTEST]
    index[head] = tuple(sorted((*index.get(head, ()), form), key=len, reverse=True))


def _without(text: str, index: Index) -> str:
    """One walk over the text, however many forms there are."""
    out: list[str] = []
    done = 0
    for at in range(len(text) - SHORTEST + 1):
        forms = index.get(text[at : at + SHORTEST])
        if forms is None or at < done:
            continue
        form = next((f for f in forms if text.startswith(f, at)), None)
        if form is not None:
            out += [text[done:at], MARK]
            done = at + len(form)
    return "".join([*out, text[done:]]) if out else text

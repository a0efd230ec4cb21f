"""The only module that redacts: removes known secrets, and texts that look like secrets.

The code that first reads a secret registers it with `learn`: a password of a setting, a ticket or an access token of a response. A
text from outside (a body, an echoed header, the text of a third party's error) passes through `redacted` before it becomes a message,
a gap, a cause or a log line: errors for people (`vigil.errors`) and log records (`vigil.logs`) do this automatically.

A sufficiently long part of a secret is also recognised (`vigil.spellings.RUN`). Redact a text before cutting it all the same: a
shorter part is not recognised.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from threading import Lock
from urllib.parse import unquote, urlsplit

from vigil.spellings import RUN, SHORTEST, SecretForm, Span, forms, readings

MARK = "(redacted)"

PASSING = 128
"""The number of remembered tickets and access tokens, the newest: a server issues a new one every few hundred requests."""

_FRAME = re.compile(r"-----(?:BEGIN|END) [A-Z ]*-----")
"""The first and last line of a private key, which are not secret."""

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
    """The form of a kind of secret, and its replacement. Lower-case texts without any of the `hints` cannot contain it."""

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

_GRAM, _STRIDE, _SPARSE = 5, 4, 3
"""A text is looked at in every fourth place, five characters at a time; of a form that is known by 16 characters every third five are
remembered. Of 12 places in a row one is a multiple of 3 in the form and of 4 in the text, and 16 characters have 12 such places."""

Index = dict[str, tuple[SecretForm, ...]]
"""Some five-character sequences of forms -> the forms that contain them."""


class _Known:
    """The secrets of this process: permanent ones, and the newest of the temporary ones. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._lasting: set[str] = set()
        self._passing: OrderedDict[str, None] = OrderedDict()
        self._holders: Counter[SecretForm] = Counter()  # form -> secrets that have it
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
            self._enter(forms(secret))
            if len(self._passing) > PASSING:
                self._leave(forms(self._passing.popitem(last=False)[0]))

    def _enter(self, some: Iterable[SecretForm]) -> None:
        for form in some:
            self._holders[form] += 1
            if self._holders[form] == 1:
                _put(self.index, form)

    def _leave(self, some: Iterable[SecretForm]) -> None:
        for form in some:
            self._holders[form] -= 1
            if not self._holders[form]:
                del self._holders[form]
                _take(self.index, form)


_known = _Known()


def learn(secret: str | None, *, passing: bool = False) -> None:
    """Remember a secret by its value. `passing`: one of a sequence of temporary secrets, such as tickets."""
    core = _core(secret or "")
    if len(core) >= SHORTEST:
        _known.add(core, passing)


def learn_url(url: str | None) -> None:
    """Remember the password of a URL, as written and as sent."""
    try:
        password = urlsplit(url or "").password
    except ValueError:  # no URL: whoever opens it says so
        return
    if password:
        learn(password)
        learn(unquote(password))


def redacted(text: str, *also: str) -> str:
    """The text without secrets. `also` are secrets that only this text may contain, such as a device's address."""
    indexes = [_known.index]
    mine = {form for secret in also for form in forms(_core(secret))}
    if mine:
        indexes.append({})
        for form in mine:
            _put(indexes[-1], form)
    found = _without(text, indexes)
    low = found.lower()
    for looks in PATTERNS:
        if any(hint in low for hint in looks.hints):
            found = looks.pattern.sub(looks.instead, found)
    return found


def _core(secret: str) -> str:
    """A secret without surrounding white space, and without the first and last line of a key."""
    whole = secret.strip()
    return _FRAME.sub("", whole).strip() if "-----" in whole else whole


def _grams(form: SecretForm) -> set[str]:
    stride = _SPARSE if form.least == RUN else 1
    return {form.text[at : at + _GRAM] for at in range(0, len(form.text) - _GRAM + 1, stride)}


def _put(index: Index, form: SecretForm) -> None:
    """Add a form. A concurrent reader sees the state before or after."""
    for gram in _grams(form):
        index[gram] = (*index.get(gram, ()), form)


def _take(index: Index, form: SecretForm) -> None:
    for gram in _grams(form):
        left = tuple(f for f in index[gram] if f != form)
        if left:
            index[gram] = left
        else:
            del index[gram]


def _without(text: str, indexes: Iterable[Index]) -> str:
    """The text with the mark in place of every known secret, or of a recognisable part of one."""
    if len(text) < SHORTEST:
        return text
    spans = [
        span
        for reading in readings(text)
        if (found := [span for index in indexes for span in _runs(reading.text, index)])
        for span in reading.back(found)
    ]
    out: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if start >= done:
            out += [text[done:start], MARK]
        done = max(done, end)
    return "".join([*out, text[done:]]) if out else text


def _runs(text: str, index: Index) -> Iterator[Span]:
    """Where a reading contains enough consecutive characters of a form. Linear in the text, for any number of forms."""
    ends: dict[
        tuple[str, int], int
    ] = {}  # form and where it would begin in the text -> up to where both are compared
    places = [at for at in range(0, len(text) - _GRAM + 1, _STRIDE) if text[at : at + _GRAM] in index]
    for at in places:
        gram = text[at : at + _GRAM]
        for form in index.get(gram, ()):
            within = form.text.find(gram)
            while within >= 0:
                if ends.get((form.text, at - within), -1) <= at:
                    start, end = _extended(text, at, form.text, within)
                    ends[form.text, at - within] = end
                    if end - start >= form.least:
                        yield start, end
                within = form.text.find(gram, within + 1)


def _extended(text: str, at: int, form: str, within: int) -> Span:
    """The range in which the text equals the form, around a place where it does."""
    start = end = 0
    while start < min(at, within) and text[at - start - 1] == form[within - start - 1]:
        start += 1
    longest = min(len(text) - at, len(form) - within)
    while end < longest and text[at + end] == form[within + end]:
        end += 1
    return at - start, at + end

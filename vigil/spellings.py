"""How a secret may be spelt in a text: wrapped, in other letters, or encoded for a URL, JSON, HTML, Python, a mail, in base 64.

A text is read in several ways (`readings`): without its white space and in small letters, then with what is encoded in it decoded,
twice and three times where it was encoded so often. A secret is looked for in each of them, in its `forms`: as it is read itself,
and in what cannot be decoded within a text, hexadecimal digits and base 64.
"""

from __future__ import annotations

import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.entities import html5

SHORTEST = 8
"""The minimum length of a secret that is recognised by its value. A shorter one would be found within ordinary words."""

RUN = 16
"""The number of consecutive characters by which a secret is recognised; half of its characters if it has fewer than 32."""

_TIMES = 3  # that a text may be encoded upon itself

Span = tuple[int, int]
"""A range of a text."""


@dataclass(frozen=True, slots=True)
class SecretForm:
    """A form of a secret in a reading of a text, and how many of its characters are enough to recognise it."""

    text: str
    least: int


@dataclass(frozen=True, slots=True)
class _Step:
    """Transforms a text into another reading of it: replaces each match of the pattern by the result of `instead`.

    `hints`: a text with none of these characters stays unchanged. A pattern must need at most linear time, because an attacker may
    have written the text.
    """

    pattern: re.Pattern[str]
    instead: Callable[[re.Match[str]], str]
    hints: str = ""

    def of(self, text: str) -> str:
        return self.pattern.sub(self.instead, text) if any(hint in text for hint in self.hints) else text

    def back(self, text: str, spans: list[Span]) -> list[Span]:
        """The ranges in `text` of ranges in its other reading. Ranges are not empty."""
        made, ends, at = (
            [0],
            [0],
            0,
        )  # from which character of the reading on, and of the text, the next piece goes
        pieces: list[tuple[int, int, bool]] = []
        for match in self.pattern.finditer(text):
            pieces.append((at, ends[-1], True))
            at += match.start() - ends[-1]
            made.append(at)
            pieces.append((at, match.start(), False))
            at += len(self.instead(match))
            made.append(at)
            ends.append(match.end())
        pieces.append((at, ends[-1], True))

        def origin(place: int) -> Span:
            start, source, plain = pieces[bisect_right(made, place) - 1]
            if plain:
                return source + place - start, source + place - start + 1
            return source, ends[bisect_right(ends, source)]

        return [(origin(start)[0], origin(end - 1)[1]) for start, end in spans]


def _folded(text: str) -> str:
    """The text in lower case, with the two alphabets of base 64 unified."""
    low = text.lower() if text.isascii() else text.upper().casefold()
    return low.replace("-", "+").replace("_", "/")


_INVISIBLE = "\u00ad\u200b-\u200d\u2060\ufeff"
_HEX = "[0-9a-f]"


def _character(following: str) -> str:
    """A pattern for the bytes of one character in UTF-8, after the sign for the first: hexadecimal digits, and `following` between."""
    more = rf"{following}[89ab]{_HEX}"
    return (
        rf"(?:[0-7]{_HEX}|[cd]{_HEX}{more}|e{_HEX}{more}{more}|f[0-7]{more}{more}{more}"
        rf"|[89a-f]{_HEX})"  # not UTF-8: a byte of Latin-1
    )


def _unit(following: str) -> str:
    """A pattern for one character in UTF-16, after the sign for the first unit."""
    return rf"u(?:d[89ab]{_HEX}{{2}}{following}ud[c-f]{_HEX}{{2}}|{_HEX}{{4}})"


_NAMED = {name.rstrip(";").casefold(): _folded(text) for name, text in html5.items()}
_DIGITS = re.compile(rf"[%=x]({_HEX}{{2}})")


def _decoded(match: re.Match[str]) -> str:
    """The encoded character, folded; nothing for a white or invisible one."""
    text = match[0]
    if text[0] == "&":
        made = _entity(text[1:-1], text)
    elif "u" in text:
        units = "".join(text[at + 1 : at + 5] for at, c in enumerate(text) if c == "u")
        made = bytes.fromhex(units).decode("utf-16-be", "surrogatepass")
    elif digits := "".join(_DIGITS.findall(text)):
        raw = bytes.fromhex(digits)
        made = raw.decode("latin-1" if len(raw) == 1 else "utf-8", "replace")
    else:
        made = ""  # a backslash, which escapes what follows
    return "" if made.isspace() or _UNSEEN.match(made) else _folded(made)


def _entity(name: str, otherwise: str) -> str:
    if not name.startswith("#"):
        return _NAMED.get(name, otherwise)
    number = int(name[2:], 16) if name[1] == "x" else int(name[1:])
    return chr(number) if number < 0x110000 else otherwise


_UNSEEN = re.compile(f"[{_INVISIBLE}]+")
_PLAIN = _Step(re.compile(r"\s+|[^\x00-\x7f]"), lambda m: "" if m[0].isspace() else _folded(m[0]))
_MAIL_BREAK = _Step(re.compile(r"=(?:[ \t]*\r?\n|(?:\\++r)?\\++n)"), lambda m: "", "=")
_SOFT = _Step(
    re.compile(
        rf"[\\<&{_INVISIBLE}](?:(?<=[{_INVISIBLE}])[{_INVISIBLE}]*|(?<=<)w?br/?>|(?<=&)shy;"
        r"|(?<!\\\\)(?<=\\)\\*+(?:[nrt]|u(?:00ad|200[bcd]|2060|feff)))"
    ),
    lambda m: "",
    "\\<&\u00ad\u200b\u200c\u200d\u2060\ufeff",
)
_PERCENT_U, _BACKSLASH_U = _unit("%"), _unit(r"\\++")
_PERCENT, _BACKSLASH = _character("%"), _character(r"\\++x")
_WEB = _Step(
    re.compile(
        rf"[%\\&<](?:(?<=%)(?:{_PERCENT}|{_PERCENT_U})|(?<=\\)\\*+(?:x{_BACKSLASH}|{_BACKSLASH_U}|[nrt]?)"
        rf"|(?<=&)(?:#x{_HEX}{{1,8}}|#[0-9]{{1,9}}|[a-z][a-z0-9]{{1,31}});|(?<=<)w?br/?>)"
    ),
    _decoded,
    "%\\&<",
)
_MAIL = _Step(re.compile(f"={_character('=')}"), _decoded, "=")
_LIKE_MAIL = re.compile(f"=3d|={_HEX}{{2}}={_HEX}{{2}}")
"""What a text encoded for a mail has, and an address with `?limit=20` has not."""


@dataclass(frozen=True, slots=True)
class TextReading:
    """One reading of a text."""

    text: str
    came: tuple[tuple[_Step, str], ...]  # the steps to it, each with the text before it

    def back(self, spans: list[Span]) -> list[Span]:
        """The ranges in the original text of ranges in this reading."""
        for step, before in reversed(self.came):
            spans = step.back(before, spans)
        return spans

    def then(self, step: _Step) -> TextReading:
        """The reading after one more step, or this one if the step changes nothing."""
        after = step.of(self.text)
        return self if after == self.text else TextReading(after, (*self.came, (step, self.text)))

    def plain(self) -> TextReading:
        """The reading without white space, in lower case."""
        return TextReading("".join(_folded(self.text).split()), (*self.came, (_PLAIN, self.text)))


def readings(text: str) -> Iterator[TextReading]:
    """The readings of a text, each once: unchanged, then with more and more of it decoded."""
    written = TextReading(text, ())
    plain = written.plain()
    yield plain
    soft = plain.then(_SOFT)
    bases = [soft]
    # A sign = at the end of a line may be one of the secret's, or what a mail goes on with in the next line.
    if (joined := written.then(_MAIL_BREAK)) is not written:
        bases.append(joined.plain().then(_SOFT))
    if _LIKE_MAIL.search(bases[-1].text):
        bases.append(bases[-1].then(_MAIL))
    for base in bases:
        if base is not plain:
            yield base
        for _ in range(_TIMES):
            decoded = base.then(_WEB)
            if decoded is base:
                break
            yield decoded
            base = decoded


def _least_of_decoded(secret: str, least: int) -> int:
    """The minimum number of decoded characters for `least` characters of a secret that looks partly encoded."""
    parts = (secret[at : at + least] for at in range(len(secret) - least + 1))
    return max(SHORTEST, min(len(reading.text) for part in parts for reading in readings(part)))


def forms(secret: str) -> set[SecretForm]:
    """The forms to search for. None if the secret is too short."""
    whole = "".join(_folded(secret).split())
    if len(whole) < SHORTEST:
        return set()
    least = max(SHORTEST, min(RUN, (len(whole) + 1) // 2))
    plain, *decoded = (reading.text for reading in readings(secret))
    texts = {plain: least} | dict.fromkeys(decoded, _least_of_decoded(whole, least) if decoded else least)
    texts["".join(_folded(secret.replace(" ", "+")).split())] = least  # a blank in a form of the web
    raw = secret.encode("utf-8", "surrogatepass")
    texts[raw.hex()] = min(RUN, 2 * least)
    for before in range(3):
        # Of a text in base 64 the letters depend on what stands before by its length alone, but for the first and the last of them.
        start, end = (0, 2, 3)[before], (before + len(raw)) * 8 // 6
        texts[_folded(b64encode(b"\0" * before + raw).decode()[start:end])] = min(RUN, (8 * least - 4) // 6)
    return {SecretForm(text, min(least, len(text))) for text, least in texts.items() if len(text) >= SHORTEST}

"""Makes text from outside safe for each place where it is shown. Nothing else in Vigil escapes, strips or shortens for that.

Names, comments and values are written by anybody who may create a document. One function a target:

| target | function | what it keeps out |
|---|---|---|
| a push, a value in any message | `one_line` | line breaks, control and reordering characters, what is not seen, floods of accents |
| a text of several lines | `lines` | the same, but for line breaks |
| a terminal, a log | `terminal`, `terminal_markup` | the same; the second also the markup of Rich |
| a page of Markdown in Prefect (GFM) | `markdown`, `Markdown`, `link`, `table_row`, `code_block` | markup, links of its own |
| a DataFrame, JSON | `table_cell` | characters that are no text |
| CSV | `csv_cell` | formulas of spreadsheets, control characters |
| Excel | `excel_cell` | what XML cannot hold, what is longer than a cell |
| HTML | `html` | markup |
| a header of a mail | `mail_header` | a header of its own |
| the name of a run, a state, an event of Prefect | `label`, `payload` | line breaks, NUL, megabytes |
| the target of a link | `web_address`, `is_web_address` | every scheme but http and https |

Text that is printable and short, which nearly all is, passes each of them as it is, except where a sign of it would do something.
Why so: docs/decisions/0002-plain-text-and-html.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, SupportsIndex
from urllib.parse import quote, urlsplit

import orjson
import regex
from markupsafe import Markup, escape

ELLIPSIS = "…"
NAMELESS = "—"  # where nothing of a name can be seen

VALUE = 1_000  # characters of a value in a message or a cell of a page
BODY = 8_000  # of a whole text: twice what the longest push holds
LABEL = 200  # of the name of a run
STATE = 2_000  # of the message of a state
PAYLOAD = 500  # of a text in an event
CELL = 32_767  # UTF-16 units of a cell, in Excel; CSV keeps to it, since a spreadsheet reads it
MARKS = 8  # accents on one letter: more than any script writes

_WEB = ("http", "https")

# Plain text

# Format characters that words and emoji need: the joiners and the soft directional marks.
_KEPT = frozenset("\u200c\u200d\u200e\u200f\u061c")
_SPACED = frozenset({"Cc", "Zl", "Zp"})  # become one space
_DROPPED = frozenset({"Cf", "Cs", "Co", "Cn"})  # overrides, isolates, tags, lone surrogates, private use
_BLANK = "\u115f\u1160\u3164\uffa0\u2800"  # fillers of Korean, and the empty pattern of Braille: letters that show nothing
_FLOOD = regex.compile(rf"(\p{{M}}{{{MARKS}}})\p{{M}}+")
# A joiner that joins no two letters.
_LOOSE = regex.compile(r"(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])")
_ODD = regex.compile(rf"[{_BLANK}\u200c\u200d]|\p{{M}}{{{MARKS + 1}}}")
_CLUSTER = regex.compile(r"\X")
_ROOM = 16  # code points that a character as people count them may take, before a long text is looked at


def one_line(text: str) -> str:
    """`text` on one line, without control characters, bidirectional overrides and invisible characters; `<`, `>` and `&` stay.

    Printable text without these is returned unchanged. Nothing is shortened, except sequences of accents.
    """
    if text.isprintable() and (text.isascii() or not _ODD.search(text)):
        return text
    kept = "".join(map(_neutral, text.replace("\r\n", "\n")))
    return _LOOSE.sub("", _FLOOD.sub(r"\1", kept))


def _neutral(character: str) -> str:
    if character in _KEPT:
        return character
    if character in _BLANK:
        return " "
    if character.isprintable():
        return character
    category = unicodedata.category(character)
    if category in _SPACED:
        return " "
    return "" if category in _DROPPED else character


def lines(text: str) -> str:
    """`text` with its line breaks, each line as from `one_line`."""
    if text.isprintable():
        return one_line(text)
    return "\n".join(map(one_line, re.split(r"\r\n|[\r\n]", text)))


def short(text: str, limit: int) -> str:
    """`text` in at most `limit` characters as a reader counts them, with an ellipsis after a cut.

    Cuts at a space near the end if there is one, and never inside a grapheme (an accent, a flag, a family).
    """
    if len(text) <= limit:
        return text
    clusters = _CLUSTER.findall(text[: limit * _ROOM + 1])
    if len(clusters) <= limit and len(text) <= limit * _ROOM:
        return text
    kept = "".join(clusters[: limit - 1])
    space = kept.rfind(" ")
    if space > limit * 2 // 3:
        kept = kept[:space]
    return kept.rstrip() + ELLIPSIS


def bounded(text: str, limit: int = VALUE, said: str = "shortened") -> str:
    """`text` in at most `limit` code points: of a longer one the beginning, and a note in brackets that it was shortened."""
    if len(text) <= limit:
        return text
    start = text[: limit - len(said) - len(ELLIPSIS) - 2]
    kept = _CLUSTER.findall(start)[:-1]  # the last one may have been cut
    return f"{''.join(kept).rstrip()}{ELLIPSIS} ({said})"


def json_size(text: str) -> int:
    """Bytes of `text` as a JSON string in UTF-8, without its quotes."""
    return len(orjson.dumps(text)) - 2


def to_bytes(text: str, limit: int) -> str:
    """The longest start of `text` that takes at most `limit` bytes in JSON, including the ellipsis.

    Never cuts inside a grapheme. Empty if not even the ellipsis fits.
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


# A terminal


def terminal(text: str) -> str:
    """Text for a terminal or a log: without escape sequences and cursor movements, except line breaks and tabs."""
    if text.isprintable():
        return one_line(text)
    return "\n".join("\t".join(map(one_line, line.split("\t"))) for line in re.split(r"\r\n|[\r\n]", text))


def terminal_markup(text: str) -> str:
    """The same, escaped for Rich markup."""
    from rich import markup  # a worker has no terminal

    return markup.escape(terminal(text))


# Markdown, as both UIs of Prefect read it

_JOINER, _HAIR = "\u2060", "\u200a"  # a word joiner, which shows nothing, and a space that is next to nothing
_INERT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\\(?=[!-/:-@[-`{-~]|$)"), rf"\\{_JOINER}"),  # escapes nothing
    # no tag, no entity, no link and no definition of one
    (re.compile(r"<(?=\S)|&(?=#?\w+;)|\](?=[(:[])"), rf"\g<0>{_JOINER}"),
    (re.compile(r"(?:\*+|~+|(?<!\w)_+)(?=\S)"), rf"\g<0>{_HAIR}"),  # no emphasis begins before a space
    (re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=\S)(?=@\w)", re.IGNORECASE), _JOINER),  # no link by itself
    (re.compile(r"^(?=[-#>+=|:~*_<\[`]|\d+[.)])"), _JOINER),  # no heading, list, quote, rule or table
    (re.compile(r"`"), r"\\`"),
)
"""What a text of Markdown would do, and what keeps it from it.

Unseen characters and not backslashes, where they do: in the text of a link Prefect's first UI shows a backslash as it stands, and its
second one makes a link of `https\\://` all the same.
"""
_IN_ADDRESS = ":/?#@!$&'*+,;=%~-._"


class Markdown(str):
    """A page of Markdown, or a piece of one. `format` and `join` escape their arguments unless they are Markdown or numbers.

    Pages for Prefect have this type, so that mypy refuses a text from outside that enters one by an f-string.
    """

    __slots__ = ()

    def format(self, *args: object, **kwargs: object) -> Markdown:
        """As of a string."""
        named = {name: _inert(value) for name, value in kwargs.items()}
        return Markdown(super().format(*map(_inert, args), **named))

    def join(self, parts: Iterable[object]) -> Markdown:
        """As of a string."""
        return Markdown(super().join(str(_inert(part)) for part in parts))

    def __add__(self, other: str) -> Markdown:
        return Markdown(super().__add__(markdown(other)))

    def __getitem__(self, part: SupportsIndex | slice) -> str:  # a piece of markup is none
        return str(self)[part]


def _inert(value: object) -> object:
    return value if isinstance(value, int | float | Markdown) else markdown(value)


def markdown(value: object) -> Markdown:
    """A text for a page of Markdown that appears literally: no character is markup, and no part becomes a link."""
    if isinstance(value, Markdown):
        return value
    text = one_line(bounded(str(value))).strip()
    for sign, by in _INERT:
        text = sign.sub(by, text)
    return Markdown(text)


def link(name: str, address: str | None) -> Markdown:
    """A name as the link to a web address; for another address only the name."""
    text = markdown(name) or Markdown(NAMELESS)
    if not is_web_address(address):
        return text
    inert = re.sub(r"[\[\]]", r"\\\g<0>", text)
    return Markdown(f"[{inert}]({quote(str(address), safe=_IN_ADDRESS)})")


def table_row(cells: Iterable[Markdown]) -> Markdown:
    """The cells as one row of a table."""
    row = " | ".join(cell.replace("|", r"\|") for cell in cells)
    return Markdown(f"| {row} |")


def code_block(text: str) -> Markdown:
    """A literal text, in a block that its content cannot end."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markdown(f"{fence}\n{text}\n{fence}")


# Tables and spreadsheets

_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202d\u202e\ud800-\udfff\ufffe\uffff]")
"""Characters that are not text: they would control a terminal, reverse a line, or break a file. Tabs and line breaks stay."""

_SKIPPED = r"[\s\p{C}\ufffd'\"]"
_FORMULA_SIGNS = "-=+@\u2212⁺⁻⁼₊₋₌⩵⩶﬩﹢﹣﹦﹫＋－＝＠"
"""The signs that begin a formula, the minus sign (U+2212), and every character of which NFKC makes a text that begins with one."""

_FORMULA = regex.compile(
    rf"(^|[;\t\r\n])(?={_SKIPPED}{{0,64}}+(?:[{regex.escape(_FORMULA_SIGNS)}]|{_SKIPPED}))|^(?=[\t\r\n])"
)
"""Where a spreadsheet would begin a formula: at the start of a text, and after ; and tab, which it may take for separators.

It skips what shows nothing. After 64 such characters a formula is taken for granted: to look on from each of ten million line
breaks would never end.
"""


def table_cell(text: str) -> str:
    """A text for a table in a DataFrame or JSON: unchanged, with the replacement character for characters that are not text."""
    return text if text.isprintable() else _NO_TEXT.sub("\ufffd", text)


def csv_cell(text: str) -> str:
    """A text for a cell of CSV. One that a spreadsheet would read as a formula gets an apostrophe before it.

    Line breaks and tabs stay. A reader must remove one apostrophe before = + - @ or a form of them.
    """
    if text.isascii() and text.isprintable() and text[:1].isalnum() and ";" not in text:
        return text
    return _FORMULA.sub(r"\1'", table_cell(text))


def excel_cell(text: str) -> str:
    """A text for a cell of Excel, to be written as a string: cut to the maximum length of a cell."""
    kept = bounded(table_cell(text), CELL)
    if len(kept) * 2 <= CELL or kept.isascii():
        return kept
    # A character beyond the BMP counts twice.
    while (excess := len(kept.encode("utf-16-le")) // 2 - CELL) > 0:
        kept = bounded(kept, len(kept) - excess // 2 - 1)
    return kept


# HTML and mail


def html(text: str) -> Markup:
    """A text for a page or a mail in HTML."""
    return escape(lines(text))


def mail_header(text: str) -> str:
    """A text for a header of a mail: on one line, so that it cannot begin another header."""
    return one_line(text)


# Prefect


def label(text: str, limit: int = LABEL) -> str:
    """A text for the name of a run: on one line, and short. Prefect's database does not accept NUL."""
    return bounded(one_line(text[: limit * _ROOM]), limit)


def state_message(text: str) -> str:
    """A text for the message of a state."""
    return bounded(terminal(text[: STATE * _ROOM]), STATE)


def payload(value: Any) -> Any:
    """The payload of an event, with every text in it safe and bounded, at any depth."""
    match value:
        case str():
            return label(value, PAYLOAD)
        case Mapping():
            return {label(str(name)): payload(one) for name, one in value.items()}
        case Sequence() | set() | frozenset():
            return [payload(one) for one in value]
        case _:
            return value


# Links


_PLAIN_ADDRESS = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,4})?(/[A-Za-z0-9/._~?=&%-]*)?")
"""The form of nearly all addresses, for a fast check."""


def is_web_address(text: str | None) -> bool:
    """Whether a link may lead there: http or https, a host, and only characters that an address can contain."""
    if text and len(text) <= VALUE and _PLAIN_ADDRESS.fullmatch(text):
        return True
    if not text or len(text) > VALUE * 2 or not text.isprintable() or set(text) & set(" <>\\"):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in _WEB and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a bracket that does not close, a port that is no number
        return False


def web_address(text: str) -> str:
    """Return a web address unchanged. Raises ValueError for others, because one touch opens the link of a notice."""
    if not is_web_address(text):
        raise ValueError("an address must begin with https:// or http:// and a host")
    return text

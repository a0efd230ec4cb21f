r"""Regular expressions of rules: what may stand in one, and whether a text matches it, in time that grows with the text alone.

The engine is Polars' own (Rust's regex crate), which does not backtrack: no look-around, no backreferences. What a pattern costs for a
character of text grows with the pattern's size once its counted repetitions are written out, so both sizes are bounded.

The whole text must match (``A\d+`` is not met by ``xA1``; ``.*A\d+.*`` looks for it inside), small and capital letters are told apart
unless the pattern begins with ``(?i)``, and a dot is any character but a line break. Syntax: https://docs.rs/regex/latest/regex/#syntax
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

MOST_CHARACTERS = 256
MOST_PARTS = 256
"""Of a pattern whose counted repetitions are written out: ``[A-Z]{2}\\d{4}`` has 6."""

_TOKEN = re.compile(
    r"""\\[pPxuUb]\{[^}]*\} | \\.
    | (?P<flags>\(\?[a-zA-Z-]*\)) | (?P<group>\((?:\?P?<[^>]*>|\?[a-zA-Z-]*:)?)
    | \{\s*(?P<least>\d*)\s*(?P<more>,\s*(?P<most>\d*)\s*)?\} | .""",
    re.X | re.S,
)
_IN_CLASS = re.compile(r"\\.|.", re.S)
_VERBOSE = re.compile(r"\(\?[a-zA-Z]*x[a-zA-Z-]*[:)]")
_WRONG = re.compile(r"^error: (.+)$", re.MULTILINE)
_CARET = re.compile(r"^ {4}( *)\^", re.MULTILINE)
_TOO_LARGE = "size limit"


def check(pattern: str) -> None:
    """Raise ValueError, with the fault and its place, if a text is not a regular expression or a too costly one."""
    if wrong := _wrong(pattern):
        raise ValueError(wrong)


def column_matches(texts: pl.Expr, pattern: str) -> pl.Expr:
    """Which texts of a column match the whole pattern, which must have passed `check`."""
    return texts.str.contains(_whole(pattern), literal=False)


def matches(text: str, pattern: str) -> bool:
    """Whether one text matches the whole pattern, which must have passed `check`."""
    import polars  # here, because every reader of rules would wait for the import, and few rules have patterns

    return bool(polars.Series([text]).str.contains(_whole(pattern), literal=False)[0])


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"


@lru_cache(maxsize=1024)
def _wrong(pattern: str) -> str:
    """The fault of a pattern; empty if there is none."""
    if len(pattern) > MOST_CHARACTERS:
        return f"a regular expression of {len(pattern)} characters; {MOST_CHARACTERS} are allowed"
    if any(_VERBOSE.fullmatch(found[0]) for found in _found(pattern)):
        return "the flag x of a regular expression is not supported; write it without blanks and comments"
    if error := _refused(pattern):
        return f'"{pattern}" is not a regular expression; {error}'
    if (parts := _parts(pattern)) > MOST_PARTS:
        return f'"{pattern}" is too large: its repetitions, written out, have {parts} parts; {MOST_PARTS} are allowed'
    return ""


def _refused(pattern: str) -> str:
    """The engine's error about a pattern, with the position; empty if it accepts the pattern."""
    import polars  # as in `matches`

    try:
        polars.Series([""]).str.contains(pattern, literal=False)
    except polars.exceptions.ComputeError as error:
        said = str(error)
    else:
        return ""
    if _TOO_LARGE in said:
        return "it is too large"
    found, caret = _WRONG.search(said), _CARET.search(said)
    what = found[1] if found else said.partition("\n")[0]
    one_line = caret is not None and "\n" not in pattern
    return f"{what}, at character {len(caret[1]) + 1}" if caret and one_line else what


def _parts(pattern: str) -> int:
    """How many characters and classes a pattern has with each counted repetition written out.

    The pattern must be valid: brackets and repetitions are in their places.
    """
    groups: list[list[int]] = [[]]
    for token, repeats in _tokens(pattern):
        if token == "(":
            groups.append([])
        elif token == ")":
            inside = sum(groups.pop())
            groups[-1].append(max(inside, 1))
        elif repeats is not None and groups[-1]:
            groups[-1][-1] *= repeats
        elif token not in ("", "*", "+", "?", "|"):
            groups[-1].append(1)
    return sum(map(sum, groups))


def _tokens(pattern: str) -> Iterator[tuple[str, int | None]]:
    """The parts of a pattern, of counted repetitions how often at most. Classes in brackets are one each, groups begin with ``(``, and
    flags are empty."""
    for found in _found(pattern):
        token = found[0]
        if token == "[":
            yield "[]", None
        elif found["group"] or found["flags"]:
            yield "(" if found["group"] else "", None
        elif token.startswith("{") and (found["least"] or found["most"]):
            most = found["most"] if found["more"] else found["least"]
            yield token, int(most or found["least"]) + (not most)
        else:
            yield token, None


def _found(pattern: str) -> Iterator[re.Match[str]]:
    """The matches of `_TOKEN` in a pattern. A class in brackets gives its first bracket alone."""
    at = 0
    while (found := _TOKEN.match(pattern, at)) is not None:
        yield found
        at = _end_of_class(pattern, found.end()) if found[0] == "[" else found.end()


def _end_of_class(pattern: str, at: int) -> int:
    """Where the class ends whose bracket stands before `at`. Classes nest; a bracket that closes one right away is a character."""
    depth, begun = 1, True
    while depth and (found := _IN_CLASS.match(pattern, at)) is not None:
        token, at = found[0], found.end()
        depth += (token == "[") - (token == "]" and not begun)
        begun = token == "[" or (begun and token == "^")
    return at

"""Livelink Query Language, as far as the contract names it: ``OTSubType: 144 AND [QLREGION "OTModifyDate"] >= "20250523"``.

Regions take ``= != < <= > >=`` or a colon; AND, OR, NOT and parentheses join conditions; any other word is looked for in names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vigil.sandbox.ecm.protocol import EcmRefusal

_TOKEN = re.compile(
    r"""\s*(?:\[QLREGION\s+"(?P<region>\w+)"\]|(?P<operator>>=|<=|!=|<>|=|<|>)|(?P<bracket>[()])"""
    r"""|"(?P<quoted>[^"]*)"|(?P<named>\w+)\s*:|(?P<word>[^\s()"=<>!]+))""",
    re.IGNORECASE,
)
COMPARE: Mapping[str, Callable[[str, str], bool]] = {
    "=": lambda held, wanted: held == wanted,
    "!=": lambda held, wanted: held != wanted,
    "<": lambda held, wanted: held < wanted,
    "<=": lambda held, wanted: held <= wanted,
    ">": lambda held, wanted: held > wanted,
    ">=": lambda held, wanted: held >= wanted,
}


@dataclass(frozen=True, slots=True)
class Term:
    """`region` None: a word, looked for in names."""

    region: str | None
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Joined:
    """`how` is AND, OR, or NOT with one part."""

    how: str
    parts: tuple[Term | Joined, ...]


Condition = Term | Joined


def parse(text: str, queryable: tuple[str, ...]) -> Condition:
    """The condition of a `where`. Raises EcmRefusal (400) for none, for wrong grammar, and for a region that is not queryable."""
    return _Parser(_tokens(text), queryable).whole()


def words(text: str, look_for: str) -> Condition:
    """The condition of plain words: `look_for` is ``allwords``, ``anywords`` or ``exactphrase``. Raises EcmRefusal (400) for none."""
    parts = [text.strip()] if look_for == "exactphrase" else text.split()
    if not text.strip():
        raise refused()
    return Joined("OR" if look_for == "anywords" else "AND", tuple(Term(None, "=", part) for part in parts))


def refused() -> EcmRefusal:
    """What the vendor documents for a query that cannot be evaluated."""
    return EcmRefusal(
        400,
        "Error Evaluating Query, You have either not specified any search criterion at all, or one of your Livelink "
        "Query Language statements is incorrect.",
    )


def terms(condition: Condition) -> list[Term]:
    """All terms, wherever they stand."""
    if isinstance(condition, Term):
        return [condition]
    return [term for part in condition.parts for term in terms(part)]


def holds(condition: Condition, value: Callable[[str | None], str]) -> bool:
    """Whether a condition holds for an item whose regions have these values; None is its name, for words."""
    if isinstance(condition, Joined):
        if condition.how == "AND":
            return all(holds(part, value) for part in condition.parts)
        if condition.how == "OR":
            return any(holds(part, value) for part in condition.parts)
        return not holds(condition.parts[0], value)
    held = value(condition.region)
    if condition.region is None:
        return condition.value.lower() in held.lower()
    return COMPARE[condition.operator](held, condition.value)


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place, text = [], 0, text.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise refused()
        found.append((match.lastgroup, match[match.lastgroup]))
        place = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], queryable: tuple[str, ...]) -> None:
        self._tokens = tokens
        self._queryable = queryable

    def whole(self) -> Condition:
        found = self._joined("OR")
        if self._tokens:
            raise refused()
        return found

    def _joined(self, how: str) -> Condition:
        parts = [self._joined("AND") if how == "OR" else self._one()]
        while self._word() == how:
            self._tokens.pop(0)
            parts.append(self._joined("AND") if how == "OR" else self._one())
        return parts[0] if len(parts) == 1 else Joined(how, tuple(parts))

    def _one(self) -> Condition:
        kind, text = self._take()
        if kind == "word" and text.upper() == "NOT":
            return Joined("NOT", (self._one(),))
        if (kind, text) == ("bracket", "("):
            found = self._joined("OR")
            if self._take() != ("bracket", ")"):
                raise refused()
            return found
        if kind in ("region", "named"):
            operator = self._take()[1] if self._tokens and self._tokens[0][0] == "operator" else "="
            return self._term(text, operator.replace("<>", "!="))
        if kind in ("word", "quoted") and text.upper() not in ("AND", "OR"):
            return Term(None, "=", text)
        raise refused()

    def _term(self, region: str, operator: str) -> Term:
        kind, value = self._take()
        if region not in self._queryable or kind not in ("word", "quoted") or not value:
            raise refused()
        if region.endswith("Date") and not re.fullmatch(r"\d{8}", value):
            raise refused()
        return Term(region, operator, value)

    def _word(self) -> str:
        return self._tokens[0][1].upper() if self._tokens and self._tokens[0][0] == "word" else ""

    def _take(self) -> tuple[str, str]:
        if not self._tokens:
            raise refused()
        return self._tokens.pop(0)

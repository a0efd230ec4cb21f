"""``where_column_query`` of lists of workspaces, by the grammar of the vendor's document: ``<condition> [<sort>]``.

``name LIKE 'Case*' AND (WNF_ATT_W8C_4 > 2020-03-20 OR NOT name = "x") modify_date DESC``
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vigil.sandbox.ecm.site import SimulatedEcm
from vigil.sandbox.world.state import WorldWorkspace

Held = Callable[[str], Any]
Test = Callable[[Held], bool]
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:\\.|[^"])*"|'(?:\\.|[^'])*')|(?P<date>\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d)?)|(?P<number>-?\d+)
    |(?P<operator>>=|<=|<>|>|<|=)|(?P<bracket>[()])|(?P<word>\w+))""",
    re.VERBOSE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b, "<>": lambda a, b: a != b, ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, "<": lambda a, b: a < b,
}  # fmt: skip
_CUSTOM = re.compile(r"wnf_att_([0-9a-z]+)_([0-9a-z]+)")


class ColumnUnknown(ValueError):
    """A column that the server does not know."""


@dataclass(frozen=True, slots=True)
class ColumnQuery:
    """`sort` as the parameter of that name has it, "" for none."""

    holds: Test
    sort: str


class Columns:
    """Of a list: names, attributes as ``WNF_ATT_{category}_{attribute}`` in base 36, and dates where a version has them."""

    def __init__(self, site: SimulatedEcm) -> None:
        self._site = site

    def kind(self, column: str) -> str:
        """``string``, ``date`` or ``any``. Raises ColumnUnknown."""
        if column == "name":
            return "string"
        if column in ("modify_date", "create_date") and self._site.quirks.date_columns:
            return "date"
        if _CUSTOM.fullmatch(column):
            return "any"
        raise ColumnUnknown(column)

    def of(self, workspace: WorldWorkspace) -> Held:
        """The values of a workspace by column."""
        site = self._site

        def held(column: str) -> Any:
            match column:
                case "name":
                    return workspace.name
                case "create_date":
                    return site.world.local(workspace.created)
                case "modify_date":
                    return site.world.local(site.world.state.modified(workspace))
            custom = _CUSTOM.fullmatch(column)
            return (
                site.categories.value(workspace, int(custom[1], 36), int(custom[2], 36)) if custom else None
            )

        return held


def parse(text: str, kind: Callable[[str], str], *, quoted_dates: bool) -> ColumnQuery:
    """`kind` tells what a column holds and raises ColumnUnknown for none. Raises ValueError for what is not the grammar's."""
    return _Parser(_tokens(text), kind, quoted_dates).query()


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    text = text.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"unexpected {text[place:]!r}")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        place = match.end()
    return found


class _Parser:
    """By recursive descent; AND binds like OR, from left to right, as the vendor's grammar has them."""

    def __init__(self, tokens: list[tuple[str, str]], kind: Callable[[str], str], quoted_dates: bool) -> None:
        self._tokens, self._kind, self._quoted_dates = tokens, kind, quoted_dates
        self._place = 0

    def query(self) -> ColumnQuery:
        holds, sort = self._condition(), ""
        if self._place < len(self._tokens):
            column, order = self._word().lower(), self._word().lower()
            if order not in ("asc", "desc") or self._place < len(self._tokens):
                raise ValueError("a query ends with a condition, or a column and ASC or DESC")
            self._kind(column)
            sort = f"{order}_{column}"
        return ColumnQuery(holds, sort)

    def _condition(self) -> Test:
        left = self._expression()
        while self._peek().lower() in ("and", "or"):
            both = self._word().lower() == "and"
            left = _joined(left, self._expression(), both=both)
        return left

    def _expression(self) -> Test:
        if self._peek() == "(":
            self._next()
            inner = self._condition()
            if self._next()[1] != ")":
                raise ValueError("a bracket is not closed")
            return inner
        if self._peek().lower() == "not":
            self._next()
            denied = self._expression()
            return lambda held: not denied(held)
        column, operator = self._word().lower(), self._next()[1].lower()
        return self._operation(column, operator, self._kind(column), self._next())

    def _operation(self, column: str, operator: str, kind: str, literal: tuple[str, str]) -> Test:
        form, text = literal
        if form == "string" and not (kind == "date" and self._quoted_dates):
            if operator not in ("=", "like") or kind == "date":
                raise ValueError(f"{column} {operator} takes no text in quotes")
            return _text(column, operator, re.sub(r"\\(.)", r"\1", text[1:-1]))
        if operator not in _COMPARE or kind == "string":
            raise ValueError(f"{column} {operator} takes a text in quotes")
        wanted = _value(form, text.strip("\"'"))
        compare = _COMPARE[operator]

        def test(held: Held) -> bool:
            value = held(column)
            return type(value) is type(wanted) and compare(value, wanted)

        return test

    def _peek(self) -> str:
        return self._tokens[self._place][1] if self._place < len(self._tokens) else ""

    def _next(self) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            raise ValueError("the query ends in the middle of a condition")
        self._place += 1
        return self._tokens[self._place - 1]

    def _word(self) -> str:
        form, text = self._next()
        if form != "word":
            raise ValueError(f"{text!r} is no column")
        return text


def _joined(left: Test, right: Test, *, both: bool) -> Test:
    if both:
        return lambda held: left(held) and right(held)
    return lambda held: left(held) or right(held)


def _text(column: str, operator: str, wanted: str) -> Test:
    pattern = re.escape(wanted)
    if operator == "like":
        pattern = pattern.replace(r"\*", ".*").replace(r"\?", ".")
    whole = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    return lambda held: whole.fullmatch(str(held(column) or "")) is not None


def _value(form: str, text: str) -> Any:
    if form == "number":
        return int(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return text if "T" in text else f"{text}T00:00:00"

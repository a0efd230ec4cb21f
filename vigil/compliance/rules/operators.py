"""The operators of a field leaf, each one row: the kinds it fits, the value it takes, how it compares, and what is said of it.

Everything else asks the row: the compiler of leaves (`field_compiler`), contradictions, sentences, hints to misspelt words, the schema
for editors and `vigil test --mutate`. A new operator is a new member of `Op` and a row of the table in docs/rules.md.

Meaning over lists (multi-value attributes, rows of a set, members of a role): a comparison holds when any
item meets it; its negation (`ne`, `not_in`, `not_contains`) when none does; `present` when there is one.
An unset value meets `absent`, `ne`, `not_in` and `not_contains`, and nothing else.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from vigil.compliance.rules import regular_expressions

if TYPE_CHECKING:
    import polars as pl

KINDS = ("string", "user", "integer", "date", "datetime", "boolean", "list")
"""Kinds of fields: those of `facts.Attribute`, and `list` for the members of a role."""

_ALL = frozenset(KINDS)
_PLAIN = _ALL - {"list"}
_ORDERED = frozenset({"integer", "date", "datetime"})
DATE_FIELDS = frozenset({"date", "datetime"})
_TEXT = frozenset({"string", "user"})

DATE_COLUMNS = frozenset({"date", "instant"})
_NUMBER_COLUMNS = frozenset({"whole", "real"})
_COLUMNS = frozenset({"text", "truth"}) | _NUMBER_COLUMNS | DATE_COLUMNS
"""Kinds of columns: `columns.Column.kind`."""


class Takes(StrEnum):
    """The shape of an operator's value."""

    NOTHING = "no value"
    ONE = "one value"
    MANY = "a list of values"
    LENGTH = "a length of time such as 30d"


@dataclass(frozen=True, slots=True)
class Tails:
    """What an operator says of a value that was found, where it is met and where it is not. `{w}` is the rule's own value."""

    met: str
    unmet: str

    @property
    def reversed(self) -> Tails:
        return Tails(self.unmet, self.met)


_ALONE = Tails("", "")
_IS = Tails("", ", not {w}")
_AMONG = Tails(", with {w} among them", ", without {w}")


@dataclass(frozen=True, slots=True)
class TextTest:
    """What an operator asks of a text, beside the text that its rule gives: of a whole column, and of one text in Python."""

    column: Callable[[pl.Expr, str], pl.Expr]
    one: Callable[[str, str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One row. Which fields and values it takes:

    - `kinds`: the kinds of fields that can stand left of it; `takes`: the shape of its value; `check`: raises ValueError for an
      invalid value, and says why.

    How it compares:

    - `compare` is a value's function with the operand, over the kinds of `columns`; with `of_items` of the items of lists alone.
      `text` takes its place for texts. Contradictions are concluded from both.
    - `negates` is the operator that holds exactly where this one does not, unset values included.
    - `ago`: its length of time counts back from as_of, and not ahead.

    What is said:

    - `sentence` has places for the field and the value. `one`, `dated` and `many` are what a reason ends with: of a text, a number, or
      yes and no; of a date or an instant; of a list (without it, that one of its items is so, or none).
    - `also`: what other systems call it. `mistaken_for`: the operators that `vigil test --mutate` puts in its place.
    """

    kinds: frozenset[str]
    takes: Takes
    sentence: str
    check: Callable[[str], object] | None = None
    compare: Callable[[Any, Any], Any] | None = None
    columns: frozenset[str] = frozenset()
    of_items: bool = False
    text: TextTest | None = None
    negates: str = ""
    ago: bool = False
    one: Tails = _ALONE
    dated: Tails | None = None
    many: Tails | None = None
    also: tuple[str, ...] = ()
    mistaken_for: tuple[str, ...] = ()

    def fits(self, kind: str, multiple: bool = False) -> bool:
        """Whether the operator can be used with a field of this kind."""
        return kind in self.kinds or (multiple and "list" in self.kinds)

    def compares(self, kind: str, many: bool = False) -> bool:
        """Whether it compares values of a column of this kind, `many` where they are lists."""
        return self.asks_text(kind, many) or (kind in self.columns and (many or not self.of_items))

    def asks_text(self, kind: str, many: bool) -> bool:
        """Whether it asks a column's texts by `text`."""
        return kind == "text" and self.text is not None and not (many and self.of_items)

    @property
    def is_equal(self) -> bool:
        """Whether it compares whole values for being the same."""
        return self.compare is operator.eq and not self.of_items

    @property
    def is_ordered(self) -> bool:
        """Whether it compares what comes before or after, and nothing else."""
        return bool(self.columns) and self.columns <= _NUMBER_COLUMNS | DATE_COLUMNS


def _negation(of: tuple[str, Operator], sentence: str, *, also: tuple[str, ...] = ()) -> Operator:
    """The row of the operator that holds exactly where another one does not."""
    word, row = of
    return replace(
        row,
        sentence=sentence,
        negates=word,
        one=row.one.reversed,
        dated=row.dated.reversed if row.dated else None,
        many=row.many.reversed if row.many else None,
        also=also,
        mistaken_for=(word,),
    )


class Op(StrEnum):
    """The operators: the word that a rule writes, and the row."""

    row: Operator

    def __new__(cls, word: str, row: Operator | None = None) -> Self:
        assert row is not None  # optional only to type checkers, for which Op("eq") is this call
        made = str.__new__(cls, word)
        made._value_ = word
        made.row = row
        return made

    @cached_property
    def positive(self) -> Op:
        """The operator that this one negates; itself when it negates none."""
        return Op(self.row.negates) if self.row.negates else self

    @cached_property
    def opposite(self) -> Op | None:
        """The operator that holds exactly where this one does not; None when there is none."""
        return next((o for o in Op if o.row.negates == self or o == self.row.negates), None)

    EQ = (
        "eq",
        Operator(
            kinds=_PLAIN,
            takes=Takes.ONE,
            sentence="{field} is {value}",
            compare=operator.eq,
            columns=_COLUMNS,
            one=_IS,
            many=_AMONG,
            also=("=", "==", "is", "equals", "equal"),
            mistaken_for=("ne",),
        ),
    )
    NE = "ne", _negation(EQ, "{field} is not {value}", also=("!=", "<>", "is_not", "not", "unequal"))
    IN = (
        "in",
        Operator(
            kinds=_ALL,
            takes=Takes.MANY,
            sentence="{field} in {value}",
            compare=operator.eq,
            columns=_COLUMNS,
            one=_IS,
            many=_AMONG,
            also=("one_of", "any_of", "among"),
            mistaken_for=("not_in",),
        ),
    )
    NOT_IN = "not_in", _negation(IN, "{field} not in {value}", also=("nin", "none_of"))
    LT = (
        "lt",
        Operator(
            kinds=_ORDERED,
            takes=Takes.ONE,
            sentence="{field} < {value}",
            compare=operator.lt,
            columns=_NUMBER_COLUMNS | DATE_COLUMNS,
            one=Tails(", less than {w}", ", not less than {w}"),
            dated=Tails(", before {w}", ", not before {w}"),
            also=("<",),
            mistaken_for=("le", "ge"),
        ),
    )
    LE = (
        "le",
        Operator(
            kinds=_ORDERED,
            takes=Takes.ONE,
            sentence="{field} <= {value}",
            compare=operator.le,
            columns=_NUMBER_COLUMNS | DATE_COLUMNS,
            one=Tails(", at most {w}", ", more than {w}"),
            dated=Tails(", not after {w}", ", after {w}"),
            also=("<=", "lte"),
            mistaken_for=("lt", "gt"),
        ),
    )
    GT = (
        "gt",
        Operator(
            kinds=_ORDERED,
            takes=Takes.ONE,
            sentence="{field} > {value}",
            compare=operator.gt,
            columns=_NUMBER_COLUMNS | DATE_COLUMNS,
            one=Tails(", more than {w}", ", not more than {w}"),
            dated=Tails(", after {w}", ", not after {w}"),
            also=(">",),
            mistaken_for=("ge", "le"),
        ),
    )
    GE = (
        "ge",
        Operator(
            kinds=_ORDERED,
            takes=Takes.ONE,
            sentence="{field} >= {value}",
            compare=operator.ge,
            columns=_NUMBER_COLUMNS | DATE_COLUMNS,
            one=Tails(", at least {w}", ", less than {w}"),
            dated=Tails(", not before {w}", ", before {w}"),
            also=(">=", "gte"),
            mistaken_for=("gt", "lt"),
        ),
    )
    BEFORE = (
        "before",
        Operator(
            kinds=DATE_FIELDS,
            takes=Takes.ONE,
            sentence="{field} before {value}",
            compare=operator.lt,
            columns=DATE_COLUMNS,
            dated=Tails(", before {w}", ", not before {w}"),
            mistaken_for=("after",),
        ),
    )
    AFTER = (
        "after",
        Operator(
            kinds=DATE_FIELDS,
            takes=Takes.ONE,
            sentence="{field} after {value}",
            compare=operator.gt,
            columns=DATE_COLUMNS,
            dated=Tails(", after {w}", ", not after {w}"),
            mistaken_for=("before",),
        ),
    )
    WITHIN = (
        "within",
        Operator(
            kinds=DATE_FIELDS,
            takes=Takes.LENGTH,
            sentence="{field} within {value} or past",
            compare=operator.le,
            columns=DATE_COLUMNS,
            dated=Tails(", at most {w} ahead", ", more than {w} ahead"),
            mistaken_for=("older_than",),
        ),
    )
    OLDER_THAN = (
        "older_than",
        Operator(
            kinds=DATE_FIELDS,
            takes=Takes.LENGTH,
            sentence="{field} older than {value}",
            compare=operator.le,
            columns=DATE_COLUMNS,
            ago=True,
            dated=Tails(", at least {w} ago", ", less than {w} ago"),
            mistaken_for=("within",),
        ),
    )
    PRESENT = (
        "present",
        Operator(
            kinds=_ALL,
            takes=Takes.NOTHING,
            sentence="{field} is present",
            columns=_COLUMNS,
            many=_ALONE,
            also=("exists", "set", "not_empty", "not_null"),
            mistaken_for=("absent",),
        ),
    )
    ABSENT = (
        "absent",
        _negation(PRESENT, "{field} is absent", also=("missing", "empty", "null", "unset", "none")),
    )
    CONTAINS = (
        "contains",
        Operator(
            kinds=_TEXT | {"list"},
            takes=Takes.ONE,
            sentence="{field} contains {value}",
            compare=operator.eq,
            columns=_COLUMNS,
            of_items=True,
            text=TextTest(lambda texts, part: texts.str.contains(part, literal=True), operator.contains),
            one=Tails(", which contains {w}", ", which does not contain {w}"),
            many=_AMONG,
            also=("like", "includes", "has"),
            mistaken_for=("not_contains",),
        ),
    )
    NOT_CONTAINS = "not_contains", _negation(CONTAINS, "{field} does not contain {value}")
    STARTS_WITH = (
        "starts_with",
        Operator(
            kinds=_TEXT,
            takes=Takes.ONE,
            sentence="{field} starts with {value}",
            text=TextTest(lambda texts, begin: texts.str.starts_with(begin), str.startswith),
            one=Tails(", which starts with {w}", ", which does not start with {w}"),
            also=("begins_with", "startswith", "prefix"),
            mistaken_for=("contains", "ends_with"),
        ),
    )
    ENDS_WITH = (
        "ends_with",
        Operator(
            kinds=_TEXT,
            takes=Takes.ONE,
            sentence="{field} ends with {value}",
            text=TextTest(lambda texts, end: texts.str.ends_with(end), str.endswith),
            one=Tails(", which ends with {w}", ", which does not end with {w}"),
            also=("endswith", "suffix"),
            mistaken_for=("contains", "starts_with"),
        ),
    )
    MATCHES = (
        "matches",
        Operator(
            kinds=_TEXT,
            takes=Takes.ONE,
            sentence="{field} matches {value}",
            check=regular_expressions.check,
            text=TextTest(regular_expressions.column_matches, regular_expressions.matches),
            one=Tails(", which matches {w}", ", which does not match {w}"),
            also=("regex", "regexp", "match", "=~", "rlike", "pattern"),
            mistaken_for=("eq", "present"),
        ),
    )

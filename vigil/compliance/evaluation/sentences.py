"""What decided, in plain words: one sentence for every leaf, whether it holds, does not hold, or cannot be known.

A field's sentence is its title, a verb, the value that was found, and a tail that says how the rule's value compares with it:

| found | sentence | example |
|---|---|---|
| a value | TITLE is VALUE TAIL | status is closed, not active or renewing |
| the members of a role | TITLE has VALUES TAIL | role steward has ada and bob, without carl |
| nothing | TITLE is empty | cost center is empty |
| it could not be read | TITLE could not be read | role steward could not be read |
| a sensitive attribute | TITLE is a sensitive value, as the rule asks | status is a sensitive value, as the rule asks |

The tails stand in the operator's row (`operators.Operator`): what it says of the value where it is met, and where it is not. A tail
is empty where the value says it all. No sentence depends on the clock beyond whether its leaf is met: one that was remembered
reads like one that is made again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date, datetime

import polars as pl

from vigil.compliance.durations import UNITS, Duration, Offset
from vigil.compliance.evaluation.columns import Column
from vigil.compliance.facts import Value
from vigil.compliance.rules.clauses import (
    DocumentLeaf,
    DocumentState,
    FieldLeaf,
    FieldRef,
    MissingLeaf,
    Scalar,
)
from vigil.compliance.rules.operands import AsOf, operand
from vigil.compliance.rules.operators import DATE_COLUMNS, Op, Tails, Takes
from vigil.compliance.rules.patterns import EVENT_KEYS
from vigil.wording import counted, day, instant, listed

EMPTY = "empty"
WITHHELD = "a sensitive value"  # in place of the value of an attribute that the site names as sensitive
BLANKS = r"[ \t\r\n]+"
LONG = 80  # characters of a value that are quoted
MANY_ITEMS = 5  # items of a list that are named; the others are counted
ODD = r"^(empty|yes|no)$|[,;:\"]|^ | $"
"""Texts that would be misread in a sentence: they stand in quotation marks."""


MISFIT = Tails(*[", which cannot be compared with {w}"] * 2)
"""Of a value of a kind that the operator does not fit: it is never met, and its negation always is."""


def tails(op: Op, kind: str, many: bool) -> Tails:
    """The tails of an operator for values of a column's kind."""
    row = op.row
    if many and row.many is not None:
        return row.many
    if not row.compares(kind):
        return MISFIT
    one = row.dated if kind in DATE_COLUMNS and row.dated is not None else row.one
    if not many:
        return one
    met = one.met.removeprefix(", ").removeprefix("which ")
    return Tails(f", one of them {met}", f", none of them {met}")


# Titles of fields


_TITLES = {"name": "name", "created": "creation date", "modified": "last change"}


def title(field: str, among: Collection[str] = ()) -> str:
    """A field as people call it: an attribute by its own name. `among` are fields that are spoken of beside it: where two of
    them have one name, their categories are told.
    """
    ref = FieldRef.parse(field)
    match ref.root:
        case "attr":
            return _attribute(ref.name, [FieldRef.parse(other) for other in among])
        case "role":
            return f"role {ref.name}"
        case "related":
            return f"{_own(ref.name)} of related {ref.type}"
        case "event":
            key = EVENT_KEYS.get(ref.name)
            return (key and key.title) or ref.name.replace("_", " ")
    return _TITLES[ref.root]


def _attribute(name: str, among: Sequence[FieldRef]) -> str:
    category, dot, own = name.partition(".")
    if not dot:
        return name
    alike = {r.name for r in among if r.root == "attr" and "." in r.name and _own(r.name) == own}
    return f"{own} ({category})" if len(alike | {name}) > 1 else own


def _own(name: str) -> str:
    return name.partition(".")[2] or name


# Values in words


def value(found: Value, zone: str) -> str:
    """A value as people read it; `zone` is the one that instants are told in."""
    match found:
        case None | "":
            return EMPTY
        case bool():
            return "yes" if found else "no"
        case datetime():
            return instant(found, zone)
        case date():
            return day(found)
        case tuple():
            words = dict.fromkeys(value(item, zone) for item in found if item not in (None, ""))
            return items(list(words)) or EMPTY
        case str():
            return _text(found)
    return str(found)


def _text(found: str) -> str:
    """A text on one line, cut where it is long, in quotation marks where it would be misread."""
    line = re.sub(BLANKS, " ", found)
    cut = f"{line[: LONG - 1]}…" if len(line) > LONG else line
    return f'"{cut}"' if re.search(ODD, cut) else cut


def items(some: Sequence[str]) -> str:
    """The items of a list, all different; of a long one the first ones and a number."""
    more = len(some) - MANY_ITEMS
    return listed(some) if more <= 0 else f"{', '.join(some[:MANY_ITEMS])} and {more} more"


def length(of: Duration | Offset) -> str:
    """A length of time in words: "3 business days"."""
    return counted(abs(of.n), UNITS[of.unit])


def wanted(leaf: FieldLeaf, zone: str) -> str:
    """A leaf's own value in words: of several "a, b or c"."""
    given = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    return listed([_wanted(leaf.op, v, zone) for v in given], "or")


def _wanted(op: Op, given: Scalar, zone: str) -> str:
    if isinstance(given, str) and (op.row.is_ordered or "as_of" in given):
        try:
            read = operand(op, None if op.row.takes is Takes.LENGTH else "datetime", given)
        except ValueError:
            return _text(given)
        if isinstance(read, AsOf):
            return _as_of(read.offset)
        if isinstance(read, Duration):
            return length(read)
        return value(read, zone)
    return value(given, zone)


def _as_of(offset: Offset) -> str:
    here = "now" if offset.unit == "h" else "today"
    if not offset.n:
        return here
    return f"{length(offset)} {'from' if offset.n > 0 else 'before'} {here}"


# Sentences over columns


def of_field(
    leaf: FieldLeaf,
    met: bool,
    columns: Sequence[Column],
    deciding: Sequence[pl.Expr],
    among: Collection[str],
    zone: str,
) -> pl.Expr:
    """The sentence of a field leaf that comes out as `met`, in each row.

    `deciding` says for each column where its value is the one that decided; none are given where any value did.
    """
    head = title(leaf.field, among)
    said = []
    for n, column in enumerate(columns):
        sentence = _found(leaf, met, column, head, zone)
        said.append(pl.when(deciding[n]).then(sentence) if deciding else sentence)
    return pl.coalesce(*said, pl.lit(f"{head} is {EMPTY}"))


def _found(leaf: FieldLeaf, met: bool, column: Column, head: str, zone: str) -> pl.Expr:
    """Title, verb, value and tail; null where the value is not set."""
    verb = "has" if leaf.ref.root == "role" else "is"
    tail = tails(leaf.op, column.kind, column.many)
    said = (tail.met if met else tail.unmet).format(w=wanted(leaf, zone))
    if (
        leaf.op in (Op.EQ, Op.NE)
        and isinstance(leaf.value, bool)
        and column.kind == "truth"
        and not column.many
    ):
        said = ""  # it is yes or no
    start = pl.lit(f"{head} {verb} ")
    if not column.many:
        return pl.concat_str(start, _value(pl.col(column.name), column.kind, zone), pl.lit(said))
    some = pl.col(column.name).list.eval(_value(pl.element(), column.kind, zone))
    some = some.list.unique(maintain_order=True)
    end = pl.lit(said)
    if said.endswith(" among them"):  # of one item there is no such thing
        end = pl.when(some.list.len() > 1).then(end).otherwise(pl.lit(""))
    return pl.concat_str(start, _items(some), end)


def _items(some: pl.Expr) -> pl.Expr:
    """As `items`, of a column of lists of words."""
    n = some.list.len().cast(pl.Int64)
    first = some.list.head(pl.min_horizontal(n - 1, pl.lit(MANY_ITEMS, pl.Int64)).clip(0)).list.join(", ")
    more = pl.concat_str(n - MANY_ITEMS, pl.lit(" more"))
    last = pl.when(n > MANY_ITEMS).then(more).otherwise(some.list.last())
    return pl.when(n > 1).then(pl.concat_str(first, pl.lit(" and "), last)).otherwise(some.list.first())


def _value(of: pl.Expr, kind: str, zone: str) -> pl.Expr:
    match kind:
        case "text":
            of = of.str.replace_all(BLANKS, " ")
            cut = (
                pl.when(of.str.len_chars() > LONG)
                .then(pl.concat_str(of.str.head(LONG - 1), pl.lit("…")))
                .otherwise(of)
            )
            return (
                pl.when(cut.str.contains(ODD))
                .then(pl.concat_str(pl.lit('"'), cut, pl.lit('"')))
                .otherwise(cut)
            )
        case "truth":
            return pl.when(of.is_not_null()).then(pl.when(of).then(pl.lit("yes")).otherwise(pl.lit("no")))
        case "date":
            return pl.concat_str(of.dt.to_string("%-d %B "), of.dt.year())
        case "instant":
            return of.map_batches(lambda s: _instants(s, zone), return_dtype=pl.String)
    return of.cast(pl.String)


def _instants(some: pl.Series, zone: str) -> pl.Series:
    return pl.Series(
        some.name, [None if v is None else instant(v, zone) for v in some.to_list()], dtype=pl.String
    )


def withheld(leaf: FieldLeaf, met: bool, among: Collection[str] = ()) -> str:
    """The sentence of a leaf about a sensitive attribute: neither the value that was found nor the rule's own is in it."""
    return f"{title(leaf.field, among)} is {WITHHELD}, {'' if met else 'not '}as the rule asks"


def unread(leaf: FieldLeaf | DocumentLeaf | MissingLeaf, among: Collection[str] = ()) -> str:
    """The sentence of a leaf that cannot be known."""
    match leaf:
        case FieldLeaf():
            return f"{title(leaf.field, among)} could not be read"
        case DocumentLeaf():
            return f"{_documents(leaf.types, 'or')} could not be looked up"
        case MissingLeaf():
            return "Extended ECM's list of missing documents could not be read"


def _documents(types: Sequence[str], joint: str) -> str:
    return f"document{'s' if len(types) > 1 else ''} {listed(types, joint)}"


def of_documents(leaf: DocumentLeaf, met: bool) -> pl.Expr:
    """The sentence of a document leaf: of one that is not met it names the documents for which it is not."""
    said = [_document(kind, leaf.state, met) for kind in leaf.types]
    return pl.concat_str(said, separator=", ", ignore_nulls=True)


def _document(kind: str, state: DocumentState, met: bool) -> pl.Expr:
    """How a document stands, null where it is not the one for which its leaf is not met."""
    there = (pl.col(f"doc:{kind}:n") > 0).fill_null(False)
    valid = (pl.col(f"doc:{kind}:valid") > 0).fill_null(False)
    missing, expired, fine = (
        pl.lit(f"document {kind} {how}") for how in ("is missing", "has expired", "is valid")
    )
    match state:
        case DocumentState.PRESENT | DocumentState.ABSENT:
            said = pl.when(there).then(pl.lit(f"document {kind} is there")).otherwise(missing)
        case _:
            said = pl.when(valid).then(fine).when(there).then(expired).otherwise(missing)
    if met:
        return said
    fails = {
        DocumentState.PRESENT: ~there,
        DocumentState.ABSENT: there,
        DocumentState.VALID: ~valid,
        DocumentState.EXPIRED: valid | ~there,
    }
    return pl.when(fails[state]).then(said)


def of_missing(n: pl.Expr) -> pl.Expr:
    """The sentence about Extended ECM's own list, which has `n` documents."""
    many = pl.concat_str(pl.lit("Extended ECM lists "), n, pl.lit(" missing documents"))
    one = pl.lit("Extended ECM lists 1 missing document")
    return (
        pl.when(n == 0)
        .then(pl.lit("Extended ECM lists no missing document"))
        .when(n == 1)
        .then(one)
        .otherwise(many)
    )

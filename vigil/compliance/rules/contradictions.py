"""Finds clauses that can never be met, whatever a workspace contains.

A clause is expanded into its alternatives (`any` gives several); it is impossible if each contains two leaves that exclude each other.
Undecidable cases count as possible: a refusal is never a guess.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from vigil.compliance.durations import Duration
from vigil.compliance.rules.clauses import (
    All,
    Any_,
    Clause,
    DocumentLeaf,
    DocumentState,
    FieldLeaf,
    Leaf,
    MissingLeaf,
    Not,
)
from vigil.compliance.rules.operands import AsOf, Operand, operands, show
from vigil.compliance.rules.operators import Op, Takes
from vigil.compliance.rules.vocabulary import FieldKind

_MOST_ALTERNATIVES = 512

KindOf = Callable[[FieldLeaf], FieldKind | None]
NameOf = Callable[[FieldLeaf], str]
"""The unique name of a leaf's field, however the rule writes it: ``attr.status`` and ``attr.Contract.status`` may be the same."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A leaf, or its negation."""

    leaf: Leaf
    holds: bool

    @property
    def text(self) -> str:
        return self.leaf.text if self.holds else f"not ({self.leaf.text})"


def impossible(
    clauses: Iterable[Clause | None], kind_of: KindOf, name_of: NameOf = lambda leaf: leaf.field
) -> tuple[Literal, ...]:
    """Literals that exclude each other if the clauses together can never be met; none if they can."""
    first: tuple[Literal, ...] = ()
    alternatives = _spread(All(all=given) if (given := tuple(c for c in clauses if c)) else None, True)
    if alternatives is None:
        return ()
    for literals in alternatives:
        clash = _clash(literals, kind_of, name_of)
        if not clash:
            return ()
        first = first or clash
    return first


def _spread(clause: Clause | None, holds: bool) -> list[tuple[Literal, ...]] | None:
    """The alternatives in which a clause holds (or does not); None if they are too many."""
    match clause:
        case None:
            return [()]
        case Not(not_=part):
            return _spread(part, not holds)
        case All(all=parts):
            return _together(parts, holds) if holds else _either(parts, holds)
        case Any_(any=parts):
            return _either(parts, holds) if holds else _together(parts, holds)
    return [(Literal(clause, holds),)]


def _together(parts: Sequence[Clause], holds: bool) -> list[tuple[Literal, ...]] | None:
    out: list[tuple[Literal, ...]] = [()]
    for part in parts:
        more = _spread(part, holds)
        if more is None or len(out) * len(more) > _MOST_ALTERNATIVES:
            return None
        out = [left + right for left in out for right in more]
    return out


def _either(parts: Sequence[Clause], holds: bool) -> list[tuple[Literal, ...]] | None:
    out: list[tuple[Literal, ...]] = []
    for part in parts:
        more = _spread(part, holds)
        if more is None:
            return None
        out += more
    return out


def _clash(literals: Sequence[Literal], kind_of: KindOf, name_of: NameOf) -> tuple[Literal, ...]:
    """The literals of one alternative that exclude each other."""
    by_field: dict[str, list[Literal]] = defaultdict(list)
    by_document: dict[str, list[tuple[Literal, DocumentState]]] = defaultdict(list)
    missing: dict[bool, Literal] = {}
    for literal in literals:
        match literal.leaf:
            case FieldLeaf() as leaf:
                by_field[name_of(leaf)].append(literal)
            case DocumentLeaf(types=types, state=state):
                # "Not every type is there" says nothing of any one of them.
                for name in types if literal.holds or len(types) == 1 else ():
                    by_document[name].append((literal, state))
            case MissingLeaf(missing_documents=which):
                missing[(which == "any") == literal.holds] = literal
    if len(missing) == 2:
        return tuple(missing.values())
    for group in by_field.values():
        if clash := _field_clash(group, kind_of):
            return clash
    return next((clash for group in by_document.values() if (clash := _document_clash(group))), ())


_WORLDS = {
    DocumentState.PRESENT: frozenset({"valid", "expired"}),
    DocumentState.ABSENT: frozenset({"none"}),
    DocumentState.VALID: frozenset({"valid"}),
    DocumentState.EXPIRED: frozenset({"expired"}),
}
"""What the documents of one type may be in each state: none there, one valid, or all expired."""


def _document_clash(group: Sequence[tuple[Literal, DocumentState]]) -> tuple[Literal, ...]:
    worlds = frozenset({"none", "valid", "expired"})
    for literal, state in group:
        worlds = worlds & _WORLDS[state] if literal.holds else worlds - _WORLDS[state]
    return () if worlds else tuple(literal for literal, _ in group)


def _field_clash(group: Sequence[Literal], kind_of: KindOf) -> tuple[Literal, ...]:
    """Checks pairs, which suffice: values, bounds and presence exclude each other two by two, except for a short list of values."""
    for n, one in enumerate(group):
        for other in group[n + 1 :]:
            if _excludes(one, other, kind_of):
                return one, other
    return tuple(group) if _none_left(group, kind_of) else ()


def _excludes(one: Literal, other: Literal, kind_of: KindOf) -> bool:
    leaf, beside = one.leaf, other.leaf
    assert isinstance(leaf, FieldLeaf) and isinstance(beside, FieldLeaf)
    if (leaf.op, leaf.value) == (beside.op, beside.value):
        return one.holds != other.holds
    a, b = _op(one), _op(other)
    if a is None or b is None:
        return False
    if Op.ABSENT in (a, b):
        return not (a.row.negates and b.row.negates)
    kind = kind_of(leaf)
    if kind is not None and kind.multiple:
        return False  # two items of a list may meet one leaf each
    return _none_left([one, other], kind_of) or _bounds_clash(one, other, kind)


def _op(literal: Literal) -> Op | None:
    """The operator that is equivalent to a literal; None if there is none."""
    assert isinstance(literal.leaf, FieldLeaf)
    return literal.leaf.op if literal.holds else literal.leaf.op.opposite


def _none_left(group: Sequence[Literal], kind_of: KindOf) -> bool:
    """Whether the finite sets of values that the leaves allow have nothing in common."""
    leaf = group[0].leaf
    assert isinstance(leaf, FieldLeaf)
    kind = kind_of(leaf)
    if kind is not None and kind.multiple:
        return False
    allowed: set[Operand] | None = None
    set_, tests = False, []
    for literal in group:
        op = _op(literal)
        values = _values(literal, kind)
        if op is None or values is None:
            continue
        set_ = set_ or not op.row.negates
        if op.row.is_equal and not op.row.negates:
            allowed = set(values) if allowed is None else allowed & set(values)
        elif test := _test(op, values):
            tests.append(test)
    if allowed is None and set_ and kind is not None and kind.values is not None:
        allowed = set(kind.values)
    return allowed is not None and not any(all(test(value) for test in tests) for value in allowed)


def _values(literal: Literal, kind: FieldKind | None) -> tuple[Operand, ...] | None:
    assert isinstance(literal.leaf, FieldLeaf)
    try:
        values = operands(literal.leaf.op, kind.kind if kind else None, literal.leaf.value)
    except ValueError:
        return None  # refused elsewhere
    return None if any(isinstance(value, AsOf | Duration) for value in values) else values


def _test(op: Op, values: tuple[Operand, ...]) -> Callable[[Operand], bool] | None:
    """Whether a value could be the field's, as far as the leaf's operator says it of one value."""
    if op.row.is_equal:
        return lambda value: value not in values
    test = op.row.text
    wanted = [show(given) for given in values if not isinstance(given, AsOf | Duration)]
    if test is None or len(wanted) < len(values):
        return None
    holds = not op.row.negates
    return lambda value: not isinstance(value, str) or any(test.one(value, w) for w in wanted) is holds


@dataclass(frozen=True, slots=True)
class _Bound:
    """One end of a range on a scale: numbers, dates, or days from as_of."""

    scale: str
    value: float
    open: bool


_LOWER = {operator.gt: True, operator.ge: False, operator.eq: False}
_UPPER = {operator.lt: True, operator.le: False, operator.eq: False}
"""Comparisons that bound a value below or above, with whether the bound itself is left out."""


def _bounds_clash(one: Literal, other: Literal, kind: FieldKind | None) -> bool:
    return any(
        low.scale == high.scale
        and (low.value > high.value or (low.value == high.value and (low.open or high.open)))
        for left, right in ((one, other), (other, one))
        for low in _bounds(left, kind, _LOWER)
        for high in _bounds(right, kind, _UPPER)
    )


def _bounds(
    literal: Literal, kind: FieldKind | None, ends: Mapping[Callable[[Any, Any], Any], bool]
) -> Iterator[_Bound]:
    leaf = literal.leaf
    assert isinstance(leaf, FieldLeaf)
    row = leaf.op.row
    one_value = literal.holds and not row.negates and not row.of_items and row.takes is not Takes.MANY
    if not one_value or row.compare is None or row.compare not in ends:
        return
    try:
        (value,) = operands(leaf.op, kind.kind if kind else None, leaf.value)
    except ValueError:
        return  # refused elsewhere
    place = _place(leaf.op, value)
    if place is not None:
        yield _Bound(*place, open=ends[row.compare])


def _place(op: Op, value: Operand) -> tuple[str, float] | None:
    """The scale of a value and its position there; None if months make the position depend on the day."""
    match value:
        case Duration() if value.fixed:
            return "as_of", value.timedelta / timedelta(days=1) * (-1 if op.row.ago else 1)
        case AsOf(offset=offset) if offset.unit in ("d", "w", "h"):
            days = {"d": 1.0, "w": 7.0, "h": 1 / 24}[offset.unit]
            return "as_of", offset.n * days
        case bool() | str() | AsOf() | Duration():
            return None
        case datetime():
            return "instant", value.timestamp()
        case date():
            return "date", float(value.toordinal())
        case _:
            return "number", float(value)

"""A row of `Op` decides all that an operator means, also a row that is yet to come, and the texts on operators follow the rows."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.compliance.cases import case, found, when
from tests.compliance.rule_files import PAGE
from vigil.compliance.rules import operators
from vigil.compliance.rules.clauses import FieldLeaf
from vigil.compliance.rules.contradictions import impossible
from vigil.compliance.rules.operators import Op, Takes

NEGATIONS = {op.value for op in Op if op.row.negates}


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Op:
    """A text operator that takes several values."""
    monkeypatch.setattr(Op.STARTS_WITH, "row", replace(Op.STARTS_WITH.row, takes=Takes.MANY))
    return Op.STARTS_WITH


def test_a_text_operator_with_several_values_is_met_by_any_of_them(many: Op) -> None:
    given = when("attr.text", many.value, "[re, po, x]")
    some = [case(1, text="report"), case(2, text="port"), case(3, text="ship"), case(4, text=("a", "port"))]
    assert list(found(given, *some)) == [1, 2, 4]


@pytest.mark.parametrize(("text", "never"), [("port", False), ("ship", True)])
def test_no_contradiction_is_seen_where_a_later_value_fits(many: Op, text: str, never: bool) -> None:
    leaves = [
        FieldLeaf.model_validate({"field": "name", "op": "eq", "value": text}),
        FieldLeaf.model_validate({"field": "name", "op": many.value, "value": ["re", "po"]}),
    ]
    assert bool(impossible(leaves, lambda leaf: None)) is never


@pytest.mark.parametrize("text", [PAGE, operators.__doc__ or ""], ids=["docs/rules.md", "operators.py"])
def test_what_an_unset_value_meets_is_said_as_the_rows_have_it(text: str) -> None:
    """`test_what_cannot_be_compared_is_not_met_and_never_an_error` evaluates it."""
    said = re.search(r"An unset value meets (.*?),? and nothing else", text, re.DOTALL)
    assert said is not None
    assert set(re.findall(r"`(\w+)`", said[1])) == NEGATIONS


def test_the_operators_of_lists_that_are_negations_are_named_in_the_module() -> None:
    said = re.search(r"its negation \((.*?)\) when none does", operators.__doc__ or "", re.DOTALL)
    assert said is not None
    assert set(re.findall(r"`(\w+)`", said[1])) == NEGATIONS - {Op.ABSENT}

"""Whatever a rule asks of a sensitive attribute, no sentence has its value, nor the one that it is compared with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.compliance.cases import NINE, case, rules
from vigil.compliance.evaluation.clause_compiler import compile_clause, explain, scope
from vigil.compliance.evaluation.evaluate import evaluate
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input, Window
from vigil.compliance.events import Event
from vigil.compliance.rules.clauses import FieldLeaf
from vigil.compliance.rules.operators import Op, Takes

SECRET, OTHER = "kept4711inside", "literal4712"
SENSITIVE = ("C.status", "C.due")
ZONE = "UTC"
FOUND: dict[str, Any] = {"text": SECRET, "number": 47110815, "list": (SECRET, "x"), "date": NINE.date()}


def wanted(op: Op, kind: str) -> Any:
    match op.row.takes:
        case Takes.NOTHING:
            return None
        case Takes.MANY:
            return (SECRET, OTHER)
        case Takes.LENGTH:
            return "30d"
    return FOUND[kind] if kind in ("number", "date") else OTHER


@pytest.mark.parametrize("kind", FOUND)
@pytest.mark.parametrize("op", list(Op))
@pytest.mark.parametrize("field", ["attr.status", "attr.C.status"])
def test_no_leaf_tells_it(field: str, op: Op, kind: str) -> None:
    given = {"field": field, "op": op.value} | (
        {} if (value := wanted(op, kind)) is None else {"value": value}
    )
    leaf = FieldLeaf.model_validate(given)
    facts = Facts.of([case(1, status=FOUND[kind])])
    ready = scope(facts.table("Case", (), ZONE), [leaf], NINE, ZONE, SENSITIVE)
    met = ready.frame.select("id", compile_clause(leaf, ready).alias("met"))["met"][0]
    (said,) = explain(leaf, ready, [1], met)[1]
    assert said == f"status is a sensitive value, {'' if met else 'not '}as the rule asks"


def test_a_leaf_of_another_attribute_still_tells_its_value() -> None:
    leaf = FieldLeaf.model_validate({"field": "attr.color", "op": "eq", "value": "green"})
    facts = Facts.of([case(1, color="green", status=SECRET)])
    ready = scope(facts.table("Case", (), ZONE), [leaf], NINE, ZONE, SENSITIVE)
    assert explain(leaf, ready, [1], True)[1] == ("color is green",)


CHANGED = """
rule: changed
version: 1
status: live
kind: transition
events: [attribute_changed]
where: {all: [{field: event.to, op: starts_with, value: k}, {field: event.from, op: present}]}
"""
DUE = """
rule: due
version: 1
status: live
kind: milestone
due: attr.due
steps: [{id: early, at: -30d, to: [user: ada]}]
"""


def test_neither_what_an_attribute_was_nor_what_it_is_nor_a_date_is_told() -> None:
    due = (NINE + timedelta(days=30)).date()
    before = NINE - timedelta(days=1)
    changes = {
        name: Event("attribute_changed", 1, NINE, f"{name}@1", _change(name, NINE))
        for name in ("C.status", "C.color")
    }
    given = Input(
        Facts.of([case(1, status=SECRET, due=due, color="kiwi")]),
        events=list(changes.values()),
        sensitive=SENSITIVE,
    )
    found = evaluate(given, rules(CHANGED, DUE), Window(before, NINE + timedelta(hours=12))).findings
    said = {(x.rule, x.event and x.event.fields["attr"]): x.why for x in found}
    assert said[("changed", "C.status")] == (
        "status changed, and is a sensitive value",
        "new value is a sensitive value, as the rule asks",
        "old value is a sensitive value, as the rule asks",
    )
    assert said[("changed", "C.color")][0] == "color went from kale to kiwi"
    assert said[("due", None)] == ("due is a sensitive value",)


def _change(name: str, at: datetime) -> dict[str, Any]:
    old, new = (OTHER, SECRET) if name == "C.status" else ("kale", "kiwi")
    return {"attr": name, "from": old, "to": new, "at": at, "by": None}

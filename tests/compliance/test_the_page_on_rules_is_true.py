"""docs/rules.md: its examples load, its names are all there are, and the shipped JSON Schema is the one that is generated."""

from __future__ import annotations

import json
import re

import pytest

from tests.compliance.rule_files import EXAMPLES, PAGE
from tests.shared import PROJECT
from vigil.compliance.calendar import CalendarSpec
from vigil.compliance.rules.clauses import DocumentState
from vigil.compliance.rules.json_schema import rule_schema
from vigil.compliance.rules.loader import load_text
from vigil.compliance.rules.model import (
    Escalation,
    Guard,
    Late,
    QuietHours,
    Recipient,
    Repeat,
    Rule,
    RuleStep,
    Status,
)
from vigil.compliance.rules.operators import Op
from vigil.compliance.rules.patterns import EVENT_KEYS, EventKind


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.partition("\n")[0].split("#")[0].strip())
def test_an_example_is_a_rule(text: str) -> None:
    (rule,) = load_text({"docs/rules.md": text})
    assert f"rule: {rule.name}" in text


def test_there_are_examples_of_every_kind() -> None:
    kinds = {rule.kind for text in EXAMPLES for rule in load_text({"x.yaml": text})}
    assert len(kinds) == 3 and len(EXAMPLES) >= 6


def test_every_key_is_named() -> None:
    models = (Rule, RuleStep, Repeat, Late, Escalation, Guard, QuietHours, CalendarSpec, Recipient)
    keys = {field.alias or name for model in models for name, field in model.model_fields.items()}
    unnamed = {key for key in keys - {"(origin)"} if not re.search(rf"\b{re.escape(key)}\b", PAGE)}
    assert unnamed == set()


def test_every_operator_event_state_and_status_is_named() -> None:
    words = {*Op, *EventKind, *EVENT_KEYS, *DocumentState, *Status}
    filters = {name for kind in EventKind for name in kind.spec.filters}
    assert {word for word in words | filters if not re.search(rf"\b{word}\b", PAGE)} == set()


def test_the_table_of_events_has_the_filters_and_keys_that_there_are() -> None:
    rows = {
        kind: row
        for row in PAGE.splitlines()
        if row.startswith("| `")
        for kind in EventKind
        if f"`{kind}`" in row.split("|")[1]
    }
    assert rows.keys() == set(EventKind)
    for kind in EventKind:
        filters, keys = (set(re.findall(r"`(\w+)`", cell)) for cell in rows[kind].split("|")[2:4])
        assert (filters, keys) == (set(kind.spec.filters), {"at", *kind.spec.keys})


def test_the_schema_beside_the_shipped_rules_is_the_one_that_is_generated() -> None:
    shipped = json.loads((PROJECT / "rules" / "rule.schema.json").read_text(encoding="utf-8"))
    assert shipped == json.loads(json.dumps(rule_schema())), (
        "write it again: vigil schema > rules/rule.schema.json"
    )

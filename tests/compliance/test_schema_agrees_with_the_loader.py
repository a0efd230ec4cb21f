"""The JSON Schema that editors use takes what the loader takes, and refuses what it refuses for its shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.compliance.rule_files import CONDITION, MILESTONE, TRANSITION, WHEN, WHOLE
from tests.shared import PROJECT
from vigil.compliance.rules.json_schema import rule_schema
from vigil.compliance.rules.model import EventKind, Rule
from vigil.compliance.rules.yaml_nodes import parse

RULES = PROJECT / "rules"
SHIPPED = sorted(file for file in RULES.rglob("*.yaml") if not file.name.endswith(".timeline.yaml"))


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = rule_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def documents(text: str) -> list[Any]:
    """The documents of a text as JSON would have them: dates as texts."""
    nodes, wrong = parse("r.yaml", text)
    assert not wrong
    return [json.loads(json.dumps(node.value, default=str)) for node in nodes]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_rule_is_taken(validator: Draft202012Validator, file: Path) -> None:
    for document in documents(file.read_text(encoding="utf-8")):
        assert [error.message for error in validator.iter_errors(document)] == []


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        f"{CONDITION}{WHEN}quiet: {{from: 22:00, to: 07:00}}\nfor: 1d\n",
        f"{CONDITION}when: {{not: {{any: [{{document: [A, B], state: valid}}, {{missing_documents: any}}]}}}}\n",
        f"{TRANSITION}events: [document_added, {{step_completed: {{title: [A, B]}}}}]\nto: {{role: owner}}\n",
        f"{MILESTONE}calendar: {{holidays: [DE, IT], extra: [2026-12-24, site.ics]}}\n",
    ],
)
def test_a_rule_of_the_right_shape_is_taken_alone_in_a_list_and_below_rules(
    validator: Draft202012Validator, text: str
) -> None:
    (rule,) = documents(text)
    for form in (rule, [rule], {"rules": [rule, rule]}):
        assert [error.message for error in validator.iter_errors(form)] == []


@pytest.mark.parametrize(
    "text",
    [
        f"{CONDITION}{WHEN}severty: high\n",
        f"{CONDITION}{WHEN}severity: urgent\n",
        f"{CONDITION}{WHEN}origin: x\n",
        f"{CONDITION}{WHEN}name: x\n",
        f"{CONDITION}{WHEN}for: 7days\n",
        f"{CONDITION}{WHEN}fallback: [{{role: a, group: b}}]\n",
        f"{CONDITION}{WHEN}fallback: [{{}}]\n",
        f"{CONDITION}{WHEN}fallback: [{{step: anyone}}]\n",
        f"{CONDITION}when: {{feild: a}}\n",
        f"{CONDITION}when: {{all: []}}\n",
        f"{MILESTONE}steps: [{{at: -7x}}]\n",
        f"{TRANSITION}events: [documnt_added]\n",
        f"{TRANSITION}events: [{{document_added: {{typ: A}}}}]\n",
        "kind: condition\n",
        "rules: [1]\n",
        "- 1\n",
    ],
)
def test_a_rule_of_the_wrong_shape_is_refused(validator: Draft202012Validator, text: str) -> None:
    for document in documents(text):
        assert not validator.is_valid(document)


def test_the_schema_names_every_key_of_a_rule_and_every_event() -> None:
    schema = rule_schema()
    rule = schema["$defs"]["Rule"]
    assert set(rule["required"]) == {"rule", "kind", "subject"}
    assert len(rule["properties"]) == len(Rule.model_fields) - 1  # `origin` is no key
    assert schema["$defs"]["EventPattern"]["anyOf"][0]["enum"] == [kind.value for kind in EventKind]

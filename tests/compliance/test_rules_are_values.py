"""The rule model itself: what a rule says when it is read, and that it stays what it is."""

from __future__ import annotations

import pickle

import pytest
from pydantic import ValidationError

from tests.compliance.rule_files import SCHEMA, WHOLE
from vigil.compliance.durations import Duration, Offset
from vigil.compliance.rules.clauses import FieldRef
from vigil.compliance.rules.loader import load_text
from vigil.compliance.rules.model import (
    EventKind,
    EventPattern,
    FieldLeaf,
    Recipient,
    Rule,
    RuleStep,
    events_used,
    fields_used,
    leaves,
)
from vigil.compliance.rules.operands import AsOf, operands
from vigil.compliance.rules.operators import Op


@pytest.fixture
def renewal() -> Rule:
    return load_text({"renewal.yaml": WHOLE}, SCHEMA).rules[0]


def test_a_rule_with_many_keys_reads_as_it_is_written(renewal: Rule) -> None:
    assert [(step.id, step.at) for step in renewal.steps] == [
        ("early", Offset(-90, "d")),
        ("last", Offset(-7, "bd")),
    ]
    assert renewal.steps[1].repeat is not None
    assert renewal.steps[1].repeat.every == Offset(1, "bd")
    assert renewal.late is not None
    assert renewal.late.within == Duration(2, "d")
    assert renewal.escalate[0].after == Offset(3, "bd")
    assert [(to.kind, to.value) for to in renewal.recipients()] == [
        ("role", "owner"),
        ("role", "owner"),
        ("role", "steward"),
        ("attr", "buyer"),
        ("group", "records-office"),
    ]
    assert fields_used(renewal) == {"attr.status", "attr.expires", "attr.buyer", "role.owner", "role.steward"}


def test_a_rule_is_frozen_hashable_and_survives_a_process_boundary(renewal: Rule) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        renewal.version = 4  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(renewal)) == renewal
    assert len({renewal, pickle.loads(pickle.dumps(renewal))}) == 1


def test_a_rule_written_back_in_its_own_format_is_the_same_rule(renewal: Rule) -> None:
    written = renewal.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert written["where"] == {
        "all": [{"field": "attr.status", "op": "in", "value": ["active", "renewing"]}]
    }
    assert Rule.model_validate(written).model_copy(update={"origin": renewal.origin}) == renewal


def test_a_rule_without_steps_has_one_step_without_a_name() -> None:
    text = "rule: a\nkind: transition\nsubject: {workspace_type: Contract}\nevents: [document_added]\nto: {role: owner}\n"
    (rule,) = load_text({"a.yaml": text}, SCHEMA)
    assert rule.all_steps == (RuleStep(to=(Recipient(role="owner"),)),)
    assert events_used(rule) == {EventKind.DOCUMENT_ADDED}


def test_an_event_is_plain_or_filtered_by_a_value_or_a_list() -> None:
    assert EventPattern.model_validate("comment_added").filters == {}
    one = EventPattern.model_validate({"step_completed": {"title": "Review", "disposition": ["ok", "done"]}})
    assert one.filters == {"title": ("Review",), "disposition": ("ok", "done")}
    assert EventPattern.model_validate(one.model_dump()) == one


def test_every_leaf_says_itself_in_a_line() -> None:
    text = """\
rule: a
kind: condition
subject: {workspace_type: Contract}
to: [role: owner]
when:
  any:
    - {field: attr.status, op: not_in, value: [active, ended]}
    - {not: {field: attr.expires, op: within, value: 30d}}
    - {field: attr.auto, op: eq, value: true}
    - {document: [Annex, Signed agreement], state: valid}
    - {missing_documents: any}
"""
    (rule,) = load_text({"a.yaml": text}, SCHEMA)
    assert [leaf.text for leaf in leaves(rule.when)] == [
        "attr.status not in active, ended",
        "attr.expires within 30d or past",
        "attr.auto is true",
        "document Annex, Signed agreement is valid",
        "Extended ECM's list of missing documents has any",
    ]


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("attr.cost center", FieldRef("attr", "cost center")),
        ("attr.Contract.status", FieldRef("attr", "Contract.status")),
        ("role.legal counsel", FieldRef("role", "legal counsel")),
        ("related.Customer case.attr.Case.status", FieldRef("related", "Case.status", "Customer case")),
        ("event.by", FieldRef("event", "by")),
        ("created", FieldRef("created")),
    ],
)
def test_a_field_is_taken_apart_by_its_root(text: str, ref: FieldRef) -> None:
    assert FieldLeaf(field=text, op=Op.PRESENT).ref == ref


@pytest.mark.parametrize(
    "text", ["status", "attr.", "attr", "name.x", "related.X", "related.X.status", "event", ""]
)
def test_what_is_no_field_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="is not a field"):
        FieldLeaf(field=text, op=Op.PRESENT)


@pytest.mark.parametrize(
    ("text", "offset", "written"),
    [
        ("-90d", Offset(-90, "d"), "-90d"),
        ("7bd", Offset(7, "bd"), "+7bd"),
        ("+1mo", Offset(1, "mo"), "+1mo"),
        ("-0d", Offset(0, "d"), "0d"),
        ("-36h", Offset(-36, "h"), "-36h"),
    ],
)
def test_an_offset_reads_and_writes(text: str, offset: Offset, written: str) -> None:
    assert Offset.parse(text) == offset
    assert str(offset) == written
    assert Offset.parse(written) == offset


@pytest.mark.parametrize("text", ["", "d", "90", "-90m", "1.5d", "--1d", "1 d", "90D", "99999999d", "²d"])
def test_what_is_no_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"offset|hundred years"):
        Offset.parse(text)


@pytest.mark.parametrize("text", ["-7d", "7bd", "7", "1d12h", "200y"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|hundred years"):
        Duration.parse(text)


def test_as_of_moves_with_the_clock_and_takes_an_offset() -> None:
    assert operands(Op.BEFORE, "date", "as_of") == (AsOf(Offset(0, "d")),)
    assert operands(Op.BEFORE, "date", "as_of+30d") == (AsOf(Offset(30, "d")),)
    assert operands(Op.AFTER, "datetime", "as_of - 2h") == (AsOf(Offset(-2, "h")),)
    assert operands(Op.WITHIN, "date", "3mo") == (Duration(3, "mo"),)

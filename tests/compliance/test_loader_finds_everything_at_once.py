"""A file is refused whole: with all that is wrong, in the file's order, and without echoes of one mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compliance.rule_files import CONDITION, FAMILIES, SCHEMA, TRANSITION, WHEN, problems
from vigil.compliance.rules.loader import check_text, load_text
from vigil.errors import BadInput

BROKEN = """\
rule: contract-renewal
vrsion: 3
status: lve
kind: milestone
subject: {workspace_type: Contract}
where:
  all:
    - {field: attr.status, op: in, value: [active, renewd]}
    - {field: attr.expires, op: contains, value: x}
    - {feild: attr.status, op: present}
due: attr.expires
calendar: {zone: Europe/Berln, at: "8"}
steps:
  - {id: early, at: -90days, to: [role: ownr]}
  - {id: last, at: -7bd, to: [role: owner]}
  - {id: last, at: -1d, to: [role: stewart]}
late: {within: 2d, polcy: send}
inhibit_by: [contract-ended]
"""


def test_every_mistake_of_a_rule_is_named_in_the_order_of_the_file() -> None:
    found = [(p.line, p.column, p.key) for p in problems(BROKEN)]
    assert found == [
        (2, 1, "vrsion"),
        (3, 9, "status"),
        (8, 52, "value"),
        (9, 33, "op"),
        (10, 8, "feild"),
        (12, 18, "zone"),
        (12, 36, "at"),
        (14, 21, "at"),
        (14, 41, "to"),
        (16, 10, "id"),
        (16, 36, "to"),
        (17, 20, "polcy"),
        (18, 14, "inhibit_by"),
    ]


def test_a_list_keeps_its_places_when_wrong_items_before_it_are_left_out() -> None:
    text = f"{CONDITION}{WHEN}fallback: [{{role: 1}}, {{role: 2}}, role: owner, role: ownr]\n"
    assert [(p.line, p.column) for p in problems(text)] == [(6, 19), (6, 30), (6, 53)]


def test_the_mistakes_of_several_files_come_together_file_by_file() -> None:
    sources = {"b.yaml": f"{CONDITION}{WHEN}x: 1\n", "a.yaml": f"{TRANSITION}to: [role: ownr]\n"}
    with pytest.raises(BadInput) as refused:
        load_text(sources, SCHEMA, FAMILIES)
    assert [(p.file, p.line) for p in refused.value.problems] == [("a.yaml", 1), ("a.yaml", 4), ("b.yaml", 6)]
    assert str(refused.value).splitlines()[1].startswith('a.yaml:4:12  unknown role "ownr" in `to`')


def test_two_files_with_rules_of_one_name_are_refused_at_the_second() -> None:
    sources = {"a.yaml": CONDITION + WHEN, "b.yaml": "# copied\n" + CONDITION + WHEN}
    _, found = check_text(sources, SCHEMA)
    assert [str(p) for p in found] == [
        'b.yaml:2:7  two rules are called "needs-review", the first at a.yaml:1'
    ]


def test_the_good_rules_of_a_bad_file_are_still_given_to_editors_and_reports() -> None:
    rules, found = check_text({"r.yaml": f"{CONDITION}{WHEN}---\nrule: b\n"}, SCHEMA)
    assert [rule.name for rule in rules] == ["needs-review"]
    assert {p.line for p in found} == {7}


def test_without_a_schema_names_are_taken_as_written_and_values_are_checked() -> None:
    when = (
        "when: {all: [{field: attr.whatever, op: eq, value: x}, {field: attr.d, op: before, value: soon}]}\n"
    )
    _, found = check_text({"r.yaml": CONDITION + when})
    assert [(p.line, p.column) for p in found] == [(5, 91)]


def test_a_type_that_declares_no_document_types_lets_any_pass() -> None:
    text = (
        CONDITION.replace("Contract", "Supplier").replace("owner", "buyer") + "when: {document: Anything}\n"
    )
    assert problems(text) == []


@given(st.text(alphabet="rule:kind contwhef{}[],-\n \"'&*!#|>0123456789.at«é", max_size=200))
def test_no_text_whatever_does_more_than_being_refused(text: str) -> None:
    rules, found = check_text({"r.yaml": text}, SCHEMA, FAMILIES)
    assert found or len(rules) > 0


@given(st.data())
def test_a_rule_with_a_part_cut_or_doubled_never_breaks_the_loader(
    data: st.DataObject,
) -> None:
    good = BROKEN.replace("renewd", "renewing")
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 40)))
    text = good[:start] + good[end:] if data.draw(st.booleans()) else good[:end] + good[start:]
    _, found = check_text({"r.yaml": text}, SCHEMA, FAMILIES)
    lines = text.splitlines()
    assert all(1 <= p.line <= len(lines) + 1 and p.column >= 1 and p.message for p in found)

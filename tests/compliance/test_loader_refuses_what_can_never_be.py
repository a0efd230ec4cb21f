"""Rules that can never find anything are refused; what might is not."""

from __future__ import annotations

import pytest

from tests.compliance.rule_files import CONDITION, WHEN, problems

NEVER = [
    "all: [{field: attr.status, op: eq, value: active}, {field: attr.status, op: eq, value: ended}]",
    "all: [{field: attr.status, op: eq, value: active}, {field: attr.status, op: in, value: [ended, draft]}]",
    "all: [{field: attr.status, op: eq, value: active}, {field: attr.status, op: ne, value: active}]",
    "all: [{field: attr.status, op: eq, value: active}, {not: {field: attr.status, op: eq, value: active}}]",
    "all: [{field: attr.status, op: eq, value: active}, {field: attr.status, op: starts_with, value: ren}]",
    "all: [{field: attr.status, op: eq, value: active}, {field: attr.status, op: ends_with, value: ing}]",
    "all: [{field: attr.status, op: in, value: [draft, ended]}, {field: attr.status, op: matches, value: 'a.*'}]",
    "field: attr.status, op: matches, value: 'active!'",
    "all: [{field: attr.status, op: ends_with, value: ed}, {field: attr.status, op: absent}]",
    "all: [{field: attr.status, op: present}, {field: attr.status, op: absent}]",
    "all: [{field: attr.expires, op: within, value: 30d}, {field: attr.expires, op: absent}]",
    "all: [{field: attr.value, op: gt, value: 5}, {field: attr.value, op: lt, value: 5}]",
    "all: [{field: attr.value, op: ge, value: 5}, {field: attr.value, op: eq, value: 4}]",
    "all: [{field: attr.expires, op: before, value: 2026-01-01}, {field: attr.expires, op: after, value: 2026-06-01}]",
    "all: [{field: attr.expires, op: within, value: 30d}, {field: attr.expires, op: after, value: as_of+60d}]",
    "all: [{field: attr.expires, op: older_than, value: 30d}, {field: attr.expires, op: after, value: as_of}]",
    "all: [{document: Annex}, {document: Annex, state: absent}]",
    "all: [{document: Annex, state: valid}, {document: [Annex, Signed agreement], state: expired}]",
    "all: [{document: Annex}, {not: {document: Annex, state: valid}}, {not: {document: Annex, state: expired}}]",
    "all: [{missing_documents: any}, {missing_documents: none}]",
    "all: [{field: attr.tags, op: contains, value: urgent}, {field: attr.tags, op: absent}]",
    "field: attr.status, op: not_in, value: [draft, active, renewing, ended]}, {field: attr.status, op: present",
    "all: [{field: attr.status, op: eq, value: active}, {field: attr.Contract.status, op: eq, value: ended}]",
    "all: [{field: attr.value, op: gt, value: 5}, {not: {field: attr.Contract.value, op: gt, value: 5}}]",
    "all: [{field: attr.Contract.status, op: present}, {field: attr.status, op: absent}]",
    "not: {any: [{field: attr.auto, op: present}, {field: attr.auto, op: absent}]}",
    "all: [{field: name, op: eq, value: a}, {any: [{field: name, op: eq, value: b}, {field: name, op: absent}]}]",
]  # fmt: skip

PERHAPS = [
    "any: [{field: attr.status, op: eq, value: active}, {field: attr.status, op: eq, value: ended}]",
    "all: [{field: attr.tags, op: contains, value: urgent}, {field: attr.tags, op: contains, value: secret}]",
    "all: [{field: attr.reviews.on, op: before, value: 2026-01-01}, {field: attr.reviews.on, op: after, value: 2026-06-01}]",
    "all: [{field: attr.status, op: ne, value: active}, {field: attr.status, op: absent}]",
    "all: [{field: attr.value, op: ge, value: 5}, {field: attr.value, op: le, value: 5}]",
    "all: [{field: attr.expires, op: within, value: 3mo}, {field: attr.expires, op: after, value: as_of+60d}]",
    "all: [{field: attr.Sales.code, op: eq, value: a}, {field: attr.Tax.code, op: eq, value: b}]",
    "all: [{document: Annex}, {document: Signed agreement, state: absent}]",
    "all: [{not: {document: [Annex, Signed agreement]}}, {document: Annex}]",
    "all: [{field: attr.status, op: not_in, value: [draft, active, renewing, ended]}]",
    "all: [{field: name, op: eq, value: a}, {any: [{field: name, op: eq, value: b}, {field: name, op: present}]}]",
    "all: [{field: attr.status, op: in, value: [draft, ended]}, {field: attr.status, op: matches, value: '.*d'}]",
    "all: [{field: attr.status, op: matches, value: 'a.*'}, {not: {field: attr.status, op: matches, value: '.*e'}}]",
    "all: [{field: name, op: starts_with, value: ab}, {field: name, op: contains, value: z}]",
]


def rule(clause: str, key: str = "where") -> str:
    braces = clause if clause.startswith(("all", "any", "not")) else f"all: [{{{clause}}}]"
    return f"{CONDITION}{key}: {{{braces}}}\n"


@pytest.mark.parametrize("clause", NEVER)
def test_a_where_that_nothing_can_meet_is_refused_at_its_key(clause: str) -> None:
    (problem,) = problems(rule(clause) + WHEN)
    assert (problem.line, problem.column, problem.key) == (5, 1, "where")
    assert problem.message.startswith("`where` can never be true; ")


@pytest.mark.parametrize("clause", PERHAPS)
def test_a_where_that_something_might_meet_is_taken(clause: str) -> None:
    assert (
        problems(
            rule(clause) + "when: {document: Annex}\n" if "Annex" not in clause else rule(clause, "when")
        )
        == []
    )


def test_the_two_leaves_that_exclude_each_other_are_named() -> None:
    clause = "all: [{field: attr.status, op: eq, value: active}, {field: attr.status, op: in, value: [ended, draft]}]"
    (problem,) = problems(rule(clause) + WHEN)
    assert '"attr.status is active" and "attr.status in ended, draft" exclude each other' in problem.message


def test_a_when_that_contradicts_its_where_is_refused_at_the_when() -> None:
    (problem,) = problems(rule("field: attr.status, op: eq, value: active") + WHEN)
    assert (problem.line, problem.column) == (6, 1)
    assert problem.message.startswith("`where` and `when` together can never be true; ")


def test_a_requirement_that_nothing_can_meet_is_refused() -> None:
    (problem,) = problems(rule(NEVER[0], "require"))
    assert problem.message.startswith("`require` can never be true; ")


def test_more_alternatives_than_can_be_checked_count_as_possible() -> None:
    pair = "{any: [{field: attr.value, op: eq, value: 1}, {field: attr.value, op: eq, value: 2}]}"
    assert problems(rule(f"all: [{', '.join([pair] * 12)}]") + WHEN) == []

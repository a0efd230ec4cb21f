"""Values that can hardly be meant as they stand are refused, with what may have been meant."""

from __future__ import annotations

import pytest

from tests.compliance.rule_files import (
    CONDITION,
    DUE,
    FAMILIES,
    MILESTONE,
    SCHEMA,
    STEP,
    WHEN,
    marked,
    only_problem,
)
from vigil.compliance.rules.loader import Files, check, examine
from vigil.compliance.rules.vocabulary import People

DATED = f"{MILESTONE}{DUE}{STEP}"


def leaf(field: str, op: str, value: str) -> str:
    """A condition with one leaf, whose value must be the place of the problem."""
    return f"{CONDITION}when: {{field: {field}, op: {op}, value: «{value}}}\n"


@pytest.mark.parametrize("text", ["60d", "7bd", "1mo", "04h"])
def test_an_offset_without_a_sign_is_asked_which_way_it_goes(text: str) -> None:
    problem = only_problem(f"{MILESTONE}{DUE}steps: [{{at: «{text}, to: [role: owner]}}]\n")
    assert problem.message == f'"{text}" has no sign: +{text} or -{text}?'


@pytest.mark.parametrize("text", ["0d", "00d", "+60d", "-60d", "0h"])
def test_an_offset_with_a_sign_and_the_day_itself_are_taken(text: str) -> None:
    rule = f"{MILESTONE}{DUE}steps: [{{at: {text}, to: [role: owner]}}]\n"
    assert check(examine(Files({"r.yaml": rule}), SCHEMA))[1] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (leaf("attr.expires", "before", "as_of 30d"), '"as_of 30d" has no sign: as_of+30d or as_of-30d?'),
        (leaf("attr.expires", "ge", "as_of+30bd"), '"as_of+30bd" is not an instant'),
        (leaf("attr.expires", "within", "3m"), '"3m" is minutes, and a date has none; months are 3mo'),
        (leaf("attr.status", "eq", '""'), "`eq` with an empty text says nothing"),
        (leaf("attr.status", "in", '[active, ""]').replace("«[active, ", "[active, «"), "with an empty text"),
        (leaf("name", "starts_with", '""'), "`starts_with` with an empty text says nothing"),
        (f"{MILESTONE}{DUE}steps: [{{at: «-3m, to: [role: owner]}}]\n", "months are -3mo"),
    ],
)
def test_what_would_be_taken_for_something_else_is_refused(text: str, said: str) -> None:
    assert said in only_problem(text).message


def test_a_relative_date_is_read_as_one_where_the_kind_of_field_is_unknown() -> None:
    for value in ("as_of 30d", "as_of+30bd", "as_of+", "as_of-3m"):
        text, line, column = marked(leaf("attr.expires", "ge", value))
        (problem,) = check(examine(Files({"r.yaml": text})))[1]
        assert (problem.line, problem.column) == (line, column), value
    text, *_ = marked(leaf("attr.note", "eq", "as_official"))
    assert check(examine(Files({"r.yaml": text})))[1] == []


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (leaf("attr.status", "eq", "[active, ended]"), "in"),
        (leaf("attr.status", "ne", "[active, ended]"), "not_in"),
        (leaf("attr.tags", "contains", "[urgent, secret]"), "in"),
        (leaf("attr.tags", "not_contains", "[urgent]"), "not_in"),
        (leaf("attr.status", "present", "false"), "absent"),
        (leaf("attr.status", "eq", "~"), "absent"),
        (leaf("attr.status", "ne", '""'), "present"),
        (leaf("attr.auto", "eq", "yes"), "true"),
        (leaf("attr.auto", "eq", "Nein"), "false"),
        (leaf("attr.expires", "before", "31.12.2026"), "2026-12-31"),
        (f"{CONDITION}when: {{field: attr.status, op: «==, value: active}}\n", "eq"),
        (f"{CONDITION}when: {{field: attr.status, op: «not in, value: [active]}}\n", "not_in"),
        (f"{CONDITION}when: {{field: attr.status, op: «missing}}\n", "absent"),
        (f"{CONDITION}when: {{document: Annex, state: «missing}}\n", "absent"),
        (f"{CONDITION}{WHEN}status: «disabled\n", "retired"),
        (f"{CONDITION}{WHEN}acknowledge: «yes\n", "true"),
    ],
)
def test_a_word_or_value_that_others_use_is_answered_with_ours(text: str, meant: str) -> None:
    assert only_problem(text).hint == f'Did you mean "{meant}"?'


@pytest.mark.parametrize("value", ["active", '"active, ended"'])
def test_a_list_that_is_none_is_shown_as_one(value: str) -> None:
    items = value.strip('"')
    assert only_problem(leaf("attr.status", "in", value)).hint == f"Write [{items}]."


@pytest.mark.parametrize(
    ("found", "meant"),
    [
        ("Germany", "DE"),
        ("Deutschland", "DE"),
        ("Germny", "DE"),
        ("de", "DE"),
        ("Österreich", "AT"),
        ("Oesterreich", "AT"),
        ("Switzerland", "CH"),
        ("Schweiz", "CH"),
        ("Italia", "IT"),
        ("United Kingdom", "GB"),
        ("Bayern", "DE-BY"),
        ("Bavaria", "DE-BY"),
        ("DE-Bayern", "DE-BY"),
        ("DE-BYY", "DE-BY"),
        ("DE-", "DE"),
    ],
)
def test_holidays_of_a_country_by_its_name_are_answered_with_its_code(found: str, meant: str) -> None:
    problem = only_problem(f"{DATED}calendar: {{holidays: «{found}}}\n")
    assert problem.hint == f'Did you mean "{meant}"?'


@pytest.mark.parametrize("found", ["DE-XX", "FR-QQQ"])
def test_a_region_that_its_country_lacks_is_not_taken_from_another_country(found: str) -> None:
    assert only_problem(f"{DATED}calendar: {{holidays: «{found}}}\n").hint == ""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "calendar: {holidays: «49}",
            "`holidays` takes a code such as DE, or a list of them, found the number 49",
        ),
        (
            "fallback: «49",
            "`fallback` takes a recipient such as {role: owner}, or a list of them, found the number 49",
        ),
    ],
)
def test_a_key_that_takes_one_or_a_list_says_both(line: str, said: str) -> None:
    assert only_problem(f"{DATED}{line}\n").message == said


@pytest.mark.parametrize(
    ("found", "meant"),
    [
        ("Berlin", "Europe/Berlin"),
        ("europe/rome", "Europe/Rome"),
        ("Germany", "Europe/Berlin"),
        ("Österreich", "Europe/Vienna"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("Europe/Berln", "Europe/Berlin"),
    ],
)
def test_a_zone_by_another_name_is_answered_with_its_own(found: str, meant: str) -> None:
    assert only_problem(f"{DATED}calendar: {{zone: «{found}}}\n").hint == f'Did you mean "{meant}"?'


@pytest.mark.parametrize("found", ["UTC+1", "GMT+1", "+01:00", "CEST", "MESZ"])
def test_an_offset_is_no_zone_and_none_that_goes_the_other_way_is_offered(found: str) -> None:
    assert only_problem(f"{DATED}calendar: {{zone: «{found}}}\n").hint.startswith("Write a place")


# -- people

PEOPLE = People(frozenset({"records-office", "Legal"}), frozenset({"ada.berg", "bob"}))


def about(to: str, people: People | None) -> list[str]:
    text = f"{CONDITION.replace('[role: owner]', to)}{WHEN}"
    return [str(p) for p in check(examine(Files({"r.yaml": text}), SCHEMA, FAMILIES, people))[1]]


def test_unknown_groups_and_users_are_refused_wherever_a_rule_names_them() -> None:
    assert about("[group: Legal, user: bob]", PEOPLE) == []
    (group,) = about("[group: records-ofice]", PEOPLE)
    assert 'r.yaml:4:13  unknown group "records-ofice" in `to`; groups: Legal, records-office.' in group
    assert group.endswith('Did you mean "records-office"?')
    (user,) = about("[user: Ada.Berg]", PEOPLE)
    assert 'unknown user "Ada.Berg" in `to`: nobody has this login. Did you mean "ada.berg"?' in user
    assert "write user: bob" in about("[group: bob]", PEOPLE)[0]
    assert "write group: Legal" in about("[user: Legal]", PEOPLE)[0]
    fallback = "[role: owner]\nfallback: [group: nobodies]\nescalate: [{after: 1d, to: [user: nobody]}]"
    assert len(about(fallback, PEOPLE)) == 2


def test_where_nobody_knows_which_groups_and_users_there_are_none_is_refused() -> None:
    for people in (None, People()):
        assert about("[group: any, user: one]", people) == []

"""From roles and groups to people: nested, circular, deleted, and none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.compliance.cases import NINE, case, rules
from vigil.compliance import facts as f
from vigil.compliance.evaluation.evaluate import evaluate
from vigil.compliance.evaluation.results import Why
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input, Window
from vigil.compliance.notify.routing import Directory, route

RULE = "rule: r\nkind: condition\nwhen: {field: name, op: present}\nsteps: [{id: s, to: [role: owner]}]"


def person(login: str, deleted: bool = False) -> f.User:
    return f.User(login, 1, login.title(), deleted=deleted)


def told(
    roles: Mapping[str, tuple[str, ...]], *directory: f.Fact, more: str = ""
) -> list[tuple[str | None, Why | None]]:
    given = rules(RULE + more)
    facts = Facts.of([case(), f.Roles(1, roles)])
    result = evaluate(Input(facts), given, Window(NINE, NINE))
    return [(r.person, r.reason) for r in route(result.findings, given, facts, Directory.of(directory))]


def test_a_deleted_member_of_a_role_is_left_out() -> None:
    owners = {"owner": (f.user("ada"), f.user("bob"))}
    assert told(owners, person("ada"), person("bob", deleted=True)) == [("ada", None)]


def test_a_role_whose_only_member_is_deleted_reaches_nobody_and_says_so() -> None:
    assert told({"owner": (f.user("bob"),)}, person("bob", deleted=True)) == [(None, Why.NOBODY)]


def test_groups_are_opened_however_deep_they_nest_and_each_person_is_told_once() -> None:
    groups = [
        f.Group("all", 1, (f.group("north"), f.group("south"), f.user("ada"))),
        f.Group("north", 2, (f.user("bob"), f.group("desk"))),
        f.Group("south", 3, (f.group("desk"),)),
        f.Group("desk", 4, (f.user("cy"), f.user("bob"))),
    ]
    found = told({"owner": (f.group("all"),)}, *groups, person("ada"), person("bob"), person("cy"))
    assert sorted(found, key=repr) == [("ada", None), ("bob", None), ("cy", None)]


def test_groups_that_contain_each_other_or_themselves_come_to_an_end() -> None:
    groups = [
        f.Group("one", 1, (f.group("two"), f.user("ada"))),
        f.Group("two", 2, (f.group("one"), f.group("two"), f.user("bob"))),
    ]
    found = told({"owner": (f.group("one"),)}, *groups, person("ada"), person("bob"))
    assert sorted(found, key=repr) == [("ada", None), ("bob", None)]


def test_a_group_that_holds_only_itself_reaches_nobody() -> None:
    assert told({"owner": (f.group("one"),)}, f.Group("one", 1, (f.group("one"),))) == [(None, Why.NOBODY)]


def test_a_role_that_the_workspace_has_not_reaches_the_fallback() -> None:
    found = told({}, person("bob"), more="\nfallback: [user: bob]")
    assert found == [("bob", None)]


@pytest.mark.parametrize(
    ("to", "roles", "directory", "lacks"),
    [
        ("role: owner", {"owner": ()}, [], "role owner of Case 1 is empty"),
        ("role: owner", None, [], "role owner of Case 1 could not be read"),
        (
            "role: owner",
            {"owner": (f.user("bob"),)},
            [person("bob", deleted=True)],
            "role owner of Case 1 names nobody with an account",
        ),
        ("attr: clerk", {}, [], "clerk of Case 1 is empty"),
        ("attr: judge", {}, [], "judge of Case 1 names nobody with an account"),
        ("group: desk", {}, [f.Group("desk", 1, ())], "group desk is empty"),
        ("group: desk", {}, [], "group desk is not known"),
        ("group: desk", {}, [f.Group("desk", 1, (f.user("bob"),))], "group desk has nobody with an account"),
        ("user: bob", {}, [person("bob", deleted=True)], "the account bob is deleted"),
        ("user: bob", {}, [], "the account bob is not known"),
    ],
)
def test_where_nobody_is_left_each_recipient_says_what_it_lacks(
    to: str, roles: dict[str, tuple[str, ...]] | None, directory: list[f.Fact], lacks: str
) -> None:
    given = rules(
        f"rule: r\nkind: condition\nwhen: {{field: name, op: present}}\nsteps: [{{id: s, to: [{to}]}}]"
    )
    facts = Facts.of([case(judge="eve"), *([] if roles is None else [f.Roles(1, roles)])])
    result = evaluate(Input(facts), given, Window(NINE, NINE))
    (one,) = route(result.findings, given, facts, Directory.of(directory))
    assert (one.person, one.reason, one.lacks) == (None, Why.NOBODY, (lacks,))


OFFICE: list[f.Fact] = [
    f.Group("legal", 1, (f.user("ada"), f.group("desk"))),
    f.Group("desk", 2, (f.user("bob"), f.user("ada"))),
    person("ada"),
    person("bob"),
    person("cy"),
]


@pytest.mark.parametrize(
    ("reached", "more", "expected"),
    [
        ({}, "", ["ada", "bob"]),
        ({"legal": frozenset()}, "", ["ada", "bob"]),
        ({"legal": frozenset({"webhook"})}, "", ["group:legal"]),
        ({"desk": frozenset({"webhook"})}, "", ["ada", "group:desk"]),
        ({"legal": frozenset({"webhook"}), "desk": frozenset({"webhook"})}, "", ["group:legal"]),
        ({"legal": frozenset({"webhook"})}, "\nchannels: [webhook]", ["group:legal"]),
        ({"legal": frozenset({"webhook"})}, "\nchannels: [push, email]", ["ada", "bob"]),
        ({"legal": frozenset({"push", "webhook"})}, "\nchannels: [push]", ["group:legal"]),
    ],
)
def test_a_group_with_an_address_is_notified_in_place_of_its_members(
    reached: dict[str, frozenset[str]], more: str, expected: list[str]
) -> None:
    given = rules(RULE + more)
    facts = Facts.of([case(), f.Roles(1, {"owner": (f.group("legal"),)})])
    result = evaluate(Input(facts), given, Window(NINE, NINE))
    directory = replace(Directory.of(OFFICE), reached=reached)
    assert sorted(str(r.person) for r in route(result.findings, given, facts, directory)) == expected


def test_a_member_whom_the_rule_names_beside_the_group_is_told_as_well() -> None:
    owners = (f.group("legal"), f.user("ada"), f.user("cy"))
    facts = Facts.of([case(), f.Roles(1, {"owner": owners})])
    given = rules(RULE)
    result = evaluate(Input(facts), given, Window(NINE, NINE))
    directory = replace(Directory.of(OFFICE), reached={"legal": frozenset({"webhook"})})
    found = [r.person for r in route(result.findings, given, facts, directory)]
    assert found == ["group:legal", "ada", "cy"]


def test_a_group_that_extended_ecm_does_not_know_is_told_nothing() -> None:
    facts = Facts.of([case(), f.Roles(1, {"owner": (f.group("gone"),)})])
    given = rules(RULE)
    result = evaluate(Input(facts), given, Window(NINE, NINE))
    directory = replace(Directory.of(OFFICE), reached={})
    assert [r.reason for r in route(result.findings, given, facts, directory)] == [Why.NOBODY]

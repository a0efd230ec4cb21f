"""What a rule says of a workspace does not depend on which others are evaluated with it. Each was wrong once."""

from __future__ import annotations

import pytest

from tests.compliance.cases import NINE, case, found, rules, when
from vigil.compliance import facts as f
from vigil.compliance.rules.model import Rule, RuleSet
from vigil.compliance.rules.operators import Op


@pytest.mark.parametrize(
    ("field", "op", "value", "mine", "other"),
    [
        ("attr.n", "eq", "5", case(1, n=5), case(2, n="five")),
        ("attr.n", "ge", "5", case(1, n=7), case(2, n="many")),
        ("attr.n", "eq", "5", case(1, n=5), case(2, n=2.5)),
        ("attr.due", "older_than", "1d", case(1, due=NINE.date().replace(day=1)), case(2, due="soon")),
        ("attr.text", "contains", "port", case(1, text="report"), case(2, text=("port", "ship"))),
        ("attr.flag", "eq", "true", case(1, flag=True), case(2, flag=1)),
    ],
)
def test_a_value_of_another_kind_elsewhere_changes_nothing(
    field: str, op: str, value: str, mine: f.Workspace, other: f.Workspace
) -> None:
    given = when(field, op, value)
    assert list(found(given, mine)) == [1]
    assert found(given, mine, other)[1] == found(given, mine)[1]
    assert found(given, other).keys() == found(given, mine, other).keys() - {1}


def test_a_list_contains_items_and_a_text_contains_parts_side_by_side() -> None:
    given = when("attr.text", "contains", "port")
    assert list(found(given, case(1, text="report"), case(2, text=("report",)), case(3, text=("port",)))) == [
        1,
        3,
    ]


def test_a_short_name_keeps_its_meaning_beside_one_of_another_category() -> None:
    given = when("attr.status", "eq", "open")
    mine = case(1, status="open")
    other = f.Workspace(2, "Case", "two", NINE, NINE, {"D.status": "open"})
    assert list(found(given, mine)) == [1]
    assert list(found(given, mine, other)) == [1, 2]


def test_an_attribute_that_no_workspace_has_is_not_set() -> None:
    given = rules("rule: r\nkind: condition\nrequire: {field: attr.owner, op: present}")
    assert list(found(given, case(1))) == list(found(given, case(1), case(2, owner="ada"))) == [1]


def test_an_empty_role_reads_the_same_alone_and_beside_one_with_members() -> None:
    given = rules("rule: r\nkind: condition\nrequire: {field: role.steward, op: contains, value: bob}")
    mine: list[f.Fact] = [case(1), f.Roles(1, {"owner": ("user:ada",), "steward": ()})]
    other: list[f.Fact] = [case(2), f.Roles(2, {"steward": ("user:cy",)})]
    assert found(given, *mine)[1].why == found(given, *mine, *other)[1].why
    assert found(given, *mine)[1].why == ("role steward is empty",)


@pytest.mark.parametrize("op", [op.value for op in Op])
@pytest.mark.parametrize("value", ["3d", 5, True, NINE.date(), NINE, "as_of", None])
def test_what_cannot_be_compared_is_not_met_and_never_an_error(op: str, value: object) -> None:
    when = {"field": "attr.x", "op": op, "value": value}
    subject, to = {"workspace_type": "Case"}, {"user": "ada"}
    rule = Rule.model_validate({"rule": "r", "kind": "condition", "subject": subject, "when": when, "to": to})
    values = ("text", 5, 2.5, True, NINE, NINE.date(), ("a", 1), (NINE,), (), "", None)
    some = [case(n, x=value) for n, value in enumerate(values, start=1)]
    alone = {n for x in some for n in found(RuleSet((rule,)), x)}
    assert alone == set(found(RuleSet((rule,)), *some))
    assert {10, 11} & alone == ({10, 11} if Op(op).row.negates else set())


@pytest.mark.parametrize("name", ["id", "name", "created", "workspace", "row", "met"])
def test_a_rule_may_be_called_like_a_column(name: str) -> None:
    given = rules(
        f"rule: {name}\nkind: condition\nwhen: {{field: name, op: present}}",
        f"rule: {name}-2\nkind: condition\nwhen: {{field: attr.due, op: older_than, value: 1d}}",
    )
    assert found(given, case(1, due=NINE.date()))[1].rule == name

"""Fields of related workspaces: any of them will do, and what cannot be read of one is not known."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.compliance.cases import NINE, Cases, case, names, rules
from vigil.compliance import facts as f

OPEN = (
    "rule: r\nkind: condition\nresolved: true\nwhen: {field: related.Case.attr.status, op: eq, value: open}"
)
LATE = "rule: r\nkind: condition\nwhen: {field: related.Case.attr.due, op: within, value: 2d}"
HOUR = timedelta(hours=1)


def related(id: int, *others: int) -> f.Related:
    return f.Related(id, others)


def test_one_of_several_is_enough_and_the_reason_says_what_they_hold() -> None:
    cases = Cases(rules(OPEN))
    found = cases.scan(
        NINE,
        [
            case(1),
            related(1, 2, 3),
            case(2, status="done"),
            related(2, 1),
            case(3, status="open"),
            related(3),
        ],
    )
    assert [(x.workspace, x.why) for x in found] == [
        (1, ("status of related Case is done and open, with open among them",))
    ]


def test_a_change_of_the_related_workspace_alone_is_evaluated() -> None:
    cases = Cases(rules(OPEN))
    assert cases.scan(NINE, [case(1), related(1, 2), case(2, status="done"), related(2, 1)]) == []
    assert [x.workspace for x in cases.scan(NINE + HOUR, [case(2, status="open"), related(2, 1)])] == [1]
    (over,) = cases.scan(NINE + 2 * HOUR, [case(2, status="done"), related(2, 1)])
    assert (over.workspace, over.resolved) == (1, True)


def test_a_related_workspace_that_is_gone_holds_nothing_any_more() -> None:
    cases = Cases(rules(OPEN))
    assert len(cases.scan(NINE, [case(1), related(1, 2), case(2, status="open"), related(2, 1)])) == 1
    (over,) = cases.scan(NINE + HOUR, gone=[2])
    assert (over.workspace, over.resolved) == (1, True)


def test_what_cannot_be_read_of_a_related_one_is_not_known() -> None:
    cases = Cases(rules(OPEN))
    cases.scan(NINE, [case(1), related(1, 2), case(2, status="open"), related(2)])
    assert cases.scan(NINE + HOUR, [case(2), related(2)], unread=["attrs"]) == []
    standing = cases.state("r")
    assert standing is not None
    assert (standing.outcome, standing.why) == (
        "held",
        ("status of related Case could not be read",),
    )


@pytest.mark.parametrize("parts", [["related"], []])
def test_relations_that_were_never_read_are_not_known(parts: list[str]) -> None:
    cases = Cases(rules(OPEN))
    assert cases.scan(NINE, [case(1), case(2, status="open")], unread=parts) == []
    standing = cases.state("r")
    assert standing is not None
    assert standing.outcome == "not_evaluated"


def test_a_date_of_a_related_one_comes_by_the_clock() -> None:
    cases = Cases(rules(LATE), zone="UTC")
    assert cases.scan(NINE, [case(1), related(1, 2), case(2, due=date(2026, 3, 9)), related(2)]) == []
    standing = cases.state("r")
    assert standing is not None
    assert standing.next_check_at is not None
    assert names(cases.scan(standing.next_check_at - timedelta(seconds=1))) == []
    assert [x.workspace for x in cases.scan(standing.next_check_at)] == [1]

"""`resolved` of a milestone: who was told of a date hears that it no longer matters, once, and nobody else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.timeline.players import failures

RULE = """\
rule: renewal
kind: milestone
subject: {{workspace_type: Contract}}
due: attr.expires
steps: [{{id: month, at: -30d, to: [role: owner]}}, {{id: week, at: -7d, to: [role: steward]}}]
resolved: true
{more}
"""
HEAD = "people: {olga: {}, stan: {}}\n---\n"
PLACE = "workspace: {attrs: {status: active, expires: 2026-06-30}, roles: {owner: olga, steward: stan}}\n"
TOLD = """\
steps:
  - at: 2026-05-01T08:00
  - at: 2026-06-01T08:00
    expect: {olga: renewal/month}
"""


def played(folder: Path, steps: str, more: str = "", place: str = PLACE) -> list[str]:
    rules = RULE.format(more=more)
    found = failures(folder, rules, f"{HEAD}timeline: a date\n{place}{TOLD}{steps}")
    return [f"{f.headline}: {f.came}" for f in found]


def test_a_date_that_moves_is_settled_for_those_who_were_told_of_it(tmp_path: Path) -> None:
    steps = """\
  - at: 2026-06-02T08:00
    do: [attribute_changed: {attr: expires, value: 2026-09-30}]
    expect: {olga: {rule: renewal, step: month, resolved: true, says: no longer}}
  - at: 2026-06-03T08:00
    do: [attribute_changed: {attr: status, value: any}]
  - at: 2026-08-31T08:00
    expect: {olga: renewal/month}
  - at: 2026-09-23T08:00
    expect: {stan: renewal/week}
  - at: 2026-10-01T08:00
    do: [attribute_changed: {attr: expires, value: null}]
    expect: {olga: "renewal/month:resolved", stan: "renewal/week:resolved"}
"""
    assert played(tmp_path, steps) == []


def test_a_date_that_passes_is_not_settled_by_that(tmp_path: Path) -> None:
    steps = """\
  - at: 2026-06-23T08:00
    expect: {stan: renewal/week}
  - at: 2026-07-10T08:00
    do: [attribute_changed: {attr: status, value: other}]
"""
    assert played(tmp_path, steps) == []


def test_with_superseded_ignore_a_moved_date_is_no_event_and_a_removed_one_is(
    tmp_path: Path,
) -> None:
    steps = """\
  - at: 2026-06-02T08:00
    do: [attribute_changed: {attr: expires, value: 2026-07-10}]
  - at: 2026-06-03T08:00
    do: [attribute_changed: {attr: expires, value: null}]
    expect: {olga: "renewal/month:resolved"}
"""
    assert played(tmp_path, steps, "superseded: ignore") == []


@pytest.mark.parametrize(
    ("where", "at"),
    [
        ("{field: attr.checked, op: older_than, value: 1d}", "2026-06-05"),
        ("{not: {field: attr.checked, op: within, value: 10d}}", "2026-06-05"),
    ],
)
def test_where_may_end_by_the_clock_alone(tmp_path: Path, where: str, at: str) -> None:
    """`older_than` begins by the clock, `not within` ends by it: the run of that day says so without any change."""
    begins = "older_than" in where
    place = PLACE.replace(
        "status: active", f"status: active, checked: {'2026-05-20' if begins else '2026-06-15'}"
    )
    change = "do: [attribute_changed: {attr: checked, value: 2026-06-30}]\n    " if begins else ""
    steps = f"""\
  - at: 2026-06-04T08:00
  - at: {at}T08:00
    {change}expect: {{olga: "renewal/month:resolved"}}
  - at: 2026-06-06T08:00
"""
    assert played(tmp_path, steps, f"where: {where}", place) == []


def test_what_cannot_be_read_is_not_settled(tmp_path: Path) -> None:
    steps = """\
  - at: 2026-06-02T08:00
    do: [unreadable: {parts: attrs}]
  - at: 2026-06-03T08:00
    do: [readable: {}, attribute_changed: {attr: status, value: ended}]
    expect: {olga: "renewal/month:resolved"}
"""
    assert played(tmp_path, steps, "where: {field: attr.status, op: eq, value: active}") == []


def test_a_step_that_is_said_after_the_end_of_its_date_begins_anew(tmp_path: Path) -> None:
    steps = """\
  - at: 2026-06-02T08:00
    do: [attribute_changed: {attr: status, value: ended}]
    expect: {olga: "renewal/month:resolved"}
  - at: 2026-06-10T08:00
    do: [attribute_changed: {attr: status, value: active}]
  - at: 2026-06-23T08:00
    expect: {stan: renewal/week}
  - at: 2026-06-24T08:00
    do: [attribute_changed: {attr: status, value: ended}]
    expect: {stan: "renewal/week:resolved"}
"""
    assert played(tmp_path, steps, "where: {field: attr.status, op: eq, value: active}") == []

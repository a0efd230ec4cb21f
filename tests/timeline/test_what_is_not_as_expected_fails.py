"""A timeline that expects the wrong thing fails, and says where, what was expected, what came, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.timeline.players import APPROVAL, COST, failures
from vigil.timeline.compare import Failure

STORY = """\
people: {{ada: {{}}, olga: {{}}, mia: {{devices: []}}, rita: {{groups: [board]}}}}
---
timeline: an approval waits
workspace: {{name: Acme, roles: {{owner: olga}}}}
steps:
  - at: 2026-03-02T08:00
  - at: 09:00
    do: [step_assigned: {{step: 1, title: Approve, to: {to}}}]
{then}
"""


def story(tmp_path: Path, then: str, to: str = "ada") -> list[Failure]:
    return failures(tmp_path, APPROVAL, STORY.format(to=to, then=then))


def test_what_is_as_expected_does_not_fail(tmp_path: Path) -> None:
    assert story(tmp_path, "    expect: {ada: {rule: approval, says: Acme}}") == []


def test_a_notice_that_nobody_expected_fails(tmp_path: Path) -> None:
    (failure,) = story(tmp_path, "")
    assert failure.headline == "a notice that nobody expected"
    assert failure.spot.line == 7
    assert failure.came.startswith('ada: approval, "')
    assert failure.why == ('the step "Approve" was assigned',)


def test_a_notice_that_did_not_come_fails_and_says_how_the_rule_stands(tmp_path: Path) -> None:
    then = "    expect: {ada: approval}\n  - at: 10:00\n    expect: {ada: approval}\n"
    (failure,) = story(tmp_path, then)
    assert failure.headline == "a notice did not come"
    assert failure.spot.line == 11
    assert (failure.expected, failure.came) == ("ada: approval", "nothing")
    assert failure.why == ("Acme: waits for an event",)


def test_the_wrong_person_is_a_notice_too_few_and_one_too_many(tmp_path: Path) -> None:
    found = story(tmp_path, "    expect: {olga: approval}")
    assert [f.headline for f in found] == ["a notice did not come", "a notice that nobody expected"]


def test_other_words_than_expected_fail_once(tmp_path: Path) -> None:
    (failure,) = story(tmp_path, "    expect: {ada: {rule: approval, says: [Acme, Zeta]}}")
    assert failure.headline == "a notice says something else"
    assert "Acme" in failure.came


def test_one_notice_does_not_meet_two_expectations(tmp_path: Path) -> None:
    (failure,) = story(tmp_path, "    expect: {ada: [approval, approval]}")
    assert failure.headline == "a notice did not come"


def test_a_person_without_a_device_must_be_expected(tmp_path: Path) -> None:
    (failure,) = story(tmp_path, "", to="mia")
    assert failure.headline == "somebody could not be told at once, and nobody expected that"
    assert failure.came == "mia: approval no_device, the person has neither a device nor a mailbox"
    assert story(tmp_path, "    not_sent: {no_device: {mia: approval}}", to="mia") == []


def test_a_finding_that_reaches_nobody_must_be_expected(tmp_path: Path) -> None:
    text = """\
people: {ada: {}}
---
timeline: an approval waits for someone who has left
workspace: {}
steps:
  - at: 2026-03-02T08:00
  - at: 09:00
    do: [user_deleted: {login: ada}, step_assigned: {step: 1, title: Approve, to: ada}]
"""
    (failure,) = failures(tmp_path, APPROVAL, text)
    assert failure.came.startswith("nobody: approval unroutable")
    assert failures(tmp_path, APPROVAL, text + "    not_sent: {nobody: approval}") == []


@pytest.mark.parametrize("reason", ["actor", "too_late", "no_device", "already_done"])
def test_a_reason_that_was_not_the_reason_fails(tmp_path: Path, reason: str) -> None:
    (failure,) = story(
        tmp_path, f"    expect: {{ada: approval}}\n    not_sent: {{{reason}: {{ada: approval}}}}"
    )
    assert failure.headline == "a notice was not held back as it should"


def test_another_workspace_than_the_expected_one_fails(tmp_path: Path) -> None:
    text = """\
people: {ada: {}}
---
timeline: two
workspaces: {acme: {}, zeta: {}}
steps:
  - at: 2026-03-02T08:00
  - at: 09:00
    do: [step_assigned: {workspace: acme, step: 1, title: Approve, to: ada}]
    expect: {ada: {rule: approval, workspace: zeta}}
"""
    assert len(failures(tmp_path, APPROVAL, text)) == 2


def test_why_a_condition_found_nothing_is_said_leaf_by_leaf(tmp_path: Path) -> None:
    text = """\
people: {stan: {}}
---
timeline: it has one
workspace: {name: Acme, attrs: {status: active, cost center: "47"}, roles: {steward: stan}}
steps:
  - at: 2026-03-02T08:00
    expect: {stan: cost-center}
"""
    (failure,) = failures(tmp_path, COST, text)
    assert failure.why == ("Acme: not met; cost center is 47",)


def test_a_change_that_cannot_happen_fails_where_it_is_written(tmp_path: Path) -> None:
    (failure,) = story(
        tmp_path,
        "    expect: {ada: approval}\n  - at: 10:00\n    do: [document_deleted: {document: Nothing}]",
    )
    assert failure.headline == "this cannot happen"
    assert failure.spot.line == 11
    assert failure.came == 'there is no document "Nothing"'


def test_the_clock_alone_makes_a_condition_ripe_and_not_a_minute_early(tmp_path: Path) -> None:
    text = """\
people: {stan: {}}
---
timeline: a day
workspace: {attrs: {status: active}, roles: {steward: stan}}
steps:
  - at: 2026-03-02T08:00
  - at: 2026-03-03T07:59
  - at: 08:00
    expect: {stan: cost-center}
  - at: +1d
"""
    assert failures(tmp_path, COST, text) == []
    early = text.replace("  - at: 08:00\n    expect", "    expect")
    assert [f.headline for f in failures(tmp_path, COST, early)] == [
        "a notice did not come",
        "a notice that nobody expected",
    ]

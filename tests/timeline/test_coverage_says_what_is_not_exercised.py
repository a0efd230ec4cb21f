"""Coverage: each leaf must be seen to hold and not to hold, each step, recipient and event must lead to a notice."""

from __future__ import annotations

from pathlib import Path

from tests.timeline.players import APPROVAL, COST, players, suite
from vigil.rulefiles import read_sources
from vigil.timeline.coverage import Covered, covered
from vigil.timeline.suite import play_all


def coverage(folder: Path, rules: str, timelines: str) -> Covered:
    read = suite(folder, rules, timelines)
    sources, _ = read_sources(folder)
    outcomes = play_all(players(), read.timelines, read.rules, coverage=True)
    assert [f for o in outcomes for f in o.failures] == []
    return covered(read.rules, sources, {p for o in outcomes for p in o.exercised})


ONE = """\
people: {stan: {}, ada: {}, olga: {}}
---
timeline: one
workspaces:
  acme: {type: Contract, attrs: {status: active}, roles: {steward: stan, owner: olga}}
steps:
  - at: 2026-03-02T08:00
  - at: 2026-03-03T08:00
    expect: {stan: cost-center}
"""


def test_what_was_never_seen_otherwise_is_listed_with_its_line(tmp_path: Path) -> None:
    found = coverage(tmp_path, COST, ONE)
    assert [(g.spot.line, g.what) for g in found.gaps] == [
        (5, "always held: attr.status in active, renewing"),
        (6, "never seen to hold: attr.cost center is present"),
    ]
    assert (found.parts, found.share) == (6, 1 - 2 / 6)


def test_when_everything_was_exercised_nothing_is_listed(tmp_path: Path) -> None:
    more = ONE.replace("steps:", '  zeta: {type: Contract, attrs: {status: draft, cost center: "1"}}\nsteps:')
    found = coverage(tmp_path, COST, more)
    assert (found.gaps, found.share) == ((), 1.0)


def test_a_fallback_counts_when_somebody_was_told_by_it_and_not_before(tmp_path: Path) -> None:
    text = """\
people: {ada: {}, olga: {}}
---
timeline: one
workspace: {roles: {owner: olga}}
steps:
  - at: 2026-03-02T08:00
  - at: 09:00
    do: [step_assigned: {step: 1, title: Approve, to: ada}]
    expect: {ada: approval}
"""
    found = coverage(tmp_path, APPROVAL, text)
    assert [g.what for g in found.gaps] == ["nobody was told as role owner"]
    left = "    do: [user_deleted: {login: ada}, step_assigned: {step: 2, title: Approve, to: ada}]\n"
    assert (
        coverage(tmp_path, APPROVAL, f"{text}  - at: 10:00\n{left}    expect: {{olga: approval}}\n").gaps
        == ()
    )


def test_a_where_about_the_event_is_asked_of_events(tmp_path: Path) -> None:
    rules = """\
rule: evidence
kind: transition
description: Tells the owner of evidence.
subject: {workspace_type: Case}
where: {field: event.document_type, op: eq, value: Evidence}
events: [document_added, comment_added]
to: [role: owner]
"""
    text = """\
people: {olga: {}}
---
timeline: one
workspace: {roles: {owner: olga}}
steps:
  - at: 2026-03-02T08:00
  - at: 09:00
    do: [document_added: {name: a, type: Evidence}]
    expect: {olga: evidence}
  - at: 10:00
    do: [document_added: {name: b, type: Invoice}]
"""
    found = coverage(tmp_path, rules, text)
    assert [g.what for g in found.gaps] == ["the event comment_added never led to a notice"]

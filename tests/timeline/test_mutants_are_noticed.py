"""The mutation gate: a weak timeline lets a change of its rule pass, and the change is named with its place."""

from __future__ import annotations

from tests.timeline.theatre import APPROVAL, COST, gate_of, suite

WEAK = """\
people: {stan: {}}
---
timeline: somebody hears of something
workspace: {attrs: {status: active}, roles: {steward: stan}}
steps:
  - at: 2026-03-02T08:00
  - at: 2026-03-09T08:00
    expect: {stan: cost-center}
"""
STRONG = """\
people: {stan: {}}
---
timeline: the steward hears after a day, of contracts in force
workspaces:
  acme: {attrs: {status: active}, roles: {steward: stan}}
  apex: {attrs: {status: renewing}, roles: {steward: stan}}
  zeta: {attrs: {status: draft}, roles: {steward: stan}}
steps:
  - at: 2026-03-02T08:00
  - at: 2026-03-03T07:59
  - at: 08:00
    expect:
      stan: [{rule: cost-center, workspace: acme}, {rule: cost-center, workspace: apex}]
"""


def test_a_weak_timeline_lets_changes_pass_and_they_are_named_with_their_place(tmp_path):
    found = gate_of(suite(tmp_path, COST, WEAK))
    assert not found.passed
    missed = {(m.spot.line, m.what) for m in found.survivors}
    assert (5, "renewing left out") in missed
    assert (7, "1d becomes 2d") in missed
    assert (7, "1d becomes 23h") in missed
    assert (5, "`where` left out") in missed
    assert not any("present becomes absent" in what for _, what in missed)


def test_a_strong_timeline_notices_every_change(tmp_path):
    found = gate_of(suite(tmp_path, COST, STRONG))
    assert (found.survivors, found.passed) == ((), True)
    assert found.tried == 9


def test_a_mutant_is_noticed_by_its_own_timelines_whatever_else_runs_beside_it(tmp_path):
    text = """\
people: {ada: {}, olga: {}, stan: {}}
---
timeline: an approval waits in a contract without a cost center
workspace: {attrs: {status: active}, roles: {owner: olga, steward: stan}}
steps:
  - at: 2026-03-02T08:00
    do: [step_assigned: {step: 1, title: Approve, to: ada}]
  - at: 09:00
    do: [step_assigned: {step: 2, title: Approve, to: ada}]
    expect: {ada: approval}
  - at: 10:00
    do: [step_assigned: {step: 3, title: Check, to: ada}]
  - at: 11:00
    do: [user_deleted: {login: ada}, step_assigned: {step: 4, title: Approve, to: ada}]
    expect: {olga: approval}
  - at: 2026-03-09T08:00
    expect: {stan: cost-center}
"""
    found = gate_of(suite(tmp_path, APPROVAL + "---\n" + COST, text))
    assert {m.name for m in found.survivors} == {"cost-center"}

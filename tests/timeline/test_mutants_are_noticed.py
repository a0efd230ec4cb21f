"""The mutation gate: a weak timeline lets a change of its rule pass, and the change is named with its place."""

from __future__ import annotations

from pathlib import Path

from tests.timeline.players import APPROVAL, COST, gate_of, outcomes, suite
from vigil.rulefiles import read_sources
from vigil.timeline.mutants import mutants

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


def test_a_weak_timeline_lets_changes_pass_and_they_are_named_with_their_place(tmp_path: Path) -> None:
    found = gate_of(suite(tmp_path, COST, WEAK))
    assert not found.passed
    missed = {(m.spot.line, m.what) for m in found.survivors}
    assert (5, "renewing left out") in missed
    assert (7, "1d becomes 2d") in missed
    assert (7, "1d becomes 23h") in missed
    assert (5, "`where` left out") in missed
    assert not any("present becomes absent" in what for _, what in missed)


def test_a_strong_timeline_notices_every_change(tmp_path: Path) -> None:
    found = gate_of(suite(tmp_path, COST, STRONG))
    assert (found.survivors, found.passed) == ((), True)
    assert found.tried == 9


def test_a_mutant_is_noticed_by_its_own_timelines_whatever_else_runs_beside_it(tmp_path: Path) -> None:
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


LOUD = """\
rule: cost-center
kind: condition
subject: {workspace_type: Contract}
require: {field: attr.cost center, op: present}
to: [role: steward]
severity: high
ttl: 4h
quiet: {from: "20:00", to: "07:00"}
guard: {max_findings: 2, first_run: send}
"""
HEARD = """\
people: {stan: {}}
---
timeline: how loud, for how long, and not in the evening
workspaces:
  acme: {attrs: {cost center: "1"}, roles: {steward: stan}}
  apex: {attrs: {cost center: "1"}, roles: {steward: stan}}
  zeta: {attrs: {cost center: "1"}, roles: {steward: stan}}
steps:
  - at: 2026-03-02T19:59
    do: [attribute_changed: {workspace: acme, attr: cost center, value: null}]
    expect: {stan: {rule: cost-center, severity: high, ttl: 4h}}
  - at: 20:00
    do: [attribute_changed: {workspace: apex, attr: cost center, value: null}]
    not_sent: {quiet: {stan: {rule: cost-center, workspace: apex}}}
  - at: 2026-03-03T06:59
  - at: 07:00
    expect: {stan: cost-center}
---
timeline: two at once are told, three are a question
workspaces:
  acme: {attrs: {cost center: "1"}, roles: {steward: stan}}
  apex: {attrs: {cost center: "1"}, roles: {steward: stan}}
  zeta: {attrs: {cost center: "1"}, roles: {steward: stan}}
steps:
  - at: 2026-03-02T08:00
  - at: 09:00
    do:
      - attribute_changed: {workspace: acme, attr: cost center, value: null}
      - attribute_changed: {workspace: apex, attr: cost center, value: null}
    expect: {stan: [{rule: cost-center, workspace: acme}, {rule: cost-center, workspace: apex}]}
  - at: 10:00
    do:
      - attribute_changed: {workspace: acme, attr: cost center, value: "2"}
      - attribute_changed: {workspace: apex, attr: cost center, value: "2"}
  - at: 11:00
    do:
      - attribute_changed: {workspace: acme, attr: cost center, value: null}
      - attribute_changed: {workspace: apex, attr: cost center, value: null}
      - attribute_changed: {workspace: zeta, attr: cost center, value: null}
    not_sent: {held: {stan: [cost-center, cost-center, cost-center]}}
"""


def test_how_loud_how_long_and_how_many_are_noticed_too(tmp_path: Path) -> None:
    played = suite(tmp_path, LOUD, HEARD)
    assert [f for o in outcomes(played) for f in o.failures] == []
    tried = {m.what for m in mutants(played.rules, read_sources(tmp_path)[0])}
    assert {
        "severity high becomes critical",
        "ttl 4h becomes 5h",
        "`ttl` left out",
        "`quiet` left out",
        "quiet from 20:00 becomes 21:00",
        "quiet to 07:00 becomes 08:00",
        "max_findings 2 becomes 1",
        "max_findings 2 becomes 3",
        "first_run send becomes manifest_only",
    } <= tried
    assert gate_of(played).survivors == ()


def test_a_digest_that_becomes_a_push_is_noticed(tmp_path: Path) -> None:
    rules = COST.replace("for: 1d\n", "group: true\n")
    story = STRONG.replace("    expect:\n", "    not_sent:\n      grouped:\n").replace(
        "      stan: [", "        stan: ["
    )
    story = story.replace("  - at: 2026-03-03T07:59\n  - at: 08:00\n", "")
    played = suite(tmp_path, rules, story)
    assert [f for o in outcomes(played) for f in o.failures] == []
    assert gate_of(played).survivors == ()
    assert "`group` left out" in {m.what for m in mutants(played.rules, read_sources(tmp_path)[0])}


def test_a_share_that_makes_a_guard_hold_is_a_threshold(tmp_path: Path) -> None:
    rules = COST.replace("for: 1d\n", "guard: {max_share: 0.5}\n")
    found = {m.what for m in mutants(suite(tmp_path, rules, WEAK).rules, read_sources(tmp_path)[0])}
    assert {"max_share 0.5 becomes 0.75", "max_share 0.5 becomes 0.3333"} <= found

"""Keys of rules that no shipped pack uses, played through the whole pipeline."""

from __future__ import annotations

from theatre import failures


def test_a_condition_with_steps_tells_each_of_its_audiences_again_and_of_the_end(tmp_path):
    rules = """\
rule: cost-center
kind: condition
description: A contract in force needs a cost center.
subject: {workspace_type: Contract}
require: {field: attr.cost center, op: present}
steps:
  - {id: ask, to: [role: owner]}
  - {id: know, to: [role: steward]}
repeat: {every: 1d, max: 1}
resolved: true
"""
    text = """\
people: {olga: {}, stan: {}}
---
timeline: two audiences
workspace: {roles: {owner: olga, steward: stan}}
steps:
  - at: 2026-03-02T08:00
    expect: {olga: cost-center/ask, stan: cost-center/know}
  - at: 2026-03-03T07:59
  - at: 08:00
    expect: {olga: cost-center/ask, stan: cost-center/know}
  - at: 09:00
    do: [attribute_changed: {attr: cost center, value: "1"}]
    expect: {olga: "cost-center/ask:resolved", stan: "cost-center/know:resolved"}
"""
    assert failures(tmp_path, rules, text) == []


HOLD = """\
rule: owner-missing
kind: condition
description: A contract needs a status.
subject: {workspace_type: Contract}
require: {field: attr.status, op: present}
to: [group: board]
unknown: UNKNOWN
resolved: true
"""


def unreadable(tmp_path, unknown: str, then: str):
    text = f"""\
people: {{olga: {{groups: [board]}}}}
---
timeline: attributes that cannot be read
workspace: {{attrs: {{status: active}}}}
steps:
  - at: 2026-03-02T08:00
  - at: 09:00
    do: [unreadable: {{parts: attrs}}]
{then}
"""
    return failures(tmp_path, HOLD.replace("UNKNOWN", unknown), text)


def test_what_cannot_be_read_is_no_violation(tmp_path):
    assert unreadable(tmp_path, "hold", "  - at: 10:00\n    do: [readable: {}]") == []


def test_what_cannot_be_read_is_a_finding_where_the_rule_says_so_and_clears_when_it_can(tmp_path):
    then = """\
    expect: {olga: owner-missing}
  - at: 10:00
    do: [readable: {}]
    expect: {olga: "owner-missing:resolved"}
"""
    assert unreadable(tmp_path, "finding", then) == []


def test_a_finding_that_becomes_unreadable_neither_clears_nor_is_said_again(tmp_path):
    text = """\
people: {olga: {groups: [board]}}
---
timeline: open, unreadable, open, cleared
workspace: {}
steps:
  - at: 2026-03-02T08:00
    expect: {olga: owner-missing}
  - at: 09:00
    do: [unreadable: {parts: attrs}]
  - at: 10:00
    do: [readable: {}]
  - at: 11:00
    do: [attribute_changed: {attr: status, value: active}]
    expect: {olga: "owner-missing:resolved"}
"""
    assert failures(tmp_path, HOLD.replace("UNKNOWN", "hold"), text) == []


def test_a_rule_in_shadow_finds_and_sends_nothing(tmp_path):
    text = """\
people: {olga: {groups: [board]}}
---
timeline: in shadow
workspace: {}
steps:
  - at: 2026-03-02T08:00
    not_sent: {shadow: {olga: owner-missing}}
"""
    rules = HOLD.replace("UNKNOWN", "hold") + "status: shadow\n"
    assert failures(tmp_path, rules, text) == []


LATE = """\
rule: renewal
kind: milestone
description: Renew the contract.
subject: {workspace_type: Contract}
due: attr.expires
steps: [{id: early, at: -30d, to: [group: board]}]
late: {within: 2d, policy: POLICY}
"""


def late(tmp_path, policy: str, hours: int, then: str):
    """A date of which a run hears so many hours after its moment, 2026-03-02T08:00, while others ran in between."""
    text = f"""\
people: {{olga: {{groups: [board]}}}}
---
timeline: late
workspace: {{}}
steps:
  - at: 2026-03-02T07:00
  - at: 2026-03-02T09:00
  - at: +{hours - 1}h
    do: [attribute_changed: {{attr: expires, value: 2026-04-01}}]
{then}
"""
    return failures(tmp_path, LATE.replace("POLICY", policy), text)


def test_a_missed_moment_becomes_what_the_policy_says_as_long_as_within_lasts(tmp_path):
    assert late(tmp_path, "send", 48, "    expect: {olga: renewal}") == []
    assert late(tmp_path, "digest", 48, "    not_sent: {late_digest: {olga: renewal}}") == []
    assert late(tmp_path, "drop", 48, "    not_sent: {late_drop: renewal}") == []
    assert late(tmp_path, "send", 49, "    not_sent: {late_drop: renewal}") == []


def test_a_moment_that_the_first_run_after_an_outage_meets_is_on_time_until_within_is_over(tmp_path):
    text = """\
people: {olga: {groups: [board]}}
---
timeline: outage
workspace: {attrs: {expires: 2026-04-01}}
steps:
  - at: 2026-03-02T07:00
  - at: +HOURSh
THEN
"""
    rules = LATE.replace("POLICY", "drop")
    sent = text.replace("HOURS", "49").replace("THEN", "    expect: {olga: renewal}")
    assert failures(tmp_path, rules, sent) == []
    dropped = text.replace("HOURS", "50").replace("THEN", "    not_sent: {late_drop: renewal}")
    assert failures(tmp_path, rules, dropped) == []


def test_without_late_a_moment_is_sent_after_any_outage_and_dropped_when_its_date_comes_too_late(tmp_path):
    rules = LATE.replace("late: {within: 2d, policy: POLICY}\n", "")
    text = """\
people: {olga: {groups: [board]}}
---
timeline: outage
workspaces:
  known: {attrs: {expires: 2026-04-01}}
  late: {}
steps:
  - at: 2026-03-02T07:00
  - at: 2026-03-20T07:00
    expect: {olga: {rule: renewal, workspace: known}}
  - at: 2026-03-20T08:00
    do: [attribute_changed: {workspace: late, attr: expires, value: 2026-04-01}]
    not_sent: {too_late: renewal}
"""
    assert failures(tmp_path, rules, text) == []


def test_a_deleted_workspace_is_heard_of_no_more(tmp_path):
    text = """\
people: {olga: {groups: [board]}}
---
timeline: gone
workspaces: {acme: {attrs: {expires: 2026-04-01}}, zeta: {attrs: {expires: 2026-04-01}}}
steps:
  - at: 2026-03-02T07:00
    do: [workspace_deleted: {workspace: acme}]
  - at: 07:30
    do: [workspace_deleted: {workspace: zeta}]
  - at: 08:00
"""
    assert failures(tmp_path, LATE.replace("POLICY", "send"), text) == []

"""Keys of rules that no shipped pack uses, played through the whole pipeline."""

from __future__ import annotations

from pathlib import Path

from tests.timeline.players import failures
from vigil.timeline.compare import Failure


def test_a_condition_with_steps_notifies_each_audience_again_and_of_the_end(tmp_path: Path) -> None:
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


def unreadable(tmp_path: Path, unknown: str, then: str) -> list[Failure]:
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


def test_what_cannot_be_read_is_no_violation(tmp_path: Path) -> None:
    assert unreadable(tmp_path, "hold", "  - at: 10:00\n    do: [readable: {}]") == []


def test_unreadable_is_a_finding_where_the_rule_says_so_and_clears_when_read(
    tmp_path: Path,
) -> None:
    then = """\
    expect: {olga: owner-missing}
  - at: 10:00
    do: [readable: {}]
    expect: {olga: "owner-missing:resolved"}
"""
    assert unreadable(tmp_path, "finding", then) == []


def test_a_finding_that_becomes_unreadable_neither_clears_nor_is_said_again(tmp_path: Path) -> None:
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


def test_a_rule_in_shadow_finds_and_sends_nothing(tmp_path: Path) -> None:
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


def late(tmp_path: Path, policy: str, hours: int, then: str) -> list[Failure]:
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


def test_a_missed_moment_becomes_what_the_policy_says_as_long_as_within_lasts(tmp_path: Path) -> None:
    assert late(tmp_path, "send", 48, "    expect: {olga: renewal}") == []
    assert late(tmp_path, "digest", 48, "    not_sent: {late_digest: {olga: renewal}}") == []
    assert late(tmp_path, "drop", 48, "    not_sent: {late_drop: renewal}") == []
    assert late(tmp_path, "send", 49, "    not_sent: {late_drop: renewal}") == []


def test_a_milestone_met_by_the_first_run_after_an_outage_is_late_after_within(
    tmp_path: Path,
) -> None:
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


def test_without_late_a_milestone_is_sent_after_an_outage_not_for_a_late_date(
    tmp_path: Path,
) -> None:
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


def test_a_deleted_workspace_is_heard_of_no_more(tmp_path: Path) -> None:
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


ESCALATES = """\
rule: cost-center
kind: condition
description: A contract needs a cost center.
subject: {workspace_type: Contract}
require: {field: attr.cost center, op: present}
to: [role: steward]
escalate:
  - {after: 1d, unless: acknowledged, to: [role: owner]}
  - {after: 2bd, to: [group: board]}
"""


def escalated(tmp_path: Path, rest: str) -> list[Failure]:
    text = f"""\
people: {{stan: {{}}, olga: {{}}, bea: {{groups: [board]}}}}
---
timeline: nobody reacts, from a Thursday on
workspace: {{roles: {{steward: stan, owner: olga}}}}
steps:
  - at: 2026-03-05T08:00
    expect: {{stan: cost-center}}
{rest}
"""
    return failures(tmp_path, ESCALATES, text)


def test_when_nobody_reacts_others_are_told_once_each_at_its_instant(tmp_path: Path) -> None:
    rest = """\
  - at: 2026-03-06T07:59
  - at: 08:00
    crash: after accept
    expect: {olga: {rule: cost-center, escalated: true}}
  - at: 09:00
  - at: 2026-03-09T07:59
  - at: 08:00
    expect: {bea: "cost-center:escalated"}
  - at: 2026-03-10T08:00
"""
    assert escalated(tmp_path, rest) == []


def test_an_acknowledgement_stops_the_escalation_that_asks_for_one_and_no_other(tmp_path: Path) -> None:
    rest = """\
  - at: 09:00
    do: [acknowledged: {rule: cost-center, by: stan}]
  - at: 2026-03-06T08:00
  - at: 2026-03-09T08:00
    expect: {bea: "cost-center:escalated"}
"""
    assert escalated(tmp_path, rest) == []


def test_what_was_fixed_does_not_escalate_nor_when_it_is_back_sooner(tmp_path: Path) -> None:
    rest = """\
  - at: 09:00
    do: [attribute_changed: {attr: cost center, value: "1"}]
  - at: 10:00
    do: [attribute_changed: {attr: cost center, value: null}]
    expect: {stan: cost-center}
  - at: 2026-03-06T08:00
  - at: 10:00
    expect: {olga: "cost-center:escalated"}
"""
    assert escalated(tmp_path, rest) == []


def test_an_approval_that_still_waits_escalates_and_one_that_is_done_does_not(tmp_path: Path) -> None:
    rules = """\
rule: approval
kind: transition
description: Tells the approver that a contract waits.
subject: {workspace_type: Contract}
events: [{step_assigned: {title: Approve}}]
to: [step: assignee]
escalate: [{after: 4h, unless: acknowledged, to: [role: owner]}]
"""
    text = """\
people: {ada: {}, bert: {}, mia: {devices: []}, olga: {}}
---
timeline: two approvals
workspace: {roles: {owner: olga}}
steps:
  - at: 2026-03-05T08:00
  - at: 09:00
    do:
      - step_assigned: {step: 1, title: Approve, to: ada}
      - step_assigned: {step: 1, process: 2, title: Approve, to: bert}
      - step_assigned: {step: 1, process: 3, title: Approve, to: mia}
    expect: {ada: approval, bert: approval}
    not_sent: {no_device: {mia: approval}}
  - at: 10:00
    do: [step_completed: {step: 1, process: 2, by: bert}]
  - at: 12:59
  - at: 13:00
    expect: {olga: ["approval:escalated", "approval:escalated"]}
"""
    assert failures(tmp_path, rules, text) == []


def test_the_time_to_react_begins_when_one_was_told_however_late_that_is(tmp_path: Path) -> None:
    rules = """\
rule: approval
kind: transition
description: Tells the approver that a contract waits.
subject: {workspace_type: Contract}
events: [{step_assigned: {title: Approve}}]
to: [step: assignee]
escalate: [{after: 4h, unless: acknowledged, to: [role: owner]}]
"""
    text = """\
people: {ada: {}, bert: {}, mia: {devices: []}, olga: {}}
---
timeline: a run on Thursday, and the next one on Monday
workspace: {roles: {owner: olga}}
steps:
  - at: 2026-03-05T08:00
  - at: 2026-03-09T09:00
    do:
      - step_assigned: {step: 1, title: Approve, to: ada, at: 2026-03-05T09:00}
      - step_assigned: {step: 1, process: 2, title: Approve, to: bert, at: 2026-03-05T09:00}
      - step_assigned: {step: 1, process: 3, title: Approve, to: mia, at: 2026-03-05T09:00}
    expect: {ada: approval, bert: approval}
    not_sent: {no_device: {mia: approval}}
  - at: 09:15
  - at: 10:00
    do: [acknowledged: {rule: approval, by: bert}]
  - at: 12:59
  - at: 13:00
    expect: {olga: ["approval:escalated", "approval:escalated"]}
  - at: 2026-03-16T13:00
"""
    assert failures(tmp_path, rules, text) == []


def test_a_milestone_escalates_while_its_date_and_its_where_stand(tmp_path: Path) -> None:
    rules = """\
rule: renewal
kind: milestone
description: Renew the contract.
subject: {workspace_type: Contract}
where: {field: attr.status, op: eq, value: active}
due: attr.expires
steps: [{id: early, at: -30d, to: [role: owner]}]
escalate: [{after: 1w, to: [group: board]}]
"""
    text = """\
people: {olga: {}, bea: {groups: [board]}}
---
timeline: three contracts
workspaces:
  forgotten: {attrs: {status: active, expires: 2026-04-01}, roles: {owner: olga}}
  moved: {attrs: {status: active, expires: 2026-04-01}, roles: {owner: olga}}
  ended: {attrs: {status: active, expires: 2026-04-01}, roles: {owner: olga}}
steps:
  - at: 2026-03-02T08:00
    expect: {olga: [renewal, renewal, renewal]}
  - at: 2026-03-05T08:00
    do:
      - attribute_changed: {workspace: moved, attr: expires, value: 2027-04-01}
      - attribute_changed: {workspace: ended, attr: status, value: ended}
  - at: 2026-03-09T07:59
  - at: 08:00
    expect: {bea: {rule: renewal, workspace: forgotten, escalated: true}}
"""
    # At the very first run nothing is due: the moments lie on it.
    assert [f.headline for f in failures(tmp_path, rules, text)] == ["a notice did not come"] * 4
    began = text.replace("steps:", "steps:\n  - at: 2026-03-02T07:59", 1)
    assert failures(tmp_path, rules, began) == []


def test_events_of_every_kind_can_be_told_again(tmp_path: Path) -> None:
    rules = """\
rule: news
kind: transition
description: Tells the owner what happens.
subject: {workspace_type: Contract}
events:
  [document_added, version_added, comment_added, step_completed, escalated, {status_changed: {field: attr.status}}, role_changed,
   workspace_created]
to: [role: owner]
escalate: [{after: 1h, unless: acknowledged, to: [group: board]}]
"""
    text = """\
people: {olga: {}, bea: {groups: [board]}}
---
timeline: one of each
workspaces:
  old:
    attrs: {status: draft}
    roles: {owner: olga}
    documents: [{name: Plan, type: Plan}]
    steps: [{step: 1, title: Check, to: olga}, {step: 2, title: Pay, to: olga, due: 2026-03-02T09:00:00Z}]
  new: {name: Made late, created: 2026-03-02T08:30, roles: {owner: olga}}
steps:
  - at: 2026-03-02T08:00
  - at: 09:00
    do:
      - document_added: {workspace: old, name: Photo, type: Evidence}
      - version_added: {workspace: old, document: Plan}
      - comment_added: {workspace: old, text: Hm., by: olga}
      - step_completed: {workspace: old, step: 1, by: olga, disposition: done}
      - attribute_changed: {workspace: old, attr: status, value: active}
      - role_changed: {workspace: old, role: counsel, members: [bea]}
    expect: {olga: [news, news, news, news, news, news, news, news]}
  - at: 09:59
  - at: 10:00
    expect:
      bea:
        - {rule: news, escalated: true, says: Photo}
        - {rule: news, escalated: true, says: Plan}
        - {rule: news, escalated: true, says: active}
        - {rule: news, escalated: true, says: Check}
        - {rule: news, escalated: true, says: Pay}
        - {rule: news, escalated: true, says: The role counsel}
        - {rule: news, escalated: true, says: "Created: Made late"}
        - {rule: news, escalated: true}
"""
    assert failures(tmp_path, rules, text) == []


ROLES = """\
rule: welcome
kind: transition
description: Tells who has a part in a contract, and who has none any more.
subject: {workspace_type: Contract}
events: [{role_changed: {role: [owner, counsel]}}]
to: [event: added, event: removed]
---
rule: new-contract
kind: transition
description: Tells the owner of a new contract.
subject: {workspace_type: Contract}
where: {field: role.owner, op: present}
events: [workspace_created]
to: [role: owner]
"""

MEMBERS = """\
people: {olga: {}, carl: {groups: [board]}, mia: {language: de}}
---
timeline: who comes and goes, and what is made
workspaces:
  old: {name: Old, roles: {owner: olga, clerk: carl}}
  new: {name: New, created: 2026-03-02T08:30, roles: {owner: mia}}
  newer: {name: Newer, roles: {owner: olga}, documents: [Plan]}
steps:
  - at: 2026-03-02T08:00
  - at: 08:15
    do: [role_changed: {workspace: old, role: owner, members: [olga, mia]}]
    expect: {mia: {rule: welcome, says: ["Sie sind owner: Old", "Neu dabei: Mia"]}}
  - at: 09:00
    do: [role_changed: {workspace: old, role: clerk, members: []}]
    expect: {mia: {rule: new-contract, says: "Neu angelegt: New"}}
  - at: 10:00
    do:
      - unreadable: {workspace: old, parts: [roles]}
      - role_changed: {workspace: old, role: owner, members: [board]}
  - at: 11:00
    do: [readable: {workspace: old}]
    expect:
      olga: {rule: welcome, says: "Removed: Mia and Olga"}
      mia: welcome
      carl: {rule: welcome, says: "Added: board"}
  - at: 11:30
    do: [workspace_created: {workspace: newer}]
    expect: {olga: {rule: new-contract, workspace: newer, says: "Created: Newer"}}
  - at: 12:00
    do:
      - role_changed: {workspace: old, at: 2026-03-02T11:35, role: counsel, members: [carl]}
      - role_changed: {workspace: old, at: 2026-03-02T11:40, role: counsel, members: []}
"""


def test_who_comes_into_a_role_and_who_goes_and_what_is_made(tmp_path: Path) -> None:
    assert failures(tmp_path, ROLES, MEMBERS) == []

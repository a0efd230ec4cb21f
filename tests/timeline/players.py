"""A rules file and a timeline file in a folder, and what playing them gives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from tests.shared import PROJECT
from vigil.compliance.rules.model import RuleSet
from vigil.rulefiles import read_sources
from vigil.timeline.compare import Failure
from vigil.timeline.load import Suite, read_suite
from vigil.timeline.model import Timeline
from vigil.timeline.mutate import Gate, gate
from vigil.timeline.players import Players
from vigil.timeline.results import OutboxRow, Player
from vigil.timeline.state import WorldError
from vigil.timeline.suite import TimelineResult, play_all, rules_of

Came = tuple[object, ...]


APPROVAL = """\
rule: approval
kind: transition
description: Tells the approver that a contract waits.
subject: {workspace_type: Contract}
events:
  - step_assigned: {title: Approve}
to: [step: assignee]
fallback: [role: owner]
"""

COST = """\
rule: cost-center
kind: condition
description: A contract in force needs a cost center.
subject: {workspace_type: Contract}
where: {field: attr.status, op: in, value: [active, renewing]}
require: {field: attr.cost center, op: present}
for: 1d
to: [role: steward]
"""

GOOD = """\
people: {ada: {}}
---
timeline: one
workspace: {}
steps:
  - at: 2026-03-02T08:00
  - at: 09:00
    do: [step_assigned: {step: 1, title: Approve, to: ada}]
    expect: {ada: approval}
"""
"""A timeline of `approval` that is as it says."""


@lru_cache(maxsize=1)
def players() -> Players:
    return Players(PROJECT / "templates")


def suite(folder: Path, rules: str, timelines: str) -> Suite:
    """The two files written to `folder` and read as `vigil test` reads them."""
    (folder / "pack.yaml").write_text(rules)
    (folder / "pack.timeline.yaml").write_text(timelines)
    return read_suite(folder)


def outcomes(suite: Suite, agree: bool = True) -> Sequence[TimelineResult]:
    """What the real run gives; the player in memory must say the same of every moment."""
    for timeline in suite.timelines if agree else ():
        rehearsed, real = both(timeline, suite.rules)
        assert rehearsed == real, timeline.name
    return play_all(players(), suite.timelines, suite.rules, jobs=1, through_ledger=True)


def failures(folder: Path, rules: str, timelines: str, agree: bool = True) -> list[Failure]:
    return [f for o in outcomes(suite(folder, rules, timelines), agree) for f in o.failures]


def gate_of(suite: Suite) -> Gate:
    sources, _ = read_sources(suite.folder)
    return gate(players(), suite.timelines, suite.rules, sources, jobs=1)


def both(timeline: Timeline, rules: RuleSet) -> Sequence[list[Came]]:
    mine = rules_of(timeline, rules)
    return came(players().in_memory(timeline, mine)), came(players().on_ledger(timeline, mine))


def came(player: Player) -> list[Came]:
    """All that a timeline made of its moments: rows with state, reason and words, and what each device shows."""
    out: list[Came] = []
    for moment in player.timeline.moments:
        try:
            played = player.play(moment)
        except WorldError as wrong:
            return [*out, (str(wrong),)]
        rows = sorted(
            (
                r["rule"],
                r["workspace"],
                r["occurrence"],
                r["step"],
                r["person"],
                r["state"],
                r["reason"],
                words(r),
            )
            for r in played.rows
        )
        shown = sorted(
            (person, key, [(s.title, s.body, s.link) for s in some])
            for person, keys in played.arrived.items()
            for key, some in keys.items()
        )
        out.append((played.now, rows, shown))
    return out


def words(row: OutboxRow) -> str:
    return row["message"].to_json()

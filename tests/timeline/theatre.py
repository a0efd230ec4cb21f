"""A rules file and a timeline file in a folder, and what playing them gives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from vigil.rulefiles import read_sources
from vigil.timeline.compare import Failure
from vigil.timeline.load import Suite, read_suite
from vigil.timeline.mutate import Gate, gate
from vigil.timeline.play import Theatre
from vigil.timeline.suite import Outcome, play_all

ROOT = Path(__file__).resolve().parents[2]

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


@lru_cache(maxsize=1)
def theatre() -> Theatre:
    return Theatre(ROOT / "templates")


def suite(folder: Path, rules: str, timelines: str) -> Suite:
    """The two files written to `folder` and read as `vigil test` reads them."""
    (folder / "pack.yaml").write_text(rules)
    (folder / "pack.timeline.yaml").write_text(timelines)
    return read_suite(folder)


def outcomes(suite: Suite) -> Sequence[Outcome]:
    return play_all(theatre(), suite.timelines, suite.rules, jobs=1)


def failures(folder: Path, rules: str, timelines: str) -> list[Failure]:
    return [f for o in outcomes(suite(folder, rules, timelines)) for f in o.failures]


def gate_of(suite: Suite) -> Gate:
    sources, _ = read_sources(suite.folder)
    return gate(theatre(), suite.timelines, suite.rules, sources, jobs=1)

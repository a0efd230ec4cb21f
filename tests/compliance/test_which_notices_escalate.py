"""Which notices may escalate: the first ones, whatever their events are called."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vigil.compliance.evaluation import escalations
from vigil.compliance.evaluation.escalations import EscalationRow
from vigil.compliance.evaluation.window import Window
from vigil.compliance.rules.loader import load_text

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
DAY = timedelta(days=1)

RULES = load_text(
    {
        "rules.yaml": """
rule: moved
kind: transition
description: Tells of a change.
subject: {workspace_type: Contract}
events:
  - attribute_changed: {field: attr.status}
to: [role: owner]
escalate:
  - {after: 1d, unless: acknowledged, to: [role: steward]}
"""
    }
)


def rows(*occurrences: str) -> list[EscalationRow]:
    return [EscalationRow("moved", 1, o, "", AT, AT, AT, heard=True, acknowledged=False) for o in occurrences]


@pytest.mark.parametrize(
    ("occurrences", "escalates"),
    [
        (["Contract.status@2026-03-02T08:00:00Z"], ["Contract.status@2026-03-02T08:00:00Z"]),
        (["Contract.Item #3@2026-03-02T08:00:00Z"], ["Contract.Item #3@2026-03-02T08:00:00Z"]),
        (["o", "o#1", "o:resolved"], ["o"]),
        (["o", "o#escalated1"], []),
        (["o #1@x", "o #1@x#escalated1"], []),
    ],
)
def test_the_first_notice_escalates_once_and_no_repeat_and_no_end(
    occurrences: list[str], escalates: list[str]
) -> None:
    window = Window(AT, AT + DAY)
    found = escalations.due(RULES, escalations.escalatable(rows(*occurrences)), window, "UTC")
    assert [d.said.occurrence for d in found] == escalates

"""The results of playing a timeline, by either player: `LedgerPlayer` with a real ledger, `MemoryPlayer` in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from vigil.compliance.rules.model import RuleSet
from vigil.sandbox.fcm.devices import ShownNotice
from vigil.service.pipeline import Work
from vigil.timeline.model import Timeline, TimelineStep

PUBLIC = "https://ecm.example"

OutboxRow = Mapping[str, Any]
"""A row of the outbox: the columns of its table, `message` a NoticeMessage."""

Arrived = Mapping[str, Mapping[str, Sequence[ShownNotice]]]
"""The notices of each person since the previous moment: login -> replace key -> the notices on screen with that key, one a device."""


@dataclass(frozen=True, slots=True)
class EvaluatedRun:
    """One evaluation of one run, for measuring coverage."""

    rules: RuleSet
    as_of: datetime
    work: Work


@dataclass(frozen=True, slots=True)
class Played:
    """The result of a moment: the rows that its runs queued, earlier rows that were delivered now, and the notices on the devices."""

    moment: TimelineStep
    now: datetime
    rows: Sequence[OutboxRow]
    arrived: Arrived


Watcher = Callable[[EvaluatedRun], None]


class Player(Protocol):
    """Plays one timeline, moment by moment."""

    timeline: Timeline
    rules: RuleSet

    def play(self, moment: TimelineStep) -> Played:
        """Move the clock, apply the changes, and run. Raises WorldError for an impossible change."""

    def why_not(self, rule: str, workspace: int | None, now: datetime) -> tuple[str, ...]:
        """The state of a rule for the workspaces that it could apply to, in sentences."""

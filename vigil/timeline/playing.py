"""What playing a timeline gives, whoever plays it: `play.Stage` over the real ledger, `rehearsal.Rehearsal` in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from vigil.compliance.rules import RuleSet
from vigil.sandbox.devices import Shown
from vigil.service.pipeline import Work
from vigil.timeline.model import Moment, Timeline

PUBLIC = "https://ecm.example"

Row = Mapping[str, Any]
"""A row of the outbox: the columns of its table, `message` a NoticeMessage."""

Arrived = Mapping[str, Mapping[str, Sequence[Shown]]]
"""What came to each person since the moment before: login -> replace key -> the notices on screen with that key, one a device."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One evaluation of one run, for whoever counts what was exercised."""

    rules: RuleSet
    as_of: datetime
    work: Work


@dataclass(frozen=True, slots=True)
class Played:
    """A moment after its runs: the rows that they queued, those queued before that came now, and what the phones got."""

    moment: Moment
    now: datetime
    rows: Sequence[Row]
    arrived: Arrived


Watcher = Callable[[Judged], None]


class Player(Protocol):
    """Plays one timeline, moment by moment."""

    timeline: Timeline
    rules: RuleSet

    def play(self, moment: Moment) -> Played:
        """Move the clock, let things happen, and run. Raises WorldError where that cannot happen."""

    def why_not(self, rule: str, workspace: int | None, now: datetime) -> tuple[str, ...]:
        """How a rule stands for the workspaces that it could be about, in sentences."""

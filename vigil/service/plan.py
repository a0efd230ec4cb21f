"""The plan of a run's evaluation: the workspaces in batches, the window, and the observations to evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from vigil.compliance.evaluation.escalations import Due
from vigil.compliance.evaluation.window import Window
from vigil.compliance.events import Looked
from vigil.compliance.rules.in_force import Revision
from vigil.ledger.observed.behind import Behind, Marks


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a run's evaluation: the workspaces, in batches, the window, and the observations to evaluate.

    `behind` has the watermarks of workspaces that earlier runs could not read or evaluate completely; the workspaces of a batch share
    the same watermarks. `of` gives the plan of one batch, with its own watermarks.
    """

    batches: tuple[tuple[int, ...], ...]
    window: Window
    looked: Looked  # how far the looks before this one went
    types: frozenset[str]  # the workspace types of which they had read all
    after_seq: int
    until_seq: int
    first: bool = False  # whether there is nothing to compare with: what is there then is no event
    fresh: frozenset[str] = frozenset()  # rules that were never evaluated of these workspaces before
    returned: tuple[Revision, ...] = ()  # rules that runs before this one left out, each by its last text
    escalations: tuple[Due, ...] = ()
    behind: Mapping[int, Behind] = field(default_factory=dict)
    starts: Mapping[str, datetime] = field(default_factory=dict)  # when each rule was evaluated first
    # Of those behind in a batch, their `tried_at`.
    taken_up: Mapping[int, datetime] = field(default_factory=dict)

    @property
    def marks(self) -> Marks:
        """The watermarks from which this plan evaluates."""
        return Marks(self.after_seq, self.window.after, self.looked.complete, self.fresh)

    def of(self, workspaces: Sequence[int]) -> Plan:
        """The plan of one batch."""
        if not workspaces or workspaces[0] not in self.behind:
            return self
        marks = self.behind[workspaces[0]].marks
        window = window_from(marks.after, self.window.as_of, self.starts)
        return replace(
            self,
            window=window,
            looked=replace(self.looked, complete=min(marks.complete or window.after, self.window.as_of)),
            after_seq=marks.seq,
            first=self.first or marks.after is None,
            fresh=self.fresh | marks.fresh,
            taken_up={w: self.behind[w].tried_at for w in workspaces},
        )


def window_from(after: datetime | None, as_of: datetime, starts: Mapping[str, datetime]) -> Window:
    """The window that begins at `after` or, before the first evaluation, at the present run."""
    after = min(after or as_of, as_of)
    return Window(after, as_of, {name: at for name, at in starts.items() if at > after})

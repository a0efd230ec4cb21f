"""The input of an evaluation: the window of time, and the facts, events and states of some workspaces."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.events import Change, Event, Looked, made_since, news, overdue_unseen
from vigil.compliance.facts import RequiredDocument


@dataclass(frozen=True, slots=True)
class Window:
    """(after, as_of]: the time between the last evaluation and this one. At the first one `after` equals `as_of`.

    `starts` has the first evaluation of rules that came later: for them nothing before that counts.
    """

    after: datetime
    as_of: datetime
    starts: Mapping[str, datetime] = field(default_factory=dict)

    def of(self, rule: str) -> datetime:
        """The start of the window for a rule."""
        return max(self.after, self.starts.get(rule, self.after))


@dataclass(frozen=True, slots=True)
class Input:
    """The input of one evaluation: some workspaces, their events, and their stored states.

    `sensitive` are attributes, as Category.attribute, whose values no sentence shows.
    """

    facts: Facts
    events: Sequence[Event] = ()
    changes: Sequence[Change] = ()
    rule_states: Collection[RuleState] = ()
    required: Sequence[RequiredDocument] = ()
    zone: str = "UTC"
    sensitive: Collection[str] = ()
    too_old: Mapping[int, int] = field(
        default_factory=dict
    )  # workspace -> events that are too old to be news
    made: Collection[int] = ()  # workspaces that were made since the last look, whatever their dates say


def with_changes(given: Input, changes: Sequence[Change], looked: Looked, window: Window) -> Input:
    """What an evaluation of `window` is given, with what happened between two looks: `changes`, after as far as `looked` says."""
    found = news(changes, looked, window.as_of)
    events = [*found.events, *overdue_unseen(changes, looked, window.after)]
    made = made_since(changes, looked)
    return replace(given, events=events, changes=changes, made=made, too_old=found.old)

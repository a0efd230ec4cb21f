"""Decides whether a notice is still true, for all callers. Pure.

A digest, a backfill, its approval, an escalation and the end of quiet hours use it. A condition is true while its finding is open, a
milestone while its workspace has the date and `where` does not exclude it, an assigned or late step while it is not completed; other
events have happened and stay true. Unknown cases count as true, because nothing shows that they ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property

from vigil.compliance.evaluation.clause_compiler import met, scope
from vigil.compliance.evaluation.milestones import due_columns, occurrence_of
from vigil.compliance.evaluation.results import OPEN, Why
from vigil.compliance.evaluation.tables import Table
from vigil.compliance.evaluation.window import Input
from vigil.compliance.events import open_steps, stamp
from vigil.compliance.occurrence import Occurrence
from vigil.compliance.rules.model import Rule, RuleKind, RuleSet

Statement = tuple[str, int, str]
"""(rule, workspace, occurrence): the subject of a notice, whoever its recipient is."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """A due notice without a try. `held`: quiet hours deferred it; else it waits beside one that they deferred."""

    id: int
    rule: str
    workspace: int
    occurrence: str
    person: str
    held: bool

    @property
    def statement(self) -> Statement:
        return self.rule, self.workspace, self.occurrence


class NoLonger(StrEnum):
    """Why a notice is no longer true."""

    GONE = "the workspace is gone, or no longer readable"
    CLEARED = "the condition is no longer met"
    MOVED = "the date is another one"
    EXCLUDED = "the rule is no longer about the workspace"
    COMPLETED = "the step was completed"
    REOPENED = "the condition is met again"
    UNHEARD = "nobody was told that it began"


class CurrentState:
    """The state of some workspaces at an instant, `as_of`. `given` has their facts and stored states at that time."""

    def __init__(self, given: Input, as_of: datetime) -> None:
        self._given = given
        self._as_of = as_of
        self._dates: dict[str, Mapping[int, date | datetime]] = {}
        self._holds: dict[str, Mapping[int, bool | None]] = {}

    @cached_property
    def open_since(self) -> Mapping[tuple[str, int], datetime]:
        """(rule, workspace) of each open finding of a condition -> since when it is open."""
        some = self._given.rule_states
        return {(s.rule, s.workspace): s.since for s in some if s.outcome in OPEN and s.since is not None}

    def no_longer(
        self, rule: Rule | None, statement: Statement, waiting: Collection[Statement] = ()
    ) -> NoLonger | None:
        """Why a notice about `statement` is no longer true; None while it is true.

        `rule` is None if it is not in force any more: nothing shows that its findings have ended. `waiting` are the statements whose
        notices the person has not received yet: the end of such a finding is not news.
        """
        name, workspace, named = statement
        if workspace not in self._given.facts.workspaces:
            return NoLonger.GONE
        if rule is None:
            return None
        occurrence = Occurrence.parse(named)
        if not occurrence.resolved:
            return self._untrue(rule, workspace, occurrence.base)
        if (name, workspace, occurrence.base) in waiting:
            return NoLonger.UNHEARD
        return NoLonger.REOPENED if self._untrue(rule, workspace, occurrence.base) is None else None

    def _untrue(self, rule: Rule, workspace: int, base: str) -> NoLonger | None:
        match rule.kind:
            case RuleKind.CONDITION:
                since = self.open_since.get((rule.name, workspace))
                return None if since is not None and stamp(since) == base else NoLonger.CLEARED
            case RuleKind.MILESTONE:
                due = self._due(rule).get(workspace)
                if due is None or occurrence_of(due) != base:
                    return NoLonger.MOVED
                return NoLonger.EXCLUDED if self._where(rule).get(workspace) is False else None
            case RuleKind.TRANSITION:
                return NoLonger.COMPLETED if self._completed(workspace, base) else None

    def _due(self, rule: Rule) -> Mapping[int, date | datetime]:
        """The date of a milestone, by workspace with one."""
        if rule.name not in self._dates:
            table = self._table(rule)
            found: dict[int, date | datetime] = {}
            for column in due_columns(rule, table):
                for workspace, due in table.workspaces.select("id", column.name).drop_nulls().iter_rows():
                    found.setdefault(workspace, due)
            self._dates[rule.name] = found
        return self._dates[rule.name]

    def _where(self, rule: Rule) -> Mapping[int, bool | None]:
        """Whether a rule's `where` holds, by workspace: None if unknown."""
        if rule.where is None:
            return {}
        if rule.name not in self._holds:
            ready = scope(self._table(rule), [rule.where], self._as_of, self._given.zone)
            ids = ready.frame["id"].to_list()
            self._holds[rule.name] = dict(zip(ids, met(rule.where, ready), strict=True))
        return self._holds[rule.name]

    def _table(self, rule: Rule) -> Table:
        given = self._given
        return given.facts.table(rule.subject.workspace_type, given.required, given.zone)

    def _completed(self, workspace: int, base: str) -> bool:
        """Whether an occurrence belongs to an assigned or late step that is completed or stopped now."""
        return any(
            not s.is_open and base.startswith(open_steps(s))
            for s in self._given.facts.steps.get(workspace, ())
        )


def untrue(
    some: Sequence[Postponed], rules: RuleSet, now: CurrentState, deleted: Collection[str]
) -> Iterator[tuple[int, Why]]:
    """The notices that are not sent at the end of quiet hours, by id. `deleted` are people whose accounts are deleted.

    For notices that were not deferred only resolved notices are checked: the end of a finding whose begin the person never received is
    not news.
    """
    unheard: dict[str, set[Statement]] = {}
    for p in some:
        unheard.setdefault(p.person, set()).add(p.statement)
    for p in some:
        if p.person in deleted:
            yield p.id, Why.DELETED
        elif p.held or Occurrence.parse(p.occurrence).resolved:
            why = now.no_longer(rules.by_name.get(p.rule), p.statement, unheard[p.person])
            if why is not None:
                yield p.id, _REASONS.get(why, Why.NO_LONGER)


_REASONS = {NoLonger.GONE: Why.GONE_SINCE, NoLonger.COMPLETED: Why.ALREADY_DONE}

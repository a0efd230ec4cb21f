"""Replays rules over the past: the findings of a run at each past tick, from what had been observed by then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from vigil.compliance import facts as f
from vigil.compliance.evaluation.evaluate import evaluate
from vigil.compliance.evaluation.results import Evaluation, Finding
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input, Window, with_changes
from vigil.compliance.events import PARTS_OF, Change, Looked
from vigil.compliance.facts import Fact
from vigil.compliance.rules.model import RuleSet


@dataclass(frozen=True, slots=True)
class ObservedFact:
    """One observation: `fact` is None if the subject was deleted."""

    kind: str
    subject: str
    workspace: int
    seen_at: datetime
    fact: Fact | None


def replay(
    history: Sequence[ObservedFact],
    rules: RuleSet,
    ticks: Sequence[datetime],
    required: Sequence[f.RequiredDocument] = (),
    zone: str = "UTC",
    beside: Sequence[ObservedFact] = (),
    sensitive: Collection[str] = (),
) -> Iterator[tuple[datetime, tuple[Finding, ...], Facts]]:
    """The findings of each tick, and the facts at that time of the evaluated workspaces.

    `history` is in the order of observation, and so is `beside`: the observations of the workspaces to which those of `history` are
    related. At the first tick everything is seen for the first time: existing items are no transitions (docs/semantics.md#time). No
    sentence shows a value of a `sensitive` attribute.
    """
    observed = _Observed(history, beside)
    rule_states: dict[tuple[str, int], RuleState] = {}
    after = ticks[0]
    for tick in ticks:
        changes = observed.move(tick)
        todo = observed.changed(changes) | _due(rule_states.values(), tick)
        if todo:
            given = Input(
                facts=observed.facts(todo),
                rule_states=[s for s in rule_states.values() if s.workspace in todo],
                required=required,
                zone=zone,
                sensitive=sensitive,
            )
            window = Window(after, tick)
            if tick != ticks[0]:
                # At the tick before everything had been seen.
                looked = Looked(after, parts={"workspaces", *PARTS_OF.values()})
                given = with_changes(given, changes, looked, window)
            result = evaluate(given, rules, window)
            _store(rule_states, result)
            yield tick, result.findings, given.facts
        after = tick


def _due(rule_states: Iterable[RuleState], tick: datetime) -> set[int]:
    """The workspaces that a rule must check again by the clock."""
    return {s.workspace for s in rule_states if s.next_check_at and s.next_check_at <= tick}


def _store(rule_states: dict[tuple[str, int], RuleState], result: Evaluation) -> None:
    """Replace the rule states of the evaluated pairs, for the next tick."""
    for pair in result.evaluated:
        rule_states.pop(pair, None)
    rule_states |= {(s.rule, s.workspace): s for s in result.rule_states}


class _Observed:
    """What had been observed by a tick of some workspaces, and `beside` of the workspaces to which they are related."""

    def __init__(self, history: Sequence[ObservedFact], beside: Sequence[ObservedFact]) -> None:
        self._history = history
        self._position = 0
        self._known: dict[tuple[str, str], ObservedFact] = {}  # the newest observation of each subject
        self._last: dict[tuple[str, str], Fact] = {}  # the last fact of each subject, also of a deleted one
        self._subjects: dict[int, set[tuple[str, str]]] = defaultdict(set)  # by workspace
        self._others = _Beside(beside)
        self._moved: set[int] = set()  # the related workspaces that were observed since the tick before
        self._has_relations = any(s.kind == "related" for s in history)

    def move(self, tick: datetime) -> list[Change]:
        """Take in the observations up to `tick`; returns them as changes of the workspaces."""
        changes = []
        while self._position < len(self._history) and self._history[self._position].seen_at <= tick:
            changes.append(self._take_in(self._history[self._position]))
            self._position += 1
        self._moved = self._others.move(tick)
        return changes

    def _take_in(self, seen: ObservedFact) -> Change:
        key = seen.kind, seen.subject
        before, once = self._known.get(key), self._last.get(key)
        self._known[key] = seen
        if seen.fact is not None:
            self._last[key] = seen.fact
        self._subjects[seen.workspace].add(key)
        return Change(
            kind=seen.kind,
            subject=seen.subject,
            workspace=seen.workspace,
            seen_at=seen.seen_at,
            before=before.fact if before else None,
            after=seen.fact,
            first=before is None,
            once=once if before is not None and before.fact is None else None,
        )

    def changed(self, changes: Iterable[Change]) -> set[int]:
        """The workspaces of some changes, and those that are related to a workspace that changed."""
        own = {c.workspace for c in changes if c.workspace is not None}
        if not self._has_relations:
            return own
        moved = own | self._moved
        return own | {
            w for w in self._subjects if (r := self._relations(w)) and not moved.isdisjoint(r.others)
        }

    def facts(self, workspaces: Collection[int]) -> Facts:
        """The facts of some workspaces, with the related workspaces beside them."""
        own = (self._known[key].fact for w in sorted(workspaces) for key in self._subjects[w])
        related = (*self._others.there(), *self._workspaces()) if self._has_relations else ()
        return Facts.of((fact for fact in own if fact is not None), related)

    def _relations(self, workspace: int) -> f.Related | None:
        seen = self._known.get(("related", str(workspace)))
        return seen.fact if seen is not None and isinstance(seen.fact, f.Related) else None

    def _workspaces(self) -> Iterator[Fact]:
        found = (self._known.get(("workspace", str(w))) for w in self._subjects)
        yield from (seen.fact for seen in found if seen is not None and seen.fact is not None)


class _Beside:
    """The related workspaces at a tick."""

    def __init__(self, history: Sequence[ObservedFact]) -> None:
        self._history = history
        self._position = 0
        self._there: dict[int, Fact | None] = {}

    def move(self, tick: datetime) -> set[int]:
        """Take in the observations up to `tick`; returns their workspaces."""
        moved = set()
        while self._position < len(self._history) and self._history[self._position].seen_at <= tick:
            seen = self._history[self._position]
            if seen.kind == "workspace":
                self._there[seen.workspace] = seen.fact
                moved.add(seen.workspace)
            self._position += 1
        return moved

    def there(self) -> Iterator[Fact]:
        yield from (fact for fact in self._there.values() if fact is not None)

"""Replays rules over the past: the findings of a run at each past tick, from what had been observed by then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vigil.compliance import facts as f
from vigil.compliance.evaluation.evaluate import evaluate
from vigil.compliance.evaluation.results import Finding
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
    known: dict[tuple[str, str], ObservedFact] = {}
    last: dict[tuple[str, str], Fact] = {}
    of: dict[int, set[tuple[str, str]]] = defaultdict(set)
    rule_states: dict[tuple[str, int], RuleState] = {}
    after, position = ticks[0], 0
    others = _Beside(beside)
    related = any(s.kind == "related" for s in history)
    for tick in ticks:
        changes: list[Change] = []
        while position < len(history) and history[position].seen_at <= tick:
            changes.append(_take_in(history[position], known, last, of))
            position += 1
        todo = {c.workspace for c in changes if c.workspace is not None}
        moved = todo | others.move(tick)
        if related:
            todo |= {w for w in of if (r := _relations(w, known)) and not moved.isdisjoint(r.others)}
        todo |= {s.workspace for s in rule_states.values() if s.next_check_at and s.next_check_at <= tick}
        if not todo:
            after = tick
            continue
        facts = Facts.of(
            (fact for w in sorted(todo) for key in of[w] if (fact := known[key].fact) is not None),
            (*others.there(), *(x for w in of if (x := _workspace(w, known)) is not None)) if related else (),
        )
        given = Input(
            facts=facts,
            rule_states=[s for s in rule_states.values() if s.workspace in todo],
            required=required,
            zone=zone,
            sensitive=sensitive,
        )
        if tick != ticks[0]:
            # At the tick before everything had been seen.
            looked = Looked(after, parts={"workspaces", *PARTS_OF.values()})
            given = with_changes(given, changes, looked, Window(after, tick))
        result = evaluate(given, rules, Window(after, tick))
        for pair in result.evaluated:
            rule_states.pop(pair, None)
        rule_states |= {(s.rule, s.workspace): s for s in result.rule_states}
        yield tick, result.findings, facts
        after = tick


def _take_in(
    seen: ObservedFact,
    known: dict[tuple[str, str], ObservedFact],
    last: dict[tuple[str, str], Fact],
    of: dict[int, set[tuple[str, str]]],
) -> Change:
    key = seen.kind, seen.subject
    before, once = known.get(key), last.get(key)
    known[key] = seen
    if seen.fact is not None:
        last[key] = seen.fact
    of[seen.workspace].add(key)
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


def _relations(workspace: int, known: Mapping[tuple[str, str], ObservedFact]) -> f.Related | None:
    seen = known.get(("related", str(workspace)))
    return seen.fact if seen is not None and isinstance(seen.fact, f.Related) else None


def _workspace(workspace: int, known: Mapping[tuple[str, str], ObservedFact]) -> Fact | None:
    seen = known.get(("workspace", str(workspace)))
    return None if seen is None else seen.fact

"""The states of rules that are stored between evaluations. Most are "clear, evaluate again then": those stay rows of a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

CLEAR = "clear"
_FEW = 100  # up to this number, a loop is faster than a column


@dataclass(frozen=True, slots=True)
class RuleState:
    """The state of (rule, workspace).

    `since` is when a condition was first seen met; for a milestone that is not evaluated, the start of its window.
    """

    rule: str
    workspace: int
    outcome: str
    since: datetime | None = None
    next_check_at: datetime | None = None
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClearStates:
    """Clear states of one rule, of which only the next evaluation is stored: workspace, next_check_at."""

    rule: str
    rows: pl.DataFrame

    @classmethod
    def of(cls, rule: str, rows: pl.DataFrame, at: str = "next_check_at") -> ClearStates:
        """From rows with a workspace and, in the column `at`, when to evaluate again."""
        return cls(rule, rows.select("workspace", pl.col(at).alias("next_check_at")))


class RuleStates(Collection[RuleState]):
    """States, most of them as tables. Behaves as a collection of `RuleState`."""

    def __init__(
        self, open_states: Sequence[RuleState] = (), clear_states: Sequence[ClearStates] = ()
    ) -> None:
        self.open_states = open_states
        self.clear_states = [q for q in clear_states if len(q.rows)]

    @classmethod
    def of(cls, given: Collection[RuleState]) -> RuleStates:
        return given if isinstance(given, RuleStates) else cls(list(given))

    def remembered(self) -> dict[str, dict[int, RuleState]]:
        """Those that are not clear, by rule and workspace."""
        out: dict[str, dict[int, RuleState]] = defaultdict(dict)
        for s in self.open_states:
            if s.outcome != CLEAR:
                out[s.rule][s.workspace] = s
        return out

    def workspaces(self) -> dict[str, pl.Series]:
        """The workspaces of each rule with a stored state."""
        out: dict[str, list[pl.Series]] = defaultdict(list)
        open_states: dict[str, list[int]] = defaultdict(list)
        for s in self.open_states:
            open_states[s.rule].append(s.workspace)
        for rule, some in open_states.items():
            out[rule].append(pl.Series("workspace", some, dtype=pl.Int64))
        for q in self.clear_states:
            out[q.rule].append(q.rows["workspace"])
        return {rule: pl.concat(some) if len(some) > 1 else some[0] for rule, some in out.items()}

    def __iter__(self) -> Iterator[RuleState]:
        yield from self.open_states
        for q in self.clear_states:
            for workspace, at in q.rows.iter_rows():
                yield RuleState(q.rule, workspace, CLEAR, None, at)

    def __len__(self) -> int:
        return len(self.open_states) + sum(len(q.rows) for q in self.clear_states)

    def __contains__(self, given: object) -> bool:
        return any(given == s for s in self)


class Pairs(Collection[tuple[str, int]]):
    """(rule, workspace) pairs: every rule with every workspace of its type, without listing them."""

    def __init__(self, of: Mapping[str, Sequence[int]]) -> None:
        self.of = of
        self._sets: dict[int, frozenset[int]] = {}  # rules of one workspace type share their list

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return ((rule, workspace) for rule, workspaces in self.of.items() for workspace in workspaces)

    def __len__(self) -> int:
        return sum(map(len, self.of.values()))

    def __contains__(self, given: object) -> bool:
        if not isinstance(given, tuple) or len(given) != 2 or given[0] not in self.of:
            return False
        workspaces = self.of[given[0]]
        if id(workspaces) not in self._sets:
            self._sets[id(workspaces)] = frozenset(workspaces)
        return given[1] in self._sets[id(workspaces)]


def forgotten(before: RuleStates, kept: RuleStates, evaluated: Pairs) -> tuple[tuple[str, int], ...]:
    """The pairs among `evaluated` with a stored state before and none now."""
    now = kept.workspaces() if len(before) else {}
    out: list[tuple[str, int]] = []
    for rule, was in before.workspaces().items():
        there: Collection[int] = ()
        if rule in now and len(was) + len(now[rule]) <= _FEW:
            there = set(now[rule].to_list())
        elif rule in now:
            was = was.filter(~was.is_in(now[rule].implode()))
        out += [(rule, w) for w in was.to_list() if w not in there and (rule, w) in evaluated]
    return tuple(out)

"""What is remembered between evaluations. Most of it is "clear, look again then": those stay rows of a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from vigil.compliance.zoned import INSTANT

SCHEMA: Mapping[str, Any] = {
    "rule": pl.String,
    "workspace": pl.Int64,
    "outcome": pl.String,
    "since": INSTANT,
    "next_check_at": INSTANT,
    "why": pl.List(pl.String),
}
CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is remembered of (rule, workspace).

    `since` is when a condition was first seen met; of a milestone that is not evaluated, where its window still begins.
    """

    rule: str
    workspace: int
    outcome: str
    since: datetime | None = None
    next_check_at: datetime | None = None
    why: tuple[str, ...] = ()


def quiet(rule: str, rows: pl.DataFrame, at: str) -> pl.DataFrame:
    """The rows of `rows` (workspace, and when to look again in column `at`) as standings that are clear."""
    return rows.select(
        pl.lit(rule).alias("rule"),
        "workspace",
        pl.lit(CLEAR).alias("outcome"),
        pl.lit(None, INSTANT).alias("since"),
        pl.col(at).alias("next_check_at"),
        pl.lit([], pl.List(pl.String)).alias("why"),
    )


class Standings(Collection[Standing]):
    """Standings, some as objects and some as rows of tables. Reads as a collection of `Standing`."""

    def __init__(self, loud: Sequence[Standing] = (), tables: Sequence[pl.DataFrame] = ()) -> None:
        """Each of `tables` has the columns of SCHEMA, and is clear."""
        self.loud = loud
        self.tables = [t for t in tables if len(t)]

    @classmethod
    def of(cls, given: Collection[Standing]) -> Standings:
        return given if isinstance(given, Standings) else cls(list(given))

    def remembered(self) -> dict[str, dict[int, Standing]]:
        """Those that are not clear, by rule and workspace."""
        out: dict[str, dict[int, Standing]] = defaultdict(dict)
        for s in self.loud:
            if s.outcome != CLEAR:
                out[s.rule][s.workspace] = s
        return out

    def pairs(self) -> pl.DataFrame:
        """Rule and workspace of each."""
        loud = pl.DataFrame(
            {"rule": [s.rule for s in self.loud], "workspace": [s.workspace for s in self.loud]},
            schema={"rule": pl.String, "workspace": pl.Int64},
        )
        return pl.concat([loud, *(t.select("rule", "workspace") for t in self.tables)])

    def __iter__(self) -> Iterator[Standing]:
        yield from self.loud
        for table in self.tables:
            for rule, workspace, outcome, since, next_check_at, why in table.iter_rows():
                yield Standing(rule, workspace, outcome, since, next_check_at, tuple(why))

    def __len__(self) -> int:
        return len(self.loud) + sum(map(len, self.tables))

    def __contains__(self, given: object) -> bool:
        return any(given == s for s in self)


class Pairs(Collection[tuple[str, int]]):
    """(rule, workspace) pairs: every rule with every workspace of its type, without writing them out."""

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


def forgotten(before: Standings, kept: Standings, evaluated: Pairs) -> tuple[tuple[str, int], ...]:
    """The pairs among `evaluated` of which something was remembered, and nothing is any more."""
    if not len(before):
        return ()
    gone = before.pairs().join(kept.pairs(), on=["rule", "workspace"], how="anti")
    return tuple(pair for pair in gone.iter_rows() if pair in evaluated)

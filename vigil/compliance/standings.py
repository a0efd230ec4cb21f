"""What is remembered between evaluations, as a table: a hundred thousand workspaces by twenty rules are two million rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
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


class Standings(Collection[Standing]):
    """Standings as rows of a frame. Reads like a collection of `Standing`; columns are for whoever has many."""

    def __init__(self, frame: pl.DataFrame) -> None:
        """`frame` has the columns of SCHEMA."""
        self.frame = frame

    @classmethod
    def of(cls, given: Iterable[Standing]) -> Standings:
        if isinstance(given, Standings):
            return given
        rows = [(s.rule, s.workspace, s.outcome, s.since, s.next_check_at, list(s.why)) for s in given]
        return cls(pl.DataFrame(rows, schema=dict(SCHEMA), orient="row"))

    @classmethod
    def together(cls, frames: Sequence[pl.DataFrame]) -> Standings:
        """Rows of several frames, each with the columns of SCHEMA."""
        return cls(pl.concat(frames) if frames else pl.DataFrame(schema=dict(SCHEMA)))

    @cached_property
    def by_rule(self) -> Mapping[str, pl.DataFrame]:
        """The rows of each rule."""
        if self.frame.is_empty():
            return {}
        return {str(key[0]): part for key, part in self.frame.partition_by("rule", as_dict=True).items()}

    def __iter__(self) -> Iterator[Standing]:
        for rule, workspace, outcome, since, next_check_at, why in self.frame.iter_rows():
            yield Standing(rule, workspace, outcome, since, next_check_at, tuple(why))

    def __len__(self) -> int:
        return len(self.frame)

    def __contains__(self, given: object) -> bool:
        return any(given == s for s in self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Collection) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


class Pairs(Collection[tuple[str, int]]):
    """(rule, workspace) pairs: every rule with every workspace of its type, without writing them out."""

    def __init__(self, of: Mapping[str, pl.Series]) -> None:
        self.of = of

    def __iter__(self) -> Iterator[tuple[str, int]]:
        for rule, workspaces in self.of.items():
            for workspace in workspaces:
                yield rule, workspace

    def __len__(self) -> int:
        return sum(map(len, self.of.values()))

    def __contains__(self, given: object) -> bool:
        if not isinstance(given, tuple) or len(given) != 2:
            return False
        return given[1] in self.of.get(given[0], ())

"""Facts as columns. Rules are evaluated over these tables, a workspace type at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import polars as pl

from vigil.compliance import facts as f
from vigil.compliance.facts import Fact, Value

INSTANT = pl.Datetime("us", "UTC")

DOCUMENTS: Mapping[str, Any] = {
    "workspace": pl.Int64,
    "type": pl.String,
    "created": INSTANT,
    "expires": pl.Date,
}


def column(values: Sequence[Any]) -> pl.Series:
    """Values of one field as a column: their own type where they share one, lists where any is a tuple, else text."""
    if any(isinstance(v, tuple) for v in values):
        values = [None if v is None else list(v) if isinstance(v, tuple) else [v] for v in values]
        kinds = {type(i) for v in values if v is not None for i in v if i is not None}
    else:
        kinds = {type(v) for v in values if v is not None}
    if len(kinds) > 1 and not kinds <= {int, float}:
        values = [
            [str(i) for i in v] if isinstance(v, list) else None if v is None else str(v) for v in values
        ]
    if not kinds:
        return pl.Series(
            values, dtype=pl.List(pl.String) if any(isinstance(v, list) for v in values) else pl.String
        )
    if kinds == {datetime}:
        return pl.Series(values, strict=False).cast(
            pl.List(INSTANT) if isinstance(_first(values), list) else INSTANT
        )
    return pl.Series(values, strict=False)


def _first(values: Sequence[Any]) -> Any:
    return next(v for v in values if v is not None)


@dataclass(frozen=True)
class Table:
    """The workspaces of one type and what belongs to them.

    `workspaces` has id, name, created, modified, one boolean ``unread:PART`` a part, ``attr:CATEGORY.NAME`` and ``role:NAME``
    (list of names). `documents` has workspace, type, created, expires (the earlier of its own date and its type's validity).
    `missing` has workspace and n, for those whose list was read.
    """

    type: str
    workspaces: pl.DataFrame
    documents: pl.DataFrame
    missing: pl.DataFrame

    @cached_property
    def attributes(self) -> Mapping[str, str]:
        """The column of each way to name an attribute: ``Category.name`` always, ``name`` where it is the only one of that name."""
        names: dict[str, str] = {}
        short: dict[str, list[str]] = defaultdict(list)
        for c in self.workspaces.columns:
            if c.startswith("attr:"):
                names[c[5:]] = c
                parts = c[5:].split(".")
                for i in range(1, len(parts)):
                    short[".".join(parts[i:])].append(c)
        names.update({n: cs[0] for n, cs in short.items() if len(cs) == 1 and n not in names})
        return names


@dataclass(frozen=True)
class Facts:
    """The facts of some workspaces, sorted by what they are. Built once an evaluation; the tables come from it."""

    workspaces: Mapping[int, f.Workspace] = field(default_factory=dict)
    documents: Mapping[int, Sequence[f.Document]] = field(default_factory=dict)
    steps: Mapping[int, Sequence[f.Step]] = field(default_factory=dict)
    roles: Mapping[int, f.Roles] = field(default_factory=dict)
    missing: Mapping[int, f.MissingDocuments] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Iterable[Fact]) -> Facts:
        """Sort facts into place. Of two facts of one subject the later one counts."""
        workspaces: dict[int, f.Workspace] = {}
        documents: dict[int, list[f.Document]] = defaultdict(list)
        steps: dict[int, list[f.Step]] = defaultdict(list)
        roles: dict[int, f.Roles] = {}
        missing: dict[int, f.MissingDocuments] = {}
        for fact in facts:
            match fact:
                case f.Workspace():
                    workspaces[fact.id] = fact
                case f.Document():
                    documents[fact.workspace].append(fact)
                case f.Step():
                    steps[fact.workspace].append(fact)
                case f.Roles():
                    roles[fact.workspace] = fact
                case f.MissingDocuments():
                    missing[fact.workspace] = fact
                case _:
                    continue
        return cls(workspaces, documents, steps, roles, missing)

    def types(self) -> list[str]:
        return sorted({w.type for w in self.workspaces.values()})

    def table(self, type: str, required: Iterable[f.RequiredDocument] = ()) -> Table:
        """The table of one workspace type. `required` gives the months for which documents of a type are valid."""
        of_type = [w for w in self.workspaces.values() if w.type == type]
        months = {r.type: r.valid_months for r in required if r.workspace_type == type and r.valid_months}
        ids = [w.id for w in of_type]
        return Table(type, self._workspaces(of_type), self._documents(ids, months), self._missing(ids))

    def _workspaces(self, of_type: Sequence[f.Workspace]) -> pl.DataFrame:
        columns: dict[str, Any] = {
            "id": pl.Series([w.id for w in of_type], dtype=pl.Int64),
            "name": pl.Series([w.name for w in of_type], dtype=pl.String),
            "created": pl.Series([w.created for w in of_type], dtype=INSTANT),
            "modified": pl.Series([w.modified for w in of_type], dtype=INSTANT),
        }
        for part in f.PARTS:
            columns[f"unread:{part}"] = pl.Series([part in w.unread for w in of_type], dtype=pl.Boolean)
        keys = dict.fromkeys(k for w in of_type for k in w.attrs)
        for key in keys:
            columns[f"attr:{key}"] = column([_set(w.attrs.get(key)) for w in of_type])
        known = [self.roles.get(w.id) for w in of_type]
        for role in dict.fromkeys(name for r in known if r is not None for name in r.members):
            members = [None if r is None else [_name(m) for m in r.members.get(role, ())] for r in known]
            columns[f"role:{role}"] = pl.Series(members, dtype=pl.List(pl.String))
        columns["unread:roles"] = pl.Series(
            [r is None or "roles" in w.unread for w, r in zip(of_type, known, strict=True)], dtype=pl.Boolean
        )
        return pl.DataFrame(columns)

    def _documents(self, ids: Sequence[int], months: Mapping[str, int]) -> pl.DataFrame:
        found = [d for i in ids for d in self.documents.get(i, ())]
        frame = pl.DataFrame(
            {
                "workspace": [d.workspace for d in found],
                "type": [d.type for d in found],
                "created": [d.created for d in found],
                "expires": [d.expires for d in found],
            },
            schema=dict(DOCUMENTS),
        )
        for type, n in months.items():
            by_type = pl.when(pl.col("type") == type).then(pl.col("created").dt.date().dt.offset_by(f"{n}mo"))
            frame = frame.with_columns(expires=pl.min_horizontal("expires", by_type))
        return frame

    def _missing(self, ids: Sequence[int]) -> pl.DataFrame:
        found = [m for i in ids if (m := self.missing.get(i)) is not None]
        return pl.DataFrame(
            {"workspace": [m.workspace for m in found], "n": [len(m.types) for m in found]},
            schema={"workspace": pl.Int64, "n": pl.Int64},
        )


def _set(value: Value) -> Value:
    """An empty text and an empty list say the same as null: not set."""
    return None if value in ("", ()) else value


def _name(principal: str) -> str:
    return principal.partition(":")[2]


__all__ = ["INSTANT", "Facts", "Table", "column"]

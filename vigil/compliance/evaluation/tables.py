"""Facts as columns. Rules are evaluated over these tables, one workspace type at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from vigil.compliance import facts as f
from vigil.compliance.evaluation.columns import Column, columns, instants
from vigil.compliance.evaluation.zoned import INSTANT, local_days
from vigil.compliance.facts import Fact
from vigil.compliance.rules.clauses import FieldRef

DOCUMENTS: Mapping[str, Any] = {
    "workspace": pl.Int64,
    "type": pl.String,
    "created": INSTANT,
    "expires": pl.Date,
    "untyped": pl.Boolean,
}
MISSING: Mapping[str, Any] = {"workspace": pl.Int64, "n": pl.Int64}
_NO_DOCUMENTS = pl.DataFrame(schema=dict(DOCUMENTS))
_NONE_MISSING = pl.DataFrame(schema=dict(MISSING))
_OWN = {
    "name": (Column("name", "text"),),
    "created": (Column("created", "instant"),),
    "modified": (Column("modified", "instant"),),
}


@dataclass(frozen=True)
class Table:
    """The workspaces of one type and their parts.

    `workspaces` has id, name, created, modified, a boolean ``unread:PART`` for each part that could not be read of some workspace
    (``unread:related.TYPE`` for the attributes of a related one), and the columns that `fields` names for ``attr.CATEGORY.NAME``,
    ``role.NAME`` and ``related.TYPE.attr.CATEGORY.NAME``. `documents` has workspace, type, created, expires (the earlier of its own
    date and its type's validity), untyped (whether its type is unknown). `missing` has workspace and n, for those whose list was read.
    """

    type: str
    workspaces: pl.DataFrame
    documents: pl.DataFrame
    missing: pl.DataFrame
    fields: Mapping[str, tuple[Column, ...]]
    relations: bool = False  # whether any was read

    def unread(self, part: str) -> pl.Expr | None:
        """The rows in which a part could not be read; None if there are none."""
        if part == "related" and not self.relations:
            return pl.lit(True)
        name = f"unread:{part}"
        return pl.col(name) if name in self.workspaces.columns else None

    def columns(self, ref: FieldRef) -> tuple[Column, ...]:
        """The columns of a field: of every attribute that ``NAME`` may mean. None if no workspace has it."""
        match ref.root:
            case "name" | "created" | "modified":
                return _OWN[ref.root]
            case "role":
                return self.fields.get(f"role.{ref.name}", ())
            case "attr":
                mine = [k for k in self.fields if k.startswith("attr.") and names(ref.name, k[5:])]
                return tuple(c for k in sorted(mine) for c in self.fields[k])
            case "related":
                head = f"related.{ref.type}.attr."
                mine = [k for k in self.fields if k.startswith(head) and names(ref.name, k[len(head) :])]
                return tuple(c for k in sorted(mine) for c in self.fields[k])
            case _:
                return ()


def names(name: str, key: str) -> bool:
    """Whether a rule's name means the attribute ``CATEGORY.NAME``: its full name, or its end."""
    return key == name or key.endswith(f".{name}")


@dataclass(frozen=True)
class Facts:
    """The facts of some workspaces, sorted by kind. Built once for each evaluation; the tables come from it."""

    workspaces: Mapping[int, f.Workspace] = field(default_factory=dict)
    documents: Mapping[int, Sequence[f.Document]] = field(default_factory=dict)
    steps: Mapping[int, Sequence[f.Step]] = field(default_factory=dict)
    roles: Mapping[int, f.Roles] = field(default_factory=dict)
    missing: Mapping[int, f.MissingDocuments] = field(default_factory=dict)
    related: Mapping[int, f.Related] = field(default_factory=dict)
    others: Mapping[int, f.Workspace] = field(
        default_factory=dict
    )  # the related ones: looked at, not evaluated
    _tables: dict[Any, Table] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, facts: Iterable[Fact], others: Iterable[Fact] = ()) -> Facts:
        """Sort facts. Of two facts of one subject the later one counts. `others` are the related workspaces."""
        workspaces: dict[int, f.Workspace] = {}
        documents: dict[int, dict[int, f.Document]] = defaultdict(dict)
        steps: dict[int, dict[tuple[int, int | None, int], f.Step]] = defaultdict(dict)
        roles: dict[int, f.Roles] = {}
        missing: dict[int, f.MissingDocuments] = {}
        related: dict[int, f.Related] = {}
        for fact in facts:
            match fact:
                case f.Workspace():
                    workspaces[fact.id] = fact
                case f.Document():
                    documents[fact.workspace][fact.id] = fact
                case f.Step():
                    steps[fact.workspace][fact.process, fact.subprocess, fact.step] = fact
                case f.Roles():
                    roles[fact.workspace] = fact
                case f.MissingDocuments():
                    missing[fact.workspace] = fact
                case f.Related():
                    related[fact.workspace] = fact
                case _:
                    continue
        return cls(
            workspaces,
            {w: tuple(some.values()) for w, some in documents.items()},
            {w: tuple(some.values()) for w, some in steps.items()},
            roles,
            missing,
            related,
            {w.id: w for w in others if isinstance(w, f.Workspace)},
        )

    def beside(self) -> set[int]:
        """The related workspaces that are not evaluated themselves: pass them as `others`."""
        return {other for r in self.related.values() for other in r.others} - self.workspaces.keys()

    def types(self) -> list[str]:
        return sorted({w.type for w in self.workspaces.values()})

    def table(self, type: str, required: Iterable[f.RequiredDocument] = (), zone: str = "UTC") -> Table:
        """The table of one workspace type, built once.

        `required` has the months for which documents of a type are valid, counted from the day in `zone` on which each was added.
        """
        months = {r.type: r.valid_months for r in required if r.workspace_type == type and r.valid_months}
        key = type, tuple(sorted(months.items())), zone
        if key not in self._tables:
            of_type = [w for w in self.workspaces.values() if w.type == type]
            ids = [w.id for w in of_type]
            workspaces, fields = self._workspaces(of_type)
            self._tables[key] = Table(
                type,
                workspaces,
                self._documents(ids, months, zone),
                self._missing(ids),
                fields,
                bool(self.related),
            )
        return self._tables[key]

    def _workspaces(
        self, of_type: Sequence[f.Workspace]
    ) -> tuple[pl.DataFrame, dict[str, tuple[Column, ...]]]:
        found: dict[str, Any] = {
            "id": pl.Series([w.id for w in of_type], dtype=pl.Int64),
            "name": pl.Series([w.name for w in of_type], dtype=pl.String),
            "created": instants([w.created for w in of_type]),
            "modified": instants([w.modified for w in of_type]),
        }
        unread = set[str]().union(*(w.unread for w in of_type))
        known = [self.roles.get(w.id) for w in of_type]
        for part in sorted(unread - {"roles"}):
            found[f"unread:{part}"] = pl.Series([part in w.unread for w in of_type], dtype=pl.Boolean)
        if "roles" in unread or None in known:
            without = [r is None or "roles" in w.unread for w, r in zip(of_type, known, strict=True)]
            found["unread:roles"] = pl.Series(without, dtype=pl.Boolean)
        fields: dict[str, tuple[Column, ...]] = {}
        keys = dict.fromkeys(k for w in of_type for k in w.attrs)
        for name, values in [(f"attr.{k}", [w.attrs.get(k) for w in of_type]) for k in keys]:
            some = list(columns(name, values))
            fields[name] = tuple(column for column, _ in some)
            found |= {column.name: series for column, series in some}
        for role in dict.fromkeys(name for r in known if r is not None for name in r.members):
            members = [
                None if r is None else [_name(m) for m in r.members.get(role, ())] or None for r in known
            ]
            column = Column(f"role.{role}", "text", many=True)
            fields[column.name] = (column,)
            found[column.name] = pl.Series(members, dtype=pl.List(pl.String))
        if self.related:
            self._beside(of_type, fields, found)
        return pl.DataFrame(found), fields

    def _beside(
        self, of_type: Sequence[f.Workspace], fields: dict[str, tuple[Column, ...]], found: dict[str, Any]
    ) -> None:
        """The columns of related workspaces: for each attribute a list with the values of all of one type."""
        known = [self.related.get(w.id) for w in of_type]
        without = [r is None or "related" in w.unread for w, r in zip(of_type, known, strict=True)]
        if any(without):
            found["unread:related"] = pl.Series(without, dtype=pl.Boolean)
        there = [[] if r is None else [w for i in r.others if (w := self._anyone(i))] for r in known]
        for type in sorted({w.type for some in there for w in some}):
            mine = [[w for w in some if w.type == type] for some in there]
            if any("attrs" in w.unread for some in mine for w in some):
                blind = [any("attrs" in w.unread for w in some) for some in mine]
                found[f"unread:related.{type}"] = pl.Series(blind, dtype=pl.Boolean)
            for key in dict.fromkeys(k for some in mine for w in some for k in w.attrs):
                values = [tuple(w.attrs.get(key) for w in some) for some in mine]
                columns_ = list(columns(f"related.{type}.attr.{key}", values))
                fields[f"related.{type}.attr.{key}"] = tuple(column for column, _ in columns_)
                found |= {column.name: series for column, series in columns_}

    def _anyone(self, id: int) -> f.Workspace | None:
        return self.workspaces.get(id) or self.others.get(id)

    def _documents(self, ids: Sequence[int], months: Mapping[str, int], zone: str) -> pl.DataFrame:
        found = [d for i in ids for d in self.documents.get(i, ())]
        if not found:
            return _NO_DOCUMENTS
        frame = pl.DataFrame(
            {
                "workspace": [d.workspace for d in found],
                "type": [d.type for d in found],
                "created": instants([d.created for d in found]),
                "expires": [d.expires for d in found],
                "untyped": ["type" in d.unknown for d in found],
            },
            schema=dict(DOCUMENTS),
        )
        if months:
            frame = frame.with_columns(day=local_days(frame["created"], zone))
            for type, n in months.items():
                by_type = pl.when(pl.col("type") == type).then(pl.col("day").dt.offset_by(f"{n}mo"))
                frame = frame.with_columns(expires=pl.min_horizontal("expires", by_type))
        return frame

    def _missing(self, ids: Sequence[int]) -> pl.DataFrame:
        found = [m for i in ids if (m := self.missing.get(i)) is not None]
        if not found:
            return _NONE_MISSING
        return pl.DataFrame(
            {"workspace": [m.workspace for m in found], "n": [len(m.types) for m in found]},
            schema=dict(MISSING),
        )


def _name(principal: str) -> str:
    return principal.partition(":")[2]


__all__ = ["Facts", "Table", "names"]

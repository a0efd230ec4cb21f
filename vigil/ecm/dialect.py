"""What one server of Extended ECM understands: its dialect. Versions differ in parameters, shapes and dates.

Contract: docs/contracts/ecm.md#dialect. `vigil.ecm.probes` finds it out once a connection and day; the ledger keeps it; a reader that
meets an answer which contradicts it calls `Client.learn`. A value of None is not known: the reader then takes the first form, and
learns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any


class NodesForm(StrEnum):
    """How `POST /v2/nodes/list` takes ids and fields so that its rows have categories."""

    FORM = "form"  # repeated form fields `ids` and `fields`
    BODY_URL = "body-url"  # form field `body` with the ids, `fields` in the address
    BODY = "body"  # form field `body` with ids and fields
    NONE = (
        "none"  # in no form, ids alone are sent: attributes come from the parent's children, or node by node
    )


class DateFilter(StrEnum):
    """How `where_column_query` compares `modify_date` in lists of workspaces."""

    PLAIN = "plain"  # modify_date <= 2020-03-20
    QUOTED = "quoted"  # modify_date <= '2020-03-20'
    NONE = "none"


COMPARED = (DateFilter.PLAIN, DateFilter.QUOTED)
"""The forms in which dates are compared."""


class KindSpelling(StrEnum):
    """The name of the parameter of `/v2/workflows/status` that the server obeys."""

    UPPER = "Kind"
    LOWER = "kind"
    BOTH = "both"  # which one is not known: both are sent


class StepEnds(StrEnum):
    """Where the end of a completed step is written."""

    OWN = "own"  # in the step itself
    INFO = "info"  # in `/v2/workflows/status/info`
    UNKNOWN = "unknown"  # nowhere: completed at an unknown time


class RelatedForm(StrEnum):
    """How `where_rel_types` takes both ways in one call."""

    COMMA = "comma"  # child,parent
    BRACES = "braces"  # {'child','parent'}
    EACH = "each"  # not at all: one call a way, by `where_relationtype`


@dataclass(frozen=True, slots=True)
class SearchDialect:
    """A search that is believed as a change feed. `region` has the day of a change; `lag` is in seconds, at most, as measured."""

    region: str = "OTModifyDate"
    times: bool = False  # whether OTModifyTime narrows within a day
    lag: float = 0.0
    fields: bool = True  # whether `fields`, which the vendor's document does not have, is taken


class DateForm(StrEnum):
    """How the server writes dates."""

    NAIVE = "naive"  # without a zone, everywhere that was looked
    ZULU = "Z"  # with one, everywhere that was looked
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Dialect:
    """One server's dialect, as probed `at`; `tried` is when some of it was probed last.

    `why` has, by field, what the probe or an answer showed, in words for `vigil doctor`. `doubted`: an answer contradicted it, so that
    it is probed again. `learned` are the fields that answers have corrected since the last daily probe: a probe because of a
    contradiction does not overrule them. `unanswered` are the fields whose probe got no usable answer: they stand at their fallback.
    """

    at: datetime | None = None
    tried: datetime | None = None
    nodes: NodesForm | None = None
    sorted: bool | None = None  # whether lists of workspaces obey desc_modify_date
    dates: DateFilter | None = None
    wall: int | None = None  # after how many rows a list of workspaces stopped, though its count said more
    counted: bool | None = None  # whether a container has counted what is in it; False: 0 stood for more
    starts_with: bool | None = None  # whether a bare `where_name` means the start of the name
    kind: KindSpelling | None = None
    step_ends: StepEnds | None = None
    role_members: bool | None = None  # whether roles?fields=members brings the members
    related: RelatedForm | None = None
    nested_groups: bool | None = None  # whether a group's members include groups without `where_type`
    classifications: bool | None = None
    date_form: DateForm | None = None
    offset: float | None = (
        None  # seconds that naive dates are ahead of UTC, by dates that two calls write differently
    )
    search: SearchDialect | None = None  # None with `search_known`: there is none that is believed
    search_known: bool = False
    bin: str | None = None  # the mode of the recycle bin that is allowed; "" for none
    bin_sorted: bool | None = None  # whether its rows obey desc_deleted_date, containers first
    why: Mapping[str, str] = field(default_factory=dict)
    doubted: bool = False
    blind: bool = False  # whether it was probed when nothing of the estate was known
    learned: frozenset[str] = frozenset()
    unanswered: frozenset[str] = frozenset()

    def with_learned(self, why: str, **values: Any) -> Dialect:
        """The dialect with fields that an answer has shown to be different; itself if they were known."""
        news = {name: value for name, value in values.items() if getattr(self, name) != value}
        if not news:
            return self
        contradicted = self.at is not None and any(getattr(self, name) is not None for name in news)
        return replace(
            self,
            **news,
            why={**self.why, **dict.fromkeys(news, why)},
            doubted=self.doubted or contradicted,
            learned=self.learned | news.keys(),
            unanswered=self.unanswered - news.keys(),
        )

    def with_doubt(self, name: str, why: str) -> Dialect:
        """The dialect after answers that do not fit one field; itself if it was doubted before."""
        return self if self.doubted else replace(self, why={**self.why, name: why}, doubted=True)

    def plain(self) -> dict[str, Any]:
        """The dialect for JSON; `read` reads it."""
        found = asdict(self)
        found["at"] = self.at and self.at.isoformat()
        found["tried"] = self.tried and self.tried.isoformat()
        found["learned"], found["unanswered"] = sorted(self.learned), sorted(self.unanswered)
        return found


_KINDS: Mapping[str, type[StrEnum]] = {
    "nodes": NodesForm,
    "dates": DateFilter,
    "kind": KindSpelling,
    "step_ends": StepEnds,
    "related": RelatedForm,
    "date_form": DateForm,
}


def read(data: Mapping[str, Any]) -> Dialect:
    """A dialect from `Dialect.plain`. What another version of Vigil wrote differently is not known: it is probed again."""
    try:
        known = {f.name for f in fields(Dialect)}
        found = {name: value for name, value in data.items() if name in known}
        for name, kind in _KINDS.items():
            found[name] = None if found.get(name) is None else kind(found[name])
        for name in ("at", "tried"):
            found[name] = datetime.fromisoformat(found[name]) if found.get(name) else None
        found["search"] = SearchDialect(**found["search"]) if found.get("search") else None
        found["learned"] = frozenset(found.get("learned", ()))
        found["unanswered"] = frozenset(found.get("unanswered", ()))
        return Dialect(**found)
    except (TypeError, ValueError):
        return Dialect()

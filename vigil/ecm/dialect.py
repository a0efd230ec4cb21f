"""What one server of Extended ECM understands: its dialect. Versions differ in parameters, shapes and dates.

Contract: docs/contracts/ecm.md#dialect. `vigil.ecm.probes` finds it out once a connection and day; the ledger keeps it; a reader that meets an
answer which contradicts it calls `Client.learn`. A value of None is not known: the reader then takes the first form, and learns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class NodesForm(StrEnum):
    """How `POST /v2/nodes/list` takes ids and fields so that its rows have categories."""

    FORM = "form"  # repeated form fields `ids` and `fields`
    BODY_URL = "body-url"  # form field `body` with the ids, `fields` in the address
    BODY = "body"  # form field `body` with ids and fields
    NONE = "none"  # in no form: attributes come from the parent's children, or node by node


class DateFilter(StrEnum):
    """How `where_column_query` compares `modify_date` in lists of workspaces."""

    PLAIN = "plain"  # modify_date <= 2020-03-20
    QUOTED = "quoted"  # modify_date <= '2020-03-20'
    NONE = "none"


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


@dataclass(frozen=True, slots=True)
class Dialect:
    """One server's dialect, as probed `at`. `why` has, by field, what the probe saw, in words for `vigil doctor`."""

    at: datetime | None = None
    nodes: NodesForm | None = None
    sorted: bool | None = None  # whether lists of workspaces obey desc_modify_date
    dates: DateFilter | None = None
    starts_with: bool | None = None  # whether a bare `where_name` means the start of the name
    kind: KindSpelling | None = None
    step_ends: StepEnds | None = None
    role_members: bool | None = None  # whether roles?fields=members brings the members
    related: RelatedForm | None = None
    nested_groups: bool | None = None  # whether a group's members include groups without `where_type`
    classifications: bool | None = None
    search: SearchDialect | None = None  # None with `search_known`: there is none that is believed
    search_known: bool = False
    bin: str | None = None  # the mode of the recycle bin that is allowed; "" for none
    why: Mapping[str, str] = field(default_factory=dict)

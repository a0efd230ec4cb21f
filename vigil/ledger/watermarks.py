"""The watermarks of extraction and evaluation: their names, their JSON data, and how they are read and set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType, Self

import orjson
from sqlalchemy import Connection, func, select

from vigil.ledger.engine import upsert
from vigil.ledger.tables import ObservationRow, WatermarkRow, table

_watermark = table(WatermarkRow)
_observation = table(ObservationRow)


class WatermarkName(StrEnum):
    """The name of a watermark. Each list of workspaces has another one, by type: `list_of`."""

    EVALUATED = "evaluated"  # up to where everything is evaluated: `Evaluated`
    SCAN = "scan"  # when everything was listed last
    SCHEMA = "schema"  # when the workspace types were read
    PROCESSES = "processes"  # when workflows were listed
    NODES = "verify"  # the scan of known nodes by their stamps
    FOLDERS = "folders"  # the scan of known folders by their stamps
    VALUES = "values"  # the scan of the values of workspaces, where they come one by one
    SEARCH = "search"  # up to which change the search was followed
    BIN = "bin"  # up to which deletion the recycle bin was followed
    ROLES = "roles"  # the scan of the roles of workspaces
    RELATIONS = "related"  # the scan of the relations of workspaces
    WORKFLOWS = "active"  # the scan of active workflows
    GONE = "gone"  # the scan of what is gone and may be there again
    BARE = "bare"  # workspaces that runs were told to have no roles
    DIALECT = "dialect"  # what Extended ECM understands, and when it was probed
    ACCOUNTS = "accounts"  # when all accounts were read
    # Since when there are no lists of missing documents.
    ABSENCE = "/v2/businessworkspaces/{id}/missingdocuments"
    FORGOTTEN = "forgotten"  # up to when observations are forgotten
    FORGOTTEN_ATTEMPTS = "forgotten attempts"
    LEDGER_CHECK = "ledger check"  # where the comparison of the ledger with itself goes on
    FOLLOW_UPS = "reconcile: follow-ups"
    MISSING_DOCUMENTS = "reconcile: missing documents"
    READABLE = "reconcile: readable"


ListMark = NewType("ListMark", str)
"""The name of a list's watermark."""


def list_of(type: str) -> ListMark:
    """The watermark of the list of a workspace type: its instant is that of the newest change in it."""
    return ListMark(f"changed:{type}")


def place_of(type: str) -> ListMark:
    """The watermark of the place up to which the list of a workspace type was read, where it is read in parts."""
    return ListMark(f"place:{type}")


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The data of `WatermarkName.EVALUATED`. Ledgers of earlier versions may lack any of it.

    `complete` is the instant up to which everything has been read, `parts` and `types` are what runs read, `unread` the workspaces and
    `unread_processes` the workflows that could never be read, `fresh` the rules that have not been evaluated for all of their
    workspaces. `skew` is the difference between Extended ECM's clocks and ours in seconds, the least and the most, as measured since
    `skew_since`, and `skew_before` that of the day before it; None if nothing was measured.
    """

    complete: datetime | None = None
    fresh: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    unread: frozenset[int] = frozenset()
    unread_processes: frozenset[int] = frozenset()
    skew: tuple[float, float] | None = None
    skew_before: tuple[float, float] | None = None
    skew_since: datetime | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the result of `plain`."""
        complete, since = data.get("complete"), data.get("skew since")
        skew, before = data.get("skew"), data.get("skew before")
        return cls(
            complete=datetime.fromisoformat(complete) if complete else None,
            fresh=frozenset(data.get("fresh", ())),
            parts=frozenset(data.get("parts", ())),
            types=frozenset(data.get("types", ())),
            unread=frozenset(data.get("unread", ())),
            unread_processes=frozenset(data.get("unread processes", ())),
            skew=None if skew is None else (skew[0], skew[1]),
            skew_before=None if before is None else (before[0], before[1]),
            skew_since=datetime.fromisoformat(since) if since else None,
        )

    def plain(self) -> dict[str, Any]:
        """The data for JSON."""
        return {
            "complete": self.complete and self.complete.isoformat(),
            "fresh": sorted(self.fresh),
            "parts": sorted(self.parts),
            "types": sorted(self.types),
            "unread": sorted(self.unread),
            "unread processes": sorted(self.unread_processes),
            **({} if self.skew is None else {"skew": list(self.skew)}),
            **({} if self.skew_before is None else {"skew before": list(self.skew_before)}),
            **({} if self.skew_since is None else {"skew since": self.skew_since.isoformat()}),
        }


@dataclass(frozen=True, slots=True)
class Scan:
    """The data of `WatermarkName.SCAN`: the parts that were read of all workspaces."""

    parts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the result of `plain`."""
        return cls(frozenset(data.get("parts", ())))

    def plain(self) -> dict[str, Any]:
        """The data for JSON."""
        return {"parts": sorted(self.parts)}


@dataclass(frozen=True, slots=True)
class Listed:
    """The data of a list's watermark: how many workspaces the last complete list had; None if there was none."""

    workspaces: int | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the result of `plain`."""
        return cls(data.get("listed"))

    def plain(self) -> dict[str, Any]:
        """The data for JSON."""
        return {"listed": self.workspaces}


@dataclass(frozen=True, slots=True)
class Searched:
    """The data of `WatermarkName.SEARCH`: whether the last run followed it `whole`, as it must be where lists are read in parts.

    `others` are new workspaces in its window that were asked for their types, and that no rule is about.
    """

    whole: bool = False
    others: frozenset[int] = frozenset()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the result of `plain`."""
        return cls(bool(data.get("whole")), frozenset(data.get("others", ())))

    def plain(self) -> dict[str, Any]:
        """The data for JSON."""
        return {"whole": self.whole, "others": sorted(self.others)}


RUNS = (WatermarkName.EVALUATED, WatermarkName.SCAN, WatermarkName.SCHEMA, WatermarkName.PROCESSES)
"""The watermarks whose instant is a run's own; those of lists hold instants of Extended ECM."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """A watermark: how many observations have been taken in, up to which instant, and whatever else its owner keeps."""

    seq: int = 0
    at: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def watermark(connection: Connection, name: WatermarkName | ListMark) -> Watermark:
    """The named watermark; an empty one when it was never set."""
    row = connection.execute(select(_watermark).where(_watermark.c.name == name)).first()
    return Watermark() if row is None else Watermark(row.seq or 0, row.at, orjson.loads(row.data))


def known_until(connection: Connection) -> datetime | None:
    """The latest instant that a run has spoken of when it read or evaluated; None where none ever did."""
    at = select(func.max(_watermark.c.at)).where(_watermark.c.name.in_(RUNS))
    seen = select(_observation.c.seen_at).order_by(_observation.c.seq.desc()).limit(1)
    found = [connection.execute(query).scalar() for query in (at, seen)]
    return max((x for x in found if x is not None), default=None)


def evaluated(connection: Connection) -> Evaluated:
    """What the last run that evaluated everything left to know; empty where there was none."""
    return Evaluated.of(watermark(connection, WatermarkName.EVALUATED).data)


def set_watermark(connection: Connection, name: WatermarkName | ListMark, mark: Watermark) -> None:
    row = {"name": name, "seq": mark.seq, "at": mark.at, "data": orjson.dumps(mark.data).decode()}
    upsert(connection, _watermark, [row], ("seq", "at", "data"))


__all__ = [
    "RUNS",
    "Evaluated",
    "ListMark",
    "Listed",
    "Scan",
    "Searched",
    "Watermark",
    "WatermarkName",
    "evaluated",
    "known_until",
    "list_of",
    "place_of",
    "set_watermark",
    "watermark",
]

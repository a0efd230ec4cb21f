"""The cursors of incremental scans over known items: each run reads the next slice, so that its cost does not grow with the estate.

A cursor is saved after the items of the slice were recorded, so that a killed run's slice is read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from vigil.ledger.watermarks import Watermark, WatermarkName, set_watermark, watermark

_SHOWS = {"document": (WatermarkName.NODES, WatermarkName.FOLDERS), "step": (WatermarkName.WORKFLOWS,)}
"""The rounds by which a kind of fact is found that no list shows."""


def next_cursor(connection: Connection, name: WatermarkName, key: str, as_of: datetime) -> dict[str, str]:
    """The state of a scan: `key` holds the last item read, or "" if a new scan begins with this run.

    `began` is the start of this scan, `before` the start of the previous one: every item read now was last read since then.
    """
    data = dict(watermark(connection, name).data)
    if not data and name is WatermarkName.FOLDERS and (looked := _before(connection, name)):
        data = {"began": looked}
    if not data.get(key):
        now = as_of.isoformat()
        # Everything was read before the first scan.
        data |= {key: "", "before": data.get("began", now), "began": now}
    return data


def keep(connection: Connection, cursors: Mapping[WatermarkName, Mapping[str, str]], as_of: datetime) -> None:
    """Save the cursors, from which the next run continues."""
    for name, data in cursors.items():
        set_watermark(connection, name, Watermark(at=as_of, data=data))


def looked_through(connection: Connection) -> dict[str, datetime]:
    """By kind of fact, an instant since which a scan has read every known workspace, if there is one.

    See `vigil.compliance.events.derive`.
    """
    found: dict[str, datetime] = {}
    for kind, names in _SHOWS.items():
        befores = [_before(connection, name) for name in names]
        if None not in befores:
            found[kind] = min(datetime.fromisoformat(before) for before in befores if before)
    return found


def _before(connection: Connection, name: WatermarkName) -> str | None:
    """The start of the scan before the present one. In earlier versions the scan of nodes looked at folders, too."""
    found: str | None = watermark(connection, name).data.get("before")
    if found is None and name is WatermarkName.FOLDERS:
        return watermark(connection, WatermarkName.NODES).data.get("before")
    return found

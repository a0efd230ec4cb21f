"""``GET /v2/volumes/recyclebin/nodes``: what was deleted, for thirty days (quirk 42)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vigil.sandbox.ecm import shapes
from vigil.sandbox.ecm.call import Call, only
from vigil.sandbox.ecm.protocol import EcmRefusal, Json
from vigil.sandbox.quirks import BIN_MODES
from vigil.sandbox.world import ids
from vigil.sandbox.world.state import TYPE_NAMES, Deletion

KEPT = 30 * 86_400
"""Seconds until the bin is purged of a node."""
COLUMNS = ("name", "purged_date", "deleted_date", "size", "type")


@dataclass(frozen=True, slots=True)
class _Binned:
    """A row before it is written. Times are seconds since 1970."""

    id: int
    type: int
    name: str
    parent: int
    by: str | None
    at: int
    size: int
    creator: str | None


def nodes(call: Call) -> Json:
    """Containers first, the sort within them and within the others; the newest deletion first where none is given.

    Raises EcmRefusal: 403 for a mode that is switched off or unknown, 500 for a sort that is none.
    """
    call.site.needs_module("recyclebin")
    mode = _mode(call)
    found = [row for row in _held(call) if _in_mode(call, row, mode)]
    if name := call.one("where_name").lower():
        found = [row for row in found if row.name.lower().startswith(name)]
    key, descending = _order(call)
    found.sort(key=key, reverse=descending)
    found.sort(key=lambda row: row.type == 144)  # stable: the sort holds within each group
    shown, page = call.paged(found, "children", 25)
    fields = call.fields() or {"properties": None}
    rows = [{"data": {"properties": only(_properties(call, row), fields.get("properties"))}} for row in shown]
    answer = call.collection(page, rows, sort="desc_deleted_date")
    modes = [{"display_name": m.replace("_", " ").capitalize(), "value": m} for m in BIN_MODES
             if m not in call.site.quirks.bin_modes_off]  # fmt: skip
    selected = [entry for entry in modes if entry["value"] == mode]
    answer["collection"]["filtering"] = {"filter": [], "modes": {"available": modes, "selected": selected}}
    return answer


def _mode(call: Call) -> str:
    """The mode that is asked for, else the first that is on. One is off for the service user too, who need be no administrator."""
    available = [m for m in BIN_MODES if m not in call.site.quirks.bin_modes_off]
    if not (asked := call.one("mode")):
        if not available:
            raise EcmRefusal(403, "Error browsing the specified object")
        return available[0]
    if asked not in available:
        raise EcmRefusal(403, f"Could not set feature mode, invalid value '{asked}'")
    return asked


def _held(call: Call) -> list[_Binned]:
    now = call.site.now()
    folders = [_folder(call, place) for place in range(call.site.quirks.bin_containers)]
    documents = [_document(call, deletion) for deletion in call.site.world.state.bin.values()
                 if deletion.at > now - KEPT and call.site.may_read(call.caller, deletion.document)]  # fmt: skip
    return [*folders, *documents]


def _document(call: Call, deletion: Deletion) -> _Binned:
    found = deletion.document
    parent = call.site.world.folders.holding(found)
    return _Binned(found.id, 144, found.name, parent, deletion.by, deletion.at, 1024, found.by)


def _folder(call: Call, place: int) -> _Binned:
    """A folder that somebody deleted `place` hours ago: an estate deletes documents only, and a real bin holds both."""
    world = call.site.world
    number, volume = world.structure_id(ids.BIN_FOLDER, place), world.structure_id(ids.VOLUME)
    return _Binned(
        number, 0, f"Old folder {place + 1}", volume, None, int(call.site.now()) - 3600 * place, 0, None
    )


def _in_mode(call: Call, row: _Binned, mode: str) -> bool:
    if mode.startswith("user") and row.by != call.caller.login:
        return False
    zone = call.site.world.estate.zone
    day = datetime.fromtimestamp(row.at, zone).date()
    return not mode.endswith("today") or day == call.site.world.now.astimezone(zone).date()


def _order(call: Call) -> tuple[Callable[[_Binned], Any], bool]:
    """The key of the sort, and whether it descends, as it does without a prefix."""
    text = call.one("sort", "deleted_date")
    order, _, column = text.partition("_")
    if order not in ("asc", "desc"):
        order, column = "desc", text
    if column not in COLUMNS:
        raise EcmRefusal(500, f"Could not set feature Sort Column, invalid value '{text}'")
    keys: dict[str, Callable[[_Binned], Any]] = {
        "name": lambda row: (row.name, row.id),
        "size": lambda row: (row.size, row.id),
        "type": lambda row: (row.type, row.id),
    }
    return keys.get(column, lambda row: (row.at, row.id)), order == "desc"


def _properties(call: Call, row: _Binned) -> Json:
    world, is_document = call.site.world, row.type == 144
    return {
        "container": not is_document,
        "container_size": row.size if not is_document else 0,
        "create_user_id": world.user_id(row.creator),
        "deleted_date": shapes.date(call.site, row.at),
        "deleted_user_id": world.user_id(row.by),
        "id": row.id,
        "mime_type": "application/pdf" if is_document else None,
        "name": row.name,
        "parent_id": row.parent,
        "purged_date": shapes.date(call.site, row.at + KEPT),
        "size": row.size,
        "size_formatted": "1 KB" if is_document else f"{row.size} Items",
        "type": row.type,
        "type_name": TYPE_NAMES[row.type],
    }

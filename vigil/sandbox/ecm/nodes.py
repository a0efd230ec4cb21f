"""``/v2/nodes``: one, many by id, children, categories, versions, audit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import orjson

from vigil.sandbox.ecm import shapes
from vigil.sandbox.ecm.call import CAPS, Call, only
from vigil.sandbox.ecm.protocol import EcmRefusal, Json
from vigil.sandbox.world.state import (
    AUDIT_EVENTS,
    Audit,
    Node,
    Plain,
    WorldDocument,
    WorldFolder,
    WorldWorkspace,
)

_CONTAINERS = (0, 128, 141, 848)


def node(call: Call) -> Json:
    found = call.readable()
    call.site.opened(call.caller, found)
    fields = call.fields() or {"properties": None, "categories": None, "versions": None}
    return {"links": call.self_link(), "results": _node_row(call, found, fields)}


def children(call: Call) -> Json:
    parent = call.readable(parent=True)
    held = [n for n in call.site.world.children(parent) if _is_of_type(n, call)]
    name = call.one("where_name")
    held = [n for n in held if call.site.matches(n.name, name)] if name else held
    held = call.site.countable(call.caller, held)
    shown, page = call.paged(_sorted(call, held), "children", 25)
    fields = call.fields() or {"properties": None}
    rows = [_node_row(call, n, fields) for n in call.site.visible(call.caller, shown)]
    return call.collection(page, rows)


def listed(call: Call) -> Json:
    """``POST /v2/nodes/list``: at most 250 ids; those beyond, missing or unreadable are dropped (quirks 1, 15, 16)."""
    quirks = call.site.quirks
    try:
        ids = [int(i) for i in orjson.loads(call.one("body", "{}"))["ids"]]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise EcmRefusal(400, "Argument 'body' should be an object with \"ids\".") from None
    ids = ids[: CAPS["ids"]] if quirks.caps_clamp else ids
    found = [n for i in ids if (n := call.site.find(call.caller, i)) is not None]
    if len(found) < len(ids) and not quirks.nodes_list_drops:
        raise EcmRefusal(400, "Sorry, one of the items you requested could not be accessed.")
    fields = call.fields() or {"properties": None}
    rows = [_node_row(call, n, fields) for n in found]
    paging = {"limit": CAPS["ids"], "page": 1, "page_total": 1, "range_max": len(rows), "range_min": min(1, len(rows)),
              "total_count": len(rows)}  # fmt: skip
    return {"collection": {"paging": paging}, "links": call.self_link(), "results": rows}


def categories(call: Call) -> Json:
    found = call.readable(parent=True)
    results = []
    for category, values in zip(
        call.site.categories.of(found), call.site.categories.listed(found), strict=True
    ):
        if len(call.ids) < 2 or call.ids[1] == category.id:
            entry: Json = {"data": {"categories": values}}
            if call.has("metadata"):
                entry["metadata"] = {"categories": call.site.categories.metadata(category)}
                keys = list(entry["metadata"]["categories"])[1:]
                entry["metadata_map"] = {"categories": {str(category.id): keys}}
                entry["metadata_order"] = {"categories": [str(category.id)]}
            results.append(entry)
    if len(call.ids) < 2:
        return {"links": call.self_link(), "results": results}
    if not results:
        raise EcmRefusal(400, "The category is not on the item.")
    return {"links": call.self_link(), "results": results[0]}


def versions(call: Call) -> Json:
    found = _document(call)
    rows = [{"data": {"versions": shapes.version(call.site, found, v)}} for v in reversed(found.versions)]
    if len(call.ids) < 2:
        return {"links": call.self_link(), "results": rows}
    if not 1 <= call.ids[1] <= len(rows):
        raise EcmRefusal(400, "Could not find the version.")
    return {"links": call.self_link(), "results": rows[-call.ids[1]]}


def audit(call: Call) -> Json:
    """Newest first, day filters in the server's zone. Rows have no id of their own (quirk 23)."""
    found = call.readable()
    rows = found.audit if not isinstance(found, Plain | WorldFolder) else []
    kept = sorted(_audit_filtered(call, rows), key=lambda row: row.at)
    if call.one("sort", "desc_audit_date") != "asc_audit_date":
        kept.reverse()
    shown, page = call.paged(kept, "audit", 100)
    people = call.site.world
    results = []
    for place, row in enumerate(shown, start=page.start):
        name = AUDIT_EVENTS[row.event]
        entry: Json = {
            "id": found.id,
            "event_type": row.event,
            "audit_date": shapes.date(call.site, row.at),
            "user_id": people.user_id(row.by),
            "agent_id": None,
            "audit_language_code": None,
            "target_user_id": None,
            "audit_name": f"{name}: {row.text}" if row.text else name,
        }
        if not call.site.quirks.audit_without_ids:
            entry["audit_id"] = place + 1
        if call.has("expand"):
            entry["user_id_expand"] = shapes.member(call.site, row.by)
        results.append(entry)
    types = [{"id": event, "name": AUDIT_EVENTS[event]} for event in sorted({r.event for r in rows})]
    data = {"data": {"audit": results, "audit_event_types": types}}
    return call.collection(page, data, sort="desc_audit_date")


def _audit_filtered(call: Call, rows: Sequence[Audit]) -> Iterable[Audit]:
    event, person = call.number("where_type", 0), call.number("where_user_id", 0)
    first, last = _day(call, "where_audit_date_start"), _day(call, "where_audit_date_end")
    zone = call.site.world.estate.zone
    for row in rows:
        if event and row.event != event:
            continue
        if person and call.site.world.user_id(row.by) != person:
            continue
        day = datetime.fromtimestamp(row.at, zone).date() if first or last else None
        if day and ((first and day < first) or (last and day > last)):
            continue
        yield row


def _day(call: Call, name: str) -> date | None:
    text = call.one(name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise EcmRefusal(400, f"Argument '{name}' should be a date: YYYY-MM-DD.") from None


def _document(call: Call) -> WorldDocument:
    found = call.readable()
    if not isinstance(found, WorldDocument):
        raise EcmRefusal(400, "The item has no versions.")
    return found


def _node_row(call: Call, found: Node, fields: dict[str, Any]) -> Json:
    data: Json = {}
    if "properties" in fields:
        data["properties"] = only(shapes.node_properties(call.site, found), fields["properties"])
    row: Json = {"data": data}
    if "categories" in fields:
        data["categories"] = call.site.categories.listed(found)
        if call.has("metadata"):
            held = call.site.categories.of(found)
            row["metadata"] = {"categories": [call.site.categories.metadata(c) for c in held]}
            row["metadata_order"] = {"categories": call.site.categories.ids(found)}
    if "versions" in fields and isinstance(found, WorldDocument):
        history = [shapes.version(call.site, found, v) for v in reversed(found.versions)]
        newest_only = call.site.quirks.newest_version_only or any(
            "element(0)" in text for text in call.query.get("fields", ())
        )
        data["versions"] = history[0] if newest_only else history
    return row


def _is_of_type(found: Node, call: Call) -> bool:
    """``where_type``: a type's number, or -1 containers, -2 all that can be searched, -3 all but containers."""
    wanted = {int(t) for t in call.query.get("where_type", ()) if re.fullmatch(r"-?\d+", t)}
    if not wanted or -2 in wanted:
        return True
    number = _type_number(found)
    return (
        number in wanted
        or (-1 in wanted and number in _CONTAINERS)
        or (-3 in wanted and number not in _CONTAINERS)
    )


def _type_number(found: Node) -> int:
    if isinstance(found, Plain):
        return found.type
    if isinstance(found, WorldFolder):
        return 0
    return 848 if isinstance(found, WorldWorkspace) else 144


def _sorted(call: Call, held: list[Node]) -> list[Node]:
    order, _, key = call.one("sort", "asc_name").partition("_")
    keys = {
        "name": lambda n: (n.name, n.id),
        "id": lambda n: n.id,
        "type": lambda n: (_type_number(n), n.name, n.id),
        "create_date": lambda n: (getattr(n, "created", 0), n.id),
        "modify_date": lambda n: (_modified(call, n), n.id),
    }
    if key not in keys or order not in ("asc", "desc"):
        raise EcmRefusal(400, f"Invalid sort: {call.one('sort')}")
    return sorted(held, key=keys[key], reverse=order == "desc")


def _modified(call: Call, found: Node) -> int:
    if isinstance(found, WorldWorkspace):
        return call.site.world.state.modified(found)
    return found.modified if isinstance(found, WorldDocument) else 0

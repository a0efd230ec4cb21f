"""``/v2/nodes``: one, many by id, children, categories, versions, audit."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import orjson

from vigil.sandbox.ecm import follow_ups, shapes
from vigil.sandbox.ecm.call import Call, groups, only
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

MANY = 1000  # children, from which on their order is kept from one page to the next
_CONTAINERS = (0, 128, 141, 848)
_COLUMNS = [
    {"data_type": 2, "key": "type", "name": "Type", "sort_key": "type"},
    {"data_type": -1, "key": "name", "name": "Name", "sort_key": "name"},
    {"data_type": -1, "key": "size_formatted", "name": "Size", "sort_key": "size"},
    {"data_type": 401, "include_time": True, "key": "modify_date", "name": "Modified", "sort_key": "modify_date"},
    {"data_type": 401, "include_time": True, "key": "create_date", "name": "Creation Date", "sort_key": "create_date"},
    {"data_type": 14, "key": "owner_user_id", "name": "Owner", "sort_key": ""},
]  # fmt: skip
"""The columns of a container, with the sorts that its list of children takes."""


def node(call: Call) -> Json:
    found = call.readable()
    call.site.opened(call.caller, found)
    fields = call.fields() or {"properties": None, "categories": None, "columns": None, "versions": None}
    row = _node_row(call, found, fields)
    if "columns" in fields:
        row["data"]["columns"] = _COLUMNS
    # Children leave them out, whatever is asked.
    if "followups" in fields and "followups" not in call.site.quirks.modules_absent:
        row["data"]["followups"] = follow_ups.of_node(call, found)
    if call.has("state"):
        token = hashlib.md5(orjson.dumps(row["data"]), usedforsecurity=False).hexdigest()
        row["state"] = {"properties": {"metadata_token": token}}
    return {"links": call.self_link(), "results": row}


def children(call: Call) -> Json:
    parent = call.readable(parent=True)
    if call.site.world.size(parent) > MANY:
        wanted = [call.query.get(name) for name in ("where_type", "where_name", "sort")]
        held = call.site.kept(f"{call.caller.login} {parent.id} {wanted}", lambda: _children(call, parent))
    else:
        held = _children(call, parent)
    shown, page = call.paged(held, "children", 25)
    fields = call.fields() or {"properties": None}
    rows = [_node_row(call, n, fields) for n in call.site.visible(call.caller, shown)]
    return call.collection(page, rows)


def _children(call: Call, parent: Node) -> Sequence[Node]:
    held = [n for n in call.site.world.children(parent) if _is_of_type(n, call)]
    name = call.one("where_name")
    held = [n for n in held if call.site.matches(n.name, name)] if name else held
    return _sorted(call, call.site.countable(call.caller, held))


def listed(call: Call) -> Json:
    """``POST /v2/nodes/list``: more than 250 ids are refused (quirk 30); missing or unreadable ones are left out (15, 16)."""
    quirks = call.site.quirks
    body = _body(call)
    ids = _ids(call, body)
    if quirks.nodes_list_limit and len(ids) > quirks.nodes_list_limit:
        raise EcmRefusal(400, "Too many items specified for parameter 'ids'")
    found = [n for i in ids if (n := call.site.find(call.caller, i)) is not None]
    if len(found) < len(ids) and not quirks.nodes_list_drops:
        raise EcmRefusal(400, "Sorry, one of the items you requested could not be accessed.")
    inside = body.get("fields", [])
    fields = groups({
        "url": call.query.get("fields", []),
        "form": call.form.get("fields", []),
        "body": inside if isinstance(inside, list) else [str(inside)],
        "none": [],
    }[quirks.nodes_list_fields]) or {"properties": None}  # fmt: skip
    return {"links": call.self_link(), "results": [_node_row(call, n, fields) for n in found]}


def _body(call: Call) -> Json:
    """The form's field `body`, as the vendor's own example has it; {} without it. Raises EcmRefusal (400)."""
    try:
        found = orjson.loads(call.one("body", "{}"))
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise EcmRefusal(400, "Invalid datatype specified for argument 'body'")
    return found


def _ids(call: Call, body: Json) -> list[int]:
    """The ids of the field `ids`, repeated or separated by commas, or else of the `body`. Raises EcmRefusal (400)."""
    texts = [part for text in call.form.get("ids", ()) for part in text.split(",")]
    inside = body.get("ids")
    if not texts and not isinstance(inside, list):
        raise EcmRefusal(400, "The parameter 'ids' is not specified")
    try:
        return [int(i) for i in texts or inside or ()]
    except (TypeError, ValueError):
        raise EcmRefusal(400, "Invalid datatype specified for argument 'ids'") from None


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
        if call.one("order").startswith("asc"):
            rows.reverse()
        total = len(rows)
        page = call.page(total, "children", total or 1)
        paging = {key: page.to_json()[key] for key in ("limit", "page", "page_total")}
        return {
            "collection": {"paging": paging},
            "links": call.self_link(),
            "results": rows[page.start : page.end],
        }
    if not 1 <= call.ids[1] <= len(rows):
        raise EcmRefusal(400, "Could not find the version.")
    return {"links": call.self_link(), "results": rows[-call.ids[1]]}


def audit(call: Call) -> Json:
    """Newest first, day filters in the server's zone. Rows have no id of their own (quirk 23)."""
    found = _accessed(call)
    rows = found.audit if not isinstance(found, Plain | WorldFolder) else []
    kept = sorted(_audit_filtered(call, rows), key=lambda row: row.at)
    if call.one("sort", "desc_audit_date") != "asc_audit_date":
        kept.reverse()
    shown, page = call.paged(kept, "audit", 100)
    results = [_audit_row(call, found, row, place) for place, row in enumerate(shown, start=page.start)]
    types = [{"id": event, "name": AUDIT_EVENTS[event]} for event in sorted({r.event for r in rows})]
    data = {"data": {"audit": results, "audit_event_types": types}}
    return call.collection(page, data, sort="desc_audit_date")


def _audit_row(call: Call, found: Node, row: Audit, place: int) -> Json:
    site, name = call.site, AUDIT_EVENTS[row.event]
    entry: Json = {
        "id": found.id,
        "event_type": row.event,
        "audit_date": shapes.date(site, row.at),
        "user_id": site.world.user_id(row.by),
        "audit_language_code": None,
        "audit_name": f"{name}: {row.text}" if row.text else name,
    }
    if site.quirks.audit_agents:
        entry |= {"agent_id": None, "target_user_id": None}
    if not site.quirks.audit_without_ids:
        entry["audit_id"] = place + 1
    wanted = call.expand()
    return shapes.expanded(site, entry, wanted["audit"]) if "audit" in wanted else entry


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


def _accessed(call: Call) -> Node:
    """The node of the path, for audit and versions, which are refused in words of their own."""
    found = call.site.find(call.caller, call.ids[0])
    if found is None:
        status = call.site.missing(call.ids[0]).status
        raise EcmRefusal(status, "Sorry, the item you requested could not be accessed. Either it does not exist or you do not have "
                                 "permission to access it. If you were sent a link to this item, please contact your "
                                 "Administrator.")  # fmt: skip
    return found


def _document(call: Call) -> WorldDocument:
    found = _accessed(call)
    if not isinstance(found, WorldDocument):
        raise EcmRefusal(400, "The item has no versions.")
    return found


def _node_row(call: Call, found: Node, fields: dict[str, Any]) -> Json:
    data: Json = {}
    if "properties" in fields:
        properties, wanted = shapes.node_properties(call.site, found), call.expand()
        if "properties" in wanted:
            properties = shapes.expanded(call.site, properties, wanted["properties"])
        data["properties"] = only(properties, fields["properties"])
    row: Json = {"data": data}
    if "categories" in fields:
        data["categories"] = call.site.categories.listed(found)
        if call.has("metadata"):
            held = call.site.categories.of(found)
            row["metadata"] = {"categories": [call.site.categories.metadata(c) for c in held]}
            row["metadata_order"] = {"categories": call.site.categories.ids(found)}
    if "versions" in fields and isinstance(found, WorldDocument):
        keys = fields["versions"]
        history = [only(shapes.version(call.site, found, v), keys) for v in reversed(found.versions)]
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
    sort = call.one("sort", "asc_name")
    order, _, key = sort.partition("_") if sort.startswith(("asc_", "desc_")) else ("asc", "", sort)
    keys = {
        "name": lambda n: (n.name, n.id),
        "id": lambda n: n.id,
        "type": lambda n: (_type_number(n), n.name, n.id),
        "size": lambda n: (call.site.world.size(n), n.id),
        "create_date": lambda n: (shapes.dates(call.site, n)[0], n.id),
        "modify_date": lambda n: (shapes.dates(call.site, n)[1], n.id),
    }
    if key not in keys:
        raise EcmRefusal(400, f"One or more parameters are invalid: sort {sort}")
    return sorted(held, key=keys[key], reverse=order == "desc")

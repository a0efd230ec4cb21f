"""``/v2/businessworkspaces``: types, lists, one, roles and members, related ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from vigil.sandbox.ecm import shapes
from vigil.sandbox.ecm.call import Call, only
from vigil.sandbox.ecm.protocol import EcmRefusal, Json
from vigil.sandbox.world import ids
from vigil.sandbox.world.state import Indexed, WorldWorkspace

_COLUMN = re.compile(r"\s*(\w+)\s*(==|=|!=|<>|>=|<=|>|<|like)\s*(.+?)\s*$", re.IGNORECASE)


def types(call: Call) -> Json:
    world = call.site.world
    if not world.type_names:
        raise EcmRefusal(500, "No workspace types are configured.")
    results = []
    for place, name in enumerate(world.type_names):
        properties: Json = {
            "rm_enabled": False,
            "wksp_type_id": place + ids.TYPE_ID,
            "wksp_type_name": name,
        }
        if call.yes("expand_templates"):
            template = world.templates[name]
            properties["templates"] = [{"id": template.id, "name": template.name, "subtype": 848}]
        data: Json = {"properties": properties}
        if call.yes("expand_wksp_info"):
            data["wksp_info"] = {"wksp_type_icon": f"/appimg/ot_bws/icons/{place}.svg"}
        results.append({"data": data})
    return {"links": call.self_link(), "results": results}


def workspaces(call: Call) -> Json:
    site = call.site
    found = _as_indexed(call)
    if found is None:
        listed = site.countable(call.caller, _ordered(call, _filtered(call, _of_types(call))))
        found = _shifted(call, listed)
    shown, page = call.paged(found, "workspaces", 500)
    # Without `action=properties-` every column comes, whatever `fields` says.
    restricted = any("properties-" in text for text in call.query.get("action", ()))
    wanted = call.fields().get("properties") if restricted else None
    rows = [_row(only(shapes.workspace_row(site, w), wanted)) for w in site.visible(call.caller, shown)]
    return {
        "links": call.self_link(),
        "paging": call.next_link(page),
        "results": rows,
        "wksp_info": {"wksp_type_icon": None},
    }


def workspace(call: Call) -> Json:
    found = _workspace(call)
    call.site.opened(call.caller, found)
    place = call.site.world.type_names.index(found.type.name)
    row = _row(shapes.workspace_row(call.site, found))
    row["data"]["business_properties"] = {
        "workspace_type_id": place + ids.TYPE_ID,
        "workspace_type_name": found.type.name,
        "business_object_id": "",
        "business_object_type": "",
    }
    row["data"]["categories"] = call.site.categories.keyed(found)
    row["data"]["wksp_info"] = {"wksp_type_icon": None}
    row["metadata_order"] = {"categories": call.site.categories.ids(found)}
    if call.has("metadata"):
        definitions = {str(c.id): call.site.categories.metadata(c) for c in call.site.categories.of(found)}
        row["metadata"] = {"categories": definitions}
    return {
        "links": call.self_link(),
        "paging": call.page(1, "workspaces", 500).to_json(),
        "results": [row],
        "wksp_info": {"wksp_type_icon": None},
        "workspace_references": [],
    }


def roles(call: Call) -> Json:
    """All roles; with ``fields=members`` their members too, where the version of ECM knows that."""
    found, site = _workspace(call), call.site
    with_members = "members" in call.fields() and not site.quirks.roles_ignore_members
    results = []
    for place, name in enumerate(found.type.roles):
        properties = {
            "id": site.world.role_id(found, name),
            "name": name,
            "description": None,
            "inherited_from_id": None,
            "leader": place == 0,
            "perms": None,
            "team_id": site.world.role_id(found, name),
            "type": 848,
            "type_name": "Business Workspace",
        }
        data: Json = {"properties": properties}
        if with_members:
            data["members"] = [shapes.member(site, m) for m in _members(call, found, name)]
        results.append({"data": data})
    return {"links": call.self_link(), "results": results}


def role_members(call: Call) -> Json:
    found, world = _workspace(call), call.site.world
    name = next((r for r in found.type.roles if world.role_id(found, r) == call.ids[1]), None)
    if name is None:
        raise EcmRefusal(400, "The role does not exist in the workspace.")
    shown, page = call.paged(_members(call, found, name), "members", 20)
    return call.collection(page, [{"data": {"properties": shapes.member(call.site, m)}} for m in shown])


def related(call: Call) -> Json:
    found, site = _workspace(call), call.site
    wanted = call.one("where_relationtype").lower()
    children = [w for i in found.related if (w := site.world.state.workspaces.get(i))]
    parents = [
        w for i in site.world.state.parents.get(found.id, ()) if (w := site.world.state.workspaces.get(i))
    ]
    held = {"child": children, "parent": parents}.get(wanted, [*children, *parents])
    held = site.countable(call.caller, _filtered(call, held))
    shown, page = call.paged(held, "workspaces", 500)
    rows = [_row(shapes.workspace_row(site, w)) for w in site.visible(call.caller, shown)]
    return {"links": call.self_link(), "paging": call.next_link(page), "results": rows}


def _workspace(call: Call) -> WorldWorkspace:
    found = call.readable()
    if not isinstance(found, WorldWorkspace):
        raise EcmRefusal(400, "The item is not a business workspace.")
    return found


def _members(call: Call, found: WorldWorkspace, role: str) -> Sequence[str]:
    held = found.roles.get(role, ())
    if call.site.quirks.deleted_users_stay:
        return held
    return [m for m in held if m not in call.site.world.state.deleted]


def _row(properties: Json) -> Json:
    opening = {"open": {"body": "", "content_type": "", "href": f"/api/v2/nodes/{properties.get('id')}/nodes",
                        "method": "GET", "name": "Open"}}  # fmt: skip
    actions = {"data": opening, "map": {"default_action": "open"}, "order": ["open"]}
    return {"actions": actions, "data": {"properties": properties}}


def _of_types(call: Call) -> list[WorldWorkspace]:
    """Workspaces of the wanted types (all when none is named), changed first ones first."""
    world, site = call.site.world, call.site
    names: Iterable[str] = world.type_names
    if numbers := [
        *call.query.get("where_workspace_type_id", ()),
        *call.query.get("where_workspace_type_ids", ()),
    ]:
        names = [n for n in names if str(world.type_id(n)) in numbers]
    elif name := call.one("where_workspace_type_name"):
        names = [n for n in names if site.matches(n, name)]
    state = world.state
    found = [state.workspaces[i] for name in names for _, i in state.by_modified[name].keys]
    if site.quirks.recent_without_expanded and not call.yes("expanded_view"):
        recent = site.recent(call.caller)
        found = [w for w in found if w.id in recent]
    return found


def _as_indexed(call: Call) -> Sequence[WorldWorkspace] | None:
    """The list that a poller asks for (one type, by modify date, whole), None when it is another one."""
    site, sort = call.site, call.one("sort")
    numbers = call.query.get("where_workspace_type_id", ())
    names = [n for n in site.world.type_names if str(site.world.type_id(n)) in numbers]
    whole = call.yes("expanded_view") or not site.quirks.recent_without_expanded
    plain = site.quirks.unreadable_counted or not site.restricts(call.caller)
    others = ("where_name", "where_column_query", "where_workspace_type_name", "where_workspace_type_ids")
    if len(names) != 1 or sort not in ("desc_modify_date", "asc_modify_date") or site.quirks.list_shifts:
        return None
    if not whole or not plain or any(name in call.query for name in others):
        return None
    state = site.world.state
    keys = state.by_modified[names[0]].keys
    return Indexed(keys, state.workspaces, descending=sort.startswith("desc"))


def _filtered(call: Call, found: list[WorldWorkspace]) -> list[WorldWorkspace]:
    if name := call.one("where_name"):
        found = [w for w in found if call.site.matches(w.name, name)]
    for text in call.query.get("where_column_query", ()):
        test = _column_test(call, text)
        found = [w for w in found if test(w)]
    return found


def _column_test(call: Call, text: str) -> Callable[[WorldWorkspace], bool]:
    """``name like Alpha*``, ``modify_date >= '2024-01-01'``, ``wnf_att_{category}_{attribute} == 'x'``; one condition."""
    match = _COLUMN.match(text)
    if match is None:
        raise EcmRefusal(400, f"Invalid column query: {text}")
    column, operator, value = match[1], match[2].lower(), match[3].strip("'\"")
    custom = re.fullmatch(r"wnf_att_(\d+)_(\d+)", column)

    def held(workspace: WorldWorkspace) -> Any:
        if custom:
            return call.site.categories.value(workspace, int(custom[1]), int(custom[2]))
        return shapes.workspace_row(call.site, workspace).get(column)

    if operator == "like":
        pattern = re.compile(re.escape(value).replace(r"\*", ".*").replace("%", ".*"), re.IGNORECASE)
        return lambda w: pattern.fullmatch(str(held(w) or "")) is not None
    compare: dict[str, Callable[[str, str], bool]] = {
        "==": lambda a, b: a == b, "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<>": lambda a, b: a != b,
        ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, "<": lambda a, b: a < b,
    }  # fmt: skip
    return lambda w: compare[operator](str(held(w) or ""), value)


def _ordered(call: Call, found: list[WorldWorkspace]) -> list[WorldWorkspace]:
    order, _, key = call.one("sort", "asc_name").partition("_")
    descending = order == "desc"
    if key == "modify_date":
        # Of one type they stand in this order already: sorting what is sorted costs next to nothing.
        modified = call.site.world.state.modified
        return sorted(found, key=lambda w: (modified(w), w.id), reverse=descending)
    keys: dict[str, Callable[[WorldWorkspace], Any]] = {
        "name": lambda w: (w.name, w.id),
        "id": lambda w: w.id,
        "create_date": lambda w: (w.created, w.id),
    }
    if key not in keys or order not in ("asc", "desc"):
        raise EcmRefusal(400, f"Invalid sort: {call.one('sort')}")
    return sorted(found, key=keys[key], reverse=descending)


def _shifted(call: Call, found: list[WorldWorkspace]) -> list[WorldWorkspace]:
    """Quirk 17: once the second page is asked for, rows have come in front of the list, or left it there."""
    shift = call.site.quirks.list_shifts
    if not shift:
        return found
    key = str(sorted((k, v) for k, v in call.query.items() if k not in ("page", "limit")))
    happened = call.site.has_shifted(key, now=call.number("page", 1) > 1)
    if shift > 0:
        return found if happened else found[shift:]
    return found[-shift:] if happened else found

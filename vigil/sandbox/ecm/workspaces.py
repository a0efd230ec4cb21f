"""``/v2/businessworkspaces``: types, lists, one, roles and members, related ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from vigil.sandbox.ecm import column_query, shapes
from vigil.sandbox.ecm.call import Call, only
from vigil.sandbox.ecm.column_query import Columns, ColumnUnknown
from vigil.sandbox.ecm.protocol import EcmRefusal, Json
from vigil.sandbox.ecm.site import SimulatedEcm
from vigil.sandbox.world import ids
from vigil.sandbox.world.state import Indexed, WorldDocument, WorldFolder, WorldWorkspace

_OF_A_PAGE = frozenset(
    (
        "page",
        "limit",
        "fields",
        "action",
        "metadata",
        "global_metadata",
        "expand",
        "expand_users",
        "include_total_count",
    )
)
"""Parameters that do not change which workspaces a list has, nor their order."""
_OF_BUSINESS_OBJECTS = ("where_bo_id", "where_bo_type", "where_ext_system_id")
_USERS = frozenset(("create_user_id", "modify_user_id", "owner_user_id"))


def types(call: Call) -> Json:
    """The types, with ``expand_templates`` and ``expand_wksp_info`` more of each. 500 where there are none."""
    world = call.site.world
    if not world.type_names:
        raise EcmRefusal(500, "No workspace types are configured.")
    results = []
    for place, name in enumerate(world.type_names):
        properties: Json = {
            "rm_enabled": False,
            "wksp_type_id": place + ids.TYPE_ID,
            "wksp_type_name": name,
            "wksp_type_names": {"en": name},
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
    """A page of the workspaces, by name unless sorted; without ``expanded_view`` those that the caller opened last (quirk 19)."""
    site = call.site
    found: Sequence[WorldWorkspace]
    if site.quirks.recent_without_expanded and not call.yes("expanded_view"):
        found = _list(call)
    elif (indexed := _as_indexed(call)) is not None:
        found = indexed
    else:
        wanted = sorted((k, v) for k, v in call.query.items() if k not in _OF_A_PAGE)
        found = site.kept(f"{call.caller.login} {wanted}", lambda: _list(call))
    return _rows(call, _shifted(call, found), shapes.workspace_row)


def _list(call: Call) -> Sequence[WorldWorkspace]:
    found, sort = _filtered(call, _of_types(call))
    return call.site.countable(call.caller, _ordered(call, found, sort or call.one("sort")))


def _rows(
    call: Call, found: Sequence[WorldWorkspace], shape: Callable[[SimulatedEcm, WorldWorkspace], Json]
) -> Json:
    """A page of workspaces, as the lists of all and of related ones write it."""
    site = call.site
    page = call.page(len(found), "workspaces", 500, wall=site.quirks.wall)
    shown = found[page.start : page.end]
    # Without `action=properties-` every column comes, whatever `fields` says.
    restricted = any("properties-" in text for text in call.query.get("action", ()))
    wanted = call.fields().get("properties") if restricted else None
    expand = call.expand().get("properties", frozenset()) if not call.yes("expand_users") else _USERS
    definitions = _definitions(call) if _asks(call, "metadata") else None
    rows = []
    for workspace in site.visible(call.caller, shown):
        properties = shape(site, workspace)
        if expand != frozenset():
            properties = shapes.expanded(site, properties, expand)
        row = _row(only(properties, wanted))
        if definitions is not None:
            row |= {"metadata": {"properties": definitions}, "metadata_order": {"properties": None}}
        rows.append(row)
    answer = {"links": call.self_link(), "paging": call.next_link(page), "results": rows}
    if _asks(call, "metadata") or _asks(call, "global_metadata"):
        answer["meta_data"] = {"properties": _definitions(call)}
    return answer | {"wksp_info": {"wksp_type_icon": None}}


def _asks(call: Call, flag: str) -> bool:
    """Whether a flag is set: ``metadata``, ``metadata=true``."""
    return call.has(flag) and call.one(flag).lower() not in ("false", "0")


def _definitions(call: Call) -> Json:
    """The columns, and by which of them one may sort (quirk 46: a flag of `modify_date` that need not be true)."""
    sorts = {
        "name": True,
        "modify_date": call.site.quirks.date_sort_flag,
        "size": False,
        "id": False,
        "type": False,
    }
    columns = (
        ("create_date", "Created", -7), ("favorite", "Favorite", 5), ("id", "DataID", 2), ("modify_date", "Modified", -7),
        ("name", "Name", -1), ("parent_id", "Parent ID", 2), ("size", "Size", 2), ("type", "Type", 2),
    )  # fmt: skip
    found: Json = {}
    for key, name, kind in columns:
        found[key] = {
            "align": "left",
            "name": name,
            "persona": "node" if key == "id" else "",
            "type": kind,
            "width_weight": 0,
        }
        if key in sorts:
            found[key]["sort"] = sorts[key]
    return found


def workspace(call: Call) -> Json:
    """One workspace: `results` is an object or a list of one (quirk 37), `categories` an object keyed by category (13)."""
    site, found, fields = call.site, _workspace(call), call.fields()
    if call.one("add_recently_accessed").lower() != "false":
        site.opened(call.caller, found)
    properties = shapes.workspace_detail(site, found)
    if "properties" in call.expand():
        properties = shapes.expanded(site, properties, call.expand()["properties"])
    row = _row(properties)
    row["data"]["business_properties"] = {
        "business_object_id": "",
        "business_object_type": "",
        "has_default_display": False,
        "has_default_search": False,
        "isEarly": False,
        "workspace_type_id": site.world.type_id(found.type.name),
        "workspace_type_name": found.type.name,
        "workspace_type_name_multilingual": {"en": found.type.name},
    }
    row["data"] |= {"display_urls": [], "wksp_info": {"wksp_type_icon": None}, "workspace_references": []}
    if "categories" in fields or not fields:
        row["data"]["categories"] = site.categories.keyed(found)
    listed = site.quirks.detail_as_list
    row["metadata_order"] = {"categories": site.categories.ids(found)} if listed else {"properties": None}
    if call.has("metadata"):
        definitions = {str(c.id): site.categories.metadata(c) for c in site.categories.of(found)}
        row["metadata"] = {"categories": definitions}
    if not listed:
        return {"links": call.self_link(), "results": row}
    paging = call.page(1, "workspaces", 500).to_json()
    return {"links": call.self_link(), "paging": paging, "results": [row]}


def root(call: Call) -> Json:
    """``GET /v1/nodes/{id}/businessworkspace``: the workspace that a node lies in, or that it is. 400 outside any."""
    found = call.readable()
    held = found.workspace if isinstance(found, WorldDocument | WorldFolder) else found
    if not isinstance(held, WorldWorkspace):
        raise EcmRefusal(400, f"The node {found.id} is not located in a business workspace.")
    return {
        "id": held.id,
        "isLinked": False,
        "type": 848,
        "workspace_type_id": call.site.world.type_id(held.type.name),
    }


def roles(call: Call) -> Json:
    """All roles; with ``fields=members`` their members too, where the version of ECM knows that."""
    found = _workspace(call)
    results = [_role(call, found, name) for name in found.type.roles]
    return {"links": call.self_link()["data"], "results": results}


def role(call: Call) -> Json:
    """One role."""
    found = _workspace(call)
    return {"links": call.self_link(), "results": _role(call, found, _role_name(call, found))}


def _role(call: Call, found: WorldWorkspace, name: str) -> Json:
    properties = {
        "description": "",
        "id": call.site.world.role_id(found, name),
        "inherited_from_id": None,
        "leader": name == found.type.roles[0],
        "name": name,
        "perms": None,
    }
    data: Json = {"properties": properties}
    if "members" in call.fields() and not call.site.quirks.roles_ignore_members:
        data["members"] = [shapes.role_member(call.site, m) for m in _members(call, found, name)]
    return {"actions": {}, "data": data}


def role_members(call: Call) -> Json:
    """Everybody in a role; no paging and no `collection`, unless the switch brings them (quirk 45)."""
    found = _workspace(call)
    held = _members(call, found, _role_name(call, found))
    if call.site.quirks.role_members_collection:
        held, page = call.paged(held, "members", 20)
    rows = [{"data": {"properties": shapes.role_member(call.site, m)}} for m in held]
    if call.site.quirks.role_members_collection:
        return call.collection(page, rows)
    return {"links": call.self_link(), "results": rows}


def team(call: Call) -> Json:
    """``/members`` of newer versions: a page of roles, each with its first `limit_members` members only."""
    found, most = _workspace(call), call.number("limit_members", 10)
    shown, page = call.paged(found.type.roles, "roles", 100)
    results = []
    for name in shown:
        properties = {
            "id": call.site.world.role_id(found, name),
            "inherited_from_id": None,
            "leader": name == found.type.roles[0],
            "name": name,
            "type": 848,
            "type_formatted": "Workspace Role",
        }
        held = [_team_member(call, m) for m in _members(call, found, name)[:most]]
        results.append({"data": {"properties": properties, "members": held}})
    return call.collection(page, results, sort=None)


def team_members(call: Call) -> Json:
    """Everybody in a role, in pages."""
    found = _workspace(call)
    shown, page = call.paged(_members(call, found, _role_name(call, found)), "roles", 100)
    return call.collection(page, [{"data": {"properties": _team_member(call, m)}} for m in shown], sort=None)


def _team_member(call: Call, name: str) -> Json:
    keys = frozenset(
        ("id", "initials", "name", "name_formatted", "photo_id", "photo_url", "type", "type_name")
    )
    return only(shapes.member(call.site, name), keys)


def _role_name(call: Call, found: WorldWorkspace) -> str:
    name = next((r for r in found.type.roles if call.site.world.role_id(found, r) == call.ids[1]), None)
    if name is None:
        raise EcmRefusal(400, f"Could not get a role for {call.ids[1]}")
    return name


def related(call: Call) -> Json:
    """Children and parents of a workspace, by name unless sorted; each row says which it is where versions do so."""
    found, site = _workspace(call), call.site
    state = site.world.state
    numbers = {"child": found.related, "parent": state.parents.get(found.id, ())}
    relation: dict[int, str] = {}
    for kind in _relations(call):
        relation |= {i: f"BO_{kind.title()}" for i in numbers[kind] if i in state.workspaces}
    held, sort = _filtered(call, [state.workspaces[i] for i in relation])
    held = site.countable(call.caller, _ordered(call, held, sort or call.one("sort")))

    def shape(site: SimulatedEcm, workspace: WorldWorkspace) -> Json:
        row = shapes.workspace_row(site, workspace)
        return row | {"rel_type": relation[workspace.id]} if site.quirks.rel_type_in_rows else row

    return _rows(call, held, shape)


def _relations(call: Call) -> Sequence[str]:
    """The kinds that are asked for: by the old parameter one, by the new one several, in the form that this version understands."""
    quirks = call.site.quirks
    if call.has("where_rel_types"):
        text = ",".join(call.query["where_rel_types"])
        form = "braces" if text.startswith("{") else "comma"
        kinds = [kind.strip(" '\"") for kind in text.strip("{}").split(",")]
        understood = quirks.rel_types in (form, "both") and set(kinds) <= {"child", "parent"}
        if understood:
            return kinds
        if quirks.rel_types_misread == "empty":
            return ()
        raise EcmRefusal(400, f"One or more parameters are invalid: where_rel_types {text}")
    kind = call.one("where_relationtype").lower()
    return (kind,) if kind in ("child", "parent") else ("child", "parent")


def _workspace(call: Call) -> WorldWorkspace:
    if call.site.quirks.missing_workspace_404 and call.site.find(call.caller, call.ids[0]) is None:
        raise EcmRefusal(404, f"Could not get a node for {call.ids[0]}")
    found = call.readable()
    if not isinstance(found, WorldWorkspace):
        raise EcmRefusal(400, f"The node {found.id} is not a business workspace.")
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


def _numbers(call: Call) -> list[str]:
    """The ids of types that are asked for: ``where_workspace_type_id=1``, ``where_workspace_type_ids={1,2}``."""
    texts = [*call.query.get("where_workspace_type_id", ()), *call.query.get("where_workspace_type_ids", ())]
    return [part.strip(" '\"") for text in texts for part in text.strip("{}").split(",") if part]


def _of_types(call: Call) -> list[WorldWorkspace]:
    """Of the types that are asked for, in the order of their modify dates, which the index keeps. None has a business object."""
    site, world = call.site, call.site.world
    if any(call.one(name) for name in _OF_BUSINESS_OBJECTS):
        return []
    names: Iterable[str] = world.type_names
    if numbers := _numbers(call):
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
    names = [n for n in site.world.type_names if str(site.world.type_id(n)) in _numbers(call)]
    plain = site.quirks.unreadable_counted or not site.restricts(call.caller)
    others = ("where_name", "where_column_query", "where_workspace_type_name", *_OF_BUSINESS_OBJECTS)
    if len(names) != 1 or sort not in ("desc_modify_date", "asc_modify_date") or not site.quirks.date_sort:
        return None
    if not plain or any(name in call.query for name in others):
        return None
    state = site.world.state
    keys = state.by_modified[names[0]].keys
    return Indexed(keys, state.workspaces, descending=sort.startswith("desc"))


def _filtered(call: Call, found: list[WorldWorkspace]) -> tuple[list[WorldWorkspace], str]:
    """What the filters on types, names and columns leave, and the sort that a column query asks for."""
    site, sort = call.site, ""
    if numbers := _numbers(call):
        found = [w for w in found if str(site.world.type_id(w.type.name)) in numbers]
    if name := call.one("where_name"):
        bare_equals = site.quirks.where_name_equals and not call.path.endswith("relateditems")
        found = [w for w in found if site.matches(w.name, name, equals=bare_equals)]
    for text in call.query.get("where_column_query", ()):
        columns = Columns(site)
        try:
            query = column_query.parse(text, columns.kind, quoted_dates=site.quirks.quoted_dates)
        except ColumnUnknown:
            if site.quirks.unknown_columns == "refused":
                raise EcmRefusal(400, f"Invalid column query: {text}") from None
            continue
        except ValueError as error:
            raise EcmRefusal(400, f"Invalid column query: {error}") from None
        found = [w for w in found if query.holds(columns.of(w))]
        sort = query.sort or sort
    return found, sort


def _ordered(call: Call, found: list[WorldWorkspace], sort: str) -> list[WorldWorkspace]:
    sort = sort or "asc_name"
    order, _, key = sort.partition("_") if sort.startswith(("asc_", "desc_")) else ("asc", "", sort)
    modified = call.site.world.state.modified
    keys: dict[str, Callable[[WorldWorkspace], Any]] = {
        "name": lambda w: (w.name, w.id),
        "id": lambda w: w.id,
        "type": lambda w: (w.name, w.id),
        "size": lambda w: (call.site.world.size(w), w.id),
        "create_date": lambda w: (w.created, w.id),
        "modify_date": lambda w: (modified(w), w.id),
    }
    if key.startswith("wnf_att_"):
        columns = Columns(call.site)
        keys[key] = lambda w: (str(columns.of(w)(key) or ""), w.id)
    if key not in keys:
        raise EcmRefusal(400, f"One or more parameters are invalid: sort {sort}")
    if key.endswith("_date") and not call.site.quirks.date_sort:
        key, order = "name", "asc"  # quirk 46: without a word
    return sorted(found, key=keys[key], reverse=order == "desc")


def _shifted(call: Call, found: Sequence[WorldWorkspace]) -> Sequence[WorldWorkspace]:
    """Quirk 17: once the second page is asked for, rows have come in front of the list, or left it there."""
    shift = call.site.quirks.list_shifts
    if not shift:
        return found
    key = str(sorted((k, v) for k, v in call.query.items() if k not in ("page", "limit")))
    happened = call.site.has_shifted(key, now=call.number("page", 1) > 1)
    if shift > 0:
        return found if happened else found[shift:]
    return found[-shift:] if happened else found

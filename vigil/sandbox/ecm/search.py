"""``POST /v2/search`` and ``GET /v1/regions``: the search index as REST shows it, with all of quirk 28.

What is found is what was indexed some time ago (`search_lag`); the modify date of a row is the one that was indexed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from urllib.parse import quote, urlencode

from vigil.sandbox.ecm import follow_ups, lql, shapes
from vigil.sandbox.ecm.call import Call, link, only
from vigil.sandbox.ecm.protocol import EcmRefusal, Json
from vigil.sandbox.quirks import REGIONS
from vigil.sandbox.world import ids
from vigil.sandbox.world.search_index import KINDS, Hit, Hits, IndexSettings
from vigil.sandbox.world.state import Node, Plain, WorldDocument, WorldFolder, WorldWorkspace

SORTS = ("asc_OTObjectDate", "asc_OTObjectSize", "desc_OTObjectDate", "desc_OTObjectSize")
SECTIONS = ("properties", "regions", "versions", "followups")
_SHOWN = ("OTMIMEType", "OTName", "OTObjectDate", "OTObjectSize", "OTLocation", "OTCreatedBy")
_NAMES = {"OTMIMEType": ("Type", -1), "OTName": ("Name", -1), "OTObjectDate": ("Date", -7), "OTObjectSize": ("Size", 2),
          "OTLocation": ("Location", -1), "OTCreatedBy": ("Created By", 2)}  # fmt: skip
_EVER = (date.min + timedelta(days=1), date.max - timedelta(days=1))
_NOT_IN_ROWS = ("classification_ids", "original_id", "wksp_type_id")


def regions(call: Call) -> Json:
    """Every region with its flags; ``queryable=true`` and the like keep those that have the flag so."""
    call.site.needs_module("search")
    queryable = call.site.quirks.search_regions
    rows = []
    for name in dict.fromkeys((*REGIONS, *_SHOWN)):
        flags = {
            "displayable": name in _SHOWN,
            "facet": name in ("OTObjectDate", "OTObjectSize"),
            "queryable": name in queryable,
            "search_by_default": name == "OTName",
            "sortable": name in ("OTObjectDate", "OTObjectSize"),
        }
        if all(call.yes(flag) == held for flag, held in flags.items() if call.has(flag)):
            rows.append(
                {"display_name": _NAMES.get(name, (name.removeprefix("OT"), 0))[0], "name": name, **flags}
            )
    return {"data": rows}


def search(call: Call) -> Json:
    """One page of what a query finds. Raises EcmRefusal (400) for a query that cannot be evaluated."""
    call.site.needs_module("search")
    quirks = call.site.quirks
    look_for, where = call.one("lookfor").lower(), call.one("where")
    plain = look_for in ("allwords", "anywords", "exactphrase")
    condition = lql.words(where, look_for) if plain else lql.parse(where, quirks.search_regions)
    memory = call.site.search
    memory.index.catch_up(
        IndexSettings(
            quirks.search_lag, quirks.search_unsorted_days, quirks.search_old_versions, quirks.search_days_utc
        )
    )
    number = max(1, call.number("page", 1))
    sort = call.one("sort") if call.one("sort") in SORTS and not quirks.search_sort_ignored else "relevance"
    found, cache = _result(call, condition, sort)
    page = _page(call, len(found), number)
    rows = [row for key in found.rows(page.start, page.end) if (row := _row(call, memory.index.hit(key)))]
    return {
        "collection": {
            "paging": _paging(call, page, cache, sort),
            "searching": _searching(call, cache),
            "sorting": {"links": _sort_links(call, cache), "sort": [sort]},
        },
        "links": {"data": {"self": _link(call, page.number, cache, sort, "")}},
        "results": rows,
    }


# -- what is found -----------------------------------------------------------------------------------------


def _result(call: Call, condition: lql.Condition, sort: str) -> tuple[Hits, int]:
    """The result and its `cache_id`: the one that was asked for, where the server remembers it."""
    memory, quirks = call.site.search, call.site.quirks
    asked = call.number("cache_id", 0)
    if asked and quirks.search_cache == "refused":
        raise EcmRefusal(400, f"The search results {asked} are no longer available.")
    if asked and quirks.search_cache == "kept" and (kept := memory.kept(asked)) is not None:
        return kept, asked
    asked_for = [call.one(name) for name in ("lookfor", "within", "where")]
    query = f"{memory.index.generation} {sort} {_whose(call)} {asked_for} {sorted(_locations(call))}"
    if (same := memory.same(query)) is not None:
        return same
    found = _find(call, condition, sort).kept()
    return found, memory.keep(query, found)


def _locations(call: Call) -> set[str]:
    """``location_id1`` and so on: containers in whose path a result lies."""
    return {call.one(name) for name in {**call.query, **call.form} if re.fullmatch(r"location_id\d+", name)}


def _lies_in(call: Call, places: set[str], hit: Hit) -> bool:
    node = _node(call, hit.node)
    if not isinstance(node, WorldDocument | WorldFolder | WorldWorkspace):
        return False
    return not places.isdisjoint(_location(_path(call, node)).split())


def _whose(call: Call) -> str:
    """Of whom a result is: of the caller, and of what he may read now, where rows that he cannot see are not counted."""
    if call.site.quirks.search_unseen_counted:
        return ""
    return f"{call.caller.login} {call.site.world.version} {call.site.quirks.unreadable}"


def _find(call: Call, condition: lql.Condition, sort: str) -> Hits:
    index = call.site.search.index
    if call.one("within") == "content" and any(term.region for term in lql.terms(condition)):
        return Hits(())
    kinds, (first, last), rest = _plan(condition)
    parts = [index.between(kind, first, last) for kind in kinds] if first <= last else []
    order, _, by = sort.partition("_")
    unseen = call.site.restricts(call.caller) and not call.site.quirks.search_unseen_counted
    places = _locations(call)
    if not rest and not unseen and not places and by != "OTObjectSize":
        return Hits(parts, order)
    keys = [
        key
        for key in Hits(parts)
        if _passes(call, rest, hit := index.hit(key))
        and (not unseen or _seen(call, hit))
        and (not places or _lies_in(call, places, hit))
    ]
    if by == "OTObjectSize":
        keys.sort(key=lambda key: _size(call, index.hit(key)))
    return Hits([(keys, 0, len(keys))], order)


def _plan(condition: lql.Condition) -> tuple[list[int], tuple[date, date], list[lql.Condition]]:
    """The subtypes and days that the index can look up, and the conditions that are left to be checked hit by hit."""
    first, last = _EVER
    kinds, rest = set(KINDS), []
    joined = isinstance(condition, lql.Joined) and condition.how == "AND"
    for part in condition.parts if joined and isinstance(condition, lql.Joined) else (condition,):
        if (named := _kinds(part)) is not None:
            kinds &= named
        elif (
            isinstance(part, lql.Term)
            and part.region in ("OTModifyDate", "OTObjectDate")
            and part.operator != "!="
        ):
            day = _date(part.value)
            if part.operator in ("=", ">=", ">"):
                first = max(first, day + timedelta(days=part.operator == ">"))
            if part.operator in ("=", "<=", "<"):
                last = min(last, day - timedelta(days=part.operator == "<"))
        else:
            rest.append(part)
    return sorted(kinds), (first, last), rest


def _kinds(part: lql.Condition) -> set[int] | None:
    """The subtypes that a condition names, None when it is about something else."""
    held = part.parts if isinstance(part, lql.Joined) and part.how == "OR" else (part,)
    found = {int(t.value) for t in held if isinstance(t, lql.Term) and t.region == "OTSubType" and t.operator == "="
             and t.value.isdigit()}  # fmt: skip
    return found if len(found) == len(held) else None


def _date(text: str) -> date:
    try:
        found = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise lql.refused() from None
    return min(max(found, _EVER[0]), _EVER[1])


def _passes(call: Call, rest: list[lql.Condition], hit: Hit) -> bool:
    index, world = call.site.search.index, call.site.world

    def value(region: str | None) -> str:
        node = _node(call, hit.node)
        if region in (None, "OTName"):
            return node.name if node is not None else ""
        if region == "OTSubType":
            return str(index.kind(hit.node))
        if region == "OTDataID":
            return str(hit.node)
        if region == "OTModifyTime":
            return index.time(hit.modified)
        at = hit.modified
        if region == "OTCreateDate" and node is not None:
            at = world.created(node)
        return index.day(at).strftime("%Y%m%d")

    return all(lql.holds(part, value) for part in rest)


def _node(call: Call, number: int) -> Node | None:
    """A node of the index, also one that was deleted after it had been indexed."""
    kept = call.site.world.state.bin.get(number)
    return kept.document if kept else call.site.world.node(number)


def _seen(call: Call, hit: Hit) -> bool:
    return call.site.find(call.caller, hit.node) is not None


def _size(call: Call, hit: Hit) -> int:
    node = _node(call, hit.node)
    return call.site.world.size(node) if isinstance(node, WorldFolder | WorldWorkspace) else 1024


# -- how it is paged ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Page:
    limit: int
    number: int
    pages: int
    total: int
    start: int
    end: int


def _page(call: Call, count: int, number: int) -> _Page:
    quirks = call.site.quirks
    limit = max(1, call.number("limit", 10))
    limit = min(limit, quirks.search_limit) if quirks.search_limit else limit
    # With repeats, each page begins with the last row of the one before, and the count counts those rows too.
    stride = max(1, limit - 1) if quirks.search_repeats else limit
    pages = max(1, ceil((count - limit) / stride) + 1)
    total = count + (pages - 1) * (limit - stride)
    if number > pages and quirks.last_page_repeats:
        number = pages
    start = (number - 1) * stride
    return _Page(limit, number, pages, total, start, max(start, min(start + limit, count)))


def _paging(call: Call, page: _Page, cache: int, sort: str) -> Json:
    words = "Relevance" if sort == "relevance" else "Date" if sort.endswith("Date") else "Size"
    last = page.start + page.limit if page.end - page.start == page.limit else page.end
    header = (
        f"Results {page.start + 1} to {last} of {page.total} sorted by {words}"
        if page.total
        else "No results found."
    )
    paging: Json = {
        "limit": page.limit,
        "page": page.number,
        "page_total": page.pages,
        "range_max": page.end,
        "range_min": page.start + 1,
        "result_header_string": header,
        "total_count": page.total,
    }
    links = {name: _link(call, to, cache, sort, name.capitalize())
             for name, to in (("next", page.number + 1), ("previous", page.number - 1)) if 1 <= to <= page.pages}  # fmt: skip
    return paging | {"links": links} if links else paging


def _link(call: Call, page: int, cache: int, sort: str, name: str) -> Json:
    pairs = [(k, v) for k, vs in {**call.query, **call.form}.items() for v in vs
             if k not in ("page", "cache_id", "sort", "limit")]  # fmt: skip
    limit = [("limit", call.one("limit"))] if call.one("limit") else []
    order = [] if sort == "relevance" else [("sort", sort)]
    # The vendor's document has no `cache_id`: a server that refuses it offers none.
    kept = [] if call.site.quirks.strict_parameters else [("cache_id", cache)]
    query = urlencode([*pairs, *limit, ("page", page), *kept, *order], quote_via=quote)
    return {**link(f"/api{call.path}?{query}", "POST"), "name": name}


def _sort_links(call: Call, cache: int) -> Json:
    names = {"asc": "Ascending", "desc": "Descending"}
    links = {}
    for sort in SORTS:
        order, _, region = sort.partition("_")
        links[sort] = _link(call, 1, cache, sort, f"{_NAMES[region][0]} ({names[order]})")
    return {**links, "relevance": _link(call, 1, cache, "relevance", "Relevance")}


def _searching(call: Call, cache: int) -> Json:
    metadata: Json = {}
    for name in _SHOWN:
        words, kind = _NAMES[name]
        metadata[name] = {"name": words, "type": kind} | ({"include_time": False} if kind == -7 else {})
    return {
        "cache_id": cache,
        "regions_metadata": metadata,
        "regions_order": list(_SHOWN),
        "result_title": f"Search Results for: {call.one('where')}",
    }


# -- rows --------------------------------------------------------------------------------------------------


def _row(call: Call, hit: Hit) -> Json | None:
    """One row; None for what the caller cannot see, or what is no longer there."""
    node = call.site.find(call.caller, hit.node)
    if not isinstance(node, WorldDocument | WorldFolder | WorldWorkspace):
        return None
    fields = call.fields()
    everything = not fields and not call.site.quirks.search_properties_only
    wanted = {name: fields.get(name) for name in SECTIONS if everything or name in fields}
    if not fields:
        wanted["properties"] = None
    if call.has("select"):
        wanted["regions"] = frozenset(
            part.strip(" '\"") for part in call.one("select").strip("{} ").split(",")
        )
    properties = _properties(call, node, hit)
    data: Json = {}
    if "followups" in wanted and "followups" not in call.site.quirks.modules_absent:
        data["followups"] = follow_ups.of_node(call, node)
    if "properties" in wanted:
        data["properties"] = only(properties, wanted["properties"])
    path = _path(call, node)
    if "regions" in wanted:
        data["regions"] = _selected(_regions(call, node, hit, properties, path), wanted["regions"])
    number = None
    if isinstance(node, WorldDocument):
        shown = [v for v in node.versions if v.at <= hit.modified] or node.versions[:1]
        version = node.versions[hit.version - 1] if hit.version else shown[-1]
        number = version.number
        if "versions" in wanted:
            data["versions"] = shapes.version(call.site, node, version)
    return {
        "data": data,
        "links": _links(call, path),
        "search_result_metadata": {
            "current_version": None if number is None else not hit.version,
            "object_href": None,
            "object_id": f"DataId={node.id}&Version={number or 0}",
            "result_type": "264",
            "source_id": "2275",
            "version_type": None,
        },
    }


def _properties(call: Call, node: WorldDocument | WorldFolder | WorldWorkspace, hit: Hit) -> Json:
    """A node's properties as `/nodes` has them, with those that only search adds, and the modify date that was indexed."""
    found = {k: v for k, v in shapes.node_properties(call.site, node).items() if k not in _NOT_IN_ROWS}
    by = node.by if isinstance(node, WorldDocument) else None
    return found | {
        "description_multilingual": {"en": ""},
        "modify_date": shapes.date(call.site, hit.modified),
        "owner": shapes.member(call.site, by)["name_formatted"],
        "reserved_shared_collaboration": False,
        "short_summary": [""],
        "summary": [""],
    }


def _path(call: Call, node: WorldDocument | WorldFolder | WorldWorkspace) -> list[Node]:
    """The containers of a node and itself, from the enterprise volume on."""
    world = call.site.world
    found: list[Node] = [node]
    while True:
        top = found[0]
        if isinstance(top, WorldWorkspace):
            parent = world.structure_id(ids.TYPE_FOLDER, world.type_names.index(top.type.name))
        elif isinstance(top, WorldDocument):
            parent = world.folders.holding(top)
        else:
            parent = top.parent
        above = world.node(parent)
        if above is None or (isinstance(top, Plain) and top.id == world.structure_id(ids.VOLUME)):
            return found
        found.insert(0, above)


def _location(path: list[Node]) -> str:
    """Ids from the root to the item; a workspace is a volume too, which is its negative id (pyxecm's sample)."""
    parts: list[int] = []
    for node in path:
        parts.append(node.id)
        if isinstance(node, WorldWorkspace) and node is not path[-1]:
            parts.append(-node.id)
    return " ".join(map(str, parts))


def _regions(
    call: Call,
    node: WorldDocument | WorldFolder | WorldWorkspace,
    hit: Hit,
    properties: Json,
    path: list[Node],
) -> Json:
    world, day = call.site.world, call.site.search.index.day(hit.modified)
    location = _location(path)
    places = [{"attribute_map": {"source": "core"}, "value": location}]
    classified = "classifications" not in call.site.quirks.modules_absent
    if classified and isinstance(node, WorldDocument) and node.type is not None:
        number = world.class_id(node.type)
        value = f"{world.structure_id(ids.CLASSIFICATIONS)} {number}"
        places.insert(0, {"attribute_map": {"source": "classifications"}, "value": value})
    return {
        "OTCreatedBy": properties["create_user_id"],
        "OTCreatedBy_formatted": properties["owner"],
        "OTLocation": location,
        "OTLocation_expand": {"value_index": len(places) - 1, "values": places},
        "OTLocation_formatted": path[-2].name if len(path) > 1 else "",
        "OTMIMEType": properties["mime_type"],
        "OTMIMEType_formatted": properties["type_name"],
        "OTName": node.name,
        "OTName_expand": {
            "value_index": 0,
            "values": [{"attribute_map": {"lang": "en"}, "value": node.name}],
        },
        "OTObjectDate": day.strftime("%Y%m%d"),
        "OTObjectDate_formatted": day.isoformat(),
        "OTObjectSize": properties["size"],
        "OTObjectSize_formatted": properties["size_formatted"],
    }


def _selected(found: Json, wanted: frozenset[str] | None) -> Json:
    """The wanted regions, each with what belongs to it (``OTLocation_expand``)."""
    return found if wanted is None else {k: v for k, v in found.items() if k.partition("_")[0] in wanted}


def _links(call: Call, path: list[Node]) -> Json:
    above = path[:-1]
    ancestors = [{"href": f"api/v1/nodes/{n.id}", "name": n.name} for n in above]
    nodes = [{"href": f"api/v1/nodes/{n.id}/nodes", "name": n.name} for n in above]
    return {
        "ancestors": ancestors,
        "ancestors_nodes": nodes,
        "parent": ancestors[-1] if ancestors else None,
        "parent_nodes": nodes[-1] if nodes else None,
    }

"""Rows of `POST /v2/search` as values: pure functions. Contract: docs/contracts/ecm.md#search.

A row says where a node lies and when it changed, so that a reader knows what to look at. It never says that a node is gone, or that it
is unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.errors import Malformed
from vigil.ecm.followups import Reminder, reminder
from vigil.ecm.gaps import gap_of
from vigil.ecm.model import Gap

PATH = "/v2/search"

_OBJECT = re.compile(r"(?:^|&)Version=(\d+)(?:&|$)")
_CLASSIFICATIONS = "classifications"


@dataclass(frozen=True, slots=True)
class SearchRow:
    """A node as the search index has it.

    `location` are the ids from the root to the node itself: a negative one is the volume of the container before it. It is empty where
    the region was not delivered, and so are `classifications`: that says nothing. `version` is the number of the version, None for
    containers. `current` is False for an old version, which is a row of its own. `follow_ups` is None where they were not delivered.
    """

    id: int
    type: int | None
    name: str
    parent: int | None
    modified: datetime | None
    size: int | None
    location: tuple[int, ...] = ()
    classifications: tuple[int, ...] | None = None
    current: bool = True
    version: int | None = None
    follow_ups: tuple[Reminder, ...] | None = None
    created: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page. `pages` and `total` are the server's estimates; `cache` goes with the requests of later pages; `odd` has rows that
    cannot be read.
    """

    rows: tuple[SearchRow, ...]
    limit: int | None
    page: int | None
    pages: int | None
    total: int | None
    more: bool
    cache: int | None
    sorts: tuple[str, ...]  # the names that `sort` may have
    odd: tuple[Gap, ...] = ()


def page(answer: Json, zone: tzinfo) -> SearchPage:
    """A page of the search. Raises Malformed if it is none; a row that cannot be read is in `odd`, and loses no other."""
    with parse.shaped(PATH):
        listed = parse.rows(answer, PATH)
        collection = parse.mapping(answer.get("collection"))
        paging = parse.mapping(collection.get("paging"))
        searching = parse.mapping(collection.get("searching"))
        sorting = parse.mapping(parse.mapping(collection.get("sorting")).get("links"))
        limit, number, pages, total = (
            parse.integer(paging.get(k)) for k in ("limit", "page", "page_total", "total_count")
        )
        cache = parse.integer(searching.get("cache_id"))
        more = bool(parse.mapping(paging.get("links")).get("next"))
    found: list[SearchRow] = []
    odd: list[Gap] = []
    for one in listed:
        try:
            found.append(row(one, zone))
        except Malformed as error:
            odd.append(gap_of(error))
    return SearchPage(tuple(found), limit, number, pages, total, more, cache, tuple(sorting), tuple(odd))


def row(given: Json, zone: tzinfo) -> SearchRow:
    """One row. Raises Malformed."""
    with parse.shaped(PATH):
        data = parse.mapping(given["data"])
        found = parse.mapping(data["properties"])
        regions = parse.mapping(data.get("regions"))
        metadata = parse.mapping(given.get("search_result_metadata"))
        versions = parse.objects(data.get("versions"))
        kind = parse.integer(found.get("type"))
        follow_ups = data.get("followups")
        return SearchRow(
            id=parse.identity(found["id"]),
            type=kind,
            name=parse.clean(str(found.get("name") or "")),
            parent=parse.integer(found.get("parent_id")),
            modified=parse.instant(found.get("modify_date"), zone),
            size=parse.integer(found.get("size")),
            location=_path(regions.get("OTLocation")),
            classifications=_classifications(regions),
            # Null, as folders have, is not false.
            current=metadata.get("current_version") is not False,
            version=_version(versions, metadata) if kind == parse.DOCUMENT else None,
            created=_created(found, zone),
            follow_ups=None
            if follow_ups is None
            else tuple(reminder(one, zone) for one in parse.objects(follow_ups)),
        )


def _created(found: Json, zone: tzinfo) -> datetime | None:
    """When a node was created; None where that cannot be read, which loses no row."""
    try:
        with parse.shaped(PATH):
            return parse.instant(found.get("create_date"), zone)
    except Malformed:
        return None


def _version(versions: Sequence[Json], metadata: Json) -> int | None:
    """The number of the version: its own, or the one in ``DataId=42708&Version=1``."""
    for one in versions:
        if (number := parse.integer(one.get("version_number"))) is not None:
            return number
    found = _OBJECT.search(str(metadata.get("object_id") or ""))
    return int(found[1]) if found else None


def _path(text: object) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split()) if isinstance(text, str) else ()


def _classifications(regions: Json) -> tuple[int, ...] | None:
    """The ids at the ends of the paths that lead through classifications; None where no paths were delivered."""
    expanded = parse.mapping(regions.get("OTLocation_expand")).get("values")
    if expanded is None:
        return None
    found = [
        _path(value.get("value"))
        for value in parse.objects(expanded)
        if parse.mapping(value.get("attribute_map")).get("source") == _CLASSIFICATIONS
    ]
    return tuple(path[-1] for path in found if path)

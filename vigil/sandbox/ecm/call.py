"""One request to the simulated ECM: its query, its caller, its paging. Shared by all endpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any
from urllib.parse import urlencode

from vigil.sandbox.ecm.protocol import Caller, EcmRefusal, Json, ListPage
from vigil.sandbox.ecm.site import SimulatedEcm
from vigil.sandbox.world.state import Node

CAPS = {"children": 100, "members": 20, "workspaces": 500, "ids": 250, "workflows": 100, "audit": 100}
"""The most rows of a page by kind of list (docs/contracts/ecm.md#paging)."""

_FIELD = re.compile(r"(\w+)(?:\{([^}]*)\})?((?:\.\w+\(\w*\))*)")


@dataclass(slots=True)
class Call:
    """`query` and `form` map a name to all its values; `ids` are the numbers of the path, in order."""

    site: SimulatedEcm
    caller: Caller
    path: str
    query: Mapping[str, list[str]]
    form: Mapping[str, list[str]]
    ids: tuple[int, ...]

    def readable(self, *, parent: bool = False) -> Node:
        """The node of the path. Raises Refused where the caller can read none: see `SimulatedEcm.readable`."""
        return self.site.readable(self.caller, self.ids[0], parent=parent)

    def one(self, name: str, default: str = "") -> str:
        """The first value of a parameter, from the query or else the form."""
        values = self.query.get(name) or self.form.get(name)
        return values[0] if values else default

    def number(self, name: str, default: int) -> int:
        text = self.one(name)
        try:
            return int(text) if text else default
        except ValueError:
            raise EcmRefusal(400, f"Argument '{name}' should be an integer.") from None

    def has(self, name: str) -> bool:
        """Whether a flag such as ``metadata`` is there, with or without a value."""
        return name in self.query or name in self.form

    def yes(self, name: str) -> bool:
        return self.one(name).lower() in ("true", "1")

    def fields(self) -> dict[str, frozenset[str] | None]:
        """``fields=properties{id,name}&fields=categories`` as group -> its wanted keys, None for all. Empty: not given."""
        found: dict[str, frozenset[str] | None] = {}
        for text in [*self.query.get("fields", ()), *self.form.get("fields", ())]:
            for group, keys, _ in _FIELD.findall(text):
                found[group] = frozenset(k.strip() for k in keys.split(",")) if keys else None
        return found

    def self_link(self) -> Json:
        query = urlencode([(k, v) for k, values in self.query.items() for v in values])
        href = f"/api{self.path}" + (f"?{query}" if query else "")
        return {"data": {"self": link(href)}}

    def page(self, total: int, kind: str, default: int) -> ListPage:
        """Which rows to show of `total`. Caps, repeated last page and depth are quirks 1, 2 and 26."""
        quirks = self.site.quirks
        asked = max(1, self.number("limit", default))
        limit = min(asked, CAPS[kind]) if quirks.caps_clamp else asked
        number = max(1, self.number("page", 1))
        if quirks.deep_offset and number * limit > quirks.deep_offset and number > 1:
            raise EcmRefusal(400, "The offset is beyond the number of rows that can be listed.")
        pages = max(1, ceil(total / limit))
        if number > pages and quirks.last_page_repeats:
            number = pages
        start = (number - 1) * limit
        return ListPage(limit, number, pages, total, start, max(start, min(start + limit, total)))

    def paged(self, rows: Sequence[Any], kind: str, default: int) -> tuple[Sequence[Any], ListPage]:
        page = self.page(len(rows), kind, default)
        return rows[page.start : page.end], page

    def collection(self, page: ListPage, results: Any, sort: str = "asc_name") -> Json:
        """The form of most lists: ``collection.paging``, ``results``."""
        sorting = {"sort": [{"key": "sort", "value": self.one("sort", sort)}]}
        return {
            "collection": {"paging": page.to_json(), "sorting": sorting},
            "links": self.self_link(),
            "results": results,
        }

    def next_link(self, page: ListPage) -> Json:
        """``paging.actions`` of lists of workspaces."""
        actions: Json = {}
        for name, number in (("next", page.number + 1), ("previous", page.number - 1)):
            if 1 <= number <= page.pages:
                pairs = [(k, v) for k, vs in self.query.items() if k not in ("page", "limit") for v in vs]
                query = urlencode([*pairs, ("page", number), ("limit", page.limit)])
                actions[name] = link(f"/api{self.path}?{query}")
        return {"actions": actions, **page.to_json()} if actions else page.to_json()


def link(href: str, method: str = "GET") -> Json:
    return {"body": "", "content_type": "", "href": href, "method": method, "name": ""}


def only(properties: Json, wanted: frozenset[str] | None) -> Json:
    """The wanted keys, all when None."""
    return properties if wanted is None else {k: v for k, v in properties.items() if k in wanted}

"""One request to the simulated ECM: its query, its caller, its paging. Shared by all endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any
from urllib.parse import urlencode

from vigil.sandbox.ecm.protocol import Caller, EcmRefusal, Json, ListPage
from vigil.sandbox.ecm.site import SimulatedEcm
from vigil.sandbox.world.state import Node

CAPS = {"members": 20, "group members": 100, "roles": 100, "workspaces": 500, "workflows": 100, "audit": 100}
"""The most rows of a page by kind of list (docs/contracts/ecm.md#paging); of children it is the switch `children_cap`."""

Groups = dict[str, frozenset[str] | None]
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

    def fields(self) -> Groups:
        """``fields=properties{id,name}&fields=categories`` as group -> its wanted keys, None for all. Empty: not given."""
        return groups([*self.query.get("fields", ()), *self.form.get("fields", ())])

    def expand(self) -> Groups:
        """``expand=properties{create_user_id}``: the ids that the answer tells more of, under ``..._expand``."""
        return groups(self.query.get("expand", ()))

    def self_link(self) -> Json:
        query = urlencode([(k, v) for k, values in self.query.items() for v in values])
        href = f"/api{self.path}" + (f"?{query}" if query else "")
        return {"data": {"self": link(href)}}

    def page(self, total: int, kind: str, default: int, *, wall: int = 0) -> ListPage:
        """Which rows to show of `total`; those from the `wall` on are out of reach. Caps, repeated last page, depth and wall are
        the quirks 1, 2, 26 and 31.
        """
        quirks = self.site.quirks
        asked, number = self._counting("limit", default), self._counting("page", 1)
        cap = quirks.children_cap if kind == "children" else CAPS[kind]
        limit = min(asked, cap) if quirks.caps_clamp else asked
        if quirks.deep_offset and number * limit > quirks.deep_offset and number > 1:
            raise EcmRefusal(400, "The offset is beyond the number of rows that can be listed.")
        reach = min(total, wall) if wall else total
        pages, last = (max(1, ceil(rows / limit)) for rows in (total, reach))
        if number > last and quirks.last_page_repeats:
            number = last
        start = (number - 1) * limit
        return ListPage(limit, number, pages, last, total, start, max(start, min(start + limit, reach)))

    def _counting(self, name: str, default: int) -> int:
        found = self.number(name, default)
        if found < 1:
            feature = "Page Number" if name == "page" else name
            words = f"Could not set feature {feature}, the value {found} is less than the minimum value (1)"
            raise EcmRefusal(500 if "/members" in self.path else 400, words)
        return found

    def paged(self, rows: Sequence[Any], kind: str, default: int) -> tuple[Sequence[Any], ListPage]:
        page = self.page(len(rows), kind, default)
        return rows[page.start : page.end], page

    def collection(self, page: ListPage, results: Any, sort: str | None = "asc_name") -> Json:
        """The form of most lists: ``collection.paging``, ``results``; a next page stands in ``paging.links.data.next``.

        `sort`: the order where none is asked for; None: the answer does not tell it.
        """
        paging = page.to_json()
        if page.number < page.last:
            paging["links"] = {"data": {"next": self._page_link(page, page.number + 1) | {"name": "Next"}}}
        collection: Json = {"paging": paging}
        if sort is not None:
            collection["sorting"] = {"sort": [{"key": "sort", "value": self.one("sort", sort)}]}
        return {
            "collection": collection,
            "links": self.self_link(),
            "results": results,
        }

    def next_link(self, page: ListPage) -> Json:
        """``paging`` of lists of workspaces: ``actions``, not on an only page, without ``next`` on the last and at the wall."""
        quirks = self.site.quirks
        paging = page.to_json(by_page=quirks.ranges_by_page)
        if page.pages == 1 and not quirks.actions_on_one_page:
            return paging
        wanted = (("next", page.number + 1), ("previous", page.number - 1))
        actions = {name: self._page_link(page, n) for name, n in wanted if 1 <= n <= page.last}
        return {"actions": actions, **paging}

    def _page_link(self, page: ListPage, number: int) -> Json:
        pairs = [(k, v) for k, vs in self.query.items() if k not in ("page", "limit") for v in vs]
        return link(f"/api{self.path}?{urlencode([*pairs, ('page', number), ('limit', page.limit)])}")


def groups(texts: Iterable[str]) -> Groups:
    """``properties{id,name}``, ``versions.element(0)`` as group -> its keys, None for all of them."""
    found: Groups = {}
    for text in texts:
        for group, keys, _ in _FIELD.findall(text):
            found[group] = frozenset(k.strip() for k in keys.split(",")) if keys else None
    return found


def link(href: str, method: str = "GET") -> Json:
    return {"body": "", "content_type": "", "href": href, "method": method, "name": ""}


def only(properties: Json, wanted: frozenset[str] | None) -> Json:
    """The wanted keys, all when None."""
    return properties if wanted is None else {k: v for k, v in properties.items() if k in wanted}

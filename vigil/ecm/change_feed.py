"""What the search and the recycle bin say has changed. They narrow where a run looks, and never show that something is gone.

Contract: docs/contracts/ecm.md#search. The search is late by minutes or hours, cuts days in a zone that nobody knows, repeats rows,
and counts by estimate: every page of the days in question is read, and every row compared with what the ledger knows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from vigil.ecm import parse, recycle_bin, search
from vigil.ecm.answers import Json
from vigil.ecm.client import Client
from vigil.ecm.errors import CallFailed, IncompleteList, NotReadable
from vigil.ecm.paging import walk
from vigil.ecm.recycle_bin import DeletedNode
from vigil.ecm.search import SearchRow

SEARCH = "/v2/search"
BIN = "/v2/volumes/recyclebin/nodes"
PAGE = 100
MOST = 20_000
"""The most rows of one window: beyond it the window is not complete, and scans find the rest."""

DAY = timedelta(days=1)
LOCATION = "{'OTLocation'}"
"""The region that a search selects which takes no `fields`; properties come in any case."""

CONTAINERS = (parse.FOLDER, parse.WORKSPACE)


@dataclass(frozen=True, slots=True)
class Window:
    """The days from `first` up to, and without, `end`; or of one day the seconds from `low` up to, and without, `high`."""

    first: date
    end: date
    low: int = 0
    high: int = 86_400

    def where(self, region: str) -> str:
        """The condition of the query."""
        day = f'[QLREGION "{region}"]'
        if self.high - self.low == 86_400:
            return f'{day} >= "{self.first:%Y%m%d}" AND {day} < "{self.end:%Y%m%d}"'
        of_day = '[QLREGION "OTModifyTime"]'
        begins, ends = (f"{x // 3600:02}{x % 3600 // 60:02}{x % 60:02}" for x in (self.low, self.high))
        return f'{day} = "{self.first:%Y%m%d}" AND {of_day} >= "{begins}" AND {of_day} < "{ends}"'

    def halves(self, times: bool) -> list[Window]:
        """The window in two; nothing where it cannot be cut further."""
        days = (self.end - self.first).days
        if days > 1:
            middle = self.first + DAY * (days // 2)
            return [replace(self, end=middle), replace(self, first=middle)]
        if not times or self.high - self.low < 2:
            return []
        at = (self.low + self.high) // 2
        return [replace(self, high=at), replace(self, low=at)]


class ChangeFeed:
    """Follows the search and the recycle bin for one extraction."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._zone = client.settings.tz

    async def changed(self, kind: int, since: datetime) -> AsyncIterator[list[SearchRow]]:
        """The nodes of a type that the index dates on the day of `since` or later: pages of rows, each node once.

        Nothing where the dialect has no search. Raises IncompleteList for more than MOST rows, and CallFailed.
        """
        dialect = self._client.dialect.search
        if dialect is None:
            return
        day = (since.astimezone(self._zone) - DAY).date()
        where = f'OTSubType: {kind} AND [QLREGION "{dialect.region}"] >= "{day:%Y%m%d}"'
        async for rows in self.pages(where):
            for row in rows:
                # An index that was asked for these days and gives others does not understand the question.
                if row.type != kind or (row.modified is not None and row.modified < since - 2 * DAY):
                    why = (
                        f"search gave node {row.id}, which is not of the days or the type that were asked for"
                    )
                    self._client.learn(search=None, search_known=True, why=why)
                    return
            yield rows

    async def pages(self, where: str) -> AsyncIterator[list[SearchRow]]:
        """The current versions that a query finds, each node once. Raises IncompleteList for more than MOST rows, and CallFailed."""
        seen: set[int] = set()
        met: set[SearchRow] = set()
        cache: int | None = None
        number = 1
        while True:
            try:
                answer = await self._page(where, number, cache)
            except NotReadable:
                if cache is None:
                    raise
                cache = None  # the server has forgotten the result: it makes it again
                continue
            page = search.page(answer, self._zone)
            if page.total is not None and page.total > MOST:
                raise IncompleteList(
                    SEARCH, f"{page.total:,} rows are of these days, more than {MOST:,}: not read"
                )
            new = [row for row in page.rows if row.current and row.id not in seen]
            seen.update(row.id for row in new)
            if new:
                yield new
            # A page past the end repeats the last one; a page of old versions only does not end the list.
            if met.issuperset(page.rows) or (
                page.pages is not None and number >= page.pages and not page.more
            ):
                return
            met.update(page.rows)
            cache, number = page.cache, number + 1

    async def everything(self, kind: int, until: datetime) -> AsyncIterator[list[SearchRow]]:
        """All nodes of a type, by windows of days that have at most MOST rows each. A node that changes meanwhile may come twice.

        A day with more is cut by its hours where the dialect can, and else left out: counts show that rows lack. Raises CallFailed.
        """
        dialect = self._client.dialect.search
        windows = [Window(date(1970, 1, 1), until.date() + 2 * DAY)] if dialect else []
        while windows and dialect:
            window = windows.pop()
            where = f"OTSubType: {kind} AND {window.where(dialect.region)}"
            try:
                async for rows in self.pages(where):
                    yield rows
            except IncompleteList:
                windows += window.halves(dialect.times)

    async def _page(self, where: str, number: int, cache: int | None) -> Json:
        form: dict[str, str | list[str]] = {
            "where": where,
            "lookfor": "complexquery",
            "within": "all",
            "limit": str(PAGE),
            "page": str(number),
        }
        dialect = self._client.dialect.search
        if dialect is not None and not dialect.fields:
            # Neither `fields` nor `cache_id` is in the vendor's documents, and a server may refuse both.
            return await self._client.post(SEARCH, form | {"select": LOCATION})
        form["fields"] = ["properties", "regions", "versions"]
        return await self._client.post(SEARCH, form if cache is None else form | {"cache_id": str(cache)})

    async def deleted(self, since: datetime, now: datetime) -> list[DeletedNode]:
        """What was thrown into the recycle bin at or after `since`; nothing where this user may not look into it.

        Raises CallFailed.
        """
        mode = self._client.dialect.bin
        if not mode:
            return []
        try:
            found = await self._thrown(mode, since)
        except CallFailed as error:
            if error.status != 403:
                raise
            self._client.learn(bin="", why=f"the recycle bin is refused: {error.message}")
            return []
        longer = mode.removesuffix("_today")
        if longer != mode and since.astimezone(self._zone).date() != now.astimezone(self._zone).date():
            try:
                found += await self._thrown(longer, since)
            except CallFailed as error:
                if error.status != 403:
                    raise  # a mode that is off: what was deleted before midnight is found by the scans
        return found

    async def _thrown(self, mode: str, since: datetime) -> list[DeletedNode]:
        found: list[DeletedNode] = []
        params = {"mode": mode, "sort": "desc_deleted_date", "fields": "properties"}
        async for page in walk(self._client, BIN, params, key=parse.node_id, limit=PAGE):
            rows, _ = recycle_bin.rows({"results": list(page.rows)}, self._zone)
            found += [row for row in rows if row.deleted is None or row.deleted >= since]
            # Containers come first, and the sort holds within each group: the end is where the last row is old, and no container.
            last = rows[-1] if rows else None
            old = last is not None and last.deleted is not None and last.deleted < since
            if last is not None and old and last.type not in CONTAINERS:
                break
        return found

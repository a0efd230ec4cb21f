"""What the search and the recycle bin say has changed. They narrow where a run looks, and never show that something is gone.

Contract: docs/contracts/ecm.md#search. The search is late by minutes or hours, cuts days in a zone that nobody knows, repeats rows,
and counts by estimate: every page of the days in question is read, and every row compared with what the ledger knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from vigil.ecm import parse, recycle_bin, search
from vigil.ecm.answers import Json
from vigil.ecm.client import Client
from vigil.ecm.errors import CallFailed, IncompleteList, NotReadable
from vigil.ecm.located import Located
from vigil.ecm.paging import walk
from vigil.ecm.recycle_bin import DeletedNode
from vigil.ecm.search import SearchPage, SearchRow

PAGE = 100
MOST = 20_000
"""The most rows of one window: one with more is cut, and what cannot be cut is left to the scans."""

MOST_PAGES, MOST_BIN_PAGES = 1_000, 20
"""The most pages of one query: a server may end neither its pages nor a page. And those of the recycle bin, which keeps much."""

MOST_PARTS = 500
"""Into how many parts a day is cut at most: an index that obeys no times gives the whole day for each second of it."""

DAY = timedelta(days=1)
LOCATION = "{'OTLocation'}"
"""The region that a search selects which takes no `fields`; properties come in any case."""


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
        if not self.is_cut:
            return f'{day} >= "{self.first:%Y%m%d}" AND {day} < "{self.end:%Y%m%d}"'
        of_day = '[QLREGION "OTModifyTime"]'
        begins, ends = (f"{x // 3600:02}{x % 3600 // 60:02}{x % 60:02}" for x in (self.low, self.high))
        return f'{day} = "{self.first:%Y%m%d}" AND {of_day} >= "{begins}" AND {of_day} < "{ends}"'

    @property
    def is_cut(self) -> bool:
        """Whether it is a part of a day."""
        return self.high - self.low < 86_400

    def precedes(self, row: SearchRow, zone: tzinfo) -> bool:
        """Whether a row is too early for a part of a day, which the index cuts in the server's zone or in UTC.

        A later one may have changed since it was indexed: a row has the present date.
        """
        begins = datetime.combine(self.first, time()) + timedelta(seconds=self.low)
        return row.modified is not None and all(
            row.modified < begins.replace(tzinfo=one) for one in (zone, UTC)
        )

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
        self.skipped: list[str] = []  # what could not be followed, in words

    async def changed(self, kind: int, since: datetime, until: datetime) -> AsyncIterator[list[SearchRow]]:
        """The nodes of a type that the index dates on the day of `since` or later: pages of rows.

        Nothing where the dialect has no search. Days with more than MOST rows are in `skipped`. Raises CallFailed.
        """
        first = (since.astimezone(self._zone) - DAY).date()
        async for rows in self._through(kind, Window(first, until.date() + 2 * DAY)):
            for row in rows:
                # An index that was asked for these days and gives others does not understand the question.
                if row.type != kind or (row.modified is not None and row.modified < since - 2 * DAY):
                    why = (
                        f"search gave node {row.id}, which is not of the days or the type that were asked for"
                    )
                    self._client.learn(search=None, search_known=True, why=why)
                    return
            yield rows

    async def everything(self, kind: int, until: datetime) -> AsyncIterator[list[SearchRow]]:
        """All nodes of a type. A node that changes meanwhile may come twice. What is in `skipped` lacks: counts show it.

        Raises CallFailed.
        """
        async for rows in self._through(kind, Window(date(1970, 1, 1), until.date() + 2 * DAY)):
            yield rows

    async def locate(self, until: datetime) -> Located:
        """Where the search finds documents and folders. Raises CallFailed."""
        found = Located()
        for kind in (parse.FOLDER, parse.DOCUMENT):
            async for rows in self.everything(kind, until):
                found.add(rows)
        return found

    async def _through(self, kind: int, window: Window) -> AsyncIterator[list[SearchRow]]:
        """The rows of a window, which is cut until each part has at most MOST: by days, and by hours where the dialect can."""
        windows, parts = [window], Counter[date]()
        while windows and (dialect := self._client.dialect.search):
            window = windows.pop()
            parts[window.first] += window.is_cut
            try:
                async for rows in self.pages(f"OTSubType: {kind} AND {window.where(dialect.region)}", window):
                    yield rows
            except _TimesIgnored as error:
                why = f"search gave node {error.node}, which is not of the time of day that was asked for"
                self._client.learn(search=replace(dialect, times=False), why=why)
                self.skipped.append(f"search, {window.first}: {why}")
                windows = [other for other in windows if not (other.is_cut and other.first == window.first)]
            except IncompleteList as error:
                halves = window.halves(dialect.times and parts[window.first] < MOST_PARTS)
                windows += halves
                if not halves:
                    self.skipped.append(f"search, {window.first}: {error.message}")

    async def pages(self, where: str, window: Window) -> AsyncIterator[list[SearchRow]]:
        """The current versions that a query finds, each node once. Raises IncompleteList for more than MOST rows, and CallFailed.

        A row that is too early for a `window` that is a part of a day shows that the index obeys no times: raises _TimesIgnored.
        """
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
            if window.is_cut:
                _check_times(page, window, self._zone)
            # The count is an estimate: it may be too low, and may not end.
            if max(page.total or 0, len(met)) > MOST or number > MOST_PAGES:
                raise IncompleteList(
                    search.PATH, f"more than {MOST:,} rows ({page.total} by count): not read"
                )
            self.skipped += [f"search: a row cannot be read: {gap.error}" for gap in page.odd]
            new = [row for row in page.rows if row.current and row.id not in seen]
            seen.update(row.id for row in new)
            if new:
                yield new
            if _ends(page, number, met):
                return
            met.update(page.rows)
            cache, number = page.cache, number + 1

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
            return await self._client.post(search.PATH, form | {"select": LOCATION})
        form["fields"] = ["properties", "regions", "versions"]
        return await self._client.post(
            search.PATH, form if cache is None else form | {"cache_id": str(cache)}
        )

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
        """What a mode shows as deleted since: all pages, up to MOST_BIN_PAGES, where a row is not in order."""
        listed: list[DeletedNode] = []
        odd: list[Json] = []
        params = {"mode": mode, "sort": "desc_deleted_date", "fields": "properties"}
        async for page in walk(
            self._client, recycle_bin.PATH, params, key=parse.node_id, limit=PAGE, odd=odd
        ):
            rows, unread = recycle_bin.rows({"results": list(page.rows)}, self._zone)
            self.skipped += [f"recycle bin: a row cannot be read: {gap.error}" for gap in unread]
            listed += rows
            if self._client.dialect.bin_sorted is not False and (wrong := recycle_bin.misplaced(listed)):
                why = f"recycle bin, mode {mode}: node {wrong.id} is not in the order that was asked for"
                self._client.learn(bin_sorted=False, why=why)
            # Containers come first, and the sort holds within each group: the end is where the last row is old, and no container.
            last = rows[-1] if rows and self._client.dialect.bin_sorted is not False else None
            if (
                last is not None
                and not last.is_container
                and last.deleted is not None
                and last.deleted < since
            ):
                break
            if page.number >= MOST_BIN_PAGES:
                self.skipped.append(f"recycle bin: more than {MOST_BIN_PAGES} pages in mode {mode}")
                break
        self.skipped += ["recycle bin: a row has no id"] if odd else []
        return [row for row in listed if row.deleted is None or row.deleted >= since]


class _TimesIgnored(Exception):
    """The index gave a node that is too early for the part of a day that was asked for."""

    def __init__(self, node: int) -> None:
        super().__init__(node)
        self.node = node


def _check_times(page: SearchPage, window: Window, zone: tzinfo) -> None:
    """Raises _TimesIgnored at the first row that is too early for a part of a day: an old version has the date of its node."""
    for row in page.rows:
        if row.current and window.precedes(row, zone):
            raise _TimesIgnored(row.id)


def _ends(page: SearchPage, number: int, met: Collection[SearchRow]) -> bool:
    """Whether a page is the last one. One past the end repeats it; one of old versions, or of odd rows, does not end the list."""
    if not page.rows and not page.odd:
        return True
    if page.rows and not page.odd and all(row in met for row in page.rows):
        return True
    return page.pages is not None and number >= page.pages and not page.more

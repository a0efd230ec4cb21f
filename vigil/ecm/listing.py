"""The list of a type's workspaces, newest change first, from a watermark on or completely. Contract: docs/contracts/ecm.md#paging.

No row is left out because of what the server was asked to do:

- It is asked to sort by date. Each row is compared with the one before, across pages. At the first that is newer the whole list is
  read, and the dialect notes that lists are not sorted.
- A server that does not sort, and compares dates, is asked for the rows from the watermark on. That is believed if every row obeys, at
  least one came and they are fewer than the list has.
- A list may be read in parts, a few pages in each run, by whoever has another way to see what changed. Each part begins with the page
  that ended the one before, and further up where the list has become shorter by more than a page.
- A list that stops before its own count (the wall) is read again in parts: by the start of names, or by date where the server sorts
  and compares dates. If rows are still lacking, IncompleteList says so.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import ceil

from vigil.compliance.facts import WorkspaceType
from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import Client
from vigil.ecm.dialect import DateFilter
from vigil.ecm.errors import IncompleteList, Malformed, NotReadable
from vigil.ecm.model import NEVER, ListedWorkspace
from vigil.ecm.paging import Page, read_page, walk

PATH = "/v2/businessworkspaces"
PAGE = 500
FIELDS = "properties{id,name,modify_date}"

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
"""With what names may begin or go on, beside the characters that were seen."""

_SAME = 0.9
"""A wall that is lower than the known one by less than this is the same: lists move while they are read."""

LONGEST_START = 12
"""How many characters of names are asked for at most: longer starts with a wall are read as far as it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reading of a list goes on: the page, and the size of pages and the count of the list as they were then."""

    page: int = 1
    limit: int = PAGE
    total: int | None = None

    def begins(self, page: Page) -> int:
        """The number of the page to begin with, if `page` is what is at this place now.

        That is further up where the list has become shorter by more than a page, and the first one where pages have another size.
        """
        if page.limit != self.limit or page.total is None or self.total is None:
            return 1
        lost = self.total - page.total
        return self.page if lost <= page.limit else max(1, self.page - ceil(lost / page.limit))


class Listing:
    """Reads the lists of workspaces for one extraction."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._zone = client.settings.tz
        self.odd: dict[str, list[Json]] = {}  # rows without an id, by type
        self.totals: dict[str, int] = {}  # by type, as ECM counts what it lists

    async def changed(
        self, type_: WorkspaceType, since: datetime | None
    ) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
        """See `Extractor.changed`."""
        reading = self._reading(type_, self._floor(since) if since is not None else None)
        async for rows in reading.pages():
            yield rows

    async def part(
        self, type_: WorkspaceType, place: Place, pages: int
    ) -> AsyncIterator[tuple[tuple[ListedWorkspace, ...], Place]]:
        """See `Extractor.part_of_list`."""
        first, read = place.page, 0
        async for page in self.walk(self._reading(type_, None), {}, first):
            if not page.echoed or page.total is None:
                raise IncompleteList(
                    PATH, "the list does not tell the size of its pages, or how many rows it has"
                )
            begins = first if read else place.begins(page)
            place = Place(page.number, page.limit, page.total)
            if begins != first:
                async for found in self.part(type_, replace(place, page=begins), pages):
                    yield found
                return
            read += 1
            yield tuple(self.row(row, type_.name) for row in page.rows), place
            if read == pages:
                return
        yield (), replace(place, page=1)  # the end: the next part begins anew

    def _reading(self, type_: WorkspaceType, floor: datetime | None) -> _Reading:
        if type_.id is None:
            raise ValueError(f"workspace type {type_.name!r} has no id: take it from Extractor.types()")
        return _Reading(self, type_.name, type_.id, floor)

    # -- for the reading of one list

    def walk(self, reading: _Reading, narrowed: dict[str, str], start: int = 1) -> AsyncIterator[Page]:
        """The pages of a type's list, or of a narrower one, from page `start` on."""
        odd = self.odd.setdefault(reading.type, [])
        params = {**list_params(reading.type_id), **narrowed}
        return walk(self._client, PATH, params, key=parse.node_id, limit=PAGE, start=start, odd=odd)

    async def count(self, reading: _Reading, narrowed: dict[str, str]) -> int | None:
        """How many rows a list has by its own count."""
        params = {**list_params(reading.type_id), **narrowed}
        return (await read_page(self._client, PATH, params, 1, 1)).total

    def row(self, row: Json, type_: str) -> ListedWorkspace:
        """A row. A row with an invalid date is always read, which then reports the problem: the list continues."""
        found = parse.properties(row)
        try:
            with parse.shaped(PATH):
                modified = parse.instant(found.get("modify_date"), self._zone)
        except Malformed:
            modified = None
        name = parse.clean(str(found.get("name") or ""))
        return ListedWorkspace(parse.node_id(row), name, modified or NEVER, type_)

    def latest(self, modified: datetime) -> datetime:
        """The latest instant that a naive date may mean: in the hour that the clock repeats, an hour later than it is read."""
        local = modified.astimezone(self._zone).replace(tzinfo=None)
        twice = (local.replace(tzinfo=self._zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
        first, second = twice
        return modified + max(timedelta(), first - second)

    def written(self, moment: datetime) -> str:
        """An instant as the server writes it: naive, in its zone."""
        return moment.astimezone(self._zone).replace(tzinfo=None).isoformat(timespec="seconds")

    @property
    def client(self) -> Client:
        return self._client

    def _floor(self, since: datetime) -> datetime:
        """The watermark less the overlap; near a clock change also less the hour that the server's clock repeats."""
        overlap = self._client.settings.overlap
        around = timedelta(hours=3)
        before = (since - around).astimezone(self._zone).utcoffset() or timedelta()
        after = (since + around).astimezone(self._zone).utcoffset() or timedelta()
        return since - overlap - max(timedelta(), before - after)


def list_params(type_id: int | None) -> dict[str, str | int]:
    """The parameters of the list of a type's workspaces, or of all."""
    params: dict[str, str | int] = {
        "sort": "desc_modify_date",
        "expanded_view": "true",  # without it the list has only those that this user opened recently
        "fields": FIELDS,
        "action": "properties-",
    }
    return params if type_id is None else {**params, "where_workspace_type_id": type_id}


def by_date(form: DateFilter, comparison: str, written: str) -> dict[str, str]:
    """The parameter that compares modify dates with one, written as the server writes them."""
    value = f"'{written}'" if form is DateFilter.QUOTED else written
    return {"where_column_query": f"modify_date {comparison} {value}"}


@dataclass
class _Reading:
    """One reading of one type's list. `floor`: rows before it are not wanted; None for all rows."""

    listing: Listing
    type: str
    type_id: int
    floor: datetime | None
    seen: dict[int, str] = field(
        default_factory=dict
    )  # the names, by id, of every row that came, wanted or not
    oldest: datetime | None = None  # of the rows since `restart`
    total: int | None = None  # as the server counts the whole list
    asked: set[str] = field(default_factory=set)  # the starts of names that were asked for

    @property
    def client(self) -> Client:
        return self.listing.client

    async def pages(self) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
        """The wanted rows, each once."""
        if self.floor is not None and self.client.dialect.sorted is False:
            narrowed = await self._since_floor()
            if narrowed is not None:
                for rows in narrowed:
                    yield rows
                return
        try:
            async for rows in self._read({}, stops=True):
                yield rows
            if self.client.dialect.wall is not None and len(self.seen) > self.client.dialect.wall:
                self.client.learn(wall=None, why=f"the list of {self.type} gave {len(self.seen)} rows")
            return
        except IncompleteList as error:
            wall: IncompleteList | NotReadable = error
        except NotReadable as error:
            wall = error
        # A refusal before the first row does not concern depth.
        if not self.seen:
            raise wall
        known = self.client.dialect.wall
        if known is None or len(self.seen) < known * _SAME:
            self.client.learn(wall=len(self.seen), why=f"the list of {self.type}: {wall.message}")
        async for rows in self._beyond():
            yield rows
        if self.total is None or len(self.seen) < self.total:
            of = "an untold number of" if self.total is None else self.total
            said = f"{len(self.seen)} of {of} workspaces could be listed: {wall.message}"
            raise IncompleteList(PATH, said) from wall

    async def _read(
        self, narrowed: dict[str, str], *, stops: bool = False
    ) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
        """The wanted rows of one list that did not come before. `stops`: at the first row before the floor, while rows are sorted."""
        self.oldest = None
        async for page in self.listing.walk(self, narrowed):
            if not narrowed and self.total is None:
                self.total = page.total
                self.listing.totals.setdefault(self.type, page.total or 0)
            rows = [self.listing.row(row, self.type) for row in page.rows]
            self._check_order(rows, page.number)
            wanted = self._new(rows)
            if wanted:
                yield wanted
            past = self.floor is not None and any(row.modified < self.floor and not row.odd for row in rows)
            if stops and past and self.client.dialect.sorted is not False:
                return

    def _check_order(self, rows: Iterable[ListedWorkspace], number: int) -> None:
        """Note that the server does not sort, at the first row that is newer than the one before."""
        for row in rows:
            if row.odd:
                continue
            if self.oldest is not None and row.modified > self.listing.latest(self.oldest):
                said = (
                    f"page {number} has a row of {_second(row.modified)} after one of {_second(self.oldest)}"
                )
                self.client.learn(sorted=False, why=f"{self.type}: {said}")
                self.oldest = None
                return
            self.oldest = row.modified

    def _new(self, rows: Iterable[ListedWorkspace]) -> tuple[ListedWorkspace, ...]:
        """The wanted rows that did not come before. All rows count as seen."""
        fresh = [row for row in rows if row.id not in self.seen]
        self.seen.update((row.id, row.name) for row in fresh)
        return tuple(row for row in fresh if self.floor is None or row.odd or row.modified >= self.floor)

    # -- a server that does not sort, and compares dates

    async def _since_floor(self) -> list[tuple[ListedWorkspace, ...]] | None:
        """The rows from the floor on, by the server's own comparison; None if it cannot be believed: then the whole list is read.

        A day more is asked for, because the zone in which the server compares is not known.
        """
        form = self.client.dialect.dates
        if self.floor is None or form is None or form is DateFilter.NONE:
            return None
        found: list[tuple[ListedWorkspace, ...]] = []
        try:
            total = await self.listing.count(self, {}) or 0
            found = await self._compared(form, self.floor - timedelta(days=1), total)
        except NotReadable as error:
            self.client.learn(dates=DateFilter.NONE, why=f"{self.type}: {error.message}")
        except IncompleteList:
            found = []  # a wall: the whole list is read, and narrowed
        # The newest known workspace is among them: without any row the comparison may have failed.
        if not any(found):
            self.seen.clear()
            return None
        self.listing.totals.setdefault(self.type, total)
        return found

    async def _compared(
        self, form: DateFilter, day: datetime, total: int
    ) -> list[tuple[ListedWorkspace, ...]]:
        """The wanted rows among those that the server gives from a day on; none if it shows that it does not compare."""
        narrowed = by_date(form, ">=", self.listing.written(day)[:10])
        found: list[tuple[ListedWorkspace, ...]] = []
        async for page in self.listing.walk(self, narrowed):
            rows = [self.listing.row(row, self.type) for row in page.rows]
            stray = next((r for r in rows if r.modified < day - timedelta(days=1) and not r.odd), None)
            if stray is not None:
                said = f"a row of {stray.modified:%Y-%m-%d} came for {narrowed['where_column_query']}"
                self.client.learn(dates=DateFilter.NONE, why=f"{self.type}: {said}")
                return []
            if page.total is None or page.total >= total:
                return []
            found.append(self._new(rows))
        return found

    # -- beyond the wall

    async def _beyond(self) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
        """The rows that the list itself does not give."""
        form = self.client.dialect.dates
        if form not in (None, DateFilter.NONE) and self.client.dialect.sorted is not False:
            async for rows in self._older(form):
                yield rows
        if not self._complete:
            async for rows in self._starting_with("", self.total or 0):
                yield rows

    @property
    def _complete(self) -> bool:
        return self.total is not None and len(self.seen) >= self.total

    async def _older(self, form: DateFilter) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
        """Lists that each begin at the date where the one before stopped, while they bring rows that did not come before."""
        while self.oldest is not None and not self._complete:
            bound, before = self.oldest, len(self.seen)
            if self.floor is not None and bound < self.floor:
                return
            try:
                async for rows in self._read(
                    by_date(form, "<=", self.listing.written(bound.astimezone(UTC))), stops=True
                ):
                    if any(row.modified > self.listing.latest(bound) and not row.odd for row in rows):
                        said = (
                            f"{self.type}: rows newer than {bound:%Y-%m-%d %H:%M:%S} came for the older ones"
                        )
                        self.client.learn(dates=DateFilter.NONE, why=said)
                    yield rows
                return
            except NotReadable as error:
                self.client.learn(dates=DateFilter.NONE, why=f"{self.type}: {error.message}")
                return
            except IncompleteList:
                if len(self.seen) == before or self.client.dialect.dates is DateFilter.NONE:
                    return  # more rows of one second than a list gives, or dates that are not compared

    async def _starting_with(self, start: str, count: int) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
        """The rows whose names begin with `start`, `count` of them, by the character that follows it."""
        met = 0
        for character in self._next_characters(start):
            longer = start + character
            if met >= count or self._complete:
                return
            if longer in self.asked:
                continue
            self.asked.add(longer)
            total = await self._count_of(longer)
            if total >= count and not self._all_go_on(start, longer):
                return  # the server ignores the filter: narrowing finds nothing
            met += total
            if total:
                async for rows in self._of_start(longer, total):
                    yield rows
        if start and not self._complete:  # names that end here
            async for rows in self._as_far_as_it_goes(start):
                yield rows

    async def _of_start(self, start: str, count: int) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
        """The rows of one start of names: read, or narrowed further where they are more than a list gives."""
        wall = self.client.dialect.wall
        if wall is None or count <= wall or len(start) >= LONGEST_START:
            async for rows in self._as_far_as_it_goes(start):
                yield rows
            return
        common = self._common(start)
        longer = common if common != start and await self._count_of(common) == count else start
        async for rows in self._starting_with(longer, count):
            yield rows

    async def _as_far_as_it_goes(self, start: str) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
        try:
            async for rows in self._read(_starts(start)):
                yield rows
        except (IncompleteList, NotReadable):
            return  # that rows are lacking shows at the end, by the count of the whole list

    async def _count_of(self, start: str) -> int:
        try:
            return await self.listing.count(self, _starts(start)) or 0
        except (IncompleteList, NotReadable):
            return 0

    def _next_characters(self, start: str) -> list[str]:
        """The characters that follow a start of names: those that were seen first, then others, then the other case of each."""
        follow = Counter(name[len(start)] for name in self._seen_from(start) if len(name) > len(start))
        every = [character for character, _ in follow.most_common()] + list(ALPHABET)
        once = list({character.casefold(): character for character in reversed(every)}.values())[::-1]
        return [*once, *(c.swapcase() for c in once if c.swapcase() != c)]

    def _seen_from(self, start: str) -> list[str]:
        """The seen names with this start."""
        folded = start.casefold()
        return [name for name in self.seen.values() if name.casefold().startswith(folded)]

    def _all_go_on(self, start: str, longer: str) -> bool:
        """Whether all seen names with this start have the longer one: those with another start say nothing about it."""
        folded = longer.casefold()
        return all(name.casefold().startswith(folded) for name in self._seen_from(start))

    def _common(self, start: str) -> str:
        """The longest start that all seen names with this start have."""
        return os.path.commonprefix(self._seen_from(start))[:LONGEST_START] or start  # noqa: RUF071  characters are meant


def _starts(start: str) -> dict[str, str]:
    """The parameter for names with a start. Without the prefix some versions compare the whole name."""
    return {"where_name": f"startswith_{start}"}


def _second(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"

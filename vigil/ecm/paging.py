"""Reads a list that is served in pages, and that may shift meanwhile. Contract: docs/contracts/ecm.md#paging.

The server's behaviour, and the consequences:

- It reduces `limit` silently and echoes the value used: pages are counted in that value.
- A page past the end repeats the last one: a page without new rows ends the list.
- Rows that move to the front push others onto the next page: rows are identified by id.
- Rows that vanish pull others onto a page already read: the count has fallen, and the page is read again.
- `total_count` may or may not count unreadable rows: a page may be short. An empty page that begins before the count is not the end:
  it is requested once more, and then the list is incomplete.
- `range_min` and `range_max` are not positions: they are ignored.
- A list ends where no `next` is offered and its rows, or its pages by the echoed limit, agree with its count. Where `next` is missing
  before that, the list has reached the server's wall.
- A server that does not echo its `limit` may have reduced it: only the rows that were read show whether they agree with the count.
- A list without `total_count` has a count where `page_total` came. A list without either ends where no `next` is offered and its rows
  fill no whole page: behind a full page, a page that brings nothing new may be the wall as well as the end.
- A server that ignores `page` repeats the same rows: a page that brings nothing new before the end makes the list incomplete.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from dataclasses import dataclass, replace

from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import Client, Params
from vigil.ecm.errors import IncompleteList, ListWall, Malformed

Key = Callable[[Json], Hashable]

_MOST_RESTARTS = 20

_MOST_PAGES = 10_000
"""The most pages of a list that does not tell how many it has: a server may end neither its pages nor a list."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `limit` is the value that the server used; `total`, `pages` and `more` are its information about the whole list.

    `echoed`: whether the server told its `limit`; without it `limit` is the value that was asked for, and pages cannot be counted.
    `links`: whether this list says where its next page is, so that its silence means that there is none.
    """

    number: int
    rows: tuple[Json, ...]
    limit: int
    total: int | None
    more: bool
    path: str
    answer: Json
    links: bool = False
    echoed: bool = True
    pages: int | None = None

    @property
    def is_counted(self) -> bool:
        """Whether the server tells how many rows or pages the list has."""
        return self.total is not None or self.pages is not None

    @property
    def is_full(self) -> bool:
        """Whether its rows are as many as a page has. A page of more shows that the list is not served in pages."""
        return len(self.rows) == self.limit

    @property
    def reaches_end(self) -> bool:
        """Whether this is the last page by the server's own count."""
        if self.total is None:
            return self.pages is not None and self.number >= self.pages
        return self.echoed and self.number * self.limit >= self.total

    def agrees(self, rows: int) -> bool:
        """Whether so many rows are all that the list has by the server's own count."""
        return self.total is not None and rows >= self.total

    @property
    def is_owed(self) -> bool:
        """Whether the page is empty although it has rows by the server's own count."""
        if self.rows:
            return False
        if self.total is None:
            return self.pages is not None and self.number < self.pages
        return (self.number - 1) * self.limit < self.total

    @property
    def said(self) -> str:
        """The server's own count, in words."""
        if self.total is None:
            return f"{self.pages} pages" if self.pages is not None else "a number that is not told"
        return str(self.total)


def page_of(answer: Json, number: int, limit: int, path: str, rows: Sequence[Json] | None = None) -> Page:
    """Parse both formats: `paging` at the top or in `collection`, with the next page in its actions, its links or their data."""
    if rows is None:
        found = answer.get("results")
        if not isinstance(found, list):
            raise Malformed(path, "expected a list in `results`")
        rows = found
    paging = _object(answer, "paging") or _object(_object(answer, "collection"), "paging")
    taken, total = _count(paging, "limit"), _count(paging, "total_count")
    links = _object(paging, "links")
    # A next page is an object with its address, or the address alone.
    more = any(part.get("next") for part in (_object(paging, "actions"), links, _object(links, "data")))
    return Page(
        number=number,
        rows=tuple(rows),
        limit=taken or limit,
        total=total,
        more=more,
        path=path,
        answer=answer,
        links=more or isinstance(paging.get("actions"), dict),
        echoed=bool(taken),
        pages=_count(paging, "page_total") or None,
    )


def _object(found: Json, key: str) -> Json:
    inner = found.get(key)
    return inner if isinstance(inner, dict) else {}


def _count(paging: Json, key: str) -> int | None:
    """A count, which may be given as text; None for what is none."""
    try:
        found = parse.integer(paging.get(key))
    except (ValueError, OverflowError):
        return None
    return found if found is not None and found >= 0 else None


async def read_page(
    client: Client,
    path: str,
    params: Params,
    number: int,
    limit: int,
    rows: Callable[[Json], list[Json]] | None = None,
) -> Page:
    """One page. `rows` finds the rows in a response that does not have them in `results`.

    Raises IncompleteList for a page that was empty twice although it has rows by the server's count.
    """
    for _ in range(2):
        answer = await client.get(path, {**params, "limit": limit, "page": number})
        with parse.shaped(path):
            page = page_of(answer, number, limit, path, rows(answer) if rows else None)
        if not page.is_owed:
            return page
    raise IncompleteList(
        path, f"page {number} of the list came without a row, and {page.said} are said to be in it"
    )


async def walk(
    client: Client,
    path: str,
    params: Params,
    *,
    key: Key,
    limit: int,
    start: int = 1,
    rows: Callable[[Json], list[Json]] | None = None,
    odd: list[Json] | None = None,
) -> AsyncIterator[Page]:
    """The pages of a list from page `start` on, each row once, in the server's order. `key` identifies rows.

    Pages are yielded without the rows of earlier ones, and not at all if nothing is left. A row lost to a shift is searched by reading
    the previous page once more. Only the keys are kept in memory. Rows without a key go to `odd`; without `odd` the list is Malformed.
    """
    seen: set[Hashable] = set()
    before: Page | None = None
    number, restarts = start, 0
    links = False  # whether the list has said where a next page is
    while True:
        page = await read_page(client, path, params, number, limit, rows)
        # The clamp shows only in the first answer; from then on the server's own number is asked for.
        limit = page.limit
        links = links or page.links
        lost = _lost(before, page)
        if before is not None and lost and restarts < _MOST_RESTARTS:
            # Rows between the two pages slid up onto pages already read: go back as far as they can have
            # slid.
            restarts += 1
            number = max(1, number - -(-lost // limit))
            before = None
            continue
        keyed = _keyed(page, key, odd)
        new = tuple(row for name, row in keyed if name not in seen)
        seen.update(name for name, _ in keyed)
        if new:
            yield replace(page, rows=new)
        if _ends(page, before, new, len(seen), start, links):
            return
        _go_on(page, _brings_news(page, before, new, len(keyed)), links, len(seen))
        before = page
        number += 1


def _go_on(page: Page, news: bool, links: bool, seen: int) -> None:
    """Raises ListWall or IncompleteList if no further page can be expected, though the list has not shown its end."""
    if page.reaches_end:
        return
    said = f"{seen} rows were read of {page.said}"
    if links and not page.more and (page.is_counted or not news):
        raise ListWall(page.path, f"{said}: after page {page.number} no further page is offered")
    if not news:
        what = "repeats rows that came before" if page.rows else "came without a row"
        raise IncompleteList(page.path, f"{said}: page {page.number} {what}")
    if not page.is_counted and page.number >= _MOST_PAGES:
        raise IncompleteList(page.path, f"{said}: it does not end after {page.number} pages")


def _brings_news(page: Page, before: Page | None, new: Sequence[Json], keyed: int) -> bool:
    """Whether a page shows that the list goes on. `keyed`: how many of its rows have a key.

    Rows without a key are news, too, and so many rows may have come in front that a whole page moved down. Where pages cannot be
    counted only new rows show it: nothing else would end the list.
    """
    if new:
        return True
    if page.total is None:
        return before is None
    return page.echoed and (keyed < len(page.rows) or _grew(before, page))


def _keyed(page: Page, key: Key, odd: list[Json] | None) -> list[tuple[Hashable, Json]]:
    """The rows of a page with their keys."""
    found: list[tuple[Hashable, Json]] = []
    for row in page.rows:
        try:
            with parse.shaped(page.path):
                found.append((key(row), row))
        except Malformed:
            if odd is None:
                raise
            odd.append(row)
    return found


def _lost(before: Page | None, page: Page) -> int:
    """By how many rows the list shrank between two pages: as many may have been skipped.

    Raises IncompleteList where the size of its pages is not known: nobody can say where those rows are now.
    """
    if before is None or before.total is None or page.total is None:
        return 0
    lost = max(0, before.total - page.total)
    if lost and not page.echoed:
        said = f"at page {page.number} it is {lost} rows shorter than before, and the size of its pages is not told"
        raise IncompleteList(page.path, said)
    return lost


def _grew(before: Page | None, page: Page) -> bool:
    return before is None or before.total is None or page.total is None or page.total > before.total


def _ends(page: Page, before: Page | None, new: Sequence[Json], seen: int, start: int, links: bool) -> bool:
    complete = page.agrees(seen + (start - 1) * page.limit)
    if page.total is not None and not page.echoed:
        return complete and not (page.more and new)
    if not page.is_counted:
        return _ends_uncounted(page, before, bool(new), links)
    if not page.rows:
        return True
    if page.number > start and not new and page.reaches_end:
        return True  # past the end, where the last page repeats
    if page.more or not page.reaches_end:
        return False
    # The count says the end. A full page whose rows do not add up to the count gets one look further.
    return complete or len(page.rows) < page.limit


def _ends_uncounted(page: Page, before: Page | None, new: bool, links: bool) -> bool:
    """Whether a list that tells neither its rows nor its pages ends with a page.

    A short page ends it if the list says where its pages go on, and how long they are. Else a further page ends it that brings nothing
    new, unless the rows before it fill a page to which none was offered: they may end at the wall.
    """
    if page.more:
        return False
    if new or before is None:
        return not page.rows or (links and page.echoed and not page.is_full)
    if page.rows:
        return not page.is_full
    return before.more or not (links and before.is_full)


async def read_all(
    client: Client,
    path: str,
    params: Params,
    *,
    key: Key | None,
    limit: int,
    rows: Callable[[Json], list[Json]] | None = None,
) -> tuple[list[Json], Json]:
    """All rows of a list, and its first response. With `key` None the rows have no identity (audit): see `_read_unnamed`."""
    if key is None:
        return await _read_unnamed(client, path, params, limit, rows)
    found: list[Json] = []
    first: Json = {}
    async for page in walk(client, path, params, key=key, limit=limit, rows=rows):
        first = first or page.answer
        found.extend(page.rows)
    return found, first


async def _read_unnamed(
    client: Client, path: str, params: Params, limit: int, rows: Callable[[Json], list[Json]] | None
) -> tuple[list[Json], Json]:
    """Read rows without identity: a shift cannot be corrected, so a list whose count changed is read again from the start.

    A repeated last page is recognised by the count or, without one, by being equal to the page before: see `_ends_uncounted`.
    """
    for _ in range(_MOST_RESTARTS):
        found: list[Json] = []
        before: Page | None = None
        page = first = await read_page(client, path, params, 1, limit, rows)
        links = False
        while True:
            links = links or page.links
            found.extend(page.rows)
            if _ends_unnamed(page, before, len(found), links):
                return found, first.answer
            _go_on(page, _counts_on(page) or bool(page.rows), links, len(found))
            following = await read_page(client, path, params, page.number + 1, page.limit, rows)
            if following.rows == page.rows:
                if page.reaches_end or following.agrees(len(found)):
                    return found, first.answer
                if not following.is_counted and _ends_uncounted(following, page, False, links):
                    return found, first.answer
                _go_on(following, _counts_on(following), links, len(found))
            if following.total != first.total:
                break  # the list moved: rows may be there twice, or be lost
            before, page = page, following
    raise IncompleteList(path, f"the list changed its length during each of {_MOST_RESTARTS} readings")


def _counts_on(page: Page) -> bool:
    """Whether the count alone says when a list ends, whatever its pages bring."""
    return page.echoed and page.total is not None


def _ends_unnamed(page: Page, before: Page | None, seen: int, links: bool) -> bool:
    if page.total is not None and not page.echoed:
        return page.agrees(seen) and not page.more
    if not page.is_counted:
        return _ends_uncounted(page, before, bool(page.rows), links)
    return not page.rows or (page.reaches_end and not page.more)

"""Reading a list that is served in pages, and that may shift while it is read. Contract: docs/contracts/ecm.md#paging.

What the server does, and what follows from it:

- It clamps `limit` without a word and echoes what it took: pages are counted in what it took.
- A page past the end repeats the last one: a page that brings nothing new ends the walk.
- Rows that move to the front push others down, onto the next page: rows are told apart by id.
- Rows that vanish pull others up, onto a page already read: seen by a count that fell, and the page is read
  again.
- `total_count` may or may not count what the caller cannot read: a page may be short. A page without any row that begins before
  the count is no end: it is asked for once more, and then the list is incomplete.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from dataclasses import dataclass

from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import Client, Params
from vigil.ecm.errors import Incomplete, Malformed

Key = Callable[[Json], Hashable]

_MOST_RESTARTS = 20


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `limit` is what the server took, `total` and `more` what it says of the whole list."""

    number: int
    rows: tuple[Json, ...]
    limit: int
    total: int | None
    more: bool
    path: str
    answer: Json

    @property
    def reaches_end(self) -> bool:
        """By the server's own count this is the last page."""
        return self.total is not None and self.number * self.limit >= self.total

    @property
    def is_owed(self) -> bool:
        """It came without a row, although by the server's own count it has some."""
        return not self.rows and self.total is not None and (self.number - 1) * self.limit < self.total


def page_of(answer: Json, number: int, limit: int, path: str, rows: Sequence[Json] | None = None) -> Page:
    """Both shapes: `paging` at the top with `actions.next`, or `collection.paging`."""
    if rows is None:
        found = answer.get("results")
        if not isinstance(found, list):
            raise Malformed(path, "a list was asked for and `results` is none")
        rows = found
    paging = answer.get("paging") or (answer.get("collection") or {}).get("paging") or {}
    taken = paging.get("limit")
    total = paging.get("total_count")
    return Page(
        number=number,
        rows=tuple(rows),
        limit=taken if isinstance(taken, int) and taken > 0 else limit,
        total=total if isinstance(total, int) else None,
        more=bool((paging.get("actions") or {}).get("next")),
        path=path,
        answer=answer,
    )


async def read_page(
    client: Client,
    path: str,
    params: Params,
    number: int,
    limit: int,
    rows: Callable[[Json], list[Json]] | None = None,
) -> Page:
    """One page. `rows` finds the rows in an answer that has them elsewhere than in `results`.

    Raises Incomplete for a page that came empty twice although the server's count says that it has rows.
    """
    for _ in range(2):
        answer = await client.get(path, {**params, "limit": limit, "page": number})
        with parse.shaped(path):
            page = page_of(answer, number, limit, path, rows(answer) if rows else None)
        if not page.is_owed:
            return page
    raise Incomplete(
        path, f"page {number} of the list came without a row, and {page.total} are said to be in it"
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
    """The pages of a list from page `start` on, each row once, in the server's order. `key` tells rows apart.

    Pages are yielded without the rows that earlier ones had, and not at all when nothing is left. A row
    that the list loses to a shift is looked for by reading the page before once more. Nothing is held but
    the keys. Rows without a key go to `odd`; where none is given the list is Malformed.
    """
    seen: set[Hashable] = set()
    before: Page | None = None
    number, restarts = start, 0
    while True:
        page = await read_page(client, path, params, number, limit, rows)
        # The clamp shows only in the first answer; from then on the server's own number is asked for.
        limit = page.limit
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
            yield Page(page.number, new, page.limit, page.total, page.more, page.path, page.answer)
        if _ends(page, new, len(seen), start):
            return
        before = page
        number += 1


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
    """By how many rows the list shrank between two pages: as many may have slid past the reader."""
    if before is None or before.total is None or page.total is None:
        return 0
    return max(0, before.total - page.total)


def _ends(page: Page, new: Sequence[Json], seen: int, start: int) -> bool:
    if not page.rows:
        return True
    if page.number > start and not new and (page.reaches_end or page.total is None):
        return True  # past the end, where the last page repeats
    if page.more or not page.reaches_end:
        return False
    # The count says the end. A full page whose rows do not add up to the count gets one look further.
    complete = page.total is not None and seen + (start - 1) * page.limit >= page.total
    return complete or len(page.rows) < page.limit


async def read_all(
    client: Client,
    path: str,
    params: Params,
    *,
    key: Key | None,
    limit: int,
    rows: Callable[[Json], list[Json]] | None = None,
) -> tuple[list[Json], Json]:
    """All rows of a list, and its first answer. With `key` None the rows have no identity (audit): see
    `_read_unnamed`."""
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
    """Rows that cannot be told apart: a shift cannot be mended, so a list whose count moved is read again
    from the start.

    A repeated last page is told by the count, and without one by being equal to the page before.
    """
    for _ in range(_MOST_RESTARTS):
        found: list[Json] = []
        page = first = await read_page(client, path, params, 1, limit, rows)
        while True:
            found.extend(page.rows)
            if not page.rows or (page.reaches_end and not page.more):
                return found, first.answer
            following = await read_page(client, path, params, page.number + 1, page.limit, rows)
            if following.rows == page.rows and (following.total is None or page.reaches_end):
                return found, first.answer
            if following.total != first.total:
                break  # the list moved: rows may be there twice, or be lost
            page = following
    raise Malformed(path, f"the list changed its length during each of {_MOST_RESTARTS} readings")

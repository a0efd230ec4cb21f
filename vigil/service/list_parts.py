"""Lists of workspaces that are not sorted, read in parts: a few pages in each run, where the search shows what changed.

The search only adds work: what the index lacks is found when the round of parts comes to it, and complete lists go on. The ledger
keeps the place. The watermark of such a list stays where the last whole list put it, so that a whole list looks at everything since
then. docs/decisions/0027.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from datetime import datetime
from math import ceil

from vigil.compliance import facts as f
from vigil.ecm import listing
from vigil.ecm.dialect import COMPARED
from vigil.ecm.errors import IncompleteList
from vigil.ecm.listing import Place
from vigil.ecm.model import ListedWorkspace
from vigil.ledger import Ledger, watermarks
from vigil.ledger.watermarks import Listed, Searched, Watermark, WatermarkName, list_of, place_of
from vigil.service.budgets import Budget
from vigil.service.needs import types_of
from vigil.service.run import Run


def of(run: Run) -> dict[str, int]:
    """The types whose lists this run reads in parts, with the pages of a part.

    Not where the last run could not follow the search whole, and not beyond a known wall, which pages do not pass.
    """
    found = run.client.dialect
    if found.sorted is not False or found.search is None or found.dates in COMPARED:
        return {}
    with run.ledger.read() as connection:
        searched = Searched.of(watermarks.watermark(connection, WatermarkName.SEARCH).data)
    if not searched.whole:
        return {}
    pages = {type: _pages(run.ledger, type, found.wall) for type in types_of(run.rules)}
    return Budget(run.site.verify_requests, follows=True).list_parts(pages)


def _pages(ledger: Ledger, type: str, wall: int | None) -> int:
    """The pages of a list as it was counted last; 0 for one that was never read whole, or goes beyond the wall."""
    with ledger.read() as connection:
        whole = Listed.of(watermarks.watermark(connection, list_of(type)).data).workspaces
    place = _place(ledger, type)
    rows = 0 if whole is None else place.total or whole
    return 0 if wall is not None and rows > wall else ceil(rows / place.limit)


def _place(ledger: Ledger, type: str) -> Place:
    with ledger.read() as connection:
        kept = watermarks.watermark(connection, place_of(type)).data
    return Place(**kept) if kept else Place(limit=listing.PAGE)


async def rows(
    run: Run, type: f.WorkspaceType, pages: int, since: datetime | None
) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
    """The rows of the next part of a list; those of the whole list since then, if it cannot be read in parts. Raises CallFailed.

    The place is kept when all of them are recorded.
    """
    reached = _place(run.ledger, type.name)
    try:
        async for some, there in run.extractor.part_of_list(type, reached, pages):
            if some:
                yield some
            reached = there
    except IncompleteList:
        reached = replace(reached, page=1)
        async for some in run.extractor.changed(type, since):
            yield some
    with run.ledger.write() as connection:
        watermarks.set_watermark(
            connection, place_of(type.name), Watermark(at=run.as_of, data=asdict(reached))
        )

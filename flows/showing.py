"""What a run leaves in the Prefect UI: tables, pages, files to take away, a chart, progress.

An artifact is kept in Prefect's database and sent to the browser whole: what is long is cut, and says so. The ledger has it all.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)

from vigil.ledger import counts
from vigil.service import charts, sheets
from vigil.service.run import Run

ROWS = 2000  # of a table, and of a file
LINES = 50  # of a file that are shown below its link
LONG = 500  # a reading of so many workspaces, or more, shows how far it is
EVERY = 2.0  # seconds between two updates of a progress


async def table(key: str, rows: Sequence[dict[str, Any]], said: str) -> None:
    """A table; one without rows is a page that says so."""
    if not rows:
        await page(key, said, said)
        return
    more = f" (the first {ROWS} of {len(rows)})" if len(rows) > ROWS else ""
    await acreate_table_artifact(list(rows[:ROWS]), key=key, description=said + more)


async def page(key: str, text: str, said: str) -> None:
    """A page of Markdown."""
    await acreate_markdown_artifact(text, key=key, description=said)


async def csv(key: str, rows: Sequence[dict[str, Any]], said: str) -> None:
    """Rows as a file: a link that downloads it, for the worker's disk is no place that a steward can reach."""
    text = sheets.csv_of(rows[:ROWS])
    data = b64encode(text.encode("utf-8-sig")).decode()  # with the mark by which spreadsheets know UTF-8
    more = f" The first {ROWS} of {len(rows)}." if len(rows) > ROWS else ""
    shown = "\n".join(text.replace("```", "'''").splitlines()[:LINES])
    link = (
        f"[Download as CSV](data:text/csv;charset=utf-8;base64,{data}) ({min(len(rows), ROWS)} rows).{more}"
    )
    await page(key, f"{link}\n\n```\n{shown}\n```", said)


async def chart(run: Run) -> None:
    """Notices sent by day and rule, as a picture in a page.

    An image artifact would show its address below it, which is the whole picture again in letters.
    """
    zone = ZoneInfo(run.site.zone)
    last = run.as_of.astimezone(zone).date()
    with run.ledger.read() as connection:
        found = counts.sent_by_day(connection, run.as_of - timedelta(days=charts.DAYS), run.site.zone)
    picture = b64encode(charts.by_day(found, last).encode()).decode()
    await page(
        "notices-by-day",
        f"![Notices sent by day and rule](data:image/svg+xml;base64,{picture})",
        "Notices sent by day and rule",
    )


class Progress:
    """How far a long task is. Nothing is shown of a short one."""

    def __init__(self, key: str, what: str) -> None:
        self.key, self.what = key, what
        self._id: UUID | None = None
        self._shown = 0.0

    async def show(self, done: int, of: int) -> None:
        """`done` of about `of` are done; 0 when nobody knows: then the number is told, and no share."""
        if max(done, of) < LONG:
            return
        percent = min(100.0, 100.0 * done / of) if of else 0.0
        said = f"{done:,} {self.what}" + (
            f" of about {of:,}" if of else "; how many there are shows at the end"
        )
        if self._id is None:
            self._id = await acreate_progress_artifact(percent, key=self.key, description=said)
        elif percent >= 100 or time.monotonic() - self._shown >= EVERY:
            await aupdate_progress_artifact(self._id, percent, description=said)
        else:
            return
        self._shown = time.monotonic()

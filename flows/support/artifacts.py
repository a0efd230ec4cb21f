"""The artifacts of a run in the Prefect UI: pages with tables, files to download, a chart, progress.

Prefect stores an artifact in its database and sends it to the browser as a whole: long ones are cut with a note. The ledger has all
data.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import timedelta
from io import BytesIO
from uuid import UUID
from zoneinfo import ZoneInfo

from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)

from vigil.ledger.outbox import counts
from vigil.safe_text import VALUE, Markdown, code_block, markdown
from vigil.service.reports import charts, workbook, writers
from vigil.service.reports.frames import About, Frame
from vigil.service.run import Run
from vigil.wording import counted

SHOWN = 200  # rows of a table: a browser needs ten seconds for two thousand
ROWS = 2000  # of a file
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HOW = (
    "Prefect's newer UI does not open these links: choose Switch to V1 UI there, or copy the CSV from below."
)
LONG = 500  # the least number of items for which progress is shown
EVERY = 2.0  # seconds between two updates of the progress


async def table(key: str, frame: Frame, columns: Sequence[str], said: str, of: int | None = None) -> None:
    """Show some columns of a table as a page, the most important first. `of` is the number of rows of the whole table.

    The function uses a page instead of a table artifact, in which Prefect's newer UI shows no links, and the older one changes texts.
    """
    rows = len(frame) if of is None else of
    more = (
        Markdown("The first {} of {}.\n\n").format(SHOWN, counted(rows, "row"))
        if rows > SHOWN
        else Markdown()
    )
    zone = About.of(frame).zone
    said += (
        f"; times in {zone}" if zone not in said and any(frame[c].dtype.kind == "M" for c in columns) else ""
    )
    await page(key, more + writers.markdown_of(frame.head(SHOWN), columns) if rows else markdown(said), said)


async def page(key: str, text: Markdown, said: str) -> None:
    """Show a page of Markdown. Prefect renders its description as Markdown, too."""
    await acreate_markdown_artifact(text, key=key, description=markdown(said))


async def rows(key: str, found: Sequence[Mapping[str, str | int]], said: str) -> None:
    """Show a table of few columns with texts and numbers. The older of Prefect's UIs renders its texts as Markdown."""
    inert = [{name: markdown(v) if isinstance(v, str) else v for name, v in row.items()} for row in found]
    await acreate_table_artifact(inert, key=key, description=markdown(said))


async def files(key: str, frame: Frame, said: str) -> None:
    """Show links that download a table as files, because a steward has no access to the worker's disk."""
    some, book = frame.head(ROWS), BytesIO()
    text = writers.csv_of(some, VALUE)
    workbook.write(some, book)
    csv = b64encode(
        text.encode("utf-8-sig")
    ).decode()  # with the byte order mark by which spreadsheets recognise UTF-8
    more = f" The first {ROWS:,} of {counted(len(frame), 'row')}." if len(frame) > ROWS else ""
    links = Markdown(
        f"[Download as CSV](data:text/csv;charset=utf-8;base64,{csv}) · "
        f"[Download as Excel](data:{EXCEL};base64,{b64encode(book.getvalue()).decode()}) ({counted(len(some), 'row')}).{more}"
    )
    await page(key, Markdown("\n\n").join([links, HOW, code_block(text)]), said)


async def chart(run: Run) -> None:
    """Show the notices sent by day and rule, as a picture in a page.

    An image artifact would also show its address, which is the whole picture again as text.
    """
    zone = ZoneInfo(run.site.zone)
    last = run.as_of.astimezone(zone).date()
    with run.ledger.read() as connection:
        found = counts.sent_by_day(connection, run.as_of - timedelta(days=charts.DAYS), run.site.zone)
    picture = b64encode(charts.by_day(found, last).encode()).decode()
    await page(
        "notices-by-day",
        Markdown(f"![Notices sent by day and rule](data:image/svg+xml;base64,{picture})"),
        "Notices sent by day and rule",
    )


class Progress:
    """The progress of a long task. A short task shows none."""

    def __init__(self, key: str, what: str) -> None:
        self.key, self.what = key, what
        self._id: UUID | None = None
        self._shown = 0.0

    async def show(self, done: int, of: int) -> None:
        """Show that `done` of about `of` items are done. If `of` is 0, the total is unknown, and only the number is shown."""
        if max(done, of) < LONG:
            return
        percent = min(100.0, 100.0 * done / of) if of else 0.0
        said = f"{done:,} {self.what}" + (f" of about {of:,}" if of else "; the total is not known yet")
        if self._id is None:
            self._id = await acreate_progress_artifact(percent, key=self.key, description=said)
        elif percent >= 100 or time.monotonic() - self._shown >= EVERY:
            await aupdate_progress_artifact(self._id, percent, description=said)
        else:
            return
        self._shown = time.monotonic()

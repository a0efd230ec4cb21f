"""What a run leaves in the Prefect UI: pages with tables, files to take away, a chart, progress.

An artifact is kept in Prefect's database and sent to the browser whole: what is long is cut, and says so. The ledger has it all.
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

from vigil.ledger import counts
from vigil.safe_text import VALUE, Markdown, code_block, markdown
from vigil.service import charts, sheets, workbook
from vigil.service.frames import About, Frame
from vigil.service.run import Run
from vigil.wording import counted

SHOWN = 200  # rows of a table: a browser needs ten seconds for two thousand
ROWS = 2000  # of a file
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HOW = "Prefect's newer UI opens no such link: there, choose Switch to V1 UI, or copy the CSV from below."
LONG = 500  # a reading of so many workspaces, or more, shows how far it is
EVERY = 2.0  # seconds between two updates of a progress


async def table(key: str, frame: Frame, columns: Sequence[str], said: str, of: int | None = None) -> None:
    """Some columns of a table as a page, those first that are seen without scrolling. `of` is how many rows the whole table has.

    A page and no table artifact: in that one Prefect's newer UI shows no link, and the older one none of its text as it is.
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
    await page(key, more + sheets.markdown_of(frame.head(SHOWN), columns) if rows else markdown(said), said)


async def page(key: str, text: Markdown, said: str) -> None:
    """A page of Markdown. Its description is read as Markdown, too."""
    await acreate_markdown_artifact(text, key=key, description=markdown(said))


async def rows(key: str, found: Sequence[Mapping[str, str | int]], said: str) -> None:
    """A table of few columns, all texts and numbers. The older of Prefect's UIs reads its texts as Markdown."""
    inert = [{name: markdown(v) if isinstance(v, str) else v for name, v in row.items()} for row in found]
    await acreate_table_artifact(inert, key=key, description=markdown(said))


async def files(key: str, frame: Frame, said: str) -> None:
    """A table as files: links that download it, for the worker's disk is no place that a steward can reach."""
    some, book = frame.head(ROWS), BytesIO()
    text = sheets.csv_of(some, VALUE)
    workbook.write(some, book)
    csv = b64encode(text.encode("utf-8-sig")).decode()  # with the mark by which spreadsheets know UTF-8
    more = f" The first {ROWS:,} of {counted(len(frame), 'row')}." if len(frame) > ROWS else ""
    links = Markdown(
        f"[Download as CSV](data:text/csv;charset=utf-8;base64,{csv}) · "
        f"[Download as Excel](data:{EXCEL};base64,{b64encode(book.getvalue()).decode()}) ({counted(len(some), 'row')}).{more}"
    )
    await page(key, Markdown("\n\n").join([links, HOW, code_block(text)]), said)


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
        Markdown(f"![Notices sent by day and rule](data:image/svg+xml;base64,{picture})"),
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

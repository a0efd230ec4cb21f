"""Writes a table as an Excel workbook for distribution: filters, frozen header, links, dates as dates, and a sheet with its
description.

XlsxWriter writes it row by row (`constant_memory`): a hundred thousand rows need no more memory than one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import IO, TYPE_CHECKING, Any

from vigil import safe_text
from vigil.errors import BadRequest
from vigil.service.reports import frames, writers
from vigil.service.reports.frames import About, Frame
from vigil.wording import counted

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

ROWS = 1_048_575  # of a sheet, without its header
LINKS = 65_530  # of a sheet: Excel refuses a file that has more
ADDRESS = 2_079  # characters of a link
EXACT = 10**15  # Excel keeps fifteen digits of a number: a larger id is written as text
FIRST = 1900  # Excel knows no year before it

WIDTHS = {
    "name": 38,
    "why": 60,
    "reason": 44,
    "changed": 44,
    "title": 44,
    "link": 48,
    "label": 28,
    "what": 40,
}
WIDTHS |= {"rule": 24, "person": 20, "outcome": 24, "standing": 28}
WIDE = 18  # of the other columns, in characters
LINE = 15  # height of a line, in points
HIGHEST = 27  # lines of a row: Excel has none higher than 409 points


class TooLong(BadRequest):
    """A table has more rows than an Excel sheet can hold."""


@dataclass(frozen=True, slots=True)
class _Formats:
    head: Format
    text: Format
    instant: Format
    link: Format

    @classmethod
    def of(cls, book: Workbook) -> _Formats:
        top: dict[str, Any] = {"valign": "top"}
        return cls(
            book.add_format(top | {"bold": True, "bg_color": "#E8EEF4", "bottom": 1, "text_wrap": True}),
            book.add_format(top | {"text_wrap": True}),
            book.add_format(top | {"num_format": "yyyy-mm-dd hh:mm", "align": "left"}),
            book.add_format(top | {"font_color": "#0563C1", "underline": 1, "text_wrap": True}),
        )


def write(frame: Frame, file: IO[bytes]) -> None:
    """Write the table, and a second sheet: its description, the number of rows by outcome, the counters of its run.

    Strings are written as strings, whatever they begin with. Instants are local times of the table's zone, which their header names.

    Raises TooLong for more rows than a sheet can hold.
    """
    from xlsxwriter import Workbook

    if len(frame) > ROWS:
        raise TooLong(
            f"{counted(len(frame), 'row')}, and a sheet of Excel holds {ROWS:,}: narrow the scope, or write CSV"
        )
    with Workbook(file, {"constant_memory": True}) as book:
        formats = _Formats.of(book)
        sheet = book.add_worksheet(str(frame.attrs.get("table", "table")).capitalize())
        _lay_out(sheet, frame, formats)
        _fill(sheet, frame, formats)
        _about(book.add_worksheet("About"), frame, formats)


def _lay_out(sheet: Worksheet, frame: Frame, formats: _Formats) -> None:
    zone = About.of(frame).zone
    for n, (name, column) in enumerate(frame.items()):
        sheet.set_column(n, n, WIDTHS.get(str(name), WIDE))
        sheet.write_string(0, n, f"{name} ({zone})" if column.dtype.kind == "M" else str(name), formats.head)
    sheet.set_row(0, 2 * LINE)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(1, len(frame)), len(frame.columns) - 1)
    sheet.repeat_rows(0)
    _page(sheet)


def _page(sheet: Worksheet) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)


def _fill(sheet: Worksheet, frame: Frame, formats: _Formats) -> None:
    widths = [WIDTHS.get(str(name), WIDE) for name in frame.columns]
    named = list(frame.columns).index("name") if "name" in frame else None
    links = _links(frame)
    for row, values in enumerate(_rows(frame), start=1):
        # Excel finds the height of a row by itself, LibreOffice does not.
        lines = max(
            (ceil(len(v) / w) for v, w in zip(values, widths, strict=True) if isinstance(v, str)), default=1
        )
        if lines > 1:
            sheet.set_row(row, LINE * min(lines, HIGHEST))
        for n, value in enumerate(values):
            if n == named and row <= len(links) and links[row - 1]:
                sheet.write_url(row, n, links[row - 1], formats.link, safe_text.excel_cell(str(value)))
            else:
                _cell(sheet, row, n, value, formats)


def _rows(frame: Frame) -> Iterable[tuple[Any, ...]]:
    return zip(*(writers.plain(column) for _, column in frame.items()), strict=True)


def _links(frame: Frame) -> list[str]:
    """The link of each of the first rows: a web address, or ""."""
    found = writers.plain(frame["link"].head(LINKS)) if "link" in frame else []
    return [url if url and len(url) <= ADDRESS and safe_text.is_web_address(url) else "" for url in found]


def _cell(sheet: Worksheet, row: int, n: int, value: Any, formats: _Formats) -> None:
    match value:
        case None:
            pass
        case bool():
            sheet.write_boolean(row, n, value, formats.text)
        case int() if abs(value) < EXACT:
            sheet.write_number(row, n, value, formats.text)
        case datetime() if value.year >= FIRST:
            sheet.write_datetime(row, n, value.replace(tzinfo=None), formats.instant)
        case _:
            sheet.write_string(row, n, safe_text.excel_cell(str(value)), formats.text)


def _about(sheet: Worksheet, frame: Frame, formats: _Formats) -> None:
    _page(sheet)
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 70)
    sheet.set_column(2, 2, WIDE)
    row = 0
    for row, (name, value) in enumerate(_said(frame)):
        sheet.write_string(row, 0, name, formats.head)
        _cell(sheet, row, 1, value, formats)
    for table in (writers.counts(frame), frames.account(frame)):
        if table.empty:
            continue
        row += 2
        for n, name in enumerate(table.columns):
            sheet.write_string(row, n, str(name), formats.head)
        for values in _rows(table):
            row += 1
            for n, value in enumerate(values):
                _cell(sheet, row, n, value, formats)


def _said(frame: Frame) -> Iterable[tuple[str, Any]]:
    about = About.of(frame)
    yield "Result", about.said or None
    yield "Site", about.site
    yield "Looked at", about.scope or None
    yield f"As of ({about.zone})", about.as_of
    yield "Time zone of all times", about.zone
    if about.dry_run is not None:
        yield "Dry run", "yes: nothing was sent" if about.dry_run else "no: new notices were sent"
    if about.manifest:
        yield "Manifest", about.manifest
    if about.run is not None:
        yield "Run", f"{about.flow} {about.run}"
    yield "Rows", f"{len(frame):,}"
    if len(frame) > LINKS:
        yield (
            "Links",
            f"The names of the first {LINKS:,} rows are links: Excel allows no more. Column link has all of them.",
        )

"""One writer for each output format of a table: CSV, JSON, a Markdown table, a summary page.

Any frame can be written, also one that was filtered or joined since: the writers use only dtypes, the column `link`, and `attrs`.
`workbook` writes Excel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from vigil import safe_text
from vigil.safe_text import Markdown
from vigil.service.reports.frames import About, Frame, FrameRow
from vigil.wording import counted

if TYPE_CHECKING:
    import pandas as pd

LISTED = 25  # findings that a summary lists; the table has them all
NAME = 48  # characters of a name in a page: in Prefect's UI a longer one hides the columns beside it


def csv_of(frame: Frame, longest: int = safe_text.CELL) -> str:
    """The table as CSV (RFC 4180) with a header: instants as ISO 8601 to the second, yes and no, nothing for a missing value.

    A text that a spreadsheet would read as a formula gets an apostrophe before it; one of more than `longest` characters is cut.
    """
    written = frame.copy(deep=False)
    for name, column in frame.items():
        if column.dtype.kind in "Mb":
            written[name] = [_said(v, _iso) for v in plain(column)]
        elif column.dtype == "string":
            written[name] = [v and safe_text.csv_cell(safe_text.bounded(v, longest)) for v in plain(column)]
    return written.to_csv(index=False, lineterminator="\r\n")


def json_of(frame: Frame) -> str:
    """The table as a JSON object: its description from `attrs`, and its rows. Instants are ISO 8601 to the second, missing is null."""
    rows = [{k: _iso(v) if isinstance(v, datetime) else v for k, v in row.items()} for row in records(frame)]
    return orjson.dumps({**frame.attrs, "rows": rows}, option=orjson.OPT_INDENT_2).decode()


def markdown_of(frame: Frame, columns: Sequence[str] = ()) -> Markdown:
    """The table, or some columns of it, as a Markdown table (GFM): names link to the address in the column `link`.

    Every text is escaped, because names come from people. Instants are to the minute; the surrounding page names the zone.
    """
    shown = [str(name) for name in columns or frame.columns]
    lines = [
        [safe_text.markdown(name) for name in shown],
        [Markdown("---")] * len(shown),
        *_cells(frame, shown),
    ]
    return Markdown("\n").join(map(safe_text.table_row, lines))


def _cells(frame: Frame, columns: Sequence[str]) -> Iterator[list[Markdown]]:
    for row in records(frame):
        yield [_linked(row) if name == "name" else _cell(row[name]) for name in columns]


def _cell(value: object) -> Markdown:
    return safe_text.markdown(_said(value, minute))


def _linked(row: FrameRow) -> Markdown:
    """The name of a workspace as the link to it, if that is a web address; cut so that it does not hide the columns beside it."""
    return safe_text.link(safe_text.short(_said(row["name"], minute), NAME), row.get("link"))


def records(frame: Frame) -> Iterator[dict[str, Any]]:
    """The rows, each a mapping of column to value, as from `plain`."""
    columns = [plain(column) for _, column in frame.items()]
    return (dict(zip(frame.columns, values, strict=True)) for values in zip(*columns, strict=True))


def plain(column: pd.Series[Any]) -> list[Any]:
    """The values of a column as Python values: None for a missing one."""
    return [None if gone else v for v, gone in zip(column.astype(object), column.isna(), strict=True)]


def minute(at: datetime) -> str:
    """An instant to the minute. The head of the table names its zone."""
    return f"{at:%Y-%m-%d %H:%M}"


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _said(value: Any, instant: Callable[[datetime], str]) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return instant(value) if isinstance(value, datetime) else str(value)


def head(frame: Frame) -> str:
    """A table's description in one line: the result, the site, the instant and the zone."""
    about = About.of(frame)
    at = f"as of {minute(about.as_of)} {about.zone}" if about.as_of else f"times in {about.zone}"
    parts = [about.said or counted(len(frame), "row"), f"site {about.site}" if about.site else "", at]
    return ", ".join(p for p in parts if p) + (", dry run" if about.dry_run else "")


def counts(frame: Frame) -> Frame:
    """The number of rows for each rule and outcome (of a manifest: standing), if the table has these."""
    by = [n for n, c in frame.items() if n == "rule" or c.dtype == "category"]
    by.sort(key=lambda name: name != "rule")
    return frame.groupby(by, observed=True).size().reset_index(name="rows")


def summary(frame: Frame) -> Markdown:
    """A sweep's findings as a page that can be forwarded: the scope, the numbers, and the places."""
    about = About.of(frame)
    at = f", {about.as_of:%d %B %Y, %H:%M} {about.zone}" if about.as_of else ""
    told = "Nothing was sent: this was a dry run." if about.dry_run else "New notices were sent."
    lines = [
        Markdown("## Sweep of {}{}").format(about.site, at),
        "",
        Markdown("Scope: {}. {}").format(about.scope, told),
        "",
    ]
    if frame.empty:
        return Markdown("\n").join([*lines, Markdown("**Nothing was found.**")])
    places, found = counted(frame["workspace"].nunique(), "workspace"), counted(len(frame), "finding")
    lines += [Markdown("**{} in {}.**").format(found, places), "", markdown_of(counts(frame)), ""]
    return Markdown("\n").join([*lines, Markdown("### What and where"), "", *_places(frame)])


def _places(frame: Frame) -> list[Markdown]:
    lines = []
    columns = ("name", "rule", "person", "outcome", "since", "why")
    for name, rule, person, outcome, since, why in _cells(frame.head(LISTED), columns):
        for_whom, from_when, because = (
            Markdown(form).format(said) if said else ""
            for form, said in ((", {}", person), (" since {}", since), (": {}", why))
        )
        line = Markdown("- {}: {}{} ({}{}){}")
        lines.append(line.format(name, rule, for_whom, outcome, from_when, because))
    more = len(frame) - LISTED
    return [*lines, Markdown("- and {:,} more in the table").format(more)] if more > 0 else lines

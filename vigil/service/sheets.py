"""One writer for each form in which a table leaves: CSV, JSON, Markdown, cells of a Prefect table, a page to forward.

Any frame can be written, also one that was narrowed or joined since: what a writer must know it reads from dtypes, from the column
`link`, and from `attrs`. A workbook for Excel is in `workbook`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import orjson

from vigil.service.frames import About, Frame
from vigil.wording import counted

if TYPE_CHECKING:
    import pandas as pd

LISTED = 25  # findings that a summary lists; the table has them all

_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[\s\u200b\ufeff]*[=+\-@＝＋－＠])|^(?=[\t\r\n])")
"""Where a spreadsheet would begin a formula: at the start of a text, and after ; and tab, which it may take for separators."""

_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~&]")
_BLOCK = re.compile(r"^(?:[#+=-]|\d+(?=[.)]))")
_AUTOLINK = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
_JOINER = "\u2060"  # a word joiner: it shows nothing and keeps a line together


def csv_of(frame: Frame) -> str:
    """The table as CSV (RFC 4180) with a header: instants as ISO 8601 to the second, yes and no, nothing where a value is missing.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    written = frame.copy(deep=False)
    for name, column in frame.items():
        if column.dtype.kind in "Mb":
            written[name] = [_said(v, _iso) for v in plain(column)]
        elif column.dtype == "string":
            written[name] = column.str.replace(_FORMULA, r"\1'", regex=True)
    return written.to_csv(index=False, lineterminator="\r\n")


def json_of(frame: Frame) -> str:
    """The table as a JSON object: what it is of, as in `attrs`, and its rows. Instants are ISO 8601 to the second, missing is null."""
    rows = [{k: _iso(v) if isinstance(v, datetime) else v for k, v in row.items()} for row in records(frame)]
    return orjson.dumps({**frame.attrs, "rows": rows}, option=orjson.OPT_INDENT_2).decode()


def markdown_of(frame: Frame, columns: Sequence[str] = ()) -> str:
    """The table, or some columns of it, as a table of Markdown (GFM)."""
    shown = list(columns or frame.columns)
    lines = [shown, ["---"] * len(shown), *(map(str, row.values()) for row in cells(frame, shown))]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells(frame: Frame, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Rows for a table whose cells are Markdown, such as Prefect's: names lead to what the column `link` says.

    Every text is escaped: names come from people. Numbers stay numbers. Instants are to the minute; whoever shows them names the zone.
    """
    links = plain(frame["link"]) if "link" in frame else [None] * len(frame)
    shown = {name: plain(frame[name]) for name in columns}
    return [
        {
            name: linked(values[n], links[n]) if name == "name" else _cell(values[n])
            for name, values in shown.items()
        }
        for n in range(len(frame))
    ]


def _cell(value: Any) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) else escaped(_said(value, minute))


def linked(text: Any, link: str | None) -> str:
    """A text in Markdown that leads to an address on the web; only the text, where there is no such address."""
    if link is None or urlsplit(link).scheme not in ("http", "https"):
        return escaped(_said(text, minute))
    return f"[{escaped(text)}]({quote(link, safe=_IN_ADDRESS)})"


_IN_ADDRESS = ":/?#@!$&'*+,;=%~-._"


def escaped(value: object) -> str:
    """A text as it is, in Markdown: no sign of it is markup, and no part of it becomes a link by itself."""
    text = _MARKDOWN.sub(r"\\\g<0>", " ".join(str(value).split()))
    text = _BLOCK.sub(lambda m: f"\\{m[0]}" if not m[0].isdigit() else f"{m[0]}\\", text)
    return _AUTOLINK.sub(_JOINER, text)


def records(frame: Frame) -> Iterator[dict[str, Any]]:
    """The rows, each a mapping of column to value, as `plain` gives them."""
    columns = [plain(column) for _, column in frame.items()]
    return (dict(zip(frame.columns, values, strict=True)) for values in zip(*columns, strict=True))


def plain(column: pd.Series[Any]) -> list[Any]:
    """The values of a column as Python has them: None where one is missing."""
    return [None if gone else v for v, gone in zip(column.astype(object), column.isna(), strict=True)]


def minute(at: datetime) -> str:
    """An instant as people read it. Its zone stands in the head of the table."""
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
    """What a table is, in a line: the result, of which site, as of when, in which zone."""
    about = About.of(frame)
    at = f"as of {minute(about.as_of)} {about.zone}" if about.as_of else f"times in {about.zone}"
    parts = [about.said or counted(len(frame), "row"), f"site {about.site}" if about.site else "", at]
    return ", ".join(p for p in parts if p) + (", dry run" if about.dry_run else "")


def counts(frame: Frame) -> Frame:
    """How many rows there are of each rule and outcome (of a manifest: standing), where the table has these."""
    by = [n for n, c in frame.items() if n == "rule" or c.dtype == "category"]
    by.sort(key=lambda name: name != "rule")
    return frame.groupby(by, observed=True).size().reset_index(name="rows")


def summary(frame: Frame) -> str:
    """A sweep's findings in a page that can be forwarded as it is: what was looked at, how much was found, and where."""
    about = About.of(frame)
    at = f", {about.as_of:%d %B %Y, %H:%M} {about.zone}" if about.as_of else ""
    told = "Nobody was told: this was a dry run." if about.dry_run else "People were told."
    lines = [f"## Sweep of {escaped(about.site)}{at}", "", f"Looked at: {escaped(about.scope)}. {told}", ""]
    if frame.empty:
        return "\n".join([*lines, "**Nothing was found.**"])
    places = counted(frame["workspace"].nunique(), "workspace")
    lines += [f"**{counted(len(frame), 'finding')} in {places}.**", "", markdown_of(counts(frame)), ""]
    return "\n".join([*lines, "### What and where", "", *_places(frame)])


def _places(frame: Frame) -> list[str]:
    lines = []
    for row in cells(frame.head(LISTED), ("name", "rule", "person", "outcome", "since", "why")):
        since = f" since {row['since']}" if row["since"] else ""
        person = f", {row['person']}" if row["person"] else ""
        why = f": {row['why']}" if row["why"] else ""
        lines.append(f"- {row['name']}: {row['rule']}{person} ({row['outcome']}{since}){why}")
    more = len(frame) - LISTED
    return [*lines, f"- and {more} more in the table"] if more > 0 else lines

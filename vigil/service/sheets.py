"""One writer for each form in which a table leaves: CSV, JSON, a table of Markdown, a page to forward.

Any frame can be written, also one that was narrowed or joined since: what a writer must know it reads from dtypes, from the column
`link`, and from `attrs`. A workbook for Excel is in `workbook`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import orjson

from vigil.service.frames import About, Frame
from vigil.wording import counted

if TYPE_CHECKING:
    import pandas as pd

LISTED = 25  # findings that a summary lists; the table has them all
NAME = 48  # characters of a name in a page: in Prefect's UI a longer one hides the columns beside it

_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[\s\u200b\ufeff]*[=+\-@＝＋－＠])|^(?=[\t\r\n])")
"""Where a spreadsheet would begin a formula: at the start of a text, and after ; and tab, which it may take for separators."""

_JOINER, _HAIR = "\u2060", "\u200a"  # a word joiner, which shows nothing, and a space that is next to nothing
_INERT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\\(?=[!-/:-@[-`{-~]|$)"), rf"\\{_JOINER}"),  # escapes nothing
    (
        re.compile(r"<(?=\S)|&(?=#?\w+;)|\](?=[(:[])"),
        rf"\g<0>{_JOINER}",
    ),  # no tag, no entity, no link and no definition of one
    (re.compile(r"(?:\*+|~+|(?<!\w)_+)(?=\S)"), rf"\g<0>{_HAIR}"),  # no emphasis begins before a space
    (re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=\S)(?=@\w)", re.IGNORECASE), _JOINER),  # no link by itself
    (re.compile(r"^(?=\W|\d+[.)])"), _JOINER),  # no heading, list, quote or rule
    (re.compile(r"`"), r"\\`"),
)
"""What a text of Markdown would do, and what keeps it from it.

Unseen characters and not backslashes, where they do: in the text of a link Prefect's first UI shows a backslash as it stands, and its
second one makes a link of `https\\://` all the same.
"""


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
    """The table, or some columns of it, as a table of Markdown (GFM): names lead to what the column `link` says.

    Every text is escaped: names come from people. Instants are to the minute; whoever shows them names the zone.
    """
    shown = [str(name) for name in columns or frame.columns]
    lines = [
        shown,
        ["---"] * len(shown),
        *([cell.replace("|", r"\|") for cell in row] for row in _cells(frame, shown)),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(frame: Frame, columns: Sequence[str]) -> Iterator[list[str]]:
    for row in records(frame):
        yield [_linked(row) if name == "name" else escaped(_said(row[name], minute)) for name in columns]


def _linked(row: Mapping[str, Any]) -> str:
    """The name of a workspace as the link to it, where that is an address on the web; cut when it would hide the columns beside it."""
    link, name = row.get("link"), _said(row["name"], minute)
    name = name if len(name) <= NAME else f"{name[: NAME - 1]}…"
    if link is None or urlsplit(link).scheme not in ("http", "https"):
        return escaped(name)
    text = re.sub(r"[\[\]]", r"\\\g<0>", escaped(name))
    return f"[{text}]({quote(link, safe=_IN_ADDRESS)})"


_IN_ADDRESS = ":/?#@!$&'*+,;=%~-._"


def escaped(value: object) -> str:
    """A text for a page of Markdown that reads as it is: no sign of it is markup, and no part of it becomes a link by itself."""
    text = " ".join(str(value).split())
    for sign, by in _INERT:
        text = sign.sub(by, text)
    return text


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
    columns = ("name", "rule", "person", "outcome", "since", "why")
    for name, rule, person, outcome, since, why in _cells(frame.head(LISTED), columns):
        for_whom, since = person and f", {person}", since and f" since {since}"
        lines.append(f"- {name}: {rule}{for_whom} ({outcome}{since}){why and f': {why}'}")
    more = len(frame) - LISTED
    return [*lines, f"- and {more:,} more in the table"] if more > 0 else lines

"""Prints tables on a terminal: as a table if it is wide, as blocks of lines if it is narrow, and as unwrapped blocks into a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from vigil import safe_text
from vigil.compliance.notices import NoticeState
from vigil.service.reports import writers
from vigil.service.reports.frames import Frame
from vigil.wording import counted

WIDE = 140  # columns of a terminal on which every column of a table has room
ROWS = 500  # rows that a terminal shows; files and pipes get all
NOBODY = "(nobody)"

COLOURS = {
    NoticeState.SENT: "green",
    "is told": "green",
    "told then": "green",
    "would be told": "cyan",
    "would be told now": "cyan",
    "was not delivered then, would be told now": "cyan",
    NoticeState.QUEUED: "yellow",
    NoticeState.NO_DEVICE: "yellow",
    "held by its rule's guard": "yellow",
    NoticeState.UNROUTABLE: "red",
    NoticeState.FAILED: "red",
    NoticeState.SUPPRESSED: "dim",
}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """The block format of rows: rows of one `group` are together, each a line with a line below it for each column of `below`."""

    group: str
    line: Callable[[Row], Text]
    below: tuple[str, ...]
    table: tuple[str, ...]  # columns on a wide terminal


def notice(row: Row) -> Text:
    """A finding or a notice in one line: rule and step, recipient, time, and outcome."""
    what = row["rule"] if row["step"] is None else f"{row['rule']} {row['step']}"
    when = [] if row.get("fire_at") is None else [writers.minute(row["fire_at"])]
    state = row["standing" if "standing" in row else "outcome"]
    since = f" since {writers.minute(row['since'])}" if row.get("since") is not None else ""
    who = [] if row["person"] is None else [row["person"]]
    return Text.assemble(
        (what, "bold"), f"{', '.join(['', *who, *when])}: ", (state, COLOURS.get(state, "")), since
    )


def _device(row: Row) -> Text:
    return Text(f"{row['label']}, since {writers.minute(row['since'])}")


FINDINGS = Layout("name", notice, ("why",), ("name", "rule", "why", "person", "outcome", "since"))
NOTICES = Layout(
    "person",
    notice,
    ("reason", "name", "why", "title", "link"),
    ("name", "why", "person", "outcome", "reason", "title", "rule", "fire_at"),
)
MANIFEST = Layout(
    "person",
    notice,
    ("reason", "name", "why", "title", "link"),
    ("name", "why", "person", "standing", "reason", "title", "rule", "fire_at"),
)
DEVICES = Layout(
    "person",
    _device,
    ("refreshed", "accepted", "retired", "reason"),
    ("person", "platform", "label", "since", "refreshed", "accepted", "retired", "reason"),
)

_BEFORE = {
    "refreshed": "last refreshed ",
    "accepted": "last accepted ",
    "retired": "retired ",
    "why": "because ",
    "title": "said: ",
}
"""What stands before a value in a block, where it would not be understood alone."""

_SHARES = {"name": 3, "why": 4, "title": 3, "reason": 2, "outcome": 2, "standing": 2}
"""The shares of a wide table's columns in the remaining width."""


def show(console: Console, frame: Frame, layout: Layout, title: str) -> None:
    """Print a table below a line with its description. Texts from outside are printed literally, never as markup."""
    line(console, Text(f"{title}: {writers.head(frame)}", style="bold"))
    some = frame.head(ROWS) if console.is_terminal else frame
    if console.is_terminal and console.width >= WIDE:
        console.print(_table(some, layout))
    else:
        for text, indent in _blocks(some, layout):
            line(console, text, indent)
    if len(some) < len(frame):
        more = counted(len(frame) - len(some), "more row")
        line(console, Text(f"{more}: --csv FILE and --excel FILE write all"))


def line(console: Console, text: Text, indent: int = 0) -> None:
    """Print a line: wrapped with its indentation on a terminal, unwrapped into a pipe, where lines are searched."""
    if not console.is_terminal:
        console.file.write(safe_text.terminal(f"{' ' * indent}{text.plain}") + "\n")
        return
    for part in text.wrap(console, console.width - indent):
        part.rstrip()
        console.print(Text(" " * indent).append_text(part), soft_wrap=True, highlight=False)


def _blocks(frame: Frame, layout: Layout) -> Iterator[tuple[Text, int]]:
    """The lines of a table, each with its indentation."""
    by = "workspace" if layout.group == "name" else layout.group
    groups: dict[Any, list[Row]] = {}
    for found in writers.records(frame):
        groups.setdefault(found[by], []).append(found)
    for rows in groups.values():
        yield Text(), 0
        yield Text(value(layout.group, rows[0]).plain, style="bold"), 0
        if layout.group == "name" and rows[0]["link"] is not None:
            yield value("link", rows[0]), 0
        for row in _together(rows) if layout.group == "name" else rows:
            yield layout.line(row if layout.group == "name" else row | {"person": None}), 2
            for name in layout.below:
                if row[name] is not None:
                    yield value(name, row), 4


def _together(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows, with those that differ only by their person combined into one."""
    same: dict[Any, list[Row]] = {}
    for row in rows:
        same.setdefault(tuple(v for k, v in row.items() if k != "person"), []).append(row)
    for some in same.values():
        people = [row["person"] for row in some if row["person"] is not None]
        yield some[0] | {"person": ", ".join(people) or None}


def value(name: str, row: Row) -> Text:
    """The text of a row's value in a block."""
    found = row[name]
    if name == "person":
        return Text(found or NOBODY)
    if name == "link":
        return Text(found, style="dim", overflow="fold")
    number = f" ({row['workspace']})" if name == "name" and row["workspace"] else ""
    return Text(f"{_BEFORE.get(name, '')}{_said(found)}{number}")


def _said(found: Any) -> str:
    return (
        writers.minute(found)
        if isinstance(found, datetime)
        else " ".join(safe_text.one_line(str(found)).split())
    )


def _table(frame: Frame, layout: Layout) -> Table:
    """The columns of a layout, with names as links."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    for name in layout.table:
        table.add_column(name, overflow="fold", ratio=_SHARES.get(name))
    for row in writers.records(frame):
        table.add_row(*(_cell(name, row) for name in layout.table))
    return table


def _cell(name: str, row: Row) -> Text:
    said = "" if row[name] is None else _said(row[name])
    link = row["link"] if name == "name" and safe_text.is_web_address(row["link"]) else None
    return Text(said, style=Style(link=link) + Style.parse(COLOURS.get(said, "")))

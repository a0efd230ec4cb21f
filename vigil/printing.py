"""Tables on a terminal: a table where it is wide, blocks of lines where it is narrow, and the same blocks, not wrapped, in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from vigil.service import sheets
from vigil.service.frames import Frame
from vigil.wording import counted

WIDE = 140  # columns of a terminal on which every column of a table has room
ROWS = 500  # rows that a terminal shows; files and pipes get all
NOBODY = "(nobody)"

COLOURS = {
    "sent": "green",
    "is told": "green",
    "told then": "green",
    "would be told": "cyan",
    "would be told now": "cyan",
    "was not delivered then, would be told now": "cyan",
    "queued": "yellow",
    "no_device": "yellow",
    "held by its rule's guard": "yellow",
    "unroutable": "red",
    "failed": "red",
    "suppressed": "dim",
}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows look as blocks: those of the same `group` stand together, each a `line` with a line for each column of `below`."""

    group: str
    line: tuple[str, ...]
    below: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return self.group, *self.line, *self.below


FINDINGS = Layout("name", ("rule", "step", "person", "outcome", "since"), ("why",))
MANIFEST = Layout(
    "person", ("standing", "rule", "step", "fire_at"), ("name", "link", "title", "why", "reason")
)
NOTICES = Layout("person", ("outcome", "rule", "step", "fire_at"), ("name", "link", "title", "why", "reason"))
DEVICES = Layout("person", ("label", "since"), ("refreshed", "accepted", "retired", "reason"))

_BEFORE = {
    "since": "since ",
    "refreshed": "last refreshed ",
    "accepted": "last accepted ",
    "retired": "retired ",
    "why": "because ",
    "title": "said: ",
}
"""What stands before a value in a block, where it would not be understood alone."""


def show(console: Console, frame: Frame, layout: Layout, title: str) -> None:
    """Print a table below a line that says what it is of. Texts from outside are printed as they are, never as markup."""
    line(console, Text(f"{title}: {sheets.head(frame)}", style="bold"))
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
    """Print a line: wrapped below its own beginning on a terminal, whole in a pipe, where lines are searched."""
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, indent)), highlight=False)
    else:
        console.print(Text(" " * indent).append_text(text), soft_wrap=True, highlight=False)


def _blocks(frame: Frame, layout: Layout) -> Iterator[tuple[Text, int]]:
    """The lines of a table, each with its indentation."""
    groups: dict[Any, list[Row]] = {}
    for found in sheets.records(frame):
        groups.setdefault(found["workspace" if layout.group == "name" else layout.group], []).append(found)
    for rows in groups.values():
        yield Text(), 0
        yield Text(value(layout.group, rows[0]).plain, style="bold"), 0
        if layout.group == "name" and rows[0]["link"] is not None:
            yield value("link", rows[0]), 0
        for row in rows:
            yield Text(", ").join(value(name, row) for name in layout.line if row[name] is not None), 2
            for name in layout.below:
                if row[name] is not None:
                    yield value(name, row), 4


def value(name: str, row: Row) -> Text:
    """A value of a row as a block says it."""
    found = row[name]
    if name == "person":
        return Text(found or NOBODY)
    if name == "link":
        return Text(found, style="dim", overflow="fold")
    number = f" ({row['workspace']})" if name == "name" and row["workspace"] else ""
    return Text(f"{_BEFORE.get(name, '')}{_said(found)}{number}", style=COLOURS.get(str(found), ""))


def _said(found: Any) -> str:
    return sheets.minute(found) if isinstance(found, datetime) else " ".join(str(found).split())


def _table(frame: Frame, layout: Layout) -> Table:
    """The columns of a layout in the order of the frame, names as links."""
    names = [name for name in frame.columns if name in layout.columns and name != "link"]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold", ratio=3 if name in ("why", "title") else None)
    for row in sheets.records(frame):
        table.add_row(*(_cell(name, row) for name in names))
    return table


def _cell(name: str, row: Row) -> Text:
    said = "" if row[name] is None else _said(row[name])
    link = row["link"] if name == "name" else None
    return Text(said, style=Style(link=link) + Style.parse(COLOURS.get(said, "")))

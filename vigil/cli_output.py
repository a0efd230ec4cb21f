"""Where a command's table goes: the options `--csv`, `--json` and `--excel`, and the writing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vigil.errors import BadRequest, VigilError
from vigil.terminal import console, errors

if TYPE_CHECKING:
    from vigil.service.frames import Frame

STDOUT = "-"

Csv = Annotated[
    str,
    typer.Option(
        "--csv",
        metavar="FILE",
        help="Write the table as CSV, over a file of that name; - is standard output",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the table as JSON, and nothing else")]
Excel = Annotated[
    str,
    typer.Option(
        "--excel", metavar="FILE", help="Write the table as an Excel workbook, over a file of that name"
    ),
]


class CannotWrite(VigilError):
    """The disk did not take a file."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where the table of a command goes. With no option it is printed for people."""

    csv: str = ""
    json: bool = False
    excel: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be written before anything is done: a run that tells people must not fail at its last step."""
        if self.json and self.csv == STDOUT:
            raise BadRequest("--json and --csv - both want standard output: give one of them a file")
        if self.excel == STDOUT:
            raise BadRequest("--excel writes no standard output: give it a file, such as findings.xlsx")
        for file in self._files:
            _refuse(file)

    @property
    def _files(self) -> list[Path]:
        return [Path(name) for name in (self.csv, self.excel) if name and name != STDOUT]

    @property
    def for_people(self) -> bool:
        """Whether the table is printed for people: nothing else was asked for."""
        return not (self.csv or self.json or self.excel)

    @property
    def takes_stdout(self) -> bool:
        """Whether standard output is data: everything else goes to standard error then."""
        return self.json or self.csv == STDOUT

    def write(self, frame: Frame, as_json: Callable[[Frame], str] | None = None) -> None:
        """Write the table wherever it was asked for. `as_json` is for a command whose JSON says more than its table.

        Raises CannotWrite when a disk does not take it.
        """
        from vigil.service import sheets, workbook

        if self.json:
            _print((as_json or sheets.json_of)(frame) + "\n")
        if self.csv == STDOUT:
            _print(sheets.csv_of(frame))
        elif self.csv:
            self._keep(Path(self.csv), sheets.csv_of(frame).encode(), len(frame))
        if self.excel:
            book = BytesIO()
            workbook.write(frame, book)
            self._keep(Path(self.excel), book.getvalue(), len(frame))

    def _keep(self, file: Path, content: bytes, rows: int) -> None:
        from vigil.wording import counted

        try:
            file.write_bytes(content)
        except OSError as refused:
            raise CannotWrite(f"{file} could not be written: {refused.strerror}") from refused
        where = errors if self.takes_stdout else console
        where.print(f"{file}: {counted(rows, 'row')}", markup=False, highlight=False, soft_wrap=True)


def _refuse(file: Path) -> None:
    if not file.parent.is_dir():
        raise BadRequest(f"there is no folder {file.parent}: make it, or write {file.name} elsewhere")
    if file.is_dir():
        raise BadRequest(f"{file} is a folder: give the name of a file in it")


def _print(text: str) -> None:
    """Data as it is: no wrapping, no colours, and the line ends that it has."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()

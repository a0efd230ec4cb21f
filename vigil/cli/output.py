"""The output of a command's table: the options `--csv`, `--json` and `--excel`, and their writers."""

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
    from vigil.service.reports.frames import Frame

STDOUT = "-"

Csv = Annotated[
    str,
    typer.Option(
        "--csv",
        metavar="FILE",
        help="Write the table as CSV, overwriting the file; - is standard output",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print only the table, as JSON")]
Excel = Annotated[
    str,
    typer.Option(
        "--excel", metavar="FILE", help="Write the table as an Excel workbook, overwriting the file"
    ),
]


class CannotWrite(VigilError):
    """A file could not be written."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command writes its table. Without an option it prints the table for people."""

    csv: str = ""
    json: bool = False
    excel: str = ""

    def __post_init__(self) -> None:
        """Refuse invalid targets before the command begins: a run that has sent notices must not fail at its last step."""
        if self.json and self.csv == STDOUT:
            raise BadRequest("--json and --csv - both use standard output: give --csv a file")
        if self.excel == STDOUT:
            raise BadRequest("--excel cannot use standard output: give it a file, such as findings.xlsx")
        for file in self._files:
            _refuse(file)

    @property
    def _files(self) -> list[Path]:
        return [Path(name) for name in (self.csv, self.excel) if name and name != STDOUT]

    @property
    def for_people(self) -> bool:
        """Whether the table is printed for people, because no option names another output."""
        return not (self.csv or self.json or self.excel)

    @property
    def takes_stdout(self) -> bool:
        """Whether standard output is data. Everything else then goes to standard error."""
        return self.json or self.csv == STDOUT

    def write(self, frame: Frame, as_json: Callable[[Frame], str] | None = None) -> None:
        """Write the table to every chosen output. `as_json` is for a command whose JSON contains more than its table.

        Raises CannotWrite when a file cannot be written.
        """
        from vigil.service.reports import workbook, writers

        if self.json:
            _print((as_json or writers.json_of)(frame) + "\n")
        if self.csv == STDOUT:
            _print(writers.csv_of(frame))
        elif self.csv:
            self._keep(Path(self.csv), writers.csv_of(frame).encode(), len(frame))
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
        raise BadRequest(f"there is no folder {file.parent}: create it, or write {file.name} elsewhere")
    if file.is_dir():
        raise BadRequest(f"{file} is a folder: give the name of a file in it")


def _print(text: str) -> None:
    """Print data unchanged: without wrapping or colours, and with its own line ends."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()

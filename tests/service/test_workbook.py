"""An Excel workbook as one is handed round: read back by another library than the one that wrote it."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.workbook import Workbook

from tests.support.tables import AT, LINK, finding, findings
from vigil.safe_text import CELL
from vigil.service.reports import workbook
from vigil.service.reports.frames import Frame


def opened(frame: Frame) -> Workbook:
    file = io.BytesIO()
    workbook.write(frame, file)
    return load_workbook(file)


def columns(book: Workbook, row: int = 2) -> dict[str, Any]:
    """A row of the first sheet by its header."""
    sheet = book.worksheets[0]
    return {head.value: cell for head, cell in zip(sheet[1], sheet[row], strict=True)}


def about(book: Workbook) -> dict[str, Any]:
    return {row[0].value: row[1].value for row in book["About"].iter_rows() if row[0].value}


def test_the_header_stands_still_and_every_column_can_be_filtered() -> None:
    sheet = opened(findings(finding(), finding()))["Findings"]
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == "A1:J3"
    assert sheet.column_dimensions["C"].width > sheet.column_dimensions["D"].width, "why needs room"


def test_a_name_is_a_link_and_why_is_wrapped() -> None:
    cells = columns(opened(findings(finding())))
    assert (cells["name"].value, cells["name"].hyperlink.target) == ("Supply of steel", LINK)
    assert cells["why"].alignment.wrap_text


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        '=HYPERLINK("https://evil.example")',
        "@x",
        "{=1}",
        "https://evil.example",
        "0123",
        "mailto:a@b.example",
    ],
)
@pytest.mark.parametrize("column", ["name", "why", "person"])
def test_a_text_is_a_text_whatever_it_begins_with(column: str, text: str) -> None:
    cell = columns(opened(findings(finding(link="", **{column: text}))))[column]
    assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)


def test_an_address_that_is_not_on_the_web_is_no_link() -> None:
    assert columns(opened(findings(finding(link="file:///etc/passwd"))))["name"].hyperlink is None


def test_an_instant_is_a_date_in_the_zone_that_its_header_names() -> None:
    cell = columns(opened(findings(finding(since=AT))))["since (Europe/Berlin)"]
    assert cell.is_date and cell.value == datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001 - Excel has no zones


def test_what_excel_has_no_date_for_is_written_as_text() -> None:
    cell = columns(opened(findings(finding(since=datetime(1800, 1, 1, tzinfo=UTC)))))["since (Europe/Berlin)"]
    assert cell.value.startswith("1800-01-01")


def test_an_id_keeps_all_its_digits() -> None:
    assert columns(opened(findings(finding(workspace=100001))))["workspace"].value == 100001
    assert columns(opened(findings(finding(workspace=2**60 + 1))))["workspace"].value == str(2**60 + 1)


def test_a_text_longer_than_a_cell_is_cut_and_not_lost() -> None:
    value = columns(opened(findings(finding(why="x" * 40_000))))["why"].value
    assert len(value) == CELL and value.endswith("x… (shortened)")


def test_more_links_than_excel_allows_stay_names_and_the_second_sheet_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workbook, "LINKS", 1)
    book = opened(findings(finding(), finding(name="Second")))
    assert columns(book, 2)["name"].hyperlink is not None
    assert (columns(book, 3)["name"].value, columns(book, 3)["name"].hyperlink) == ("Second", None)
    assert about(book)["Links"].startswith("The names of the first 1 rows are links")


def test_more_rows_than_a_sheet_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "ROWS", 1)
    with pytest.raises(workbook.TooLong, match="2 rows, and a sheet of Excel holds 1"):
        opened(findings(finding(), finding()))


def test_the_second_sheet_says_what_it_is() -> None:
    frame = findings(finding(), finding(person="ben"), said="2 findings", run=12, flow="sweep")
    frame.attrs["account"] = {"number": {"requests": 7}, "check": {"difference": 0}}
    said = about(opened(frame))
    assert said["Site"] == "default" and said["Looked at"] == "Contract; all rules"
    assert said["As of (Europe/Berlin)"] == datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001 - Excel has no zones
    assert said["Time zone of all times"] == "Europe/Berlin"
    assert said["Dry run"] == "yes: nothing was sent" and said["Run"] == "sweep 12"
    assert said["contract-renewal"] == "would be told" and said["number"] == "requests"


def test_a_table_without_rows_is_a_workbook_too() -> None:
    book = opened(findings())
    assert [c.value for c in book["Findings"][1]][:3] == ["name", "rule", "why"]
    assert about(book)["Rows"] == "0"

"""CSV and Excel: no cell is a formula or a link that Vigil did not make, however a spreadsheet reads it, and nothing is lost."""

from __future__ import annotations

import csv
import io
import re
import time
import unicodedata
from functools import cache

import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from tests.support.hostile import HONEST, HOSTILE
from tests.support.tables import LINK, finding, findings
from vigil.safe_text import CELL, csv_cell, table_cell
from vigil.service.reports import workbook, writers

SIGNS = ("=", "+", "-", "@", "\u2212")
EDGE = re.compile("^[\\s\0\u200b\u2060\ufeff\ufffd]+")  # what spreadsheets take away, or do not see
MARKED = re.compile(r"(^|[;\t\r\n])'")
TEXTS = [*HOSTILE.values(), *HONEST]


@cache
def starts() -> tuple[str, ...]:
    """Every character that a spreadsheet may take for a sign. To look at all that there are takes half a second."""
    return tuple(c for c in map(chr, range(0x110000)) if unicodedata.normalize("NFKC", c).startswith(SIGNS))


FRAME = findings(*(finding(name=t, rule=t, why=t, person=t) for t in TEXTS))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_of_a_csv_begins_a_formula(delimiter: str) -> None:
    csv.field_size_limit(20_000_000)
    for row in csv.reader(io.StringIO(writers.csv_of(FRAME), newline=""), delimiter=delimiter):
        for cell in row:
            for line in re.split(r"[\r\n]+", cell):
                assert not EDGE.sub("", line).startswith(starts()), line[:80]


def test_a_cell_of_a_csv_is_the_text_again_without_its_apostrophes() -> None:
    for text in TEXTS:
        if "'" not in text:
            assert MARKED.sub(r"\1", csv_cell(text)) == table_cell(text)


@pytest.mark.parametrize("before", ["", "\n", " \0\u200b", "x;", '"'])
def test_every_form_of_a_sign_that_begins_a_formula_gets_an_apostrophe(before: str) -> None:
    """A spreadsheet may fold what it reads (NFKC), and some take the minus sign for a hyphen."""
    assert len(starts()) > 20
    for sign in starts():
        assert "'" in csv_cell(f"{before}{sign}1+1"), f"U+{ord(sign):04X}"


def test_a_text_without_formulas_is_in_a_csv_as_it_is() -> None:
    assert [csv_cell(name) for name in HONEST] == list(HONEST)


@pytest.mark.parametrize("end", ["x", "=1+1"])
def test_a_cell_full_of_line_breaks_does_not_take_long(end: str) -> None:
    began = time.process_time()
    cell = csv_cell("\n" * CELL + end)
    assert time.process_time() - began < 1
    assert cell.endswith("'=1+1" if end == "=1+1" else "\nx")


def sheet_of(*texts: str) -> Worksheet:
    file = io.BytesIO()
    workbook.write(findings(*(finding(name=t, rule=t, why=t, person=t) for t in texts)), file)
    sheet: Worksheet = load_workbook(file).worksheets[0]
    return sheet


def test_a_cell_of_excel_is_a_text_and_its_only_link_is_ours() -> None:
    sheet = sheet_of(*TEXTS)
    names = [head.value for head in sheet[1]]
    for text, row in zip(TEXTS, sheet.iter_rows(min_row=2), strict=True):
        cells = dict(zip(names, row, strict=True))
        for column in ("why", "person", "rule"):
            assert (cells[column].data_type, cells[column].hyperlink) == ("s", None), text[:80]
            assert len(str(cells[column].value).encode("utf-16-le")) // 2 <= CELL
        assert cells["name"].hyperlink.target == LINK
        if text in HONEST:
            assert cells["name"].value == text


@pytest.mark.parametrize("letter", ["x", "👍"])
def test_a_text_longer_than_a_cell_says_that_it_was_shortened(letter: str) -> None:
    [_, row] = sheet_of(letter * CELL * 2).iter_rows(values_only=True)
    assert str(row[0]).endswith(f"{letter}… (shortened)")

"""What a steward takes away: a CSV that a spreadsheet opens, a page to forward, links that lead into ECM, a picture."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ElementTree
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from vigil.service.charts import DAYS, RULES, by_day
from vigil.service.sheets import LISTED, csv_of, linked, summary

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def row(**changes: Any) -> dict[str, Any]:
    return {
        "rule": "contract-renewal",
        "workspace": 100001,
        "name": "Supply of steel",
        "person": "ada",
        "outcome": "would be told",
        "why": "attr.expires is 2026-06-01",
        "link": "https://ecm.example.org/cs/cs/app/nodes/100001",
        **changes,
    }


def test_a_csv_reads_back_as_it_was_with_quotes_commas_and_line_breaks() -> None:
    rows = [row(name='Steel, "cold"\nrolled'), row(name="Ähre")]
    back = list(csv.DictReader(io.StringIO(csv_of(rows), newline="")))
    assert [{**r, "workspace": int(r["workspace"])} for r in back] == rows


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1", "@sum", "\tx"])
def test_a_name_that_a_spreadsheet_would_run_as_a_formula_is_quoted(name: str) -> None:
    back = next(csv.DictReader(io.StringIO(csv_of([row(name=name)]), newline="")))
    assert back["name"] == f"'{name}"


def test_no_rows_make_an_empty_file() -> None:
    assert csv_of([]).strip() == ""


def test_a_table_leads_into_ecm_and_shows_names_as_they_are() -> None:
    (shown,) = linked([row(name="[click](javascript:alert(1)) | <b>")])
    assert shown["workspace"] == "[100001](https://ecm.example.org/cs/cs/app/nodes/100001)"
    assert shown["name"] == "\\[click\\](javascript:alert(1)) \\| \\<b\\>"
    assert "link" not in shown


def test_a_row_without_a_link_stays_text() -> None:
    assert linked([row(link="")])[0]["workspace"] == 100001


def test_a_summary_says_what_was_looked_at_how_much_was_found_and_that_nobody_was_told() -> None:
    rows = [row(), row(workspace=100002, person="", outcome="open since 2026-02-01 08:00"), row(person="ben")]
    text = summary(rows, "default", "Contract; all rules", AT, dry_run=True)
    assert "Nobody was told: this was a dry run." in text
    assert "**3 findings in 2 workspaces.**" in text
    assert "| contract-renewal | would be told | 2 |" in text
    assert "| contract-renewal | open already | 1 |" in text
    assert (
        "- [Supply of steel](https://ecm.example.org/cs/cs/app/nodes/100001): contract-renewal, ben (would be told)"
        in text
    )


def test_a_long_summary_lists_some_and_says_how_many_more() -> None:
    text = summary([row()] * (LISTED + 3), "default", "all", AT, dry_run=False)
    assert text.count("\n- [") == LISTED
    assert "and 3 more in the table" in text
    assert "People were told." in text


def test_a_sweep_that_finds_nothing_says_so() -> None:
    assert "**Nothing was found.**" in summary([], "default", "all", AT, dry_run=True)


def test_a_chart_is_one_self_contained_picture_with_every_day_and_rule() -> None:
    last = date(2026, 3, 14)
    counts = {(last - timedelta(days=n), f"rule-{n}"): n + 1 for n in range(DAYS)} | {
        (last - timedelta(days=DAYS), "old"): 99
    }
    picture = by_day(counts, last)
    root = ElementTree.fromstring(picture)
    words = [e.text for e in root.iter() if e.text]
    for n in range(DAYS):
        assert f"{last - timedelta(days=n):%a %d}" in words
    assert f"{DAYS - RULES} other rules" in words
    assert "old" not in words
    assert not [e for e in root.iter() if e.tag.endswith("script")]
    loaded = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
    assert loaded == []


def test_a_chart_of_nothing_is_a_picture_too() -> None:
    assert ElementTree.fromstring(by_day({}, date(2026, 3, 14))).tag.endswith("svg")

"""What a steward takes away: a CSV that a spreadsheet opens, JSON, a page with links that lead into ECM, a picture."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date, timedelta
from xml.etree import ElementTree

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.support.tables import AT, LINK, finding, findings
from vigil.safe_text import markdown
from vigil.service.reports.charts import DAYS, RULES, by_day
from vigil.service.reports.frames import Frame
from vigil.service.reports.writers import LISTED, NAME, csv_of, head, json_of, markdown_of, summary

HOSTILE = st.text(st.sampled_from("\\`*_{}[]()<>#+-=.!|~&:;/@w \nab1ä\u2060"), max_size=40)
COMMONMARK = MarkdownIt("commonmark").enable("strikethrough").enable("table")


def read(frame: Frame) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_of(frame), newline="")))


def test_a_csv_reads_back_as_it_was_with_quotes_commas_and_line_breaks() -> None:
    back = read(findings(finding(name='Steel, "cold"\nrolled'), finding(name="Ähre", person="", since=AT)))
    assert back[0] == finding(name='Steel, "cold"\nrolled', workspace="100001", since="")
    assert (back[1]["name"], back[1]["person"], back[1]["since"]) == ("Ähre", "", "2026-03-02T09:00:00+01:00")


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1", "@sum", "\tx", " =1", "\u200b=1", "＝1", "\r=1"])
def test_a_name_that_a_spreadsheet_would_run_as_a_formula_is_quoted(name: str) -> None:
    said = read(findings(finding(name=name)))[0]["name"]
    assert said.startswith("'") and said.replace("'", "") == name


@given(st.text(st.sampled_from("=+-@＝;,\t\r\n \"'a1|"), max_size=20), st.sampled_from(",;\t"))
@example("steel;=1+1", ";")
def test_no_text_begins_a_formula_whatever_separator_a_spreadsheet_takes(name: str, separator: str) -> None:
    """A spreadsheet of another language takes ; for the separator, and a quote within a field for a letter."""
    lines = csv_of(findings(finding(name=name))).partition("\r\n")[2]
    cells = (
        read(findings(finding(name=name)))[0].values()
        if separator == ","
        else re.split(rf"[{separator}\r\n]", lines)
    )
    assert not [cell for cell in cells if re.match(r"[\s\u200b\ufeff]*[=+\-@＝＋－＠]", cell)]


def test_no_rows_make_a_csv_with_its_header() -> None:
    assert csv_of(findings()) == "name,rule,why,person,outcome,since,type,step,workspace,link\r\n"


def test_json_has_what_the_table_is_of_and_its_rows() -> None:
    found = json.loads(json_of(findings(finding(since=AT), finding(person=""))))
    assert (found["site"], found["zone"], found["dry_run"]) == ("default", "Europe/Berlin", True)
    assert found["rows"] == [finding(since="2026-03-02T09:00:00+01:00"), finding(person=None)]


def test_any_frame_can_be_written_also_one_that_was_changed_since() -> None:
    frame = (
        findings(finding(), finding(rule="other"))
        .groupby("rule")
        .agg(last=("since", "max"), n=("rule", "size"))
        .reset_index()
    )
    assert csv_of(frame) == "rule,last,n\r\ncontract-renewal,,1\r\nother,,1\r\n"
    assert json.loads(json_of(pd.DataFrame({"a": [1], "b": [True]})))["rows"] == [{"a": 1, "b": True}]


def test_a_table_leads_into_ecm_by_the_names_of_workspaces() -> None:
    shown = markdown_of(findings(finding(name="Steel | [cold]")), ("name", "person")).splitlines()
    assert shown == ["| name | person |", "| --- | --- |", rf"| [Steel \| \[cold\]]({LINK}) | ada |"]


@pytest.mark.parametrize("link", ["", "javascript:alert(1)", "data:text/html,x"])
def test_a_row_without_an_address_on_the_web_stays_text(link: str) -> None:
    assert "](" not in markdown_of(findings(finding(link=link)), ("name",))


def test_a_long_name_is_cut_in_a_table_so_that_what_stands_beside_it_is_seen() -> None:
    [*_, row] = markdown_of(findings(finding(name="x" * 300)), ("name", "why")).splitlines()
    assert f"[{'x' * (NAME - 1)}…]" in row and "attr.expires" in row


def says(text: str) -> str:
    """A text without what keeps it from being markup, which is not seen."""
    return " ".join(text.replace("\u2060", "").replace("\u200a", "").split())


@given(HOSTILE)
@example("[foo]: https://evil.example")
@example("**bold** _it_ ~~no~~ `code` <b>x</b> &lt; &#42; ![i](https://evil.example/i.png)")
def test_a_text_from_outside_is_no_markup_and_reads_as_it_is(text: str) -> None:
    tokens = COMMONMARK.parse(markdown(text))
    assert [t.type for t in tokens] in ([], ["paragraph_open", "inline", "paragraph_close"])
    parts = [c for t in tokens for c in t.children or ()]
    assert {c.type for c in parts} <= {"text"}
    assert says("".join(c.content for c in parts)) == says(text)


@given(HOSTILE.filter(str.strip))
@example("a](https://evil.example)[b")
def test_the_name_of_a_workspace_is_one_link_which_leads_there(name: str) -> None:
    [_, cell, _] = re.split(
        r"(?<!\\)\|", markdown_of(findings(finding(name=name)), ("name",)).splitlines()[-1]
    )
    [inline] = [t for t in COMMONMARK.parse(cell.replace(r"\|", "|").strip()) if t.type == "inline"]
    assert [t.type for t in inline.children or ()][:: len(inline.children or ()) - 1] == [
        "link_open",
        "link_close",
    ]
    assert [t.attrs.get("href") for t in inline.children or () if t.type == "link_open"] == [LINK]
    assert {t.type for t in inline.children or ()} == {"link_open", "text", "link_close"}


AUTOLINK = re.compile(r"(?:https?|ftp)://\S|www\.\S|[\w.+-]@\w", re.IGNORECASE)
"""What GFM makes a link of without being asked, also where signs of it are escaped."""


@given(
    st.lists(
        st.sampled_from(
            ["https://", "HTTP://", "www.", "WWW.", "evil.example", "me@", "ftp://", "/", " ", "@", "mailto:"]
        )
    )
)
@example(["https://", "evil.example"])
def test_addresses_in_a_text_do_not_become_links(parts: list[str]) -> None:
    assert not AUTOLINK.search(markdown("".join(parts)).replace("\\", ""))


def test_the_head_of_a_table_names_site_instant_and_zone() -> None:
    assert (
        head(findings(finding(), said="1 finding"))
        == "1 finding, site default, as of 2026-03-02 09:00 Europe/Berlin, dry run"
    )


def test_a_summary_says_what_was_scanned_and_found_and_that_nothing_was_sent() -> None:
    rows = [
        finding(),
        finding(workspace=100002, person="", outcome="open already", since=AT),
        finding(person="ben"),
    ]
    text = summary(findings(*rows))
    assert text.startswith("## Sweep of default, 02 March 2026, 09:00 Europe/Berlin")
    assert "Nothing was sent: this was a dry run." in text
    assert "**3 findings in 2 workspaces.**" in text
    assert "| contract-renewal | would be told | 2 |" in text
    assert "| contract-renewal | open already | 1 |" in text
    assert f"- [Supply of steel]({LINK}): contract-renewal, ben (would be told)" in text
    assert f"- [Supply of steel]({LINK}): contract-renewal (open already since 2026-03-02 09:00)" in text


def test_one_is_said_as_one() -> None:
    assert "**1 finding in 1 workspace.**" in summary(findings(finding()))


def test_a_long_summary_lists_some_and_says_how_many_more() -> None:
    text = summary(findings(*[finding()] * (LISTED + 3), dry_run=False))
    assert text.count("\n- [") == LISTED
    assert "and 3 more in the table" in text
    assert "New notices were sent." in text


def test_a_sweep_that_finds_nothing_says_so() -> None:
    assert "**Nothing was found.**" in summary(findings())


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

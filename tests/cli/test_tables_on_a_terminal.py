"""A table is read on 80 columns, on a wide terminal and in a pipe, each in its own way."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.support.tables import AT, LINK, finding, findings
from vigil.cli import printing
from vigil.service.reports import frames
from vigil.service.reports.frames import MANIFEST, About, Frame
from vigil.service.reports.writers import records

LONG = "attr.expires is 2026-06-01; attr.status in active, renewing: yes, it is active; document Signed agreement is present: no"


def shown(
    frame: Frame, width: int = 80, terminal: bool = True, layout: printing.Layout = printing.FINDINGS
) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None, legacy_windows=False)
    printing.show(console, frame, layout, "What the sweep found")
    return out.getvalue().splitlines()


def manifest(**changes: Any) -> Frame:
    row = {k: v for k, v in finding().items() if k not in ("outcome", "since", "type")}
    row |= {
        "standing": "would be told now",
        "sends": True,
        "reason": "",
        "title": "Contract ends",
        "fire_at": AT,
        "due": "",
    }
    return frames.frame(
        MANIFEST, [row | {"occurrence": "2026-06-01"} | changes], About("default", "Europe/Berlin", AT)
    )


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_broken(width: int) -> None:
    frame = findings(finding(why=LONG), finding(why=LONG, person=None, outcome="open already", since=AT))
    lines = shown(frame, width)
    assert max(map(cell_len, lines)) <= width
    words = {word for line in lines for word in line.split()}
    for row in records(frame):
        assert {*row["name"].split(), *LONG.split(), LINK} <= words


def test_findings_are_grouped_by_workspace_and_their_people_listed_together() -> None:
    rows = [finding(), finding(workspace=2, name="Cleaning", link=""), finding(person="ben")]
    rows.append(finding(person=None, outcome="open already", since=AT))
    assert shown(findings(*rows, said="4 findings"), width=100)[1:] == [
        "",
        "Supply of steel (100001)",
        LINK,
        "  contract-renewal last, ada, ben: would be told",
        "    because attr.expires is 2026-06-01",
        "  contract-renewal last: open already since 2026-03-02 09:00",
        "    because attr.expires is 2026-06-01",
        "",
        "Cleaning (2)",
        "  contract-renewal last, ada: would be told",
        "    because attr.expires is 2026-06-01",
    ]


def test_a_manifest_stands_below_its_people_with_what_each_would_be_told() -> None:
    assert shown(manifest(), layout=printing.MANIFEST)[1:] == [
        "",
        "ada",
        "  contract-renewal last, 2026-03-02 09:00: would be told now",
        "    Supply of steel (100001)",
        "    because attr.expires is 2026-06-01",
        "    said: Contract ends",
        f"    {LINK}",
    ]
    assert shown(manifest(person=""), layout=printing.MANIFEST)[2] == "(nobody)"


def test_a_wide_terminal_shows_a_table_with_why_beside_the_name() -> None:
    lines = shown(findings(finding()), printing.WIDE)
    [head] = [line for line in lines if line.split()[:2] == ["name", "rule"]]
    assert head.split() == ["name", "rule", "why", "person", "outcome", "since"]
    assert max(map(cell_len, lines)) <= printing.WIDE


def test_a_pipe_gets_lines_that_are_not_wrapped_whatever_the_width() -> None:
    frame = findings(finding(why=LONG))
    assert f"    because {LONG}" in shown(frame, 40, terminal=False)
    assert shown(frame, 40, terminal=False) == shown(frame, 400, terminal=False)


def test_a_terminal_shows_the_first_rows_and_names_the_rest_and_a_pipe_gets_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(printing, "ROWS", 2)
    frame = findings(*(finding(workspace=n, name=f"Number {n}") for n in range(5)))
    lines = shown(frame)
    assert "Number 1 (1)" in lines and "Number 2 (2)" not in lines
    assert lines[-1] == "3 more rows: --csv FILE and --excel FILE write all"
    assert "Number 4 (4)" in shown(frame, terminal=False)


def test_what_is_in_a_name_is_printed_as_it_is() -> None:
    assert "[bold]x[/] (100001)" in shown(findings(finding(name="[bold]x[/]")))

"""docs/README.md and docs/decisions/README.md name every page, and say of each decision what its page says."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from tests.shared import PROJECT

DOCS = PROJECT / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
HEAD = re.compile(r"# (\d{4}): (.+)\n\n- Status: (.+)\n- Date: (.+)\n\n")
STATUS = re.compile(r"proposed|accepted|measurement|superseded by (\d{4})")
ROW = re.compile(r"^\| \[(\d{4})\]\((\S+)\) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)


def head(page: Path) -> tuple[str, str, str, str]:
    """The number, title, status and date of a decision, as its page begins."""
    found = HEAD.match(page.read_text())
    assert found, f"{page.name} begins with `# NNNN: title`, an empty line, `- Status: ...`, `- Date: ...`"
    number, title, status, day = found.groups()
    return number, title, status, day


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_its_number_a_known_status_and_a_date(page: Path) -> None:
    number, _, status, day = head(page)
    assert page.name.startswith(f"{number}-")
    assert date.fromisoformat(day)
    known = STATUS.fullmatch(status)
    assert known, "proposed, accepted, measurement, or superseded by NNNN"
    assert known[1] is None or list((DOCS / "decisions").glob(f"{known[1]}-*.md"))


def test_decisions_are_numbered_without_a_hole() -> None:
    assert [int(head(page)[0]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_the_index_of_decisions_says_what_the_pages_say() -> None:
    rows = ROW.findall((DOCS / "decisions" / "README.md").read_text())
    expected = [(number, page.name, *rest) for page in DECISIONS for number, *rest in [head(page)]]
    assert rows == expected


def test_the_index_of_the_pages_names_each_of_them_once() -> None:
    named = re.findall(r"^\| \[[^\]]+\]\(([^)]+)\)", (DOCS / "README.md").read_text(), re.MULTILINE)
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - {"README.md"}
    decisions = {str(page.relative_to(DOCS)) for page in DECISIONS}
    assert sorted(named) == sorted(pages - decisions)


def test_each_line_of_the_changelog_stands_under_a_known_heading() -> None:
    known = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    _, *releases = re.split(r"^## ", (PROJECT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    for release in releases:
        title, *groups = re.split(r"^### ", release, flags=re.MULTILINE)
        assert re.fullmatch(r"Unreleased|\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", title.strip())
        named = [group.partition("\n")[0] for group in groups]
        assert named == [name for name in known if name in named]
        assert all(re.search(r"^- ", group, re.MULTILINE) for group in groups)

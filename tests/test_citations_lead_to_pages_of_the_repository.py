"""What code and pages cite is in a clone: each path exists, each anchor is on its page, and nothing points outside the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields

import pytest

from tests.shared import PROJECT
from tests.support.pages import anchors, exists, files
from vigil.sandbox.quirks import Quirks

PRODUCT = ("vigil", "flows", "blocks", "automations", "benchmarks", "deploy", "docs", "rules", "templates")
"""The folders that cite nothing but what is in a clone. So do the files beside them."""

EXAMPLES = frozenset({"rules/renewal.yaml", "rules/renewal.timeline.yaml"})
"""What is written like a path of the repository and stands for a file of the reader's."""

WRITTEN = frozenset({"extended-ecm.md"})
"""Pages that a command writes."""

INSTALLED = "vigil/project"
"""Where the wheel has the project's folders."""

TEXTS = (".py", ".md", ".yaml", ".yml", ".j2", ".mako", ".toml", ".conf", "Makefile", "Dockerfile", "run")
CITED = re.compile(r"(?<![\w./-])(docs/[\w./-]+\.md)(?:#([\w-]+))?")
PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join((*PRODUCT, 'tests'))})/[\w./*-]*[\w*]")
PAGE = re.compile(r"[\w./-]+\.md\b")
OUTSIDE = re.compile(
    r"\.\./shared|\bshared/(?:contracts|estates|cases|\w+\.md)|\bredesign|[Dd]esign section \d", re.ASCII
)


def texts() -> Iterator[tuple[str, str]]:
    """Every text of a clone that may cite something, by its path."""
    for name in files():
        if name.endswith(TEXTS):
            yield name, (PROJECT / name).read_text()


def is_product(name: str) -> bool:
    return name.startswith(tuple(f"{folder}/" for folder in PRODUCT)) or "/" not in name


def reads_shared(name: str, text: str) -> bool:
    """Whether a file of tests works on ../shared, or is what such a test works with."""
    helper = name in ("tests/shared.py", "tests/conftest.py") or name.startswith("tests/estates/")
    return helper or bool(re.search(r"from tests\.shared import .*(ESTATES|SHARED)", text))


def unknown(text: str) -> set[str]:
    """The citations of a text that lead nowhere: paths and pages that are not there, anchors that no page has."""
    named = {path for path in PATH.findall(text) if path not in EXAMPLES and not path.startswith(INSTALLED)}
    paths = {path for path in named if not exists(path)}
    cited = CITED.findall(text)
    return paths | {
        f"{page}#{name}" for page, name in cited if name and exists(page) and name not in anchors(page)
    }


def test_every_path_and_anchor_that_the_product_names_exists() -> None:
    found = {name: wrong for name, text in texts() if is_product(name) and (wrong := unknown(text))}
    assert not found


def test_every_page_and_anchor_that_a_test_names_exists() -> None:
    own = {
        "tests/test_citations_lead_to_pages_of_the_repository.py",
        "tests/test_every_path_in_the_pages_exists.py",
    }
    found = {
        name: wrong
        for name, text in texts()
        if name.startswith("tests/")
        and name not in own
        and (wrong := unknown(" ".join(match[0] for match in CITED.finditer(text))))
    }
    assert not found


def test_code_names_pages_by_their_whole_path() -> None:
    found = {
        name: wrong
        for name, text in texts()
        if name.endswith(".py")
        and is_product(name)
        and (wrong := {page for page in PAGE.findall(text) if not exists(page)} - WRITTEN)
    }
    assert not found


def test_nothing_but_the_tests_of_shared_points_outside_the_repository() -> None:
    own = "tests/test_citations_lead_to_pages_of_the_repository.py"
    found = {
        name: wrong
        for name, text in texts()
        if name != own
        and (is_product(name) or not reads_shared(name, text))
        and (wrong := set(OUTSIDE.findall(text)))
    }
    found.pop("pyproject.toml", None)  # the marker `shared` says what it needs
    assert not found


def test_each_quirk_that_has_a_switch_is_on_the_page() -> None:
    text = (PROJECT / "docs/contracts/ecm.md").read_text()
    listed = text.partition('<a id="quirks"></a>')[2]
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", listed, re.MULTILINE)]
    assert numbers == sorted({f.metadata["quirk"] for f in fields(Quirks) if "quirk" in f.metadata})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("docs/contracts/ecm.md#paging and docs/decisions/0005 are there", set()),
        ("Contract: docs/contracts/ecm.md#nowhere.", {"docs/contracts/ecm.md#nowhere"}),
        ("docs/contracts/none.md#paging", {"docs/contracts/none.md"}),
        ("see vigil/no_such_module.py", {"vigil/no_such_module.py"}),
    ],
)
def test_what_would_be_found(text: str, found: set[str]) -> None:
    assert unknown(text) == found


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("Contract: shared/contracts/fcm.md", True),
        ("as design section 5 says", True),
        ("../shared/estates/README.md", True),
        ('{% import "shared/words.j2" as words %}', False),
        ("accounts that people have shared/used", False),
    ],
)
def test_what_would_point_outside(text: str, points: bool) -> None:
    assert bool(OUTSIDE.search(text)) is points

"""README.md, CHANGELOG.md and docs/ name files: each is in a clone, and each link leads to a heading that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.shared import PROJECT
from tests.support.pages import FENCE, anchors, exists, tree

PAGES = sorted(
    {
        PROJECT / "README.md",
        PROJECT / "CHANGELOG.md",
        PROJECT / "SECURITY.md",
        PROJECT / "CONTRIBUTING.md",
        *(PROJECT / "docs").rglob("*.md"),
    }
)

NO_PATHS_HERE = {
    ".venv/bin/vigil": "what `make` makes",
    ".venv/bin/activate": "what `make` makes",
    "prefect.toml": "a file of whoever uses Prefect",
    "var/": "what Vigil writes",
    "RULE/STEP": "a rule and its step",
    "vigil/project": "a folder of the wheel",
    "nodes/list": "an address of Extended ECM",
    "workflows/status": "an address of Extended ECM",
    "status/active": "an address of Extended ECM",
    "status/info": "an address of Extended ECM",
    "types.json": "what `vigil types` wrote",
    "pylock.toml": "a file that is kept out of the repository",
    "meta.json": "a file of an estate",
    "types.jsonl": "a file of an estate",
    "users.jsonl": "a file of an estate",
    "workspaces.jsonl": "a file of an estate",
    "events.jsonl": "a file of an estate",
    "recording.json": "a file of a recording",
    "answers/": "a folder of a recording",
    "rules/renewal.yaml": "an example of a rule file",
    "rules/renewal.timeline.yaml": "an example of a timeline",
}
"""What looks like a path of the repository, and is none."""

EXTENSIONS = "md|py|yaml|yml|json|jsonl|toml|txt|j2|po|png|svg|csv|xlsx|sqlite|db|mako"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")
FILE = re.compile(rf"(?:{PATH.pattern}/)?[\w*-][\w.*-]*\.(?:{EXTENSIONS})")


def is_there(path: str, page: Path) -> bool:
    """Whether a page means something of the tree: by its whole path, beside the page, or by a file's name alone."""
    wanted = path.rstrip("/")
    beside = str((page.parent / wanted).resolve().relative_to(PROJECT)) if ".." not in wanted else wanted
    return any(exists(name) for name in (wanted, beside, *([] if "/" in wanted else [f"*/{wanted}"])))


def named(text: str) -> Iterator[str]:
    """What looks like a path: words with a slash or an ending of files between backticks; elsewhere such as begin like ours."""
    folders = {name for name in tree() if "/" not in name}
    for span in SPAN.findall(FENCE.sub("", text)):
        for word in span.split():
            if (PATH.fullmatch(word) and "/" in word) or FILE.fullmatch(word):
                yield word
    for word in re.split(r"[\s()\[\]`,;:\"'|=$]+", LINK.sub("", text)):
        path = word.strip(".")
        if PATH.fullmatch(path) and path.partition("/")[0] in folders and "/" in path:
            yield path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_path_that_a_page_names_is_in_a_clone(page: Path) -> None:
    unknown = {
        path for path in named(page.read_text()) if path not in NO_PATHS_HERE and not is_there(path, page)
    }
    assert not unknown, "correct them, or say in NO_PATHS_HERE what they are"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_and_image_of_a_page_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if target.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        assert str(file.relative_to(PROJECT)) in tree(), target
        if anchor:
            assert anchor in anchors(str(file.relative_to(PROJECT))), target


def test_what_is_excepted_is_named_and_is_no_path() -> None:
    words = {word for page in PAGES for word in named(page.read_text())}
    assert set(NO_PATHS_HERE) <= words, "nobody names it any more: take it out"
    assert not [path for path in NO_PATHS_HERE if is_there(path, PROJECT / "README.md")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see `../elsewhere/page.md`", ["../elsewhere/page.md"]),
        ("as `vigil/nowhere/x.py` has it", ["vigil/nowhere/x.py"] * 2),
        ("docs/missing.md says it", ["docs/missing.md"]),
        ("`gone.yaml` or GET /v2/nodes/1", ["gone.yaml"]),
        ("http://127.0.0.1/docs/x and and/or", []),
    ],
)
def test_what_would_be_found(text: str, found: list[str]) -> None:
    assert list(named(text)) == found
    assert not [path for path in found if is_there(path, PROJECT / "README.md")]

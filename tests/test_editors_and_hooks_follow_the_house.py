"""What editors, pre-commit and `make lint` hold files to is the same, and every file of the repository is as .editorconfig says."""

from __future__ import annotations

import re
import tomllib
from configparser import ConfigParser

import pytest
from ruamel.yaml import YAML

from tests.shared import PROJECT
from tests.support.pages import files

TOOL = re.compile(r"(?:\$\(BIN\)|\.venv/bin)/(ruff \w+|[\w-]+)")
BINARY = (".png", ".ico")


def hooks() -> list[dict[str, object]]:
    [local] = YAML(typ="safe").load(PROJECT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local", "a hook from elsewhere needs a network"
    found: list[dict[str, object]] = local["hooks"]
    return found


def test_the_hooks_are_what_make_lint_runs() -> None:
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    entries = " ".join(str(hook["entry"]) for hook in hooks())
    assert set(TOOL.findall(entries)) == set(TOOL.findall(recipe[1]))


def test_no_hook_installs_anything() -> None:
    assert {hook["language"] for hook in hooks()} == {"system"}


def test_editors_break_python_where_ruff_does() -> None:
    editor = ConfigParser()
    editor.read_string("[top]\n" + (PROJECT / ".editorconfig").read_text())
    ruff = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["ruff"]
    assert editor.getint("*.py", "max_line_length") == ruff["line-length"]
    assert editor.getint("*.md", "max_line_length") == ruff["lint"]["pycodestyle"]["max-line-length"]


@pytest.mark.parametrize(
    ("rule", "breaks"),
    [
        ("end_of_line = lf", rb"\r"),
        ("trim_trailing_whitespace = true", rb"[ \t]\n"),
        ("insert_final_newline = true", rb"[^\n]\Z"),
    ],
)
def test_every_text_is_as_editors_are_told_to_leave_it(rule: str, breaks: bytes) -> None:
    assert rule in (PROJECT / ".editorconfig").read_text()
    texts = {name: (PROJECT / name).read_bytes() for name in files() if not name.endswith(BINARY)}
    assert len(texts) > 100
    assert not [name for name, data in texts.items() if re.search(breaks, data)]

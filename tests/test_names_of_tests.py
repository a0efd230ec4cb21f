"""A test's name is a sentence that fits a line: at most so many characters after `test_`, and as many in the name of its file."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.shared import PROJECT

LONGEST = 70
TESTS = sorted((PROJECT / "tests").rglob("test_*.py"))


def names_in(file: Path) -> list[str]:
    """The names of a file's tests."""
    nodes = ast.walk(ast.parse(file.read_text()))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [n.name for n in nodes if isinstance(n, kinds) and n.name.startswith("test_")]


def test_no_name_of_a_test_or_of_its_file_is_longer_than_a_line() -> None:
    names = {(file.name, name) for file in TESTS for name in (file.stem, *names_in(file))}
    assert len(names) > 1000, "tests are found"
    assert not {(file, name) for file, name in names if len(name.removeprefix("test_")) > LONGEST}

"""CONTRIBUTING.md and docs/glossary.md: every file, function and name on them is in the code, and every stored name is on them."""

from __future__ import annotations

import ast
import re

import pytest
from sqlmodel import SQLModel

from tests.shared import PROJECT
from tests.support.pages import exists
from vigil.compliance.evaluation.results import Outcome
from vigil.compliance.notices import NoticeState
from vigil.compliance.rules.model import RuleKind, Status
from vigil.ledger import tables

CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text()
GLOSSARY = (PROJECT / "docs" / "glossary.md").read_text()

RECIPES = ("channel", "operator", "kind of event", "flow", "endpoint of Extended ECM", "column of the ledger")
PATH = re.compile(
    r"`((?:vigil|flows|blocks|docs|tests|templates|rules|benchmarks|deploy)/[\w./-]*|[\w-]+\.(?:yaml|md))`"
)


def rows(text: str, head: str) -> list[list[str]]:
    """The cells of the table that begins with `head`."""
    lines = text[text.index(head) :].splitlines()[2:]
    table = lines[: next((n for n, line in enumerate(lines) if not line.startswith("|")), len(lines))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


MAP = rows(CONTRIBUTING, "| stage | function | file |")


@pytest.mark.parametrize("stage", MAP, ids=lambda row: row[0])
def test_each_stage_of_the_map_is_a_function_of_its_file(stage: list[str]) -> None:
    _, functions, files = stage
    defined = {name for file in PATH.findall(files) for name in names_of(file)}
    assert defined, f"no file is named: {files}"
    assert set(re.findall(r"`(\w+)`", functions)) <= defined


def names_of(file: str) -> set[str]:
    """What a module defines at its top level."""
    out = set()
    for node in ast.parse((PROJECT / file).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            out.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            out |= {t.id for t in targets if isinstance(t, ast.Name)}
    return out


@pytest.mark.parametrize("what", RECIPES)
def test_each_recipe_names_files_that_are_there(what: str) -> None:
    found = re.search(rf"^### A new {what}\n(.*?)(?=^##)", CONTRIBUTING, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no recipe for a new {what}"
    paths = PATH.findall(found[1])
    assert len(paths) >= 3
    assert not [path for path in paths if not exists(path)]


assert tables.NoticeRow.__tablename__ in SQLModel.metadata.tables, (
    "the tables are defined when their module is imported"
)

WORDS = rows(GLOSSARY, "| word | meaning | in code |")


def test_the_glossary_is_short_and_in_order() -> None:
    words = [word for word, _, _ in WORDS]
    assert words == sorted(set(words))
    assert 28 <= len(words) <= 36


@pytest.mark.parametrize("names", [NoticeState, Outcome, Status, RuleKind], ids=lambda e: e.__name__)
def test_every_name_of_a_state_is_in_the_glossary(
    names: type[NoticeState | Outcome | Status | RuleKind],
) -> None:
    assert not [n for n in names if f"`{n}`" not in GLOSSARY and f"| {n} |" not in GLOSSARY]


def test_every_table_of_the_ledger_is_in_the_glossary() -> None:
    assert not [t for t in SQLModel.metadata.tables if f"*{t}*" not in GLOSSARY and f"`{t}`" not in GLOSSARY]


def test_every_name_in_the_glossary_is_in_the_code() -> None:
    code = "\n".join(p.read_text() for part in ("vigil", "flows") for p in (PROJECT / part).rglob("*.py"))
    tables = set(SQLModel.metadata.tables)
    for word, _, names in WORDS:
        for name in re.findall(r"[`*]([\w.]+)[`*]", names):
            assert name in tables or re.search(rf"\b{re.escape(name)}\b", code), (word, name)

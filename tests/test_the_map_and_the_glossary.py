"""CONTRIBUTING.md and docs/glossary.md: every file, function and name on them is in the code, and every stored name is on them."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable

import pytest
from sqlmodel import SQLModel

from blocks.sender import Sender
from tests.shared import PROJECT
from tests.support.pages import exists, files
from vigil.compliance.evaluation.results import Outcome
from vigil.compliance.notices import NoticeState
from vigil.compliance.rules.model import RuleKind, Status
from vigil.compliance.rules.operators import Op
from vigil.compliance.rules.patterns import EventKind
from vigil.ledger import tables
from vigil.sandbox.estate.events import KEYS as CHANGES

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
    paths = PATH.findall(recipe(what))
    assert len(paths) >= 3
    assert not [path for path in paths if not exists(path)]


def recipe(what: str) -> str:
    found = re.search(rf"^### A new {what}\n(.*?)(?=^##)", CONTRIBUTING, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no recipe for a new {what}"
    return found[1]


def unnamed(what: str, files: Iterable[str]) -> list[str]:
    """The files that a recipe names neither by themselves nor by a folder of theirs alone."""
    named = {path for path in PATH.findall(recipe(what)) if not path.endswith("/")}
    return [f for f in files if f not in named and not any(f.startswith(f"{n}/") for n in named)]


def test_the_recipe_for_a_channel_names_what_the_last_one_has() -> None:
    own = [f for f in files() if re.match(r"(vigil|blocks)/(.*/)?webhooks?[./]", f)]
    assert len(own) > 5
    assert unnamed("channel", own) == []
    text = recipe("channel")
    assert [
        word for word in ("CHANNELS", "FORMS", "SiteForm", "BLOCKS", "Connected") if f"`{word}`" not in text
    ] == []
    abstract = Sender.__abstractmethods__
    assert abstract and not [word for word in abstract if f"`{word}`" not in text]


def test_the_recipe_for_a_column_names_the_tests_of_all_revisions() -> None:
    every = [
        f
        for f in files()
        if f.startswith("tests/ledger/") and "import Earlier" in (PROJECT / f).read_text("utf-8")
    ]
    assert len(every) >= 2
    assert unnamed("column of the ledger", every) == []


def tables_of(words: Collection[str], folders: tuple[str, ...]) -> dict[str, list[str]]:
    """The files with a row for each of `words`, or for nearly all; each with the words that it lacks."""
    out = {}
    for file in files():
        if file.startswith(folders):
            text = (PROJECT / file).read_text("utf-8")
            lacks = [w for w in sorted(words) if not re.search(rf"\b{w}\b", text)]
            if 4 * len(lacks) <= len(words):
                out[file] = [w for w in lacks if (file, w) not in NO_ROW]
    return out


NO_ROW = {
    ("templates/transition/title.j2", "step_completed"): "its last branch",
    ("templates/transition/body.j2", "step_completed"): "its last branch",
}
"""(file, word) -> why a table has no row for it."""

OF_EVENTS = (
    *("docs/rules.md", "rules/", "templates/", "vigil/compliance/"),
    *("tests/delivery/", "tests/support/render", "tests/property/rules.py"),
)
OF_CHANGES = (
    *(
        "docs/estates.md",
        "docs/timelines.md",
        "vigil/timeline/",
        "vigil/sandbox/estate/",
        "vigil/sandbox/world/",
    ),
    *("tests/support/pure.py", "tests/support/wild.py"),
)


@pytest.mark.parametrize(
    ("words", "folders", "least"),
    [({k.of_events for k in EventKind}, OF_EVENTS, 9), (set(CHANGES), OF_CHANGES, 8)],
    ids=["events", "changes"],
)
def test_the_recipe_for_an_event_names_each_table_of_all_kinds(
    words: Collection[str], folders: tuple[str, ...], least: int
) -> None:
    tables = tables_of(words, folders)
    assert len(tables) >= least, f"tables are found: {sorted(tables)}"
    steps = 'the recipe "A new kind of event" in CONTRIBUTING.md says what to write there'
    wrong = "\n".join(f"{file} lacks {', '.join(lacks)}" for file, lacks in tables.items() if lacks)
    assert not wrong, f"{wrong}\n{steps}"
    assert unnamed("kind of event", tables) == []


def test_the_recipe_for_an_operator_names_each_list_of_all_operators() -> None:
    lists = [
        f
        for f in files()
        if f.startswith("tests/")
        and f.endswith(".py")
        and all(re.search(rf"\bOp\.{op.name}\b", (PROJECT / f).read_text("utf-8")) for op in Op)
    ]
    assert lists
    assert unnamed("operator", lists) == []


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

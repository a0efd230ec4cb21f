"""Docstrings name what exists: each name in backticks, and each error after "Raises".

A name exists if the product's code writes it: as a definition, an argument, a field, a module, or in a text such as a key. In
``module.name`` and ``Class.name`` the module or the class must write it. Literals that the code never writes have double backticks.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.shared import PROJECT

QUOTED = re.compile(r"(?<!`)`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)`(?!`)")
ERRORS = re.compile(r"\bRaises ((?:[A-Z]\w*[a-z]\w*(?:,? and |,? or |, )?)+)")
WORD = re.compile(r"[A-Za-z_]\w*")

ELSEWHERE = {
    "pd.NA": "pandas",
    "pd.NaT": "pandas",
    "found.files": "an attribute of an argument",
    "related.Case.attr.Case.judge": "a field of a rule",
    "Rule.model_validate": "pydantic",
}
"""Names in docstrings that the product does not write, and what they are."""


class Product:
    """The names that the code writes: all of them, and those of each module and class by its name."""

    def __init__(self) -> None:
        files = [
            p for folder in ("vigil", "flows", "blocks") for p in sorted((PROJECT / folder).rglob("*.py"))
        ]
        trees = {p: ast.parse(p.read_text()) for p in files}
        self.docstrings = [
            (f"{p.relative_to(PROJECT)}:{x.lineno}", text)
            for p, tree in trees.items()
            for text, x in docstrings(tree)
        ]
        self.parts: dict[str, set[str]] = defaultdict(set)
        for file, tree in trees.items():
            path = file.relative_to(PROJECT).with_suffix("").parts
            path = path[:-1] if path[-1] == "__init__" else path
            self.parts[path[-1]].update(written(tree))
            for package, name in pairwise(path):
                self.parts[package].add(name)
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    self.parts[node.name].update(written(node))
        self.names = set(self.parts).union(dir(builtins), *self.parts.values())

    def lacks(self, name: str) -> bool:
        """Whether a name, perhaps with dots, does not exist."""
        parts = name.split(".")
        owned = pairwise(parts)
        if name in self.names:
            return False
        return not self.names.issuperset(parts) or any(
            part not in self.parts[owner] for owner, part in owned if owner in self.parts
        )


def docstrings(tree: ast.AST) -> list[tuple[str, ast.Constant]]:
    """The texts that stand alone: those of modules, classes and functions, and those below an assignment."""
    alone = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    return [(x.value, x) for x in alone if isinstance(x, ast.Constant) and isinstance(x.value, str)]


def written(tree: ast.AST) -> Iterator[str]:
    """Every name that code writes, and the words of its texts, without docstrings."""
    prose = {id(x) for _, x in docstrings(tree)}
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case (
                ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name))
            ):
                yield name
            case ast.alias(name=name, asname=other):
                yield from (*name.split("."), other or name)
            case ast.Constant(value=str(text)) if id(node) not in prose:
                yield from (text, *WORD.findall(text))


def named(text: str) -> set[str]:
    """The names in a docstring."""
    return {
        *QUOTED.findall(text),
        *(e for some in ERRORS.findall(text) for e in WORD.findall(some) if e[0].isupper()),
    }


@pytest.fixture(scope="module")
def product() -> Product:
    return Product()


def test_every_name_in_a_docstring_exists(product: Product) -> None:
    assert len(product.docstrings) > 1500, "docstrings are found"
    lost = {(at, name) for at, text in product.docstrings for name in named(text) if product.lacks(name)}
    assert not {(at, name) for at, name in lost if name not in ELSEWHERE}
    assert {name for _, name in lost} == set(ELSEWHERE), "an exception is no longer needed"


@pytest.mark.parametrize(
    "text",
    [
        "A collection of `Standing`.",
        "As `evaluation._position`.",
        "See `compliance.history`.",
        "Raises NoTrip if there is no such hold.",
        "Raises Refused, Again or Malformed.",
    ],
)
def test_a_name_that_was_changed_is_found(product: Product, text: str) -> None:
    assert any(map(product.lacks, named(text)))


@pytest.mark.parametrize(
    "text", ["A `RuleState` of `evaluation.rule_state`.", "Raises ValueError, Refused or Malformed."]
)
def test_a_name_that_exists_is_not(product: Product, text: str) -> None:
    assert named(text) and not any(map(product.lacks, named(text)))

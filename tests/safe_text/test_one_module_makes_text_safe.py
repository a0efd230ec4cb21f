"""Nothing but vigil/safe_text.py escapes, strips or opens a way out of its own: the one place is then the place to mend."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

import pytest

from tests.shared import PROJECT

HERE = "vigil/safe_text.py"
PAGES = "flows/support/artifacts.py"

ONLY_IN: dict[str, frozenset[str]] = {
    "html.escape": frozenset({"vigil/sandbox/ecm/faulty.py"}),
    "cgi.escape": frozenset(),
    "markupsafe.escape": frozenset({HERE}),
    "xml.sax.saxutils.escape": frozenset(),
    "rich.markup.escape": frozenset({HERE}),
    "rich.print": frozenset(),
    "unicodedata.category": frozenset({HERE}),
    "urllib.parse.quote": frozenset(
        {HERE, "vigil/sandbox/ecm/search.py"}
    ),  # the simulated server's own links
    "prefect.artifacts": frozenset({PAGES}),
    "click.echo": frozenset(),
    # The sandbox is a process of its own, which imports none of us; the page is Markdown, which was made safe.
    "builtins.print": frozenset(
        {"vigil/sandbox/__main__.py", "vigil/sandbox/server.py", "vigil/cli/connect_read_only.py"}
    ),
    "rich.console.Console()": frozenset({"vigil/replay/command.py"}),  # one that prints nothing
}
"""What makes text safe, or puts it before somebody -> the files that may use it."""


def uses(source: str) -> Iterator[str]:
    """The full names of what a module imports from elsewhere and uses, `name()` for what it calls."""
    tree = ast.parse(source)
    named: dict[str, str] = {"print": "builtins.print"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named |= {
                (a.asname or a.name).split(".")[0]: a.name if a.asname else a.name.split(".")[0]
                for a in node.names
            }
        if isinstance(node, ast.ImportFrom):
            named |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
            yield from (f"{node.module}.{a.name}" for a in node.names)
            yield str(node.module)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in named:
                yield f"{named[name]}()"
                yield named[name]
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in named:
                yield f"{named[name]}.{attribute}"


@cache
def used_in(file: str) -> frozenset[str]:
    return frozenset(uses((PROJECT / file).read_text()))


def sources() -> list[str]:
    found = (p for folder in ("vigil", "flows", "blocks") for p in (PROJECT / folder).rglob("*.py"))
    return sorted(str(p.relative_to(PROJECT)) for p in found)


@pytest.mark.parametrize("name", ONLY_IN)
def test_what_makes_text_safe_is_used_in_one_place(name: str) -> None:
    using = {file for file in sources() if name in used_in(file)}
    assert using <= ONLY_IN[name]


def test_what_the_table_allows_is_there() -> None:
    """A name that nobody uses would make its line above one that cannot fail."""
    for name, files in ONLY_IN.items():
        for file in files:
            assert name in used_in(file), (name, file)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("from html import escape\nescape('x')", "html.escape"),
        ("import html\nhtml.escape('x')", "html.escape"),
        ("from rich.markup import escape as e", "rich.markup.escape"),
        ("from prefect.artifacts import create_markdown_artifact", "prefect.artifacts"),
        ("print('x')", "builtins.print"),
        ("from rich.console import Console\nc = Console()", "rich.console.Console()"),
    ],
)
def test_the_check_sees_every_way_to_name_it(source: str, name: str) -> None:
    assert name in set(uses(source))


def test_a_text_that_is_no_markdown_is_no_page() -> None:
    """What mypy refuses where flows are checked: a page is of a type that only this module makes."""
    import inspect

    from flows.support import artifacts
    from vigil.service import account_text
    from vigil.service.reports import writers

    assert inspect.signature(artifacts.page).parameters["text"].annotation == "Markdown"
    for maker in (account_text.page, writers.summary, writers.markdown_of):
        assert inspect.signature(maker).return_annotation == "Markdown"

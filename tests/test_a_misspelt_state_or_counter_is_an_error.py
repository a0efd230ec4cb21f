"""A misspelt state, reason or counter is an error before anything runs.

Most are errors of mypy. `misspelt` holds one of each kind, with an ignore for its error: mypy reports an ignore that hides nothing
(`warn_unused_ignores`), so it fails here when a type no longer refuses a misspelling. mypy accepts a text that is compared with a
StrEnum, so the code itself is read for those.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum

import pytest
from sqlalchemy import Connection

from tests.shared import PROJECT
from vigil.compliance.notices import NoticeState
from vigil.ledger.observed import runs
from vigil.ledger.outbox import guard_holds
from vigil.ledger.tables import NoticeRow, has_state, in_state, set_state, table
from vigil.ledger.values import HoldState, RunState
from vigil.service.doctor.health import CheckState
from vigil.service.run import RunCounters


def _files(*folders: str) -> list[str]:
    found = (p for folder in folders for p in (PROJECT / folder).rglob("*.py"))
    return sorted(p.relative_to(PROJECT).as_posix() for p in found)


PRODUCT, TESTS = _files("vigil", "flows", "blocks"), _files("tests")

STATES: tuple[type[StrEnum], ...] = (NoticeState, RunState, HoldState, CheckState)

OTHER_WORDS = {
    ("vigil/compliance/notices.py", ""): "the states themselves",
    ("vigil/ledger/values.py", ""): "the states of runs and guard holds",
    ("vigil/gateway/routes.py", "no_device"): "a code of the gateway's errors",
    ("vigil/gateway/request_limits.py", "failed"): "a code of the gateway's errors",
    ("flows/support/ask_guard.py", "queued"): "a word of a sentence",
}
"""(file, word) -> what a text is that equals a notice's state; '' for all of a file."""


def misspelt(counters: RunCounters, connection: Connection, now: datetime) -> Iterator[Callable[[], object]]:
    """One misspelling of each kind. Nothing calls them: mypy reads them."""
    notice = table(NoticeRow)
    yield lambda: counters.numbers["evaluted"]  # type: ignore[index]
    yield lambda: counters.numbers.update({"fndings": 1})  # type: ignore[dict-item]
    yield lambda: counters.attempts["acepted"]  # type: ignore[index]
    yield lambda: counters.left_out["lapsd"]  # type: ignore[index]
    yield lambda: counters.subscriptions["subscribd"]  # type: ignore[index]
    yield lambda: counters.earlier["sennt"]  # type: ignore[index]
    yield lambda: in_state(notice, "queud")  # type: ignore[arg-type]
    yield lambda: has_state(notice, NoticeState.SENT, "sennt")  # type: ignore[arg-type]
    yield lambda: set_state("sennt", reason="")  # type: ignore[arg-type]
    yield lambda: guard_holds.relabel(connection, "rule", 1, [], "suppresed")  # type: ignore[arg-type]
    yield lambda: guard_holds.left(connection, "undecidd")  # type: ignore[arg-type]
    yield lambda: guard_holds.answer(connection, 1, "snt", "ada", now)  # type: ignore[arg-type]
    yield lambda: runs.end(connection, 1, "faild", {}, now)  # type: ignore[arg-type]


def test_the_code_writes_states_by_their_names() -> None:
    assert len(PRODUCT) > 300, "files are found"
    assert not [f"{name}:{line}: {word}" for name in PRODUCT for word, line in _faults(name, _tree(name))]


def test_the_exceptions_are_still_needed() -> None:
    for (name, word), why in OTHER_WORDS.items():
        found = {v for v, _ in _texts(_tree(name))}
        assert word in found or (not word and found & set(NoticeState)), why


def test_tests_compare_states_with_states_that_exist() -> None:
    """A test may hold a state's stored text, and not one that no row can have."""
    known = {word for states in STATES for word in states}
    compared = {(name, word) for name in TESTS for word, _ in _compared(_tree(name))}
    assert len(compared) > 10, "comparisons are found"
    assert not {(file, word) for file, word in compared if word not in known}


@pytest.mark.parametrize(
    "wrong",
    [
        'e.state == "sennt"',
        'row["state"] != "sent"',
        'e.state in ("sent", "queued")',
        'n.c.state.in_(("sennt",))',
        'update(t).values(state="sennt")',
        "_notice.c.state == state",
        "notice.c.state.in_(states)",
    ],
)
def test_what_reads_the_code_finds(wrong: str) -> None:
    assert [*_faults("x.py", ast.parse(wrong))]


def _tree(name: str) -> ast.AST:
    return ast.parse((PROJECT / name).read_text())


def _faults(name: str, tree: ast.AST) -> Iterator[tuple[str, int]]:
    yield from _texts_that_are_states(name, tree)
    yield from _compared(tree)
    yield from _passed(tree)
    yield from _raw_columns(name, tree)


def _texts(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The texts of code that can be a state: one word."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            yield node.value, node.lineno


def _texts_that_are_states(name: str, tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Texts that equal a notice's state. A migration is written in the words of its day."""
    if (name, "") in OTHER_WORDS or "/migrations/" in name:
        return
    for word, line in _texts(tree):
        if word in set(NoticeState) and (name, word) not in OTHER_WORDS:
            yield word, line


def _is_state(node: ast.AST) -> bool:
    """Whether an expression is `x.state` or `x["state"]`."""
    match node:
        case ast.Attribute(attr="state") | ast.Subscript(slice=ast.Constant(value="state")):
            return True
    return False


def _compared(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Texts that a state is compared with: by ==, != or in, or by SQLAlchemy's `in_` and `not_in`."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others) if any(map(_is_state, [left, *others])):
                parts: list[ast.AST] = [left, *others]
            case ast.Call(func=ast.Attribute(value=column, attr="in_" | "not_in"), args=args) if _is_state(
                column
            ):
                parts = list(args)
            case _:
                continue
        for part in parts:
            yield from [] if _is_state(part) else _texts(part)


def _passed(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Texts that are passed as `state=`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "state":
            yield from _texts(node.value)


def _raw_columns(name: str, tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Comparisons of the column `state` of notices that go past `in_state` and `has_state`."""
    if name == "vigil/ledger/tables.py":
        return
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others):
                columns = [left, *others]
            case ast.Call(func=ast.Attribute(value=column, attr="in_" | "not_in")):
                columns = [column]
            case _:
                continue
        for column in columns:
            if _is_state(column) and ast.unparse(column).removeprefix("_") == "notice.c.state":
                yield ast.unparse(node), node.lineno

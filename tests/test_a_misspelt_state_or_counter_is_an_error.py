"""A misspelt state, reason or counter is an error before anything runs.

Most are errors of mypy. `misspelt` holds one of each kind, with an ignore for its error: mypy reports an ignore that hides nothing
(`warn_unused_ignores`), so it fails here when a type no longer refuses a misspelling. mypy accepts a text that is compared with a
StrEnum, so the code itself is read for those: wherever a text meets `x.state`, `x["state"]` or a name that holds a state.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import pytest
from sqlalchemy import Connection

from tests.shared import PROJECT
from vigil.compliance.notices import NoticeState
from vigil.compliance.rules.clauses import DocumentState
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
    ("vigil/sandbox/estate/events.py", "done"): "a workflow step of an estate",
    ("vigil/sandbox/ecm/workflow.py", "stopped"): "a status of a workflow in Extended ECM",
    **{("vigil/timeline/mutants.py", word.value): "a state of documents" for word in DocumentState},
    **{
        ("tests/property/reference.py", word): "a state of documents"
        for word in ("present", "absent", "valid")
    },
    **{("tests/flows/test_doctor.py", word): "a state of Prefect's" for word in ("Cancelling", "Scheduled")},
}
"""(file, word) -> what a text is that equals a notice's state, or is compared with another `state`; '' for all of a file."""


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
    assert not {(file, word) for file, word in compared if word not in known} - OTHER_WORDS.keys()


@pytest.mark.parametrize(
    "wrong",
    [
        'e.state == "sennt"',
        'row["state"] != "sent"',
        'e.state in ("sent", "queued")',
        'n.c.state.in_(("sennt",))',
        'update(t).values(state="sennt")',
        'state == "sennt"',
        'then = e.state\nthen == "sennt"',
        'def f(then: NoticeState): return then != "sennt"',
        'if (then := row["state"]) and then == "sennt": pass',
        'e.state.value == "sennt"',
        'str(e.state) == "sennt"',
        'match e.state:\n    case "quued": pass',
        'match state, due:\n    case "sent" | "quued", None: pass',
        'match e:\n    case Entry(state="quued"): pass',
        '{"faild": 1}.get(e.state)',
        'WORDS = {"faild": 1}\nWORDS[e.state.value]',
        'LOUD = frozenset({"faild"})\nstate in LOUD',
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
    yield from (found for found in _compared(tree) if (name, found[0]) not in OTHER_WORDS)
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


@dataclass(frozen=True)
class _Names:
    """What names of a file stand for: `states` hold a state, and `literals` a collection that is written there."""

    states: frozenset[str]
    literals: Mapping[str, ast.expr]

    @classmethod
    def of(cls, tree: ast.AST) -> _Names:
        """A name holds a state when it is called `state`, is annotated with a type of states, or is assigned a state."""
        bound = [(name, value) for node in ast.walk(tree) for name, value in _bound(node)]
        states = {"state"} | {
            node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
            for node in ast.walk(tree)
            if isinstance(node, ast.arg | ast.AnnAssign)
            and node.annotation is not None
            and ast.unparse(node.annotation).removesuffix(" | None") in {s.__name__ for s in STATES}
        }
        plain = cls(frozenset(), {})
        states |= {name for name, value in bound if plain.is_state(value)}
        return cls(frozenset(states), {name: value for name, value in bound if _is_literal(value)})

    def is_state(self, node: ast.AST) -> bool:
        """Whether an expression is `x.state`, `x["state"]`, a name that holds a state, or the `value` of one of these."""
        match node:
            case ast.Attribute(attr="state") | ast.Subscript(slice=ast.Constant(value="state")):
                return True
            case ast.Name(id=name):
                return name in self.states
            case ast.Attribute(value=inner, attr="value") | ast.NamedExpr(value=inner):
                return self.is_state(inner)
            case ast.Call(func=ast.Name(id="str"), args=[inner]):
                return self.is_state(inner)
        return False

    def texts(self, node: ast.AST) -> Iterator[tuple[str, int]]:
        """The texts that a state meets in an expression: of a mapping, its keys."""
        if isinstance(node, ast.Name) and node.id in self.literals:
            node = self.literals[node.id]
        for part in node.keys if isinstance(node, ast.Dict) else [node]:
            yield from _texts(part) if part is not None else []


def _is_literal(node: ast.expr) -> bool:
    """Whether an expression is a collection that is written out, such as `{...}` or `frozenset({...})`."""
    match node:
        case ast.Dict() | ast.Set() | ast.Tuple() | ast.List():
            return True
        case ast.Call(func=ast.Name(id="frozenset" | "set" | "tuple"), args=[inner]):
            return _is_literal(inner)
    return False


def _bound(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The names that a statement binds, each with its value."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _unpacked(target, value)
        case (
            ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.NamedExpr(target=target, value=value)
        ):
            yield from _unpacked(target, value)


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, value
        case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
            for one, its in zip(targets, values, strict=True):
                yield from _unpacked(one, its)


def _compared(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Texts that a state is compared with: by ==, != or in, by `in_` and `not_in`, in a `match`, or as keys of a mapping."""
    names = _Names.of(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others) if any(map(names.is_state, [left, *others])):
                parts: list[ast.AST] = [left, *others]
            case ast.Call(func=ast.Attribute(value=column, attr="in_" | "not_in"), args=args) if (
                names.is_state(column)
            ):
                parts = list(args)
            case ast.Call(
                func=ast.Attribute(value=mapping, attr="get" | "pop" | "setdefault"), args=[key, *_]
            ) if names.is_state(key):
                parts = [mapping]
            case ast.Subscript(value=mapping, slice=key) if names.is_state(key):
                parts = [mapping]
            case ast.Match(subject=subject, cases=cases):
                parts = [part for case in cases for part in _matched(subject, case.pattern, names)]
            case ast.MatchClass(kwd_attrs=attrs, kwd_patterns=patterns):
                parts = [p for attr, p in zip(attrs, patterns, strict=True) if attr == "state"]
            case _:
                continue
        for part in parts:
            yield from [] if names.is_state(part) else names.texts(part)


def _matched(subject: ast.expr, pattern: ast.pattern, names: _Names) -> Iterator[ast.AST]:
    """The parts of a pattern that a state meets."""
    match subject, pattern:
        case _, ast.MatchOr(patterns=some):
            for one in some:
                yield from _matched(subject, one, names)
        case ast.Tuple(elts=subjects), ast.MatchSequence(patterns=some) if len(subjects) == len(some):
            for its, one in zip(subjects, some, strict=True):
                yield from _matched(its, one, names)
        case _, _ if names.is_state(subject):
            yield pattern


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
            if ast.unparse(column).removeprefix("_") == "notice.c.state":
                yield ast.unparse(node), node.lineno

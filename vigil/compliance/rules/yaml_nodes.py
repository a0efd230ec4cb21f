"""Reads YAML with source positions: values for the models, lines and columns for error messages.

ruamel.yaml parses the text; scalars follow YAML 1.2's core rules, with dates, so that ``no``, ``on`` and ``08:00`` stay texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.resolver import VersionedResolver

from vigil.errors import Problem

_MOST_VALUES = 200_000
_DEEPEST = 100
_TOO_DEEP = f"nested more than {_DEEPEST} levels deep"
_QUOTED = ("'", '"', "|", ">")
_CORE_TAG = "tag:yaml.org,2002:"
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MARKS = re.compile(r"(?<=[^\W_]):(?=[^\W_])|(?<=[^\W_])\?")
_HIDE = {":": "\ue03a", "?": "\ue03f"}  # of the private use area
_SHOW = str.maketrans({hidden: mark for mark, hidden in _HIDE.items()})
_HIDDEN = re.compile(f"[{''.join(_HIDE.values())}]")
_BRACKETS = re.compile(r"[\[\]{}]")
_DEEP_INDENT = re.compile(r"^[ ?:-]{1000}", re.MULTILINE)
_INTEGER = re.compile(r"[-+]?\d+")
_FLOAT = re.compile(r"[-+]?(\.\d+|\d+\.\d*|\d+(\.\d*)?[eE][-+]?\d+)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[-+]\d{2}:\d{2})?")
_TOKEN = re.compile(
    r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[\[{]|[^,\[\]{}#\s](?:[^,\[\]{}\n]*?)(?=\s*(?:[,\[\]{}]|:\s|:$|\s#|$))"""
)


NodePath = tuple[str | int, ...]
"""The way from a node to one inside it: keys of mappings, and places in lists from 0."""


@dataclass(slots=True, eq=False)
class Node:
    """A value and its position. Lines and columns count from 1.

    `parts` are the nodes of a mapping by key, or of a list by index; `keys` are the positions of a mapping's keys.
    """

    value: Any
    line: int
    column: int
    parts: Mapping[str | int, Node] = field(default_factory=dict)
    keys: Mapping[str, Node] = field(default_factory=dict)
    size: int = 1

    def at(self, *path: str | int) -> Node:
        """The node at a path, as far as the path exists. Index 0 of a value that is not a list is the value itself."""
        node = self
        for step in path:
            if step in node.parts:
                node = node.parts[step]
            elif step != 0:
                return node
        return node

    def without(self, path: tuple[str | int, ...]) -> Node:
        """A copy without the value at `path`; later items of a list move up."""
        return self.replaced(path, None)

    def replaced(self, path: tuple[str | int, ...], by: Node | None) -> Node:
        """A copy with another value at `path`, or without one."""
        parts: dict[str | int, Node] = {}
        for step, part in self.parts.items():
            new = part if step != path[0] else part.replaced(path[1:], by) if len(path) > 1 else by
            if new is not None:
                parts[step] = new
        if isinstance(self.value, list):
            parts = dict(enumerate(parts.values()))
            return replace(self, parts=parts, value=[part.value for part in parts.values()])
        keys = {name: key for name, key in self.keys.items() if name in parts}
        return replace(self, parts=parts, keys=keys, value={k: part.value for k, part in parts.items()})

    def key(self, name: str) -> Node:
        """The position of a key; the mapping's own if it has no such key."""
        return self.keys.get(name, self)

    def problem(self, file: str, message: str, key: str = "", hint: str = "") -> Problem:
        """A problem at this position."""
        return Problem(file, self.line, self.column, message, key, hint)


def parse(file: str, text: str) -> tuple[list[Node], list[Problem]]:
    """The documents of a YAML text and its problems: syntax, tags, duplicate keys. Empty documents are left out."""
    if _bottomless(text):
        return [], [Problem(file, 1, 1, _TOO_DEEP)]
    try:
        composed = _compose(text)
    except YAMLError as wrong:
        return [], [_syntax(file, wrong)]
    except RecursionError:
        return [], [Problem(file, 1, 1, _TOO_DEEP)]
    reader = _Reader(file)
    documents = [reader.node(root) for root in composed if root is not None]
    return [node for node in documents if node.value is not None], reader.problems


def _bottomless(text: str) -> bool:
    """Whether the text nests so deeply that libyaml, which recurses without a limit, would crash the process."""
    if _DEEP_INDENT.search(text):
        return True
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest > 1000


def _compose(text: str) -> list[Any]:
    """The node trees, by libyaml if it is installed (six times faster), by the 1.2 parser if libyaml fails.

    libyaml implements YAML 1.1 and refuses punctuation inside the words of a flow collection, such as ``[08:00]``, ``{ada:
    cost:resolved}`` and ``{says: trains?, by: ada}``. In 1.2 a colon between two letters or digits, and a question mark after one, are
    text: for libyaml they are replaced by other characters of the same width, so that all positions stay.
    """
    hidden = text if _HIDDEN.search(text) else _MARKS.sub(lambda mark: _HIDE[mark[0]], text)
    for given, pure in ((text, False), (hidden, False), (text, True)):
        try:
            yaml = YAML(typ="safe", pure=pure)
            if not pure:
                yaml.Resolver = _Unresolved
            composed = list(yaml.compose_all(given))
        except (YAMLError, ImportError, AttributeError):
            if pure:
                raise
            continue
        if given is not text:
            _show_marks(composed)
        return composed
    return []


class _Unresolved(VersionedResolver):
    """Does not resolve numbers and dates among plain scalars: `scalar` does, by other rules. This saves a third of the time."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        return _DEFAULT_TAGS[kind]


_DEFAULT_TAGS = {
    ScalarNode: VersionedResolver.DEFAULT_SCALAR_TAG,
    SequenceNode: VersionedResolver.DEFAULT_SEQUENCE_TAG,
    MappingNode: VersionedResolver.DEFAULT_MAPPING_TAG,
}


def _show_marks(nodes: Iterable[Any]) -> None:
    """Restore the replaced characters in the scalars and tags of node trees."""
    todo = [node for node in nodes if node is not None]
    done: set[int] = set()
    while todo:
        node = todo.pop()
        if id(node) in done:
            continue
        done.add(id(node))
        match node:
            case ScalarNode():
                node.value = node.value.translate(_SHOW)
            case SequenceNode():
                todo += node.value
            case MappingNode():
                todo += [part for pair in node.value for part in pair]
        if not _is_core(node):
            node.tag = node.tag.translate(_SHOW)


def _is_core(raw: Any) -> bool:
    """Whether a node has one of YAML's own tags. The tag's full text is assembled slowly, and is checked last."""
    tag = raw.ctag
    short = tag.handle is None and tag.suffix is not None and tag.suffix.startswith(_CORE_TAG)
    return short or str(raw.tag).startswith(_CORE_TAG)


def _syntax(file: str, wrong: YAMLError) -> Problem:
    if not isinstance(wrong, MarkedYAMLError):
        return Problem(file, 1, 1, f"not YAML: {' '.join(str(wrong).split())}")
    mark = wrong.problem_mark or wrong.context_mark
    said = ", ".join(part for part in (wrong.problem, wrong.context) if part)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem(file, line, column, f"not YAML: {said}")


class _Reader:
    """Converts composed nodes to `Node`s and collects problems."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._done: dict[int, Node] = {}
        self._open: set[int] = set()

    def node(self, raw: Any) -> Node:
        known = self._done.get(id(raw))
        if known is not None:
            return known
        node = Node(None, raw.start_mark.line + 1, raw.start_mark.column + 1)
        if id(raw) in self._open:
            self._wrong(node, "an alias stands inside its own anchor")
            return node
        if len(self._open) >= _DEEPEST:
            self._wrong(node, _TOO_DEEP)
            return node
        self._open.add(id(raw))
        if not _is_core(raw):
            self._wrong(node, f"tags such as {raw.tag} are not used in rules")
        self._fill(node, raw)
        self._open.discard(id(raw))
        self._done[id(raw)] = node
        return node

    def _fill(self, node: Node, raw: Any) -> None:
        match raw:
            case ScalarNode():
                node.value = raw.value if raw.style in _QUOTED else scalar(raw.value)
            case SequenceNode():
                node.parts = {index: self.node(item) for index, item in enumerate(raw.value)}
                node.value = [part.value for part in node.parts.values()]
            case MappingNode():
                self._mapping(node, raw)
        node.size += sum(part.size for part in node.parts.values())
        if node.size > _MOST_VALUES:
            self._wrong(node, f"more than {_MOST_VALUES} values: aliases multiply")
            node.value, node.parts, node.size = None, {}, 1

    def _mapping(self, node: Node, raw: Any) -> None:
        parts: dict[str | int, Node] = {}
        keys: dict[str, Node] = {}
        for raw_key, raw_value in raw.value:
            key = self.node(raw_key)
            if not isinstance(key.value, str):
                self._wrong(key, "a key is a word; quote it if it is meant as text")
            elif key.value in keys:
                self._wrong(
                    key, f"duplicate key `{key.value}`, first on line {keys[key.value].line}", key.value
                )
            else:
                keys[key.value] = key
                parts[key.value] = self.node(raw_value)
        node.keys, node.parts = keys, parts
        node.value = {key: part.value for key, part in parts.items()}

    def _wrong(self, node: Node, message: str, key: str = "") -> None:
        self.problems.append(node.problem(self.file, message, key))


def scalar(text: str) -> str | int | float | bool | date | datetime | None:
    """A plain scalar by YAML 1.2's core rules, with ISO dates and instants."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text.upper())
    except ValueError:
        return text  # 2026-02-30 looks like a date and is not one; a field that needs a date refuses it
    return text


def frame(problem: Problem, text: str) -> str:
    """The problem with its source line and a caret under the wrong text, as compilers show it.

    The part of the message after "; ", and the hint, are beside the caret.
    """
    head, _, allowed = problem.message.partition("; ")
    beside = " ".join(part for part in (allowed, problem.hint) if part)
    title = f"{problem.file}:{problem.line}:{problem.column}  {head}"
    lines = text.splitlines()
    if not 0 < problem.line <= len(lines):
        return f"{title}\n    | {beside}" if beside else title
    line = lines[problem.line - 1]
    number = f"{problem.line:>3}"
    pad = "".join("\t" if char == "\t" else " " for char in line[: problem.column - 1])
    carets = "^" * _width(line, problem.column - 1)
    return f"{title}\n{number} | {line}\n{' ' * len(number)} | {pad}{carets} {beside}".rstrip()


def _width(line: str, start: int) -> int:
    token = _TOKEN.match(line, start)
    return max(1, len(token[0])) if token else 1


def in_order(problems: Sequence[Problem]) -> Iterator[Problem]:
    """Problems by file, line and column, each once."""
    yield from dict.fromkeys(sorted(problems, key=lambda p: (p.file, p.line, p.column)))

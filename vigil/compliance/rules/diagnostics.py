"""Converts pydantic's errors about a rule to messages for its author: where, what was found, what is allowed."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from vigil.compliance.rules import hints
from vigil.compliance.rules.clauses import CLAUSE_KEYS
from vigil.compliance.rules.model import Rule
from vigil.compliance.rules.operands import found
from vigil.compliance.rules.patterns import EventKind
from vigil.compliance.rules.vocabulary import listing, nearest
from vigil.compliance.rules.yaml_nodes import Node, NodePath
from vigil.errors import Problem

_CLAUSE_TAGS = {model.__name__ for model in CLAUSE_KEYS.values()}
_LEAVES = {"field", "document", "missing_documents"}
_TAKES = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_ONE_OR_MORE = {
    "holidays": "a code such as DE, or a list of them",
    "to": "a recipient such as {role: owner}, or a list of them",
    "fallback": "a recipient such as {role: owner}, or a list of them",
}
"""What keys take that stand for a list of one also without its brackets."""

_OWN = ("event", "recipient")
"""The kinds of errors for which our own validators raise a complete message."""


def refuse(file: str, rule: Node, error: ErrorDetails) -> tuple[Problem, NodePath]:
    """The problem for an error of `Rule.model_validate`, and the path of the value to leave out."""
    problem, path = _refuse(file, rule, error)
    # A comparison with an unreadable part is meaningless: the whole leaf is left out.
    whole = (path[:n] for n in range(1, len(path)) if rule.at(*path[:n]).keys.keys() & _LEAVES)
    return problem, next(whole, path)


def _refuse(file: str, rule: Node, error: ErrorDetails) -> tuple[Problem, NodePath]:
    path, rest = _place(rule, error["loc"])
    node = rule.at(*path)
    key = _key(path)
    ctx: Mapping[str, Any] = error.get("ctx") or {}
    match error["type"]:
        case "extra_forbidden":
            parent = rule.at(*path[:-1])
            allowed = keys_of(_model(path[:-1], rule))
            hint = nearest(key, allowed)
            # A rule has thirty keys: list them only if no similar one exists.
            names = "" if hint and len(allowed) > 12 else f"; keys here: {listing(allowed, 40)}."
            return parent.key(key).problem(file, f"unknown key `{key}`{names}", key, hint), path
        case "missing":
            key = str(rest[0]) if rest else key
            return node.problem(file, f"`{key}` is missing here", key), path
        case "enum" | "literal_error":
            return _choice(file, node, key, str(ctx["expected"])), path
        case "clause":
            return _no_clause(file, node, key), path
        case "event_name" | "event_filter":
            return _event(file, node, ctx), path
        case "unknown":
            name = str(ctx["found"])
            at = next((part for part in node.parts.values() if part.value == name), node)
            hint = hints.a_zone(name) if ctx["of"] == "zone" else hints.holidays_of(name)
            return at.problem(file, _stop(error["msg"]), key, hint), path
        case "bool_type":
            return node.problem(file, _say(error, key), key, hints.a_truth(error["input"])), path
    return node.problem(file, _say(error, key), key), path


def _say(error: ErrorDetails, key: str) -> str:
    """The messages of simple errors."""
    kind, ctx = error["type"], error.get("ctx") or {}
    if kind in _TAKES:
        takes = _ONE_OR_MORE.get(key, _TAKES[kind]) if kind == "tuple_type" else _TAKES[kind]
        return f"`{key}` takes {takes}, found {found(error['input'])}"
    if kind == "value_error":
        return str(ctx["error"])
    if kind == "string_pattern_mismatch":
        return f'"{error["input"]}" is not a name; letters, digits, "-", "_" and "." without spaces.'
    if kind in ("too_short", "string_too_short"):
        return f"`{key}` is empty"
    if kind in _OWN:
        return error["msg"]
    return f"`{key}` {error['msg'].replace('Input should', 'should')}, found {found(error['input'])}"


def _choice(file: str, node: Node, key: str, expected: str) -> Problem:
    allowed = re.findall(r"'([^']*)'", expected)
    name = node.value if isinstance(node.value, str) else None
    said = f'"{name}"' if name is not None else found(node.value)
    hint = hints.a_word(name, allowed) if name is not None else ""
    return node.problem(file, f"{said} is no value of `{key}`; allowed: {listing(allowed, 40)}.", key, hint)


def _no_clause(file: str, node: Node, key: str) -> Problem:
    allowed = [name for name in CLAUSE_KEYS if name != "not_"]
    message = (
        f"not a clause in `{key}`; write all, any, not, or a leaf with field, document, missing_documents."
    )
    for name in node.keys:
        hint = nearest(name, allowed)
        if hint:
            return node.key(name).problem(
                file, message.replace("not a clause", f"unknown key `{name}`"), name, hint
            )
    return node.problem(file, message, key)


def _event(file: str, node: Node, ctx: Mapping[str, Any]) -> Problem:
    name = str(ctx["found"])
    if "event" not in ctx:
        allowed = [kind.value for kind in EventKind]
        at = node.key(name) if node.keys else node
        return at.problem(
            file, f'unknown event "{name}"; events: {listing(allowed)}.', "events", nearest(name, allowed)
        )
    names = EventKind(ctx["event"]).spec.filters
    message = f"unknown filter `{name}` of {ctx['event']}; filters: {listing(names)}."
    return node.at(str(ctx["event"])).key(name).problem(file, message, name, nearest(name, names))


def _stop(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _place(rule: Node, loc: Sequence[str | int]) -> tuple[NodePath, NodePath]:
    """The part of pydantic's location that exists in the file, and the rest."""
    node = rule
    path: list[str | int] = []
    for index, step in enumerate(loc):
        if step in node.parts:
            node = node.parts[step]
            path.append(step)
        elif step not in _CLAUSE_TAGS and step != 0:  # 0: a single value is allowed for a list of one
            return tuple(path), tuple(loc[index:])
    return tuple(path), ()


def _key(path: NodePath) -> str:
    """The nearest key above a position."""
    return next((step for step in reversed(path) if isinstance(step, str)), "rule")


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that a mapping of this model can have in a file, in their order."""
    names = ((field.alias or name) for name, field in model.model_fields.items())
    return [name for name in names if not name.startswith("(")]


def _model(path: NodePath, rule: Node) -> type[BaseModel]:
    """The model of the mapping at a path in a rule."""
    model: type[BaseModel] = Rule
    node = rule
    for step in path:
        node = node.parts[step]
        if isinstance(step, str):
            below = [found for found in _models(_annotation(model, step)) if issubclass(found, BaseModel)]
            model = below[0] if len(below) == 1 else model
        model = _clause_model(node, model)
    return model


def _clause_model(node: Node, model: type[BaseModel]) -> type[BaseModel]:
    """The kind of clause of a mapping, if a clause is allowed there."""
    if model is not Rule and model not in CLAUSE_KEYS.values():
        return model
    clause: type[BaseModel] | None = next((CLAUSE_KEYS[key] for key in node.keys if key in CLAUSE_KEYS), None)
    return clause or model


def _annotation(model: type[BaseModel], key: str) -> Any:
    for name, field in model.model_fields.items():
        if key in (name, field.alias):
            return field.annotation
    return None


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models inside an annotation such as ``tuple[RuleStep, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType, tuple, typing.Annotated):
        for part in typing.get_args(annotation):
            yield from _models(part)

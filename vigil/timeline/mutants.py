"""Generates mutants of rules: one operator, offset, recipient, threshold, filter or leaf changed at a time.

A mutant is made by changing the rule's text, so that it has a place in the file and a person could have written it. A text that the
loader refuses is not a mutant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from pydantic import ValidationError

from vigil.compliance.durations import Duration, Offset
from vigil.compliance.rules.model import Rule, RuleSet
from vigil.compliance.rules.operands import show
from vigil.compliance.rules.operators import Op
from vigil.compliance.rules.yaml_nodes import Node, NodePath, parse
from vigil.timeline.model import Spot

NOBODY: Mapping[str, str] = {"role": "(a role that nobody has)"}
OTHER = "(another value)"
GONE = object()
"""Stands for a removed key or item."""

STATES: Mapping[str, tuple[str, ...]] = {
    "present": ("absent", "valid"),
    "absent": ("present",),
    "valid": ("present", "expired"),
    "expired": ("valid",),
}
WORDS: Mapping[str, tuple[str, ...]] = {
    "unknown": ("hold", "finding"),
    "superseded": ("resend", "ignore"),
    "missing_documents": ("any", "none"),
    "policy": ("send", "digest", "drop"),
    "first_run": ("send", "manifest_only"),
}
LOUDER: Mapping[str, str] = {"low": "normal", "normal": "high", "high": "critical", "critical": "high"}
"""Each severity, and the one that replaces it: the one that is most easily confused with it."""

_SHORTER = {"y": "mo", "mo": "w", "w": "d", "d": "h", "h": "m"}
_IN_ONE = {"y": 12, "mo": 4, "w": 7, "d": 24, "h": 60}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule with one change. `what` describes it, at `spot`."""

    name: str
    spot: Spot
    what: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class _Change:
    """One change of the text: the value at `path` becomes `to`, or is removed."""

    path: NodePath
    to: Any
    what: str


def mutants(rules: RuleSet, sources: Mapping[str, str]) -> Iterator[Mutant]:
    """All mutants of some rules; `sources` has the texts of their files."""
    nodes = {
        node.at("rule").value: (file, node)
        for file, text in sources.items()
        for node in rule_nodes(file, text)
    }
    for rule in rules:
        if rule.name in nodes:
            file, node = nodes[rule.name]
            yield from _of(rule, file, node)


def rule_nodes(file: str, text: str) -> Iterator[Node]:
    """The mappings of a rules file that are rules."""
    for document in parse(file, text)[0]:
        listed = document.at("rules") if "rules" in document.keys else document
        for node in listed.parts.values() if isinstance(listed.value, list) else [listed]:
            if "rule" in node.keys:
                yield node


def _of(rule: Rule, file: str, node: Node) -> Iterator[Mutant]:
    for change in _changes(rule, node):
        raw = deepcopy(node.value)
        if rule.calendar is not None and rule.calendar.extra:
            raw["calendar"]["extra"] = list(rule.calendar.extra)  # files that it names are already read
        _put(raw, change.path, change.to)
        try:
            made = Rule.model_validate(raw | {"(origin)": rule.origin}, by_alias=True, by_name=False)
        except ValidationError:
            continue
        if made != rule:
            at = node.at(*change.path)
            yield Mutant(rule.name, Spot(file, at.line, at.column), change.what, made)


def _put(raw: Any, path: NodePath, to: Any) -> None:
    for step in path[:-1]:
        # A single recipient or event is a list of one.
        raw = raw if step == 0 and isinstance(raw, dict) else raw[step]
    last = path[-1]
    if to is GONE:
        del raw[last]
    else:
        raw[last] = to


def _changes(rule: Rule, node: Node) -> Iterator[_Change]:
    for key in ("where", "require", "when"):
        if key in node.keys:
            yield from _clause(node.parts[key], (key,))
    if "where" in node.keys:
        yield _Change(("where",), GONE, "`where` left out")
    if "events" in node.keys:
        yield from _events(node.parts["events"])
    for key in ("to", "fallback"):
        if key in node.keys:
            yield from _recipients(node.parts[key], (key,))
    for n in range(len(rule.steps)):
        yield from _step(node.at("steps", n), ("steps", n))
    for n in range(len(rule.escalate)):
        yield from _escalation(node.at("escalate", n), ("escalate", n))
    if "for" in node.keys:
        yield from _length(node.parts["for"], ("for",))
        yield _Change(("for",), GONE, "`for` left out")
    yield from _flags(node)
    yield from _quiet(rule, node)
    yield from _guard(rule, node)
    yield from _late(node)
    yield from _calendar(rule, node)


def _clause(node: Node, path: NodePath) -> Iterator[_Change]:
    for join, other in (("all", "any"), ("any", "all")):
        if join in node.keys:
            parts = list(node.parts[join].parts.values())
            if len(parts) > 1:
                yield _Change(path, {other: node.value[join]}, f"{join} becomes {other}")
            for n, part in enumerate(parts):
                if len(parts) > 1:
                    yield _Change((*path, join, n), GONE, f"left out: {_said(part)}")
                yield from _clause(part, (*path, join, n))
            return
    if "not" in node.keys:
        yield _Change(path, node.value["not"], "`not` left out")
        yield from _clause(node.parts["not"], (*path, "not"))
    elif "field" in node.keys:
        yield from _field(node, path)
    elif "document" in node.keys:
        state = node.value.get("state", "present")
        for other in STATES.get(state, ()):
            yield _Change((*path, "state"), other, f"{_said(node)}: {state} becomes {other}")
        yield from _drop_each(node.parts["document"], (*path, "document"))
    elif "missing_documents" in node.keys:
        yield from _word(node, path, "missing_documents")


def _said(node: Node) -> str:
    return ", ".join(
        f"{k} {show(tuple(v) if isinstance(v, list) else v)}"
        for k, v in node.value.items()
        if not isinstance(v, dict)
    )


def _field(node: Node, path: NodePath) -> Iterator[_Change]:
    op = node.value.get("op", "")
    for other in Op(op).row.mistaken_for if op in set(Op) else ():
        yield _Change((*path, "op"), other, f"{_said(node)}: {op} becomes {other}")
    if "value" not in node.keys:
        return
    value, at = node.parts["value"], (*path, "value")
    if isinstance(value.value, list):
        yield from _drop_each(value, at)
    elif op in ("within", "older_than"):
        yield from _length(value, at)
    else:
        yield from _threshold(value, at)


def _threshold(node: Node, path: NodePath) -> Iterator[_Change]:
    value = node.value
    match value:
        case bool():
            yield _Change(path, not value, f"{show(value)} becomes {show(not value)}")
        case int() | float():
            for other in (value + 1, value - 1):
                yield _Change(path, other, f"{value} becomes {other}")
        case date():
            for days in (1, -1):
                yield _Change(path, value + timedelta(days=days), f"{value} moves by {days:+d}d")
        case str() if value.startswith("as_of"):
            offset = Offset.parse(value[5:].replace(" ", "")) if value[5:].strip() else Offset(0, "d")
            for n in (1, -1):
                then = f"as_of{Offset(offset.n + n, offset.unit)}"
                yield _Change(path, then, f"{value} becomes {then}")
        case str():
            yield _Change(path, OTHER, f"{value} becomes another value")


def _length(node: Node, path: NodePath) -> Iterator[_Change]:
    try:
        length = Duration.parse(str(node.value))
    except ValueError:
        return
    shorter = Duration(length.n - 1, length.unit)
    if length.n == 1 and length.unit in _SHORTER:
        shorter = Duration(_IN_ONE[length.unit] - 1, _SHORTER[length.unit])
    for other in (Duration(length.n + 1, length.unit), shorter):
        yield _Change(path, str(other), f"{length} becomes {other}")


def _offset(node: Node, path: NodePath) -> Iterator[_Change]:
    try:
        offset = Offset.parse(str(node.value))
    except ValueError:
        return
    for n in (1, -1):
        yield _Change(
            path,
            str(Offset(offset.n + n, offset.unit)),
            f"{offset} becomes {Offset(offset.n + n, offset.unit)}",
        )
    if offset.unit == "bd" and offset.n:
        yield _Change(path, str(Offset(offset.n, "d")), f"{offset} becomes {Offset(offset.n, 'd')}")


def _drop_each(node: Node, path: NodePath) -> Iterator[_Change]:
    """Each item of a list removed, if others remain."""
    if isinstance(node.value, list) and len(node.value) > 1:
        for n, item in enumerate(node.value):
            yield _Change((*path, n), GONE, f"{show(item)} left out")


def _events(node: Node) -> Iterator[_Change]:
    listed = isinstance(node.value, list)
    for n, item in enumerate(node.parts.values() if listed else [node]):
        at: NodePath = ("events", n) if listed else ("events",)
        if listed and len(node.value) > 1:
            yield _Change(at, GONE, f"the event {_event(item)} left out")
        if not isinstance(item.value, dict):
            continue
        kind = next(iter(item.keys))
        for name, filter_ in item.parts[kind].parts.items():
            yield _Change((*at, kind, name), GONE, f"the filter {name} of {kind} left out")
            yield from _drop_each(filter_, (*at, kind, name))


def _event(node: Node) -> str:
    return str(next(iter(node.keys))) if isinstance(node.value, dict) else str(node.value)


def _recipients(node: Node, path: NodePath) -> Iterator[_Change]:
    listed = isinstance(node.value, list)
    for n, item in enumerate(node.parts.values() if listed else [node]):
        said = ", ".join(f"{k} {v}" for k, v in item.value.items())
        yield _Change((*path, n) if listed else path, dict(NOBODY), f"{said} is not told")


def _step(node: Node, path: NodePath) -> Iterator[_Change]:
    if "at" in node.keys:
        yield from _offset(node.parts["at"], (*path, "at"))
    if "to" in node.keys:
        yield from _recipients(node.parts["to"], (*path, "to"))
    if "repeat" in node.keys:
        yield from _repeat(node.parts["repeat"], (*path, "repeat"))


def _escalation(node: Node, path: NodePath) -> Iterator[_Change]:
    yield from _offset(node.at("after"), (*path, "after"))
    yield from _recipients(node.at("to"), (*path, "to"))
    if "unless" in node.keys:
        yield _Change((*path, "unless"), GONE, "`unless` left out")


def _repeat(node: Node, path: NodePath) -> Iterator[_Change]:
    yield from _offset(node.at("every"), (*path, "every"))
    for n in (1, -1):
        yield _Change(
            (*path, "max"), node.value["max"] + n, f"max {node.value['max']} becomes {node.value['max'] + n}"
        )


def _word(node: Node, path: NodePath, key: str) -> Iterator[_Change]:
    for other in WORDS[key]:
        if other != node.value[key]:
            yield _Change((*path, key), other, f"{key} {node.value[key]} becomes {other}")


def _flags(node: Node) -> Iterator[_Change]:
    for key in ("exclude_actor", "resolved"):
        if node.value.get(key) is True:
            yield _Change((key,), False, f"`{key}` left out")
    for key in ("unknown", "superseded"):
        if key in node.keys:
            yield from _word(node, (), key)
    if "inhibit_by" in node.keys:
        for n, name in enumerate(node.value["inhibit_by"]):
            yield _Change(("inhibit_by", n), GONE, f"not inhibited by {name}")
    if "group" in node.keys and node.value["group"]:
        yield _Change(("group",), GONE, "`group` left out")
    if "severity" in node.keys:
        other = LOUDER[node.value["severity"]]
        yield _Change(("severity",), other, f"severity {node.value['severity']} becomes {other}")
    if "ttl" in node.keys:
        yield from (replace(c, what=f"ttl {c.what}") for c in _length(node.parts["ttl"], ("ttl",)))
        yield _Change(("ttl",), GONE, "`ttl` left out")
    if "repeat" in node.keys:
        yield from _repeat(node.parts["repeat"], ("repeat",))


def _quiet(rule: Rule, node: Node) -> Iterator[_Change]:
    if rule.quiet is None:
        return
    yield _Change(("quiet",), GONE, "`quiet` left out")
    for key, at in (("from", rule.quiet.from_), ("to", rule.quiet.to)):
        other = f"{(at.hour + 1) % 24:02d}:{at.minute:02d}"
        yield _Change(("quiet", key), other, f"quiet {key} {at:%H:%M} becomes {other}")


def _guard(rule: Rule, node: Node) -> Iterator[_Change]:
    if rule.guard is None:
        return
    if rule.guard.max_findings is not None:
        for n in (1, -1):
            other = rule.guard.max_findings + n
            what = f"max_findings {rule.guard.max_findings} becomes {other}"
            yield _Change(("guard", "max_findings"), other, what)
    if rule.guard.max_share is not None:
        for factor in (1.5, 1 / 1.5):
            share = round(min(1.0, rule.guard.max_share * factor), 4)
            yield _Change(("guard", "max_share"), share, f"max_share {rule.guard.max_share} becomes {share}")
    if "first_run" in node.parts["guard"].keys:
        yield from _word(node.parts["guard"], ("guard",), "first_run")


def _late(node: Node) -> Iterator[_Change]:
    if "late" in node.keys:
        yield from _word(node.parts["late"], ("late",), "policy")
        yield from _length(node.at("late", "within"), ("late", "within"))


def _calendar(rule: Rule, node: Node) -> Iterator[_Change]:
    if "calendar" not in node.keys or rule.calendar is None:
        return
    keys = node.parts["calendar"].keys
    if "at" in keys:
        hour = (rule.calendar.at.hour + 1) % 24
        other = f"{hour:02d}:{rule.calendar.at.minute:02d}"
        yield _Change(("calendar", "at"), other, f"at {rule.calendar.at:%H:%M} becomes {other}")
    if "zone" in keys:
        yield _Change(
            ("calendar", "zone"), "Pacific/Auckland", f"zone {rule.calendar.zone} becomes Pacific/Auckland"
        )
    counts = any(s.at is not None and s.at.unit == "bd" for s in rule.steps) or "roll" in keys
    for key in ("holidays", "extra", "roll"):
        if key in keys and (counts or key == "roll"):
            yield _Change(("calendar", key), GONE, f"`{key}` left out")

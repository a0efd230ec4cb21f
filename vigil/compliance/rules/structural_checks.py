"""The structure that each kind of rule requires and allows."""

from __future__ import annotations

from collections.abc import Iterator

from vigil.compliance.rules.model import Recipient, Rule, RuleKind, RuleStep, events_used, recipients_placed
from vigil.compliance.rules.patterns import STEP_EVENTS, EventKind
from vigil.compliance.rules.yaml_nodes import Node
from vigil.errors import Problem

_ONLY = {
    "events": (RuleKind.TRANSITION,),
    "exclude_actor": (RuleKind.TRANSITION,),
    "require": (RuleKind.CONDITION,),
    "when": (RuleKind.CONDITION,),
    "for": (RuleKind.CONDITION,),
    "due": (RuleKind.MILESTONE,),
    "superseded": (RuleKind.MILESTONE,),
    "resolved": (RuleKind.CONDITION, RuleKind.MILESTONE),
}
"""Keys that mean something to some kinds alone."""


def structure(file: str, rule: Rule, node: Node, whole: bool = True) -> Iterator[Problem]:
    """The structural problems of one rule.

    For a rule with wrong parts left out (not `whole`), parts that may have been left out are not required.
    """
    for key, kinds in _ONLY.items():
        if key in node.keys and rule.kind not in kinds:
            message = f"`{key}` means nothing in a {rule.kind}; it belongs to a {' or a '.join(kinds)}."
            yield node.key(key).problem(file, message, key)
    yield from _step_ids(file, rule, node, whole)
    if whole:
        yield from _needs(file, rule, node)
        yield from _audience(file, rule, node)
        yield from _event_recipients(file, rule, node)


def _needs(file: str, rule: Rule, node: Node) -> Iterator[Problem]:
    match rule.kind:
        case RuleKind.TRANSITION if not rule.events:
            yield node.at("events").problem(file, "a transition needs `events`", "events")
        case RuleKind.CONDITION if rule.require is None and rule.when is None:
            yield node.problem(file, "a condition needs `require` or `when`", "require")
        case RuleKind.CONDITION if rule.require is not None and rule.when is not None:
            message = "a condition has `require` or `when`, not both"
            yield node.key("when").problem(file, message, "when")
        case RuleKind.MILESTONE:
            if rule.due is None:
                yield node.problem(file, "a milestone needs `due`, the field that holds its date", "due")
            if not rule.steps:
                message = "a milestone needs `steps`, each with `at` and `to`"
                yield node.at("steps").problem(file, message, "steps")


def _audience(file: str, rule: Rule, node: Node) -> Iterator[Problem]:
    if rule.steps and "to" in node.keys:
        message = "with `steps` there is no `to` of the rule itself; write it in each step."
        yield node.key("to").problem(file, message, "to")
    if not rule.steps and not rule.to and rule.kind is not RuleKind.MILESTONE:
        yield node.at("to").problem(file, f"a {rule.kind} needs `to`: nobody would be told", "to")
    for index, step in enumerate(rule.steps):
        at = node.at("steps", index)
        if not step.to:
            yield at.at("to").problem(file, f"{_name(step)} needs `to`: nobody would be told", "to")
        if rule.kind is RuleKind.MILESTONE and step.at is None:
            yield at.problem(file, f"{_name(step)} of a milestone needs `at`, its offset from `due`", "at")
        if rule.kind is not RuleKind.MILESTONE and step.at is not None:
            message = f"`at` means nothing in a {rule.kind}; it belongs to a milestone."
            yield at.key("at").problem(file, message, "at")


def _name(step: RuleStep) -> str:
    return f'step "{step.id}"' if step.id else "a step"


def _step_ids(file: str, rule: Rule, node: Node, whole: bool) -> Iterator[Problem]:
    seen: dict[str | None, int] = {}
    for index, step in enumerate(rule.steps):
        at = node.at("steps", index, "id")
        if step.id is None:
            if whole and len(rule.steps) > 1:
                yield at.problem(file, "each of several steps needs an `id`", "id")
        elif step.id in seen:
            message = f'two steps with the id "{step.id}", the first on line {seen[step.id]}'
            yield at.problem(file, message, "id")
        seen.setdefault(step.id, at.line)


def _event_recipients(file: str, rule: Rule, node: Node) -> Iterator[Problem]:
    """`step:` and `event:` recipients need a transition's event."""
    events = events_used(rule)
    for path, to in recipients_placed(rule):
        at = node.at(*path)
        key = str(next(step for step in reversed(path) if isinstance(step, str)))
        if to.kind == "event" and not events:
            message = f"`event: {to.value}` in `{key}`, and a {rule.kind} has no event"
            yield at.key("event").problem(file, message, "event")
            continue
        allowed = _events_with(to)
        if allowed is not None and not events & allowed:
            names = ", ".join(sorted(allowed))
            message = f"`{to.kind}: {to.value}` in `{key}`, and no event of the rule has one; events with it: {names}."
            yield at.key(to.kind).problem(file, message, to.kind)


def _events_with(to: Recipient) -> frozenset[EventKind] | None:
    """The events that have such a recipient; None for one that does not depend on them."""
    match to.kind, to.value:
        case "step", "completed_by":
            return frozenset({EventKind.STEP_COMPLETED})
        case "step", _:
            return STEP_EVENTS
        case "event", ("added" | "removed") as who:
            return frozenset(kind for kind in EventKind if who in kind.spec.keys)
    return None

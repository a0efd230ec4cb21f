"""A site's rules with the replacements of a recording, so that a run over the recording reads and finds the same.

Names and values of Extended ECM are replaced: types, attributes, roles, groups, people, document types, titles, values. Names of
rules and ids of steps stay, descriptions go, and comments are no part of what is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from vigil.compliance.rules.yaml_nodes import parse
from vigil.errors import BadInput
from vigil.recording.words import Words

NAMES = frozenset({"workspace_type", "document", "group", "user", "role", "value"})
"""Keys whose values are names or values of the site. In patterns of events every key is one."""

FIELDS = frozenset({"field", "due"})
"""Keys whose values are fields: ``attr.status``, ``related.Contract.attr.status``."""

EVENTS = "events"
LENGTHS = frozenset({"within", "older_than", "before", "after"})
"""Operators whose value is a length of time or a date."""
PARTS = frozenset({"contains", "not_contains", "starts_with", "ends_with", "matches"})
"""Operators that compare parts of texts: no recording can keep what they find."""


class SiteRules:
    """Rewrites rules. `days_off` has the dates of calendar files by name; `unkept` names rules with an operator of PARTS."""

    def __init__(self, words: Words, days_off: Mapping[str, Sequence[date]]) -> None:
        self._words, self._days_off = words, days_off
        self.unkept: list[str] = []

    def rewritten(self, text: str) -> str:
        """The text of a rule file with replaced names. Raises BadInput for a file that is no YAML."""
        found, problems = parse("", text)
        if problems:
            raise BadInput(problems)
        yaml, out = YAML(typ="safe", pure=True), StringIO()
        yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
        yaml.dump_all([self._document(node.value) for node in found if node.value is not None], out)
        return out.getvalue()

    def field(self, path: str) -> str:
        """A field as rules name it."""
        first, dot, rest = path.partition(".")
        if first == "attr" and dot:
            return f"attr.{self.attribute(rest)}"
        if first == "role" and dot:
            return f"role.{self._words.text(rest)}"
        if first == "related" and dot:
            type_, _, below = rest.partition(".")
            return f"related.{self._words.text(type_)}.{self.field(below)}"
        return path

    def attribute(self, name: str) -> str:
        """An attribute: `status`, or ``Category.status``."""
        return ".".join(self._words.text(part) for part in name.split("."))

    def _document(self, found: Any) -> Any:
        if isinstance(found, dict) and isinstance(found.get("rules"), list):
            return {**found, "rules": [self._rule(rule) for rule in found["rules"]]}
        return self._rule(found)

    def _rule(self, rule: Any) -> Any:
        if not isinstance(rule, dict):
            return rule
        if _has_parts(rule):
            self.unkept.append(str(rule.get("rule", "")))
        return {
            key: self._events(value) if key == EVENTS else self._value(key, value)
            for key, value in rule.items()
            if key != "description"
        }

    def _value(self, key: str, value: Any) -> Any:
        if isinstance(value, dict):
            keeps = {"value"} if value.get("op") in LENGTHS else set()
            return {k: v if k in keeps else self._value(k, v) for k, v in value.items()}
        if key == "extra":
            return self._dates(value)
        if isinstance(value, list):
            return [self._value(key, one) for one in value]
        if not isinstance(value, str):
            return value
        if key == "attr":
            return self.attribute(value)
        if key in FIELDS:
            return self.field(value)
        return self._words.text(value) if key in NAMES else value

    def _dates(self, extra: Any) -> list[Any]:
        """The dates of a calendar, in place of the name of a file with them."""
        given = extra if isinstance(extra, list) else [extra]
        return [
            day for one in given for day in (self._days_off.get(one, ()) if isinstance(one, str) else [one])
        ]

    def _events(self, events: Any) -> Any:
        """Patterns of events: each value in one is a name or a value of the site."""
        return [
            {kind: self._pattern(pattern) for kind, pattern in one.items()} if isinstance(one, dict) else one
            for one in (events if isinstance(events, list) else [])
        ]

    def _pattern(self, pattern: Any) -> Any:
        if not isinstance(pattern, Mapping):
            return pattern
        return {
            key: _each(value, self.field if key == "field" else self._words.text)
            for key, value in pattern.items()
        }


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_each(one, change) for one in value]
    return change(value) if isinstance(value, str) else value


def _has_parts(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("op") in PARTS or any(map(_has_parts, value.values()))
    return isinstance(value, list) and any(map(_has_parts, value))

"""The JSON Schema of a rule file, generated from the models, for completion and checks in editors.

An editor with a YAML language server finds it by a first line such as ``# yaml-language-server: $schema=rule.schema.json``.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from vigil.compliance.rules.model import Recipient, Rule

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def rule_schema() -> dict[str, Any]:
    """The schema of a rule file: one rule, a list of rules, or ``rules: [...]``."""
    generated = Rule.model_json_schema(by_alias=True, schema_generator=_NoTitles)
    definitions: dict[str, Any] = generated.pop("$defs")
    generated["properties"].pop("(origin)")
    definitions.pop("Origin", None)
    generated["description"] = "A rule: the watched workspaces, the moments, the recipients"
    definitions["Rule"] = generated
    _one_recipient(definitions)
    rule = {"$ref": "#/$defs/Rule"}
    many = {"type": "array", "items": rule}
    return {
        "$schema": DIALECT,
        "title": "Vigil rules",
        "if": {"type": "array"},
        "then": many,
        "else": {
            "if": {"type": "object", "required": ["rules"]},
            "then": {"properties": {"rules": many}, "additionalProperties": False},
            "else": rule,
        },
        "$defs": definitions,
    }


class _NoTitles(GenerateJsonSchema):
    """Omits titles, which would only repeat the field names in an editor's hover."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _one_recipient(definitions: dict[str, Any]) -> None:
    """Add the condition that the model checks in code: a recipient has exactly one key, with a value."""
    recipient = definitions[Recipient.__name__]
    recipient |= {"minProperties": 1, "maxProperties": 1}
    for name in recipient["properties"]:
        # None stands for "not this one" in Python alone.
        options = recipient["properties"][name].pop("anyOf", None)
        if options:
            recipient["properties"][name] |= next(o for o in options if o.get("type") != "null")
        recipient["properties"][name].pop("default", None)

"""A rule as a normalised text that people can read and the loader can load, whatever its original file.

It contains only what was written, in one order and format, so that two texts differ only where the rules do. The dates of calendar
files are in the text itself, which needs no other file.
"""

from __future__ import annotations

import hashlib
import io
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

from vigil.compliance.rules.model import Rule
from vigil.compliance.rules.yaml_nodes import scalar

_ONE_LINE = 10_000
"""A text is never folded: a change affects one line of a comparison."""


def written(rule: Rule) -> str:
    """The rule as YAML. `vigil.compliance.rules.loader` reads an equal rule from it."""
    out = io.StringIO()
    _yaml().dump(_plain(rule.model_dump(by_alias=True, exclude_unset=True)), out)
    return out.getvalue()


def hash_of(rule: Rule) -> str:
    """The hash of a rule's text. It takes a hundredth of the time of the text."""
    said = rule.model_dump_json(by_alias=True, exclude_unset=True)
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


def _plain(value: Any) -> Any:
    """Values for YAML."""
    match value:
        case dict():
            return {str(key): _plain(part) for key, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
        case StrEnum():
            return value.value
        case time():
            return value.strftime("%H:%M")
    return value


class _Representer(SafeRepresenter):
    """Writes scalars so that `yaml_nodes.scalar` reads the same values."""

    def text(self, value: str) -> ScalarNode:
        quoted = scalar(value) != value or not value.isprintable()
        return self._scalar("str", value, '"' if quoted else None)

    def instant(self, value: datetime) -> ScalarNode:
        return self._scalar("timestamp", value.isoformat())

    def day(self, value: date) -> ScalarNode:
        return self._scalar("timestamp", value.isoformat())

    def _scalar(self, tag: str, text: str, style: str | None = None) -> ScalarNode:
        node: ScalarNode = self.represent_scalar(f"tag:yaml.org,2002:{tag}", text, style=style)
        return node


_Representer.add_representer(str, _Representer.text)
_Representer.add_representer(datetime, _Representer.instant)
_Representer.add_representer(date, _Representer.day)


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = None  # mappings and lists of scalars in one line
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # typed as None there
    yaml.width = _ONE_LINE
    yaml.allow_unicode = True
    return yaml

"""Attributes that a site calls sensitive: in a recording also their numbers and dates are replaced, which otherwise stay.

Their keys (`123_4`) show in definitions of categories, which may come after the values: `hidden` is for a second look at what was
written.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

_CATEGORY = re.compile(r"\d+")
_ATTRIBUTE = re.compile(r"(\d+)_(\d+)(?:_x_(\d+))?")
DATE = "1970-01-01T00:00:00"


class SensitiveKeys:
    """The keys of attributes with these names, ``Category.attribute`` or ``Category.Set.attribute``, as far as definitions came."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)
        self._keys: list[re.Pattern[str]] = []

    def __bool__(self) -> bool:
        """Whether a key is known."""
        return bool(self._keys)

    def learn(self, fields: Mapping[str, Any]) -> None:
        """Take the definitions among the entries of an object: those of a category and its attributes, by their keys."""
        if not self._names:
            return
        names = {k: str(v["name"]) for k, v in fields.items() if isinstance(v, dict) and "name" in v}
        for key in names:
            found = _ATTRIBUTE.fullmatch(key)
            category = names.get(found[1]) if found else None
            if found is None or category is None:
                continue
            within = [names.get(f"{found[1]}_{found[2]}", "")] if found[3] else []
            if ".".join([category, *within, names[key]]) in self._names:
                self._keys.append(re.compile(key.replace("_x_", r"_\d+_")))

    def hidden(self, value: Any, key: str = "") -> Any:
        """A JSON value in which each number of a sensitive attribute is 0, and each of its other values DATE."""
        if isinstance(value, dict):
            return {k: self.hidden(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.hidden(v, key) for v in value]
        if not any(pattern.fullmatch(key) for pattern in self._keys):
            return value
        if isinstance(value, str):
            return DATE if value else value
        return 0 if isinstance(value, int | float) and not isinstance(value, bool) else value

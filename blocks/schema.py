"""What Vigil's blocks have in common."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any


class SchemaOnce:
    """Base beside Prefect's `Block`: the JSON schema is made once. Saving a block asks for it several times a field: half a second
    a site.
    """

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        kind: Any = cls  # mypy takes a class for unhashable
        return deepcopy(_schema(kind, args, tuple(kwargs.items())))


@cache
def _schema(kind: Any, args: tuple[Any, ...], kwargs: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    made: dict[str, Any] = super(SchemaOnce, kind).model_json_schema(*args, **dict(kwargs))
    return made

"""Checks that a fact can be stored: valid text, numbers of 64 bits, dates of the calendar. Other values are refused by name."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from vigil.compliance.facts import Fact
from vigil.ecm.errors import Malformed
from vigil.ecm.parse import LARGEST, odd_text

T = TypeVar("T", bound=Fact)


def sound(facts: Iterable[T], path: str) -> list[T]:
    """The facts. Raises Malformed, with the field, for a value that no ledger can store."""
    found = list(facts)
    for fact in found:
        for name, value in _fields(fact):
            if why := _odd(value):
                raise Malformed(path, f"{name} {why}")
    return found


def _fields(fact: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(fact):
        yield field.name, getattr(fact, field.name)


def _odd(value: Any) -> str:
    if isinstance(value, str):
        return odd_text(value)
    if isinstance(value, int):
        return "holds a number that is too large" if abs(value) > LARGEST else ""
    if isinstance(value, float):
        return "" if math.isfinite(value) else "holds what is no finite number"
    if isinstance(value, Mapping):
        return _first_odd([*value.keys(), *value.values()])
    if isinstance(value, tuple | list | frozenset | set):
        return _first_odd(value)
    if dataclasses.is_dataclass(value):
        return _first_odd(v for _, v in _fields(value))
    return ""


def _first_odd(values: Iterable[Any]) -> str:
    return next((why for v in values if (why := _odd(v))), "")

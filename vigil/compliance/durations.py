"""Lengths of time in rules: offsets from a date (``-7bd``) and durations (``36h``).

An offset needs a calendar (`vigil.compliance.calendar`) to become an instant. A duration is a length: in seconds if its unit is fixed,
in the calendar's months and years otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from dateutil.relativedelta import relativedelta
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

UNITS = {
    "d": "day",
    "bd": "business day",
    "w": "week",
    "mo": "month",
    "y": "year",
    "h": "hour",
    "m": "minute",
}
"""Every unit with its name for people. An offset has no minutes; a duration has no business days."""

_LONGEST = {"d": 36_525, "bd": 26_000, "w": 5_200, "mo": 1_200, "y": 100, "h": 876_600, "m": 52_596_000}
_OFFSET = re.compile(r"([+-]?)(\d{1,8})(d|bd|w|mo|y|h)")
_MINUTES = re.compile(r"([+-]?\d+)m")
_DURATION = re.compile(r"\+?(\d{1,8})(d|w|mo|y|h|m)")


class _FromText:
    """Lets pydantic read a frozen dataclass with `parse` from a string, and write it as one."""

    _pattern: ClassVar[str]
    _examples: ClassVar[tuple[str, ...]]

    @classmethod
    def parse(cls, text: str) -> Self:
        raise NotImplementedError

    @classmethod
    def _accept(cls, given: object) -> Self:
        if isinstance(given, cls):
            return given
        if isinstance(given, str):
            return cls.parse(given)
        raise ValueError(f"{given!r} is not {_a(cls)}; write {_either(cls._examples)}")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._accept, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": cls._pattern, "examples": list(cls._examples)}


def _a(cls: type) -> str:
    return "an offset" if cls is Offset else "a duration"


def _either(examples: tuple[str, ...]) -> str:
    return f"{', '.join(examples[:-1])} or {examples[-1]}"


@dataclass(frozen=True, slots=True)
class Offset(_FromText):
    """A signed number of units from a date: ``-90d``, ``-7bd``, ``+1mo``, ``0d``. `n` carries the sign."""

    n: int
    unit: str

    _pattern = r"^[+-]?\d{1,8}(d|bd|w|mo|y|h)$"
    _examples = ("-90d", "-7bd", "+1mo", "0d")

    @classmethod
    def parse(cls, text: str) -> Offset:
        """Parse an offset. Raises ValueError with the allowed forms."""
        found = _OFFSET.fullmatch(text.strip())
        if found is None and (minutes := _MINUTES.fullmatch(text.strip())) is not None:
            raise ValueError(f'"{text}" is not an offset: minutes move no date; months are {minutes[1]}mo')
        if found is None:
            raise ValueError(
                f'"{text}" is not an offset; write a number and one of d, bd, w, mo, y, h, '
                f"such as {_either(cls._examples)}"
            )
        n = int(found[2])
        if n > _LONGEST[found[3]]:
            raise ValueError(f'"{text}" is longer than a hundred years')
        return cls(-n if found[1] == "-" else n, found[3])

    def times(self, count: int) -> Offset:
        """This offset multiplied by `count`: the position of a repeat."""
        return Offset(self.n * count, self.unit)

    def __str__(self) -> str:
        return f"{self.n:+d}{self.unit}" if self.n else f"0{self.unit}"


@dataclass(frozen=True, slots=True)
class Duration(_FromText):
    """A positive length of time: ``7d``, ``36h``, ``30m``, ``3mo``."""

    n: int
    unit: str

    _pattern = r"^\+?\d{1,8}(d|w|mo|y|h|m)$"
    _examples = ("7d", "36h", "3mo")

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Parse a duration. Raises ValueError with the allowed forms."""
        found = _DURATION.fullmatch(text.strip())
        if found is None:
            raise ValueError(
                f'"{text}" is not a duration; write a number and one of d, w, mo, y, h, m, '
                f"such as {_either(cls._examples)}"
            )
        n = int(found[1])
        if n > _LONGEST[found[2]]:
            raise ValueError(f'"{text}" is longer than a hundred years')
        return cls(n, found[2])

    @property
    def fixed(self) -> bool:
        """Whether it has a fixed length in seconds: months and years do not."""
        return self.unit not in ("mo", "y")

    @property
    def timedelta(self) -> timedelta:
        """Its length. Raises ValueError for months and years, whose length depends on the date."""
        match self.unit:
            case "d":
                return timedelta(days=self.n)
            case "w":
                return timedelta(weeks=self.n)
            case "h":
                return timedelta(hours=self.n)
            case "m":
                return timedelta(minutes=self.n)
        raise ValueError(f"{self} has no fixed length; a {UNITS[self.unit]} depends on the date")

    def after(self, instant: datetime) -> datetime:
        """The instant this long after `instant`; months are limited to the month's end."""
        return self._from(instant, 1)

    def before(self, instant: datetime) -> datetime:
        """The instant this long before `instant`; months are limited to the month's end."""
        return self._from(instant, -1)

    def _from(self, instant: datetime, sign: int) -> datetime:
        if self.fixed:
            return instant + sign * self.timedelta
        months = self.n * (12 if self.unit == "y" else 1)
        return instant + relativedelta(months=sign * months)

    def __str__(self) -> str:
        return f"{self.n}{self.unit}"

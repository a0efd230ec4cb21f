"""Reads JSON lines so that every problem has file, line, column and field.

Lines are parsed fast; only for a problem is the text read again, slowly, to find the column.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson

from vigil.errors import Problem
from vigil.instants import OFF_CLOCK, in_every_zone, is_clock

Path_ = tuple[str | int, ...]

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
# RFC 3339, with seconds optional; the offset is what makes a time mean the same to every reader.
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?(?P<offset>[Zz]|[+-]\d\d:\d\d)?$", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d$", re.ASCII)


def nearest(word: object, allowed: Iterable[str], cutoff: float = 0.7) -> str:
    """``Did you mean "owner"?`` when something allowed is close, else the empty string."""
    return _nearest(str(word), tuple(allowed), cutoff)


@functools.lru_cache(maxsize=1024)  # one mistake is often made on thousands of lines
def _nearest(word: str, allowed: tuple[str, ...], cutoff: float) -> str:
    close = difflib.get_close_matches(word, allowed, n=1, cutoff=cutoff)
    return f'Did you mean "{close[0]}"?' if close else ""


def listed(allowed: Iterable[object], most: int = 12) -> str:
    """The allowed names for a message, cut when there are many."""
    names = [str(a) for a in allowed]
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "") or "none"


def instant(text: object) -> datetime | str:
    """An RFC 3339 time as an aware datetime, or the sentence that says what is wrong with it."""
    if not isinstance(text, str):
        return f"{orjson.dumps(text).decode()} is not a time; write it as 2024-03-01T09:00:00+01:00"
    match = _INSTANT.match(text)
    if match is None:
        return f'"{text}" is not a time; write it as 2024-03-01T09:00:00+01:00'
    if match["offset"] is None:
        return f'"{text}" has no offset from UTC; end it with Z or an offset such as +01:00'
    try:
        at = datetime.fromisoformat(text.upper())
    except ValueError as error:
        return f'"{text}" is not a time that exists ({error})'
    return at if in_every_zone(at) else f'"{text}" lies off the calendar in some time zone'


def day(text: object) -> date | str:
    """A ``YYYY-MM-DD`` date, or the sentence that says what is wrong with it."""
    if not isinstance(text, str) or _DATE.match(text) is None:
        return f"{orjson.dumps(text).decode()} is not a date; write it as 2024-03-01"
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        return f'"{text}" is not a date that exists ({error})'


def locate(text: str, path: Path_, at_key: bool = False) -> int:
    """Offset of the value at `path` in a JSON text (of its key with `at_key`); of the innermost part found otherwise."""
    position = _skip(text, 0)
    for depth, step in enumerate(path):
        found = _member(text, position, step, at_key and depth == len(path) - 1)
        if found is None:
            return position
        position = found
    return position


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _member(text: str, position: int, step: str | int, at_key: bool) -> int | None:
    opener = text[position : position + 1]
    if opener not in ("{", "["):
        return None
    position, index, found = _skip(text, position + 1), 0, None
    while position < len(text) and text[position] not in "}]":
        key_at: int = position
        here: object = index
        if opener == "{":
            here, position = _DECODER.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
        if here == step:
            found = key_at if at_key else position  # the last one of a repeated key, as JSON readers take it
        _, position = _DECODER.raw_decode(text, position)
        position, index = _skip(text, position), index + 1
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
    return found


@dataclass(slots=True)
class JsonRow:
    """One JSON object of a file, and where complaints about it go."""

    file: str
    line: int
    text: str
    data: Mapping[str, Any]
    problems: list[Problem]

    def refuse(self, message: str, *path: str | int, hint: str = "", at_key: bool = False) -> None:
        """Record what is wrong with the value at `path`."""
        offset = locate(self.text, path, at_key)
        before = self.text[:offset]
        line = self.line + before.count("\n")
        column = offset - (before.rfind("\n") + 1) + 1
        self.problems.append(Problem(self.file, line, column, message, dotted(path), hint))

    def known(self, allowed: Collection[str], required: Collection[str], *path: str | int) -> bool:
        """Whether all `required` keys are there; a key that is nearly an allowed one is refused, others are let be."""
        data = self._at(path)
        for key in data:
            if key not in allowed:
                hint = nearest(key, [a for a in allowed if a not in data], cutoff=0.8)
                if hint:
                    message = f'unknown key "{key}"; keys here: {listed(allowed)}'
                    self.refuse(message, *path, key, hint=hint, at_key=True)
        missing = [key for key in required if key not in data]
        for key in missing:
            hint = nearest(key, [k for k in data if k not in allowed])
            self.refuse(f'"{key}" is missing; keys here: {listed(allowed)}', *path, key, hint=hint)
        return not missing

    def string(self, *path: str | int, null: bool = False) -> str | None:
        """A non-empty string; None when it is not (and refused), or is null and may be."""
        value = self._value(path)
        if isinstance(value, str) and value.strip():
            return value
        if not (null and value is None):
            self.refuse(f"`{path[-1]}` must be a text that is not empty, not {show(value)}", *path)
        return None

    def integer(self, *path: str | int, least: int = 1) -> int | None:
        value = self._value(path)
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        self.refuse(f"`{path[-1]}` must be an integer of at least {least}, not {show(value)}", *path)
        return None

    def instant(self, *path: str | int) -> datetime | None:
        parsed = instant(self.at(*path))
        if not isinstance(parsed, str) and not is_clock(parsed):
            parsed = f"{show(self.at(*path))} {OFF_CLOCK}"
        if isinstance(parsed, str):
            self.refuse(f"`{path[-1]}`: {parsed}", *path)
            return None
        return parsed

    def items(self, *path: str | int, of: type = str) -> list[Any]:
        """A list of strings (or of objects); absent and null are an empty one. What does not fit is refused and left out."""
        value = self._value(path)
        if value is None:
            return []
        name = "an object" if of is dict else "a text"
        if not isinstance(value, list):
            self.refuse(f"`{path[-1]}` must be a list, not {show(value)}", *path)
            return []
        for index, item in enumerate(value):
            if not isinstance(item, of) or item == "":
                self.refuse(f"each of `{path[-1]}` must be {name}, not {show(item)}", *path, index)
        return [item for item in value if isinstance(item, of) and item != ""]

    def mapping(self, *path: str | int) -> Mapping[str, Any]:
        """An object; absent and null are an empty one."""
        value = self.at(*path)
        if value is not None and not isinstance(value, dict):
            self.refuse(f"`{path[-1]}` must be an object {{...}}, not {show(value)}", *path)
        return value if isinstance(value, dict) else {}

    def at(self, *path: str | int) -> Any:
        """The value at a path, None when there is none."""
        return self._value(path)

    def _at(self, path: Path_) -> Mapping[str, Any]:
        value = self._value(path)
        return value if isinstance(value, dict) else {}

    def _value(self, path: Path_) -> Any:
        value: Any = self.data
        for step in path:
            if isinstance(value, dict):
                value = value.get(str(step))
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value


def show(value: object) -> str:
    """A value as it stands in the file, cut to a readable length."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."


def dotted(path: Path_) -> str:
    """``attrs.Ticket.due`` or ``devices[0].token``."""
    out = ""
    for step in path:
        out += f"[{step}]" if isinstance(step, int) else (f".{step}" if out else str(step))
    return out


@dataclass(slots=True)
class EstateFiles:
    """The files of one estate and everything that was found wrong with them."""

    path: Path
    problems: list[Problem] = field(default_factory=list)
    more: Sequence[str] = ()  # events that stand in no file yet: lines that follow events.jsonl

    def whole(self, name: str) -> JsonRow | None:
        """A file that is one JSON object."""
        text = self._read(name)
        return None if text is None else self._row(str(self.path / name), 1, text)

    def rows(self, name: str) -> Iterator[JsonRow]:
        """The objects of a file with one a line. Empty lines are let be."""
        text = self._read(name)
        file = str(self.path / name)
        yield from self._lines(file, (text or "").split("\n"))
        if name == "events.jsonl":
            yield from self._lines("events", self.more)

    def _lines(self, file: str, lines: Iterable[str]) -> Iterator[JsonRow]:
        for number, line in enumerate(lines, start=1):
            if line and not line.isspace():
                row = self._row(file, number, line)
                if row is not None:
                    yield row

    def _read(self, name: str) -> str | None:
        file = self.path / name
        try:
            return file.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            self.problems.append(
                Problem(str(file), 1, 1, "is missing; an estate has meta.json, types.jsonl, users.jsonl, "
                        "workspaces.jsonl and events.jsonl", name)
            )  # fmt: skip
        except UnicodeDecodeError as error:
            before = file.read_bytes()[: error.start]
            line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
            self.problems.append(Problem(str(file), line, column, "is not UTF-8 text", name))
        return None

    def _row(self, file: str, line: int, text: str) -> JsonRow | None:
        try:
            data = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            where = Problem(file, line + error.lineno - 1, error.colno, f"is not JSON: {error.msg}")
            self.problems.append(where)
            return None
        row = JsonRow(file, line, text, data if isinstance(data, dict) else {}, self.problems)
        if not isinstance(data, dict):
            row.refuse(f"must be an object {{...}}, not {show(data)}")
            return None
        # A repeated key would silently lose a value. Counting colons is cheap and only ever counts too many.
        if text.count('":') + text.count('" :') != _keys(data) and (twice := _repeated(text)):
            row.refuse(f'key "{twice}" is given twice', twice, at_key=True)
        return row


def _keys(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_keys(v) for v in value.values() if isinstance(v, dict | list))
    return sum(_keys(v) for v in value if isinstance(v, dict | list))


def _repeated(text: str) -> str | None:
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in items]
        twice.extend(name for name in names if names.count(name) > 1)
        return dict(items)

    json.loads(text, object_pairs_hook=pairs)
    return twice[0] if twice else None

"""Parses the nodes of a timeline file. Problems are recorded with their place, and parsing continues."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from vigil.compliance.calendar import zones
from vigil.compliance.durations import Duration
from vigil.compliance.facts import Value
from vigil.compliance.rules.operands import found
from vigil.compliance.rules.vocabulary import listing, nearest
from vigil.compliance.rules.yaml_nodes import Node
from vigil.errors import Problem
from vigil.instants import OFF_CLOCK, is_clock
from vigil.timeline.model import Spot

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_WHEN = "write 2026-03-31T09:00, 09:00 (the same day) or +3h (after the step before)"


class Reader:
    """The parsed file, its zone, and the problems so far."""

    def __init__(self, file: str, problems: list[Problem], zone: str = "UTC") -> None:
        self.file = file
        self.problems = problems
        self.zone = ZoneInfo(zone)

    def spot(self, node: Node) -> Spot:
        return Spot(self.file, node.line, node.column)

    def wrong(self, node: Node, message: str, key: str = "", hint: str = "") -> None:
        self.problems.append(node.problem(self.file, message, key, hint))

    def mapping(self, node: Node, what: str, allowed: Collection[str], required: Iterable[str] = ()) -> bool:
        """Whether `node` is a mapping; unknown and missing keys are recorded."""
        if not isinstance(node.value, dict):
            self.wrong(node, f"{what} is a mapping, found {found(node.value)}")
            return False
        for key in node.keys.keys() - set(allowed):
            hint = nearest(key, allowed)
            self.wrong(node.key(key), f"unknown key `{key}` of {what}; keys: {listing(allowed)}.", key, hint)
        for key in required:
            if key not in node.keys:
                self.wrong(node, f"{what} needs `{key}`", key)
        return True

    def entries(self, node: Node, what: str) -> Iterator[tuple[str, Node]]:
        """The keys and values of a mapping of names; nothing for other nodes."""
        if node.value is None:
            return
        if not isinstance(node.value, dict):
            self.wrong(node, f"{what} is a mapping of names, found {found(node.value)}")
            return
        for name in node.keys:
            yield name, node.parts[name]

    def items(self, node: Node) -> list[Node]:
        """The items of a list; a single value is a list of one, nothing is an empty one."""
        if isinstance(node.value, list):
            return list(node.parts.values())
        return [] if node.value is None else [node]

    def text(self, node: Node, what: str) -> str | None:
        if isinstance(node.value, str) and node.value:
            return node.value
        self.wrong(node, f"{what} is a text, found {found(node.value)}")
        return None

    def word(self, node: Node, what: str, allowed: Collection[str]) -> str | None:
        """A text that is one of `allowed`."""
        value = self.text(node, what)
        if value is None or value in allowed:
            return value
        self.wrong(
            node, f'unknown {what} "{value}"; there are {listing(allowed)}.', hint=nearest(value, allowed)
        )
        return None

    def words(self, node: Node, what: str, allowed: Collection[str] | None = None) -> tuple[str, ...]:
        """A text or a list of them."""
        read: Callable[[Node], str | None] = (
            (lambda n: self.text(n, what)) if allowed is None else (lambda n: self.word(n, what, allowed))
        )
        return tuple(v for item in self.items(node) if (v := read(item)) is not None)

    def number(self, node: Node, what: str) -> int | None:
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            return node.value
        self.wrong(node, f"{what} is a whole number, found {found(node.value)}")
        return None

    def flag(self, node: Node, what: str) -> bool:
        if not isinstance(node.value, bool):
            self.wrong(node, f"{what} is true or false, found {found(node.value)}")
        return node.value is True

    def zone_name(self, node: Node, what: str = "zone") -> str | None:
        return self.word(node, what, zones())

    def instant(self, node: Node, base: datetime | None = None) -> datetime | None:
        """An instant; without an offset it is in the timeline's zone. `base` is the start of a time of day or a length."""
        try:
            at = self._instant(node.value, base)
        except OverflowError:
            at = datetime.max.replace(tzinfo=UTC)
        if at is None:
            self.wrong(node, f"not a time: {found(node.value)}; {_WHEN}")
        elif not is_clock(at):
            self.wrong(node, f"{found(node.value)} {OFF_CLOCK}")
            return None
        return at

    def _instant(self, value: object, base: datetime | None) -> datetime | None:
        match value:
            case datetime():
                return self._aware(value)
            case date():
                return self._aware(datetime.combine(value, time()))
            case str() if base is not None and value.startswith("+"):
                try:
                    return Duration.parse(value).after(base.astimezone(self.zone)).astimezone(UTC)
                except ValueError:
                    return None
            case str() if base is not None and (clock := _CLOCK.fullmatch(value)):
                local = base.astimezone(self.zone)
                at = datetime.combine(local.date(), time(int(clock[1]), int(clock[2])))
                return self._aware(at)
        return None

    def _aware(self, at: datetime) -> datetime:
        return (at if at.tzinfo else at.replace(tzinfo=self.zone)).astimezone(UTC)

    def length(self, node: Node, what: str) -> timedelta | None:
        """A length of time that is the same on every day, such as 4h or 2d."""
        try:
            return Duration.parse(str(node.value)).timedelta
        except ValueError:
            self.wrong(node, f"{what} is a length such as 4h or 2d, found {found(node.value)}")
            return None

    def day(self, node: Node, what: str) -> date | None:
        if isinstance(node.value, date) and not isinstance(node.value, datetime):
            return node.value
        self.wrong(node, f"{what} is a date such as 2026-03-31, found {found(node.value)}")
        return None

    def value(self, node: Node) -> Value:
        """The value of an attribute: a list is several values, an instant without an offset is in the timeline's zone."""
        if isinstance(node.value, list):
            return tuple(self.value(item) for item in node.parts.values())
        if isinstance(node.value, datetime):
            return self._moment(node, node.value)
        if isinstance(node.value, dict):
            self.wrong(node, "a value is a text, a number, a date, true or false, or a list of them")
            return None
        return node.value  # type: ignore[no-any-return]

    def _moment(self, node: Node, value: datetime) -> datetime | None:
        try:
            return self._aware(value)
        except OverflowError:
            self.wrong(node, f"{found(value)} lies off the calendar in some time zone")
            return None


def local(at: datetime, zone: str) -> str:
    """An instant in the timeline's zone."""
    return f"{at.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M}"


def one(items: Sequence[str]) -> str | None:
    """The only item; None if there are no items, or several."""
    return items[0] if len(set(items)) == 1 else None

"""What `vigil doctor` finds: one line a thing that was looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARN = "warn"  # works, and somebody should know
    FAIL = "fail"  # a run would fail, or be wrong
    SKIP = "skip"  # not looked at, for the reason that was seen


@dataclass(frozen=True, slots=True)
class Check:
    """One thing: what was seen there, and what to do about it (empty when nothing is to be done)."""

    name: str
    state: State
    saw: str
    do: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "state": self.state.value}


def ok(name: str, saw: str) -> Check:
    return Check(name, State.OK, saw)


def warn(name: str, saw: str, do: str) -> Check:
    return Check(name, State.WARN, saw, do)


def fail(name: str, saw: str, do: str) -> Check:
    return Check(name, State.FAIL, saw, do)


def skip(name: str, saw: str) -> Check:
    return Check(name, State.SKIP, saw)


def well(checks: Iterable[Check]) -> bool:
    """Whether nothing failed."""
    return all(c.state is not State.FAIL for c in checks)


__all__ = ["Check", "State", "fail", "ok", "skip", "warn", "well"]

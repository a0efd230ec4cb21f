"""The results of `vigil doctor`: one for each check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class CheckState(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARN = "warn"  # works, but needs attention
    FAIL = "fail"  # a run would fail, or give wrong results
    SKIP = "skip"  # not checked, for the reason in `saw`


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, state, observation, and what to do about it (empty if nothing)."""

    name: str
    state: CheckState
    saw: str
    do: str = ""

    def plain(self) -> dict[str, Any]:
        """The check as values for JSON."""
        return {**asdict(self), "state": self.state.value}


def ok(name: str, saw: str) -> Check:
    return Check(name, CheckState.OK, saw)


def warn(name: str, saw: str, do: str) -> Check:
    return Check(name, CheckState.WARN, saw, do)


def fail(name: str, saw: str, do: str) -> Check:
    return Check(name, CheckState.FAIL, saw, do)


def skip(name: str, saw: str) -> Check:
    return Check(name, CheckState.SKIP, saw)


def well(checks: Iterable[Check]) -> bool:
    """Whether no check failed."""
    return all(c.state is not CheckState.FAIL for c in checks)


__all__ = ["Check", "CheckState", "fail", "ok", "skip", "warn", "well"]

"""The results of a check of reconciliation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vigil.wording import counted


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One problem: what it is, what to do, and what was changed (empty: nothing)."""

    what: str
    do: str
    workspace: int | None = None
    person: str = ""
    changed: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """How many items a check examined and what it found; `skipped` is why it could not run, empty if it did."""

    looked_at: int = 0
    found: tuple[Discrepancy, ...] = ()
    skipped: str = ""


def table(checks: Mapping[str, Checked]) -> list[dict[str, str | int]]:
    """The rows of an artifact: a line for each check, then one for each problem."""
    rows = [_row(name, _said(c), "", c.looked_at) for name, c in checks.items()]
    return rows + [
        _row(name, f.what, f.do, 1, f.workspace, f.person, f.changed)
        for name, c in checks.items()
        for f in c.found
    ]


def _said(c: Checked) -> str:
    if c.skipped:
        return f"not looked at: {c.skipped}"
    return counted(len(c.found), "finding") if c.found else "nothing wrong"


def _row(
    check: str,
    what: str,
    do: str,
    number: int,
    workspace: int | None = None,
    person: str = "",
    changed: str = "",
) -> dict[str, str | int]:
    return {
        "check": check,
        "what": what,
        "to do": do,
        "number": number,
        "workspace": workspace or "",
        "person": person,
        "changed": changed,
    }


def total(checks: Iterable[Checked]) -> int:
    """How many problems were found."""
    return sum(len(c.found) for c in checks)

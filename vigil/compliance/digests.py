"""What goes into a digest, and what is no longer news when it is made. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from vigil.compliance.events import stamp
from vigil.compliance.facts import Value, Workspace
from vigil.compliance.milestones import occurrence as name_of_date
from vigil.compliance.notices import Severity
from vigil.compliance.rules import Kind, Rule
from vigil.compliance.standings import Standing
from vigil.compliance.verdicts import OPEN, Why

RESOLVED = ":resolved"
_ORDER = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Kept:
    """One notice as the ledger kept it for the digest. `title` is in its person's language; `number` is the ledger's."""

    number: int
    rule: str
    workspace: int
    occurrence: str
    as_of: datetime
    title: str
    link: str
    severity: Severity
    expires_at: datetime | None = None  # not worth telling from then on


def left_out(
    kept: Kept,
    rule: Rule | None,
    workspace: Workspace | None,
    standing: Standing | None,
    beside: Collection[tuple[str, int, str]],
    as_of: datetime,
) -> Why | None:
    """Why a notice does not go into the digest; None when it does.

    `workspace` and `standing` are as they are known now; `beside` has (rule, workspace, occurrence) of all that waits for the
    same person. What a rule that is gone has found is said: nothing tells that it is no longer so.
    """
    if workspace is None:
        return Why.GONE
    if kept.expires_at is not None and kept.expires_at <= as_of:
        return Why.LAPSED
    if rule is None:
        return None
    if rule.kind is Kind.CONDITION:
        return None if _still(kept, standing, beside) else Why.CLEARED
    if rule.kind is Kind.MILESTONE and not _dated(kept.occurrence, workspace):
        return Why.CLEARED
    return None


def _still(kept: Kept, standing: Standing | None, beside: Collection[tuple[str, int, str]]) -> bool:
    """Whether a condition's notice is news: its finding is open, or it ended and the person had heard that it began."""
    began = kept.occurrence.partition("#")[0].removesuffix(RESOLVED)
    if kept.occurrence.endswith(RESOLVED):
        return (kept.rule, kept.workspace, began) not in beside
    if standing is None or standing.since is None or standing.outcome not in OPEN:
        return False
    return stamp(standing.since) == began


def _dated(occurrence: str, workspace: Workspace) -> bool:
    """Whether the workspace still has the date that a milestone's occurrence is named by."""
    name = occurrence.partition("#")[0]
    return any(name_of_date(d) == name for d in _dates(workspace))


def _dates(workspace: Workspace) -> Iterable[date | datetime]:
    yield from (workspace.created, workspace.modified)
    values: list[Value] = list(workspace.attrs.values())
    while values:
        value = values.pop()
        if isinstance(value, tuple):
            values += value
        elif isinstance(value, date):
            yield value


def window_end(some: Collection[Kept]) -> tuple[datetime, str]:
    """The instant up to which a digest speaks, and its name as an occurrence: the newest notice in it, by the ledger's order.

    A notice goes into one digest, so that no two digests of a person end with the same one.
    """
    last = max(some, key=lambda k: k.number)
    at = max(k.as_of for k in some)
    return at, f"{stamp(at)}/{last.number}"


def severity_of(some: Iterable[Kept]) -> Severity:
    """The most that one of them may disturb."""
    return max((k.severity for k in some), key=_ORDER.index)


def lines(some: Iterable[Kept]) -> tuple[str, ...]:
    """One line for each, the weightiest first, else in the order in which they were found."""
    ordered = sorted(some, key=lambda k: (-_ORDER.index(k.severity), k.number))
    return tuple(k.title for k in ordered)

"""The content of a digest, and the notices that are left out because they are no longer relevant. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from vigil.compliance.evaluation.results import Why
from vigil.compliance.evaluation.still_true import CurrentState, NoLonger, Statement
from vigil.compliance.events import stamp
from vigil.compliance.notices import Severity
from vigil.compliance.rules.model import Rule

_ORDER = tuple(Severity)


@dataclass(frozen=True, slots=True)
class DigestItem:
    """One notice stored for the digest. `title` is in its person's language; `number` is the ledger's."""

    number: int
    rule: str
    workspace: int
    occurrence: str
    as_of: datetime
    title: str
    link: str
    severity: Severity
    expires_at: datetime | None = None  # the end of its time to live

    @property
    def statement(self) -> Statement:
        return self.rule, self.workspace, self.occurrence


def left_out(
    kept: DigestItem, rule: Rule | None, now: CurrentState, beside: Collection[Statement], as_of: datetime
) -> Why | None:
    """Why a notice does not go into the digest; None when it does. `beside`: the statements of all that waits for the same person."""
    untrue = now.no_longer(rule, kept.statement, beside)
    if untrue is NoLonger.GONE:
        return Why.GONE
    if kept.expires_at is not None and kept.expires_at <= as_of:
        return Why.LAPSED
    return None if untrue is None else Why.CLEARED


def window_end(some: Collection[DigestItem]) -> tuple[datetime, str]:
    """The end of a digest's period, and its name as an occurrence: the newest notice in it, by the ledger's order.

    A notice goes into one digest only, so no two digests of a person end with the same one.
    """
    last = max(some, key=lambda k: k.number)
    at = max(k.as_of for k in some)
    return at, f"{stamp(at)}/{last.number}"


def severity_of(some: Iterable[DigestItem]) -> Severity:
    """The highest severity among them."""
    return max((k.severity for k in some), key=_ORDER.index)


def lines(some: Iterable[DigestItem]) -> tuple[str, ...]:
    """One line for each, the most severe first, otherwise in the order in which they were found."""
    ordered = sorted(some, key=lambda k: (-_ORDER.index(k.severity), k.number))
    return tuple(k.title for k in ordered)

"""Decides when a run has too many notices, and when too many items are missing to be believed. Pure: numbers in, sentences out.

Semantics: docs/semantics.md#holding-back.

A rule's `guard` is compared with its notices in one run, in all batches together. `max_share` is a share of the known workspaces of
the rule's type, not of those that a run evaluated: a quiet run evaluates one and finds one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from vigil.compliance.notices import NoticeKey
from vigil.compliance.rules.model import Guard, Rule, Status
from vigil.wording import counted

FEW = 5
"""This number of workspaces may vanish between two runs without a question."""

MOST = 0.5
"""A larger share of known items missing from one list means a broken list, until a person says otherwise."""


class GuardWhy(StrEnum):
    """Why a notice of a guarded rule was not sent. Stored in the outbox as its reason; docs/reasons.md has a row for each."""

    UNDECIDED = "the run that found it ended before its rule's guard could be asked"
    HELD = "its rule's guard stopped it, and it waits for a person's answer"
    DROPPED = "its rule's guard stopped it, and a person decided that it is not sent"
    EXPIRED = "its rule's guard stopped it, and nobody answered in time"
    TAKEN_OUT = "its rule was taken out or retired before its guard could be asked"


@dataclass(frozen=True, slots=True)
class NoticeCount:
    """The notices of one rule in one run: `notices` to people about `findings` on `workspaces` of `known` of its type."""

    notices: int
    findings: int
    workspaces: int
    known: int
    first: bool  # the rule was never evaluated before

    @classmethod
    def of(
        cls, keys: Collection[NoticeKey], known: int, first: bool, more: NoticeCount | None = None
    ) -> NoticeCount:
        """Of notices by their keys, one rule's, and what others left beside them; `known` workspaces, as listed."""
        notices, findings = len(keys), len({key[:4] for key in keys})
        workspaces = len({key[1] for key in keys})
        if more is not None:
            notices, findings = notices + more.notices, findings + more.findings
            workspaces += more.workspaces
        return cls(notices, findings, workspaces, max(known, workspaces), first)

    def sentence(self) -> str:
        places = f"{self.workspaces:,} of {counted(self.known, 'workspace')}"
        return f"{counted(self.notices, 'notice')} about {counted(self.findings, 'finding')} on {places}"


def could_trip(rule: Rule, first: bool) -> bool:
    """Whether the rule's notices must wait until the whole run is counted."""
    guard = rule.guard
    if guard is None or rule.status is not Status.LIVE:
        return False
    return (
        guard.max_findings is not None
        or guard.max_share is not None
        or (first and guard.first_run == "manifest_only")
    )


def tripped(guard: Guard, seen: NoticeCount) -> tuple[str, ...]:
    """The reasons to hold the notices, with their numbers. Empty: the notices may be sent."""
    reasons = []
    if seen.first and guard.first_run == "manifest_only":
        reasons.append(
            "it is the first run of the rule, for some workspaces at least, which the rule wants shown before it is sent"
        )
    if guard.max_findings is not None and seen.findings > guard.max_findings:
        reasons.append(
            f"{counted(seen.findings, 'finding')} in one run, where {guard.max_findings:,} is the limit"
        )
    if guard.max_share is not None and seen.known and seen.workspaces / seen.known > guard.max_share:
        share = seen.workspaces / seen.known
        places = f"{seen.workspaces:,} of {counted(seen.known, 'workspace')} ({share:.0%})"
        reasons.append(f"{places} in one run, where {guard.max_share:.0%} is the limit")
    return tuple(reasons)


def vanished(lost: int, known: int) -> bool:
    """Whether so many of the known workspaces are missing that the list must be wrong."""
    return lost >= FEW and lost > known * MOST

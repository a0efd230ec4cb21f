"""What an evaluation gives: findings, and what must be remembered until the next one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from vigil.compliance.events import Event


class Outcome(StrEnum):
    """How a rule stands for a workspace."""

    CLEAR = "clear"
    HOLDING = "holding"  # met, and not yet for as long as the rule's `for` asks
    FINDING = "finding"
    NOT_EVALUATED = "not_evaluated"  # a field that decides could not be read


class Why(StrEnum):
    """Why a finding was not said to a person. Stored in the ledger, shown by `vigil why`, one row each in docs/reasons.md."""

    NOBODY = "no recipient is left after roles, groups and deleted users were looked up"
    NO_NEXT = "the process has no next step that is open"
    NO_DEVICE = "the person has no device"
    ALREADY_DONE = "the step was completed before anyone could be told of it"
    TOO_LATE = "its instant had passed when it became known"
    LATE_DROP = "it was missed for longer than the rule's `late` allows"
    LATE_DIGEST = "it was missed and goes into the digest"
    SUPERSEDED = "a notice of this step went out for an earlier date, and the rule ignores moved dates"
    ACTOR = "the person did it"
    INHIBITED = "another rule has an open finding for the workspace"
    SHADOW = "the rule is in shadow: it is computed and not sent"
    DELETED = "the person's account is deleted"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is remembered of (rule, workspace). `since` is when the condition was first seen met."""

    rule: str
    workspace: int
    outcome: str
    since: datetime | None = None
    next_check_at: datetime | None = None
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule has something to say about a workspace: one step of one occurrence.

    `fire_at` is the instant it is about; `suppressed` names why nobody is to be told, and is None otherwise.
    """

    rule: str
    workspace: int
    occurrence: str
    step: str | None
    fire_at: datetime
    why: tuple[str, ...] = ()
    event: Event | None = None
    due: date | datetime | None = None
    suppressed: Why | None = None
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of one evaluation of some workspaces. `evaluated` counts (rule, workspace) and (rule, event) pairs."""

    findings: tuple[Finding, ...] = ()
    standings: tuple[Standing, ...] = ()
    evaluated: frozenset[tuple[str, int]] = field(default_factory=frozenset)
    counts: dict[str, int] = field(default_factory=dict)  # outcome -> (rule, workspace) pairs

"""The result of an evaluation: findings, and the states to store until the next one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.events import Event


class Outcome(StrEnum):
    """The state of a rule for a workspace."""

    CLEAR = "clear"
    HOLDING = "holding"  # met, and not yet for as long as the rule's `for` asks
    FINDING = "finding"
    INHIBITED = "inhibited"  # a finding that nobody was told of, while another rule's finding is open
    NOT_EVALUATED = "not_evaluated"  # a field that decides could not be read
    HELD = "held"  # the same, after a finding that people were told of: it counts as open


OPEN = frozenset({Outcome.FINDING, Outcome.HELD})
"""The outcomes of a finding with a notice that has not cleared."""


class Why(StrEnum):
    """Why a finding was not sent to a person. Stored in the ledger, shown by `vigil why`; docs/reasons.md has a row for each."""

    NOBODY = "no recipient is left after roles, groups and deleted users were looked up"
    WHO = "Extended ECM does not tell who did it, and the rule tells that person"
    NO_NEXT = "the process has no next step that is open"
    NO_DEVICE = "the person has no device"
    ALREADY_DONE = "the step was completed before anyone could be told of it"
    TOO_LATE = "its instant had passed when it became known"
    LATE_DROP = "it was missed for longer than the rule's `late` allows"
    LATE_DIGEST = "it was missed and goes into the digest"
    GROUPED = "it goes into the digest"
    LAPSED = "its time to live was over when the digest was made"
    CLEARED = "it was no longer so when the digest was made"
    GONE = "its workspace was gone, or no longer readable, when the digest was made"
    NO_LONGER = "it was no longer so when its quiet hours were over"
    GONE_SINCE = "its workspace was gone, or no longer readable, when its quiet hours were over"
    SUPERSEDED = "a notice of this step went out for an earlier date, and the rule ignores moved dates"
    ACTOR = "the person did it"
    INHIBITED = "another rule has an open finding for the workspace"
    UNREAD = "a field that decides could not be read"
    SHADOW = "the rule is in shadow: it is computed and not sent"
    DELETED = "the person's account is deleted"


DIGESTED = frozenset({Why.LATE_DIGEST, Why.GROUPED})
"""Reasons of notices that wait for the next digest, which gives each of them another: the digest that contains it, or why not."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding of a rule about a workspace: one step of one occurrence.

    `fire_at` is its instant; `suppressed` has the reason why nobody gets a notice, and is None otherwise.
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
    escalated: int | None = None  # the number of the rule's escalation that this is


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of one evaluation of some workspaces.

    `rule_states` replace the stored states of the pairs in `evaluated`; `forgotten` are those among them with a stored state before
    and none now. `counts` has outcome -> (rule, workspace) pairs of conditions.
    """

    findings: tuple[Finding, ...] = ()
    rule_states: Collection[RuleState] = ()
    evaluated: Collection[tuple[str, int]] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    forgotten: tuple[tuple[str, int], ...] = ()


__all__ = ["DIGESTED", "OPEN", "Evaluation", "Finding", "Outcome", "Why"]

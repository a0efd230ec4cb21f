"""What some servers of Extended ECM cannot tell, and whether what they tell otherwise is named and not left out in silence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

from tests.support.played_estates import Played, Told
from vigil.compliance.evaluation.results import Why
from vigil.compliance.rules.model import Rule, RuleKind, RuleSet
from vigil.ecm.model import ABSENT, UNTYPED
from vigil.sandbox.quirks import Quirks
from vigil.service.needs import needs_of


def _needs(part: str, rule: Rule) -> bool:
    return bool(getattr(needs_of(RuleSet((rule,))), part))


def _needs_performer(rule: Rule) -> bool:
    return any(to.kind == "step" and to.value == "completed_by" for to in rule.recipients())


def _waits_for_ends(rule: Rule) -> bool:
    return any(pattern.event.of_events == "step_completed" for pattern in rule.events)


@dataclass(frozen=True)
class Unknowable:
    """Something that a server does not tell. `rules` are those that cannot be judged, or not addressed, without it.

    It is named by a row about the same occurrence, not sent for this `reason`; or by a gap at this `path` about the workspace.
    """

    what: str
    why: str
    rules: Callable[[Rule], bool]
    reason: str = ""
    path: str = ""
    stale: bool = False  # it is judged by what was known before, and any gap about the workspace, or about a list, names that


@dataclass(frozen=True)
class Undated:
    """An instant that a server does not tell: `occurrence` is the part of an occurrence that shows another one instead."""

    what: str
    why: str
    occurrence: str


PERFORMER = Unknowable(
    "who completed a step",
    "completed steps are bare, and there is no status/info",
    _needs_performer,
    reason=Why.WHO.value,
)
DISPOSITION = Unknowable(
    "how a step was completed",
    "an activity is found by the end of its step, which is unknown",
    partial(_needs, "dispositions"),
    reason=Why.UNREAD.value,
)
DOCUMENT_TYPE = Unknowable(
    "of which type a document is, where an event has it",
    "there are no classifications",
    partial(_needs, "types"),
    reason=Why.UNREAD.value,
)
DOCUMENT_TYPES = Unknowable(
    "which types of documents a workspace has",
    "there are no classifications",
    partial(_needs, "types"),
    path=UNTYPED,
)
MISSING_DOCUMENTS = Unknowable(
    "which documents a workspace lacks",
    "there are no lists of missing documents",
    partial(_needs, "missing"),
    path=ABSENT,
)
MISSED_MOMENT = Unknowable(
    "a date of which the list could not be read before its moment had passed",
    "what is first seen after it is late: the rule's `late` decides",
    lambda rule: rule.kind is RuleKind.MILESTONE,
    reason=Why.TOO_LATE.value,
)
LAST_KNOWN = Unknowable(
    "what changed while a workspace could not be read",
    "until it is read, what was known of it stands",
    lambda rule: rule.kind is not RuleKind.TRANSITION,
    stale=True,
)
STEP_ENDS = Undated(
    "when a step was completed", "completed steps are bare, and there is no status/info", r"completed:.*"
)
VALUE_CHANGES = Undated("when a value changed", "it moves no modify date, or other changes move it", r"@.*")


def of(quirks: Quirks) -> tuple[Unknowable | Undated, ...]:
    """What a server with these switches cannot tell."""
    absent, found = quirks.modules_absent, list[Unknowable | Undated]()
    if "statusinfo" in absent and not quirks.completed_fields:
        found += [PERFORMER, DISPOSITION, STEP_ENDS]
    if "classifications" in absent:
        found += [DOCUMENT_TYPE, DOCUMENT_TYPES]
    if "missingdocuments" in absent:
        found.append(MISSING_DOCUMENTS)
    usual = quirks.attribute_touches and quirks.child_change_silent and quirks.creation_touches_parent
    if not usual or quirks.folders:
        found.append(VALUE_CHANGES)
    return tuple(found)


UNKNOWABLE: Mapping[str, tuple[Unknowable | Undated, ...]] = {
    "2016": (PERFORMER, DISPOSITION, STEP_ENDS),
    "2019": (),
    "ce23": (),
    "strict": (),
    "poor": (
        PERFORMER, DISPOSITION, STEP_ENDS, DOCUMENT_TYPE, DOCUMENT_TYPES, MISSING_DOCUMENTS, VALUE_CHANGES,
    ),
}  # fmt: skip
"""By dialect, what it cannot know. Everything else it tells as any other."""


@dataclass
class Judgement:
    """What differs and is not named, in words; and what of the table was met."""

    silences: list[str] = field(default_factory=list)
    met: set[str] = field(default_factory=set)


def judge(
    wanted: Played, found: Played, rules: RuleSet, unknowable: tuple[Unknowable | Undated, ...]
) -> Judgement:
    """Compare a story with that of a server that tells everything. What nobody is told on any server is not compared."""
    made = Judgement()
    undated = [one for one in unknowable if isinstance(one, Undated)]
    named = [one for one in unknowable if isinstance(one, Unknowable)]
    over = _over(wanted) | _over(found)
    before, after = _said(wanted, over), _said(found, over)
    for one in undated:
        if _without(before - after, [one]) & _without(after - before, [one]):
            made.met.add(one.what)
    before, after = _without(before, undated), _without(after, undated)
    reasons = {_plain(row, undated): reason for row, reason in found.reasons.items()}
    where = {(gap.path, number) for gap in found.gaps for number in gap.workspaces}
    by_name = {rule.name: rule for rule in rules}
    for row in (before - after).elements():
        names = [one for one in named if one.rules(by_name[row.rule]) and _names(one, row, reasons, where)]
        made.met |= {one.what for one in names}
        if not names:
            made.silences.append(f"lacks {row}")
    for row in (after - before).elements():
        reason = reasons.get(row)
        names = [one for one in named if one.rules(by_name[row.rule]) and one.reason and one.reason == reason]
        names += [
            one
            for one in named
            if one.path and one.rules(by_name[row.rule]) and (one.path, row.workspace) in where
        ]  # its condition could only be judged later
        unread = any(not gap.workspaces or row.workspace in gap.workspaces for gap in found.gaps)
        names += [one for one in named if one.stale and one.rules(by_name[row.rule]) and unread]
        made.met |= {one.what for one in names}
        if not names:
            made.silences.append(f"has besides {row} {reason or ''}")
    return made


def _said(played: Played, over: AbstractSet[tuple[str, ...]]) -> Counter[Told]:
    """The rows, without those of these occurrences."""
    return Counter({row: n for row, n in played.rows.items() if _occurrence(row) not in over})


def _over(played: Played) -> AbstractSet[tuple[str, ...]]:
    """Occurrences of which nobody was told because they were over. A run that could not read their end tells of them."""
    return {_occurrence(row) for row, reason in played.reasons.items() if reason == Why.ALREADY_DONE.value}


def _occurrence(row: Told) -> tuple[str, ...]:
    return row.rule, str(row.workspace), row.occurrence, row.step


def _without(rows: Counter[Told], undated: list[Undated]) -> Counter[Told]:
    made: Counter[Told] = Counter()
    for row, n in rows.items():
        made[_plain(row, undated)] += n
    return made


def _plain(row: Told, undated: list[Undated]) -> Told:
    occurrence = row.occurrence
    for one in undated:
        occurrence = re.sub(one.occurrence, "", occurrence)
    return row._replace(occurrence=occurrence)


def _names(one: Unknowable, row: Told, reasons: Mapping[Told, str], where: set[tuple[str, int]]) -> bool:
    if one.stale:
        return False  # what was known and is told is no excuse for what is not told
    if one.path:
        return (one.path, row.workspace) in where
    return any(
        reason == one.reason
        and (r.rule, r.workspace, r.occurrence, r.step) == (row.rule, row.workspace, row.occurrence, row.step)
        for r, reason in reasons.items()
    )

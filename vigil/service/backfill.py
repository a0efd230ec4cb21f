"""Compares what a past window should have sent with what was sent; sends the difference after an approval.

The window (A, B] is evaluated again from the ledger's history, at the ticks of `watch` in it, with today's rules. Each resulting
notice is compared with the outbox: sent then, to be sent now, or not to be sent, with the reason. Notices that were sent in the window
and do not result again (a sweep found them between two ticks, or the rule was edited since) are listed as sent.

A ledger in which a run had an `as_of` before an instant that was already observed cannot be replayed for the workspaces that this run
read: their notices are listed as "cannot be known", and are not offered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from vigil.compliance import facts as f
from vigil.compliance.evaluation.history import replay
from vigil.compliance.evaluation.results import DIGESTED, Evaluation, Finding
from vigil.compliance.evaluation.still_true import CurrentState, NoLonger
from vigil.compliance.evaluation.superseded import SentOccurrences
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input, Window
from vigil.compliance.events import stamp
from vigil.compliance.notices import NoticeKey, NoticeState
from vigil.compliance.notify.routing import Routed
from vigil.compliance.occurrence import Occurrence
from vigil.compliance.rules.model import DIGEST_NAME, Rule
from vigil.ecm.model import Gap
from vigil.ledger import Ledger
from vigil.ledger.engine import chunks
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.observed import inputs, observations, runs
from vigil.ledger.outbox import manifests, queue
from vigil.ledger.values import Entry, went_out
from vigil.service import evaluation, pipeline
from vigil.service.pipeline import Work
from vigil.service.reasons import in_words, why_untrue
from vigil.service.records import LedgerRecords
from vigil.service.run import Run
from vigil.wording import instant

BATCH = 2000


class ManifestStatus(StrEnum):
    """The status of a line of a manifest."""

    TOLD = "told then"
    NOW = "would be told now"
    AGAIN = "was not delivered then, would be told now"
    LATE = "too late by the rule's `late`"
    CLEARED = "no longer so"
    UNSURE = "cannot be known"
    NOT = "not told then, for the reason given"


SENDS = (ManifestStatus.NOW, ManifestStatus.AGAIN)
BESIDES = "the rules of today do not find it again"


@dataclass(frozen=True, slots=True)
class Line:
    """One notice of the window for one person."""

    entry: Entry
    standing: ManifestStatus
    reason: str = ""
    due: str = ""  # a milestone's date at the time of the notice

    @property
    def sends(self) -> bool:
        return self.standing in SENDS

    def plain(self) -> dict[str, Any]:
        """The line as values for JSON, for the manifest and its id."""
        e = self.entry
        return {
            "rule": e.rule,
            "workspace": e.workspace,
            "occurrence": e.occurrence,
            "step": e.step,
            "person": e.person,
            "fire_at": e.fire_at.isoformat(),
            "message": e.message.plain(),
            "state": e.state,
            "standing": self.standing.value,
            "reason": self.reason,
            "due": self.due,
            "sends": self.sends,
        }


@dataclass(frozen=True, slots=True)
class Today:
    """The present state of some workspaces, with which the notices of the past are compared."""

    state: CurrentState
    unsure: Mapping[int, datetime]  # workspaces whose past cannot be replayed, with the first such instant
    as_of: datetime
    zone: str  # the site's, in which instants are told


async def manifest(run: Run, after: datetime, upto: datetime) -> tuple[str, list[Line]]:
    """Compute what (after, upto] should have sent, store it, and return its id with the lines."""
    lines: list[Line] = []
    with run.ledger.read() as connection:
        workspaces = observations.known_workspaces(connection)
        ticks = runs.instants(connection, "watch", upto)
        unsure = observations.out_of_order(connection)
        told = queue.sent_between(connection, after, upto)
    ticks = sorted({*ticks, upto})
    for some in chunks(workspaces, BATCH):
        lines += await _of_batch(run, some, ticks, after, upto, unsure)
    lines += _told_besides(told, lines)
    lines.sort(key=lambda line: (line.entry.person, line.entry.fire_at, line.entry.key))
    with run.ledger.write() as connection:
        id = manifests.keep(connection, [line.plain() for line in lines], run.clock())
    return id, lines


def _told_besides(told: Iterable[Mapping[str, Any]], lines: Iterable[Line]) -> list[Line]:
    """Notices that were sent in the window and that the replay does not find. Digests are left out: their notices have lines of
    their own.
    """
    found = {line.entry.key for line in lines}
    besides = (entry_of(row) for row in told if row["rule"] != DIGEST_NAME)
    return [Line(e, ManifestStatus.TOLD, BESIDES) for e in besides if e.key not in found]


async def _of_batch(
    run: Run,
    workspaces: Sequence[int],
    ticks: Sequence[datetime],
    after: datetime,
    upto: datetime,
    unsure: Mapping[int, datetime],
) -> list[Line]:
    with run.ledger.read() as connection:
        history = observations.history(connection, workspaces, upto)
        others = {i for s in history if isinstance(s.fact, f.Related) for i in s.fact.others}
        beside = observations.history(connection, sorted(others - set(workspaces)), upto)
        given = inputs.current(connection, workspaces, run.site.zone)
        today = Today(
            CurrentState(given, run.as_of),
            unsure,
            run.as_of,
            run.site.zone,
        )
    found: list[tuple[Finding, Facts]] = [
        (x, facts)
        for _, findings, facts in replay(
            history, run.rules, ticks, given.required, run.site.zone, beside, run.site.sensitive
        )
        for x in findings
        if after < x.fire_at <= upto
    ]
    out: list[Line] = []
    records = ReplayRecords(run.ledger)
    for facts, some in _by_facts(found):
        # Recipients are looked up as of today: deleted users, and users who may not read the workspace any more, are left out.
        work = Work(
            given=Input(replace(facts, roles={})), window=Window(after, upto), result=Evaluation(tuple(some))
        )
        work = await evaluation.looked_up(run, work)
        work = pipeline.through(pipeline.ADDRESS, run, records, work)
        # Without a lookup the recipients are unknown: the workspace is reported as a gap, and nobody is told instead.
        run.gap([Gap("people", why, (workspace,)) for workspace, why in work.left.items()])
        lines = _lines(run, work, today, records)
        records.add(lines)
        out += lines
    return out


class ReplayRecords(LedgerRecords):
    """What went out before, as the ledger has it, and what a manifest offers for the earlier ticks of its window.

    What could not be read then is read or not by now: nothing is left to a later run.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._offered: dict[str, dict[tuple[int, str], set[str]]] = {}
        self.offered: set[NoticeKey] = set()

    def add(self, lines: Iterable[Line]) -> None:
        """Count what is offered as told."""
        for e in (line.entry for line in lines if line.sends or line.standing is ManifestStatus.TOLD):
            self._offered.setdefault(e.rule, {}).setdefault((e.workspace, e.step), set()).add(e.occurrence)
            self.offered.add(e.key)

    def occurrences(self, asked: Mapping[str, Collection[int]]) -> dict[str, SentOccurrences]:
        told = super().occurrences(asked)
        for rule in asked.keys() & self._offered.keys():
            mine = self._offered[rule]
            told[rule] = {
                k: {*told[rule].get(k, ()), *mine.get(k, ())} for k in told[rule].keys() | mine.keys()
            }
        return told

    def unread(self, workspaces: Collection[int]) -> Mapping[int, str]:
        return {}


def _by_facts(found: Iterable[tuple[Finding, Facts]]) -> Iterator[tuple[Facts, list[Finding]]]:
    """The findings grouped by their facts: those of one tick share them."""
    groups: dict[int, tuple[Facts, list[Finding]]] = {}
    for x, facts in found:
        groups.setdefault(id(facts), (facts, []))[1].append(x)
    yield from groups.values()


def _lines(run: Run, work: Work, today: Today, records: ReplayRecords) -> list[Line]:
    same = {e.key: as_open(e, today.state) for e in work.rows}
    begins = [begin for e in work.rows if (begin := _begin(e)) is not None]
    with run.ledger.read() as connection:
        then = queue.states(connection, [*work.rows, *same.values(), *begins])
    received = {key for key, row in then.items() if went_out(*row)} | records.offered
    out = []
    for r, entry in zip(work.routed, work.rows, strict=True):
        rule = run.rules.by_name[entry.rule]
        status, reason = _status(rule, r, entry, then.get(entry.key), today)
        begin = _begin(entry)
        if status in SENDS and begin is not None and begin.key not in received:
            status, reason = ManifestStatus.CLEARED, NoLonger.UNHEARD.value
        open_row = then.get(same[entry.key].key)
        if status in SENDS and open_row is not None and open_row[0] == NoticeState.SENT:
            status, reason = (
                ManifestStatus.TOLD,
                f"as the finding that is open since {same[entry.key].occurrence}",
            )
        due = r.finding.due
        out.append(Line(entry, status, reason, "" if due is None else due.isoformat()))
    return out


def _begin(entry: Entry) -> Entry | None:
    """The notice of the beginning of what a resolved notice ends; None for any other notice."""
    named = Occurrence.parse(entry.occurrence)
    return replace(entry, occurrence=named.base) if named.resolved else None


def as_open(entry: Entry, now: CurrentState) -> Entry:
    """The notice with the instant since which its finding is really open: a sweep may have found it before the next tick.

    A finding that opened later than the notice says is another one.
    """
    since = now.open_since.get((entry.rule, entry.workspace))
    named = Occurrence.parse(entry.occurrence)
    if since is None or named.resolved or since > datetime.fromisoformat(named.base):
        return entry
    return replace(entry, occurrence=str(replace(named, base=stamp(since))))


def _status(
    rule: Rule, routed: Routed, entry: Entry, then: tuple[NoticeState, str] | None, today: Today
) -> tuple[ManifestStatus, str]:
    if then is not None and then[0] == NoticeState.SENT:
        return ManifestStatus.TOLD, ""
    if then is not None and went_out(*then) and then[0] == NoticeState.SUPPRESSED:
        return ManifestStatus.TOLD, in_words(then[1])
    if then is not None and then[0] != NoticeState.FAILED:
        return ManifestStatus.NOT, in_words(then[1]) or then[0]
    if entry.state != NoticeState.QUEUED and entry.reason not in DIGESTED:
        return ManifestStatus.NOT, in_words(entry.reason, entry.message.lacks) or entry.state
    if (since := today.unsure.get(entry.workspace)) is not None and entry.fire_at >= since:
        return (
            ManifestStatus.UNSURE,
            f"a run spoke of {instant(since, today.zone)} when later was already known of it",
        )
    untrue = today.state.no_longer(rule, as_open(entry, today.state).key[:3])
    if untrue is not None:
        return ManifestStatus.CLEARED, why_untrue(untrue, str(routed.finding.due), entry.message)
    if rule.late is not None and today.as_of - entry.fire_at > rule.late.within.timedelta:
        return ManifestStatus.LATE, f"{rule.late.policy}, beyond {rule.late.within}"
    return (ManifestStatus.AGAIN, in_words(then[1])) if then is not None else (ManifestStatus.NOW, "")


@dataclass(frozen=True, slots=True)
class Approval:
    """The result of an approval: the notices that it queued, those that were sent since the manifest was shown, and, if the
    manifest had been approved before, when: then nothing was done.
    """

    queued: int = 0
    told_meanwhile: int = 0
    before: datetime | None = None


def approve(run: Run, id: str) -> Approval:
    """Queue exactly those lines of a stored manifest that it listed as due. A second approval queues nothing.

    They are due at once; the worker defers notices whose person has quiet hours.

    Raises KeyError if there is no such manifest.
    """
    with run.ledger.write() as connection:
        kept = manifests.find(connection, id)
        if kept is None:
            raise KeyError(id)
        if not manifests.approve(connection, id, run.clock()):
            return Approval(before=kept.approved_at)
        lines = [row for row in kept.rows if row["sends"]]
        fresh = [entry_of(row) for row in lines if row["standing"] == ManifestStatus.NOW]
        again = {
            (e := entry_of(row)).key: e.message for row in lines if row["standing"] == ManifestStatus.AGAIN
        }
        queued = queue.enqueue(connection, fresh, run.as_of, run.id)
        queued += queue.requeue(connection, again, run.as_of, run.id, messages=again)
    run.counters.route(len(lines), already_told=len(lines) - queued)
    return Approval(queued, len(lines) - queued)


def entry_of(row: Mapping[str, Any]) -> Entry:
    """The outbox entry for a line of a stored manifest, or for a row of the outbox."""
    at, message = row["fire_at"], row["message"]
    return Entry(
        rule=row["rule"],
        workspace=row["workspace"],
        occurrence=row["occurrence"],
        step=row["step"],
        person=row["person"],
        fire_at=at if isinstance(at, datetime) else datetime.fromisoformat(at),
        state=NoticeState.QUEUED,
        message=message if isinstance(message, NoticeMessage) else NoticeMessage.of(message),
    )


def summary(lines: Iterable[Line]) -> Counter[str]:
    """The number of lines by status."""
    return Counter(line.standing.value for line in lines)

"""What should have been said in a window of the past, compared with what was; sent only when approved.

The window (A, B] is evaluated again from the ledger's history, tick by tick as `watch` ran then, with the rules of today. Each
notice that comes out is laid beside the outbox: told then, would be told now, or not, and why. What was told in the window and does
not come out again (a sweep found it between two ticks, the rule was edited since) is listed as told all the same.

A ledger in which a run spoke of an instant before one that was already observed cannot be replayed for the workspaces that this run
read: their notices are listed as what cannot be known, and are not offered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from vigil.compliance import facts as f
from vigil.compliance.events import stamp
from vigil.compliance.history import replay
from vigil.compliance.notices import NoticeState
from vigil.compliance.routing import Directory, Routed, principals_of, route, undecided
from vigil.compliance.rules import DIGEST, Rule
from vigil.compliance.still_true import CurrentState
from vigil.compliance.tables import Facts
from vigil.compliance.verdicts import DIGESTED, Finding
from vigil.ecm.model import Gap
from vigil.ledger import devices, inputs, manifests, observations, outbox, runs
from vigil.ledger import people as preferences
from vigil.ledger.engine import chunks
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.outbox import Entry
from vigil.service.mailboxes import note_mailboxes
from vigil.service.reaching import Reach
from vigil.service.reasons import in_words, why_untrue
from vigil.service.run import Run
from vigil.service.saying import entries
from vigil.wording import instant

BATCH = 2000


class Standing(StrEnum):
    """What a line of a manifest says."""

    TOLD = "told then"
    NOW = "would be told now"
    AGAIN = "was not delivered then, would be told now"
    LATE = "too late by the rule's `late`"
    CLEARED = "no longer so"
    UNSURE = "cannot be known"
    NOT = "not told then, for the reason given"


SENDS = (Standing.NOW, Standing.AGAIN)
BESIDES = "the rules of today do not find it again"


@dataclass(frozen=True, slots=True)
class Line:
    """One notice of the window for one person."""

    entry: Entry
    standing: Standing
    reason: str = ""
    due: str = ""  # a milestone's date, as the notice was made for it

    @property
    def sends(self) -> bool:
        return self.standing in SENDS

    def plain(self) -> dict[str, Any]:
        """As JSON, for the manifest and its id."""
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
    """What some workspaces are now, beside which the notices of the past are laid."""

    state: CurrentState
    unsure: Mapping[int, datetime]  # workspaces whose past cannot be replayed, from which instant on
    as_of: datetime
    zone: str  # the site's, in which instants are told


async def manifest(run: Run, after: datetime, upto: datetime) -> tuple[str, list[Line]]:
    """Work out what (after, upto] should have said, keep it, and give its id."""
    lines: list[Line] = []
    with run.ledger.read() as connection:
        workspaces = observations.known_workspaces(connection)
        ticks = runs.instants(connection, "watch", upto)
        unsure = observations.out_of_order(connection)
        told = outbox.sent_between(connection, after, upto)
    ticks = sorted({*ticks, upto})
    for some in chunks(workspaces, BATCH):
        lines += await _of_batch(run, some, ticks, after, upto, unsure)
    lines += _told_besides(told, lines)
    lines.sort(key=lambda line: (line.entry.person, line.entry.fire_at, line.entry.key))
    with run.ledger.write() as connection:
        id = manifests.keep(connection, [line.plain() for line in lines], run.clock())
    return id, lines


def _told_besides(told: Iterable[Mapping[str, Any]], lines: Iterable[Line]) -> list[Line]:
    """What was sent in the window and the replay does not find. Digests repeat what has lines of its own."""
    found = {line.entry.key for line in lines}
    besides = (entry_of(row) for row in told if row["rule"] != DIGEST)
    return [Line(e, Standing.TOLD, BESIDES) for e in besides if e.key not in found]


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
    for facts, some in _by_facts(found):
        here = replace(facts, roles={})
        here, directory = await _audience(run, some, here)
        # Whom it concerns cannot be said of all: what could not be looked up is a gap, and nobody else is told in its place.
        unsaid = undecided(some, run.rules, here, directory)
        some = [x for x in some if x.workspace not in unsaid]
        run.gap([Gap("people", why, (workspace,)) for workspace, why in unsaid.items()])
        out += _lines(run, route(some, run.rules, here, directory), here, directory, today)
    return out


def _by_facts(found: Iterable[tuple[Finding, Facts]]) -> Iterator[tuple[Facts, list[Finding]]]:
    """Findings of one tick together: they share its facts."""
    groups: dict[int, tuple[Facts, list[Finding]]] = {}
    for x, facts in found:
        groups.setdefault(id(facts), (facts, []))[1].append(x)
    yield from groups.values()


async def _audience(run: Run, findings: Sequence[Finding], facts: Facts) -> tuple[Facts, Directory]:
    """Whom it concerns today: who has left since is not written to, and who may no longer read it neither."""
    workspaces, principals = principals_of(findings, run.rules, facts)
    if not workspaces and not principals:
        return facts, Directory()
    batch = await run.extractor.audience(sorted(workspaces), sorted(principals))
    run.gap(batch.gaps)
    note_mailboxes(run, batch.facts)
    roles = {x.workspace: x for x in batch.facts if isinstance(x, f.Roles)}
    unread = {w: g.why for g in batch.gaps for w in g.workspaces}
    return replace(facts, roles=roles), Directory.of(batch.facts, batch.unknown, unread)


def _lines(
    run: Run, routed: Sequence[Routed], facts: Facts, directory: Directory, today: Today
) -> list[Line]:
    people = {r.person for r in routed if r.person is not None}
    with run.ledger.read() as connection:
        reach = Reach(devices.of_people(connection, people), preferences.of_people(connection, people))
        rows = entries(run, routed, facts, directory, reach)
        same = {e.key: as_open(e, today.state) for e in rows}
        then = outbox.states(connection, [*rows, *same.values()])
    out = []
    for r, entry in zip(routed, rows, strict=True):
        rule = run.rules.by_name[entry.rule]
        standing, reason = _standing(rule, r, entry, then.get(entry.key), today)
        open_row = then.get(same[entry.key].key)
        if standing in SENDS and open_row is not None and open_row[0] == NoticeState.SENT:
            standing, reason = (
                Standing.TOLD,
                f"as the finding that is open since {same[entry.key].occurrence}",
            )
        due = r.finding.due
        out.append(Line(entry, standing, reason, "" if due is None else due.isoformat()))
    return out


def as_open(entry: Entry, now: CurrentState) -> Entry:
    """The notice under the instant since which its finding is open in truth: a sweep may have seen it before the next tick did."""
    since = now.open_since.get((entry.rule, entry.workspace))
    return entry if since is None else replace(entry, occurrence=stamp(since))


def _standing(
    rule: Rule, routed: Routed, entry: Entry, then: tuple[NoticeState, str] | None, today: Today
) -> tuple[Standing, str]:
    if then is not None and then[0] == NoticeState.SENT:
        return Standing.TOLD, ""
    if then is not None and then[0] != NoticeState.FAILED:
        return Standing.NOT, in_words(then[1]) or then[0]
    if entry.state != NoticeState.QUEUED and entry.reason not in DIGESTED:
        return Standing.NOT, in_words(entry.reason, entry.message.lacks) or entry.state
    if (since := today.unsure.get(entry.workspace)) is not None and entry.fire_at >= since:
        return (
            Standing.UNSURE,
            f"a run spoke of {instant(since, today.zone)} when later was already known of it",
        )
    untrue = today.state.no_longer(rule, as_open(entry, today.state).key[:3])
    if untrue is not None:
        return Standing.CLEARED, why_untrue(untrue, str(routed.finding.due), entry.message)
    if rule.late is not None and today.as_of - entry.fire_at > rule.late.within.timedelta:
        return Standing.LATE, f"{rule.late.policy}, beyond {rule.late.within}"
    return (Standing.AGAIN, in_words(then[1])) if then is not None else (Standing.NOW, "")


@dataclass(frozen=True, slots=True)
class Approval:
    """What an approval did: the notices that it queued, those that had been told since the manifest was shown, and, where the
    manifest had been approved before, when: then nothing was done.
    """

    queued: int = 0
    told_meanwhile: int = 0
    before: datetime | None = None


def approve(run: Run, id: str) -> Approval:
    """Queue exactly the lines of a kept manifest that it said would be told. A second approval queues nothing.

    They are due at once; the worker puts off what finds its person in quiet hours.

    Raises KeyError when there is no such manifest.
    """
    with run.ledger.write() as connection:
        kept = manifests.find(connection, id)
        if kept is None:
            raise KeyError(id)
        if not manifests.approve(connection, id, run.clock()):
            return Approval(before=kept.approved_at)
        lines = [row for row in kept.rows if row["sends"]]
        fresh = [entry_of(row) for row in lines if row["standing"] == Standing.NOW]
        again = {(e := entry_of(row)).key: e.message for row in lines if row["standing"] == Standing.AGAIN}
        queued = outbox.enqueue(connection, fresh, run.as_of, run.id)
        queued += outbox.requeue(connection, again, run.as_of, run.id, messages=again)
    run.tally.route(len(lines), already_told=len(lines) - queued)
    return Approval(queued, len(lines) - queued)


def entry_of(row: Mapping[str, Any]) -> Entry:
    """The notice of a line of a kept manifest, or of a row of the outbox, as one to queue."""
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
    """Lines by standing."""
    return Counter(line.standing.value for line in lines)

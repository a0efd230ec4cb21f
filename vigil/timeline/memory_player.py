"""Plays a timeline in memory: evaluates, routes and composes like a run, over dictionaries instead of a ledger.

This player is twenty times as fast as `LedgerPlayer`: the timelines of two hundred rules take seconds. It repeats what a run does with
its database: watermarks, rule states, the outbox's key, guards, quiet hours, crashes. Such a copy can be wrong where the real run is
right. Therefore a timeline that fails here is played again with a ledger, and that result counts;
`tests/timeline/test_both_players_agree.py` plays the shipped timelines and their mutants with both players. Decision 0011.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from vigil.compliance import facts as f
from vigil.compliance.channels import PUSH, TextFormat
from vigil.compliance.evaluation import escalations
from vigil.compliance.evaluation.evaluate import active
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.evaluation.still_true import CurrentState, Postponed, untrue
from vigil.compliance.evaluation.superseded import SentOccurrences
from vigil.compliance.evaluation.window import Input, Window, with_changes
from vigil.compliance.events import Looked
from vigil.compliance.notices import NoticeKey, NoticeState
from vigil.compliance.notify import guards
from vigil.compliance.notify.guards import GuardWhy
from vigil.compliance.notify.routing import Directory, principals_of
from vigil.compliance.rules.model import RuleSet
from vigil.delivery import quiet_hours
from vigil.delivery.rendering.render import Renderer
from vigil.ecm.model import FactBatch
from vigil.ledger.values import HEARD, LEASE, NONE, Entry, Registered, went_out
from vigil.sandbox.fcm.devices import ShownNotice
from vigil.service import pipeline
from vigil.service.contacts import Contacts
from vigil.service.needs import needs_of, parts_of
from vigil.service.pipeline import Work
from vigil.service.site import Site
from vigil.timeline.memory_observations import MemoryObservations
from vigil.timeline.model import Crash, Timeline, TimelineChange, TimelineStep
from vigil.timeline.results import PUBLIC, EvaluatedRun, OutboxRow, Played, Watcher
from vigil.timeline.state import TimelineState, WorldError

_LONG = 1500
"""The bytes of text above which delivery may shorten a message. A timeline with such a message is played with a ledger."""


class NotInMemory(Exception):
    """The timeline needs the real run: play it with `ledger_player.LedgerPlayer`."""


class _Dead(Exception):
    """The run was killed."""


@dataclass(slots=True)
class _Notice:
    """A row of the outbox."""

    entry: Entry
    run: int
    queued_at: datetime
    state: NoticeState
    reason: str
    due_at: datetime | None
    expires_at: datetime | None
    acknowledged: bool = False
    told_at: datetime | None = None

    def queue(self, run: int, at: datetime) -> None:
        """Release the notice from its guard: now, at the end of quiet hours, or for the digest for which it was meant."""
        self.run, self.state, self.reason, self.queued_at = run, NoticeState.QUEUED, "", at
        self.due_at = max(at, self.due_at or at)
        if waits := self.entry.message.digest:
            self.state, self.reason, self.due_at = NoticeState.SUPPRESSED, waits, None

    def row(self) -> OutboxRow:
        e = self.entry
        return {
            "rule": e.rule,
            "workspace": e.workspace,
            "occurrence": e.occurrence,
            "step": e.step,
            "person": e.person,
            "state": self.state,
            "reason": self.reason,
            "message": e.message,
        }


@dataclass(frozen=True, slots=True)
class _Position:
    """The watermark of the last run that was not killed."""

    seq: int
    at: datetime
    looked: Looked


@dataclass
class _Run:
    """The context in which a run composes its notices (`compose.ComposeContext`), and the number of the run."""

    id: int
    as_of: datetime
    rules: RuleSet
    site: Site
    renderer: Renderer
    channels: Collection[str] = (PUSH,)
    formats: Mapping[TextFormat, Renderer] = field(default_factory=dict)  # empty: pushes are plain text
    gaps: frozenset[int] | None = None  # workspaces that could not be read completely; None: all could
    unread_processes: frozenset[int] = frozenset()
    fresh: frozenset[str] = field(default=frozenset())


class MemoryPlayer:
    """One timeline played in memory."""

    def __init__(
        self, renderer: Renderer, timeline: Timeline, rules: RuleSet, watcher: Watcher | None = None
    ) -> None:
        self.timeline = timeline
        self.rules = rules
        self._renderer = renderer
        self._watcher = watcher
        self._site = Site(PUBLIC, timeline.zone, Path("rules"), Path("templates"))
        self._world = TimelineState(timeline)
        self._required = self._world.required()
        self._needs = needs_of(rules)
        self._memory = MemoryObservations()
        self._rule_states: dict[tuple[str, int], RuleState] = {}
        self._notices: dict[NoticeKey, _Notice] = {}
        self._evaluated: _Position | None = None
        self._arrived: dict[str, dict[str, list[ShownNotice]]] = {}
        self._runs = 0
        self._contacts = Contacts(_registered(timeline))

    def play(self, moment: TimelineStep) -> Played:
        """See `results.Player`. Raises WorldError, and NotInMemory."""
        self._world.move(moment.at, [c for c in moment.changes if c.kind != "acknowledged"])
        for change in moment.changes:
            if change.kind == "acknowledged":
                self._acknowledge(change)
        before, now = self._runs, moment.at
        try:
            self._watch(now, moment.crash)
        except _Dead:
            now = moment.at + LEASE
            self._watch(now, None)
        arrived, self._arrived = self._arrived, {}
        came = {key for some in arrived.values() for key in some}
        rows = [n.row() for n in self._notices.values() if n.run > before or n.entry.message.key in came]
        return Played(moment, now, rows, arrived)

    def why_not(self, rule: str, workspace: int | None, now: datetime) -> tuple[str, ...]:
        return ()  # a failed timeline is played again by the real run, which explains it

    def _acknowledge(self, change: TimelineChange) -> None:
        person, rule = str(change.data["by"]), str(change.data["rule"])
        seen = [
            n
            for k, n in self._notices.items()
            if (k[0], k[4]) == (rule, person) and n.state == NoticeState.SENT
        ]
        if not seen:
            raise WorldError(change, f"{person} has no notice of {rule}")
        for notice in seen:
            notice.acknowledged = True

    # -- a run -----------------------------------------------------------------------------------------

    def _watch(self, at: datetime, crash: Crash | None) -> None:
        self._runs += 1
        run = _Run(self._runs, at, self.rules, self._site, self._renderer)
        batch = self._world.read(self._needs)
        if batch.gaps:
            run.gaps = frozenset(w for g in batch.gaps for w in g.workspaces)
            run.unread_processes = frozenset(batch.unread)
        self._take_in(batch, at)
        last_seq = self._memory.last
        window, after, looked = self._window(run)
        due = self._escalations(window)
        todo = self._todo(at, after, last_seq) | {d.said.workspace for d in due}
        if todo:
            self._evaluate(run, sorted(todo), window, (after, last_seq), looked, due, crash)
        if crash == "after queue":
            raise _Dead
        self._decide(run)
        self._evaluated = _Position(last_seq, at, self._looked(run, looked))
        self._deliver(at, crash)

    def _take_in(self, batch: FactBatch, at: datetime) -> None:
        """As `extraction.record`: a document that its workspace no longer lists is deleted."""
        gone = [(g.kind, g.key) for g in batch.gone]
        unread = {w for g in batch.gaps for w in g.workspaces}
        read = {x.id for x in batch.facts if isinstance(x, f.Workspace) and x.id not in unread}
        if self._needs.documents and read:
            listed = {x.id for x in batch.facts if isinstance(x, f.Document)}
            known = self._memory.current(read, "document")
            gone += [
                ("document", str(d.id)) for d in known if isinstance(d, f.Document) and d.id not in listed
            ]
        self._memory.record(batch.facts, at, gone)

    def _looked(self, run: _Run, before: Looked) -> Looked:
        """What this run and earlier ones had read, as `evaluation._watermark` stores it."""
        gaps, processes = run.gaps or frozenset(), run.unread_processes
        if self._evaluated is not None:
            gaps, processes = gaps & before.unread, processes & before.unread_processes
        parts = {"workspaces", *parts_of(self._needs)}
        complete = run.as_of if run.gaps is None else before.complete
        return Looked(complete, parts=parts, unread=gaps, unread_processes=processes)

    def _window(self, run: _Run) -> tuple[Window, int, Looked]:
        """The window of a run, the observation after which it evaluates, and how far earlier runs had read."""
        position = self._evaluated
        if position is None:
            run.fresh = frozenset(r.name for r in active(self.rules))
            return Window(run.as_of, run.as_of), 0, Looked(run.as_of)
        return Window(position.at, run.as_of), position.seq, position.looked

    def _todo(self, at: datetime, after: int, last_seq: int) -> set[int]:
        if self._evaluated is None:
            return self._memory.known()
        due = {w for (_, w), s in self._rule_states.items() if s.next_check_at and s.next_check_at <= at}
        changed = self._memory.changed(after, last_seq)
        return changed | self._memory.looking_at(changed) | due

    def _evaluate(
        self,
        run: _Run,
        workspaces: Sequence[int],
        window: Window,
        between: tuple[int, int],
        looked: Looked,
        due: tuple[escalations.Due, ...],
        crash: Crash | None,
    ) -> None:
        work = Work(self._given(workspaces, between, looked, window), window, due, run.fresh)
        work = pipeline.through(pipeline.EVALUATE, run, self, work)
        if crash == "before queue":
            raise _Dead
        work = self._look_up(work, run.as_of)
        work = pipeline.through(pipeline.ADDRESS + pipeline.GUARD, run, self, work)
        self._queue(run, work.rows)
        for pair in work.result.evaluated:
            self._rule_states.pop(pair, None)
        self._rule_states |= {(s.rule, s.workspace): s for s in work.result.rule_states}
        if self._watcher is not None:
            self._watcher(EvaluatedRun(self.rules, run.as_of, work))

    def _given(
        self, workspaces: Sequence[int], between: tuple[int, int], looked: Looked, window: Window
    ) -> Input:
        mine = set(workspaces)
        # The first evaluation has nothing to compare with: existing data is no transition.
        changes = () if self._evaluated is None else self._memory.changes(mine, *between)
        return with_changes(self._current(mine), changes, looked, window)

    def _current(self, workspaces: set[int]) -> Input:
        """As `observed.inputs.current`."""
        there = sorted(self._rule_states.items(), key=_by_workspace)
        return Input(
            facts=self._memory.facts(workspaces),
            rule_states=[s for _, s in there if s.workspace in workspaces],
            required=self._required,
            zone=self.timeline.zone,
        )

    def _look_up(self, work: Work, at: datetime) -> Work:
        workspaces, principals = principals_of(work.findings, self.rules, work.facts)
        if not workspaces and not principals:
            return work
        found = self._world.audience(workspaces, principals)
        self._memory.record(found.facts, at)
        roles = {x.workspace: x for x in found.facts if isinstance(x, f.Roles)}
        facts = replace(work.facts, roles={**work.facts.roles, **roles})
        return replace(work, given=replace(work.given, facts=facts), directory=Directory.of(found.facts))

    # -- the queries of the stages: `pipeline.Records` ---------------------------------------------------

    def occurrences(self, asked: Mapping[str, Collection[int]]) -> dict[str, SentOccurrences]:
        """As `ledger.outbox.sent_history.occurrences`."""
        out: dict[str, dict[tuple[int, str], set[str]]] = {rule: {} for rule in asked}
        for (rule, workspace, occurrence, step, _), n in self._notices.items():
            if workspace in asked.get(rule, ()) and went_out(n.state, n.reason):
                out[rule].setdefault((workspace, step), set()).add(occurrence)
        return dict(out)

    def unread(self, workspaces: Collection[int]) -> Mapping[int, str]:
        return {}  # no later run of a timeline reads again what this one could not read

    def contacts(self, people: Collection[str]) -> Contacts:
        return self._contacts

    def _escalations(self, window: Window) -> tuple[escalations.Due, ...]:
        mine = escalations.escalating(self.rules)
        if not mine:
            return ()
        since, names = escalations.horizon(mine, window), {r.name for r in mine}
        rows = (
            escalations.EscalationRow(
                *k[:4], n.entry.fire_at, n.queued_at, n.told_at, n.state in HEARD, n.acknowledged
            )
            for k, n in self._notices.items()
            if k[0] in names and (n.told_at or n.queued_at) >= since
        )
        return escalations.due(self.rules, escalations.escalatable(rows), window, self.timeline.zone)

    # -- the outbox ------------------------------------------------------------------------------------

    def _queue(self, run: _Run, rows: Iterable[Entry]) -> None:
        """Add the rows with unused keys; of several rows with one key, the last one counts."""
        for e in {e.key: e for e in rows if e.key not in self._notices}.values():
            words = orjson.dumps([e.message.title, e.message.body, e.message.link])
            if len(words) > _LONG:
                raise NotInMemory
            due = e.due_at or (run.as_of if e.state == NoticeState.QUEUED else None)
            ttl, begins = e.message.ttl, max(e.fire_at, e.due_at or run.as_of)
            expires = None if ttl is None else begins + timedelta(seconds=ttl)
            self._notices[e.key] = _Notice(e, run.id, run.as_of, e.state, e.reason, due, expires)

    def _decide(self, run: _Run) -> None:
        """As `service.guards.decide`, including the rows that killed runs left undecided."""
        for rule in active(self.rules):
            waiting = [
                n
                for n in self._notices.values()
                if n.entry.rule == rule.name and n.reason == GuardWhy.UNDECIDED.value
            ]
            if rule.guard is None or not waiting:
                continue
            of_type = self._memory.current(self._memory.known(), "workspace")
            known = [
                w for w in of_type if isinstance(w, f.Workspace) and w.type == rule.subject.workspace_type
            ]
            seen = guards.NoticeCount.of([n.entry.key for n in waiting], len(known), rule.name in run.fresh)
            stopped = guards.tripped(rule.guard, seen)
            for n in waiting:
                n.run = run.id
                if stopped:
                    n.reason = GuardWhy.HELD.value
                else:
                    n.queue(run.id, run.as_of)

    def _deliver(self, now: datetime, crash: Crash | None) -> None:
        """Deliver every due notice, as the worker does. After a crash the next run sends the same notices again."""
        self._explain_untrue(now)
        due = [n for n in self._due(now) if not self._put_off(n, now)]
        alive = [n for n in due if n.expires_at is None or n.expires_at > now]
        if crash == "before accept" and alive:
            raise _Dead
        for n in alive:
            self._show(n, now)
        if crash == "after accept" and alive:
            raise _Dead
        for n in due:
            n.state, n.reason = (NoticeState.SENT, "") if n in alive else (NoticeState.FAILED, "expired")
            n.told_at = now if n in alive else None

    def _explain_untrue(self, now: datetime) -> None:
        """As `service.recheck.explain`."""
        due = self._due(now)
        held = [Postponed(n, *d.entry.key[:3], d.entry.person, _held(d)) for n, d in enumerate(due)]
        if not any(p.held for p in held):
            return
        mine = {p.workspace for p in held}
        users = self._memory.users()
        deleted = {u.login for u in users if u.deleted}
        for number, why in untrue(held, self.rules, CurrentState(self._current(mine), now), deleted):
            due[number].state, due[number].reason = NoticeState.SUPPRESSED, why.value

    def _due(self, now: datetime) -> list[_Notice]:
        return [
            n
            for n in self._notices.values()
            if n.state == NoticeState.QUEUED and n.due_at and n.due_at <= now
        ]

    def _put_off(self, notice: _Notice, now: datetime) -> bool:
        """Whether quiet hours delay the notice; then move it to their end. The delay does not use up its time to live."""
        if notice.expires_at is not None and notice.expires_at <= now:
            return False
        at = quiet_hours.in_message(notice.entry.message, NONE, now, self.timeline.zone)
        if at > now:
            notice.due_at = at
            notice.expires_at = notice.expires_at and notice.expires_at + (at - now)
        return at > now

    def _show(self, notice: _Notice, now: datetime) -> None:
        """Show the message on the person's devices. A repeated message has the same key and replaces itself."""
        message, person = notice.entry.message, notice.entry.person
        shown = ShownNotice(
            message.title, message.body, message.link, message.key, {"event_id": message.key}, now, ""
        )
        self._arrived.setdefault(person, {})[message.key] = [shown] * len(self._contacts.registered[person])


def _registered(timeline: Timeline) -> dict[str, list[Registered]]:
    return {
        p.login: [
            Registered(n, p.login, d.token, "token", d.platform, p.language, p.zone)
            for n, d in enumerate(p.devices)
        ]
        for p in timeline.players.values()
    }


def _by_workspace(item: tuple[tuple[str, int], RuleState]) -> tuple[int, str]:
    (rule, workspace), _ = item
    return workspace, rule


def _held(notice: _Notice) -> bool:
    return notice.due_at is not None and notice.due_at > notice.queued_at

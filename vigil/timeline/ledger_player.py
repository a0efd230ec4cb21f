"""Plays a timeline with the real run, step by step, over the timeline's facts and a real ledger, without HTTP and Prefect.

The player calls the functions of `vigil.service` that `flows.support.tasks` calls in tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from vigil.compliance import facts as f
from vigil.compliance.notices import NoticeState
from vigil.compliance.notify.routing import principals_of
from vigil.compliance.rules.model import RuleSet
from vigil.delivery.rendering.render import Renderer
from vigil.ledger import Ledger
from vigil.ledger.observed import observations
from vigil.ledger.outbox import acknowledgements, queue
from vigil.ledger.people import devices
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.values import LEASE
from vigil.service import accounting, delivery, evaluation, extraction
from vigil.service.plan import Plan
from vigil.service.run import Run
from vigil.service.site import Site
from vigil.service.why import about_workspace
from vigil.timeline.fake_devices import FakeDevices, Killed
from vigil.timeline.model import Crash, Timeline, TimelineChange, TimelineStep
from vigil.timeline.results import PUBLIC, EvaluatedRun, Played, Watcher
from vigil.timeline.state import TimelineState, WorldError


class LedgerPlayer:
    """One timeline in progress."""

    def __init__(
        self,
        ledger: Ledger,
        renderer: Renderer,
        loop: asyncio.Runner,
        timeline: Timeline,
        rules: RuleSet,
        watcher: Watcher | None = None,
    ) -> None:
        self.timeline = timeline
        self.rules = rules
        self.ledger = ledger
        self.world = TimelineState(timeline)
        first = timeline.moments[0].at
        self.phones = FakeDevices(list(timeline.players.values()), first)
        self.site = Site(PUBLIC, timeline.zone, Path("rules"), Path("templates"))
        self._renderer = renderer
        self._loop = loop
        self._watcher = watcher
        with ledger.write() as connection:
            devices.register(connection, self._devices(), first)
            observations.record(connection, self.world.required(), first)

    def _devices(self) -> Iterator[NewDevice]:
        for p in self.timeline.players.values():
            for d in p.devices:
                yield NewDevice(p.login, d.token, d.platform, language=p.language, zone=p.zone)

    def play(self, moment: TimelineStep) -> Played:
        """Move the clock, apply the changes, and run; after a crash a second run follows when the first one's lease has expired."""
        self.world.move(moment.at, [c for c in moment.changes if c.kind != "acknowledged"])
        for change in moment.changes:
            if change.kind == "acknowledged":
                self._acknowledge(change)
        try:
            run = self._watch(moment.at, moment.crash)
            return self._played(moment, (run.id,), moment.at)
        except _Dead as dead:
            run = self._watch(moment.at + LEASE, None)
            return self._played(moment, (dead.run, run.id), moment.at + LEASE)

    def _played(self, moment: TimelineStep, runs: Sequence[int], now: datetime) -> Played:
        arrived = self.phones.arrived()
        came = {key for some in arrived.values() for key in some}
        with self.ledger.read() as connection:
            rows = [r for run in runs for r in queue.rows(connection, run=run)]
            late = came - {r["message"].key for r in rows}
            rows += [r for r in queue.rows(connection) if r["message"].key in late] if late else []
        return Played(moment, now, rows, arrived)

    def why_not(self, rule: str, workspace: int | None, now: datetime) -> tuple[str, ...]:
        """See `results.Player`."""
        out = []
        type_ = self.rules.by_name[rule].subject.workspace_type
        for place in self.timeline.places.values():
            if place.type != type_ or workspace not in (None, place.id):
                continue
            answer = about_workspace(self.ledger, self.rules, place.id, self.timeline.zone, now)
            for s in answer.rule_states:
                if s.rule == rule:
                    out.append(f"{place.name}: {s.verdict}" + "".join(f"; {w}" for w in s.why))
        return tuple(out)

    def _acknowledge(self, change: TimelineChange) -> None:
        """Acknowledge every notice of the rule that was sent so far, as a person does in the app."""
        person, rule = str(change.data["by"]), str(change.data["rule"])
        with self.ledger.write() as connection:
            seen = [
                r["id"]
                for r in queue.rows(connection, person=person, rule=rule)
                if r["state"] == NoticeState.SENT
            ]
            if not seen:
                raise WorldError(change, f"{person} has no notice of {rule}")
            for notice in seen:
                acknowledgements.acknowledge(connection, notice, person, change.at, "app")

    def _watch(self, at: datetime, crash: Crash | None) -> Run:
        self.phones.now = at
        self.phones.dies = crash
        run = Run(
            "watch",
            at,
            self.ledger,
            self.site,
            self.rules,
            self._renderer,
            clock=lambda: at,
            real=lambda _: at,
        )
        batch = self.world.read(run.needs)
        if batch.facts or batch.gone or batch.gaps:
            extraction.record(run, batch, {x.id: x.type for x in batch.facts if isinstance(x, f.Workspace)})
        plan = evaluation.plan(run)
        first: set[str] = set()
        for some in plan.batches:
            first |= self._evaluate(run, plan.of(some), some, crash)
        if crash == "after queue":
            raise _Dead(run.id)
        evaluation.finish(run, plan, first)
        if delivery.anything_due(run):
            self._loop.run(self._deliver(run))
        accounting.account(run)
        return run

    def _evaluate(self, run: Run, plan: Plan, some: tuple[int, ...], crash: Crash | None) -> set[str]:
        work = evaluation.evaluated(run, evaluation.load(run, plan, some))
        if crash == "before queue":
            raise _Dead(run.id)
        workspaces, principals = principals_of(work.findings, run.rules, work.facts)
        if workspaces or principals:
            work = evaluation.with_people(run, work, self.world.audience(workspaces, principals))
        work = evaluation.addressed(run, work)
        first = evaluation.commit(run, plan, work)
        if self._watcher is not None:
            self._watcher(EvaluatedRun(run.rules, run.as_of, work))
        return first

    async def _deliver(self, run: Run) -> None:
        async with run.sending(self.phones):
            worker = delivery.worker(run)
            while delivery.anything_due(run):
                try:
                    done = await delivery.deliver_batch(run, worker)
                except Killed:
                    raise _Dead(run.id) from None
                if not done.any:
                    return


class _Dead(Exception):
    """A killed run, by its number."""

    def __init__(self, run: int) -> None:
        self.run = run
        super().__init__(run)

"""Evaluates what changed and what is due, and queues the notices.

One batch of workspaces is one transaction: its rule states and its notices are committed together or not at all. The watermark moves
when every batch is committed. If the run is killed before, the next run evaluates the same window again, and the outbox's key prevents
duplicates.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from vigil.compliance import facts as f
from vigil.compliance.evaluation import escalations
from vigil.compliance.evaluation.evaluate import active
from vigil.compliance.evaluation.window import Window, with_changes
from vigil.compliance.events import Looked, unseen
from vigil.compliance.notify.routing import Directory, principals_of
from vigil.compliance.rules.in_force import Revision
from vigil.compliance.rules.model import Rule
from vigil.compliance.rules.normalised_text import hash_of, written
from vigil.ecm.model import FactBatch, Gap
from vigil.errors import VigilError
from vigil.ledger import watermarks
from vigil.ledger.observed import (
    behind,
    inputs,
    observations,
    relations,
    rule_state,
    rule_versions,
    runs,
    scan_cursors,
)
from vigil.ledger.observed.behind import Behind, Marks
from vigil.ledger.outbox import escalatable, queue
from vigil.ledger.watermarks import Evaluated, Watermark, WatermarkName
from vigil.service import clocks, guards, missing_roles, pipeline
from vigil.service.extraction import Extracted
from vigil.service.mailboxes import note_mailboxes
from vigil.service.needs import parts_of, types_of
from vigil.service.pipeline import Work
from vigil.service.plan import Plan, window_from
from vigil.service.records import LedgerRecords
from vigil.service.run import Number, Run

BATCH = 2000
"""Workspaces in one evaluation: bounds memory, and is enough for columnar evaluation to pay."""

MOST_ODD = 50
"""If this many workspaces in a row cannot be evaluated, and none could be, the fault is not in their data."""

log = logging.getLogger("vigil.evaluation")


def text_of(rule: Rule) -> str:
    """A hash of a rule's text: if it changes, every workspace must be evaluated again."""
    text = rule.model_dump_json(by_alias=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def plan(run: Run) -> Plan:
    """The workspaces to evaluate: changed ones, due ones, and all of them for a new or edited rule."""
    rules = active(run.rules)
    with run.ledger.read() as connection:
        mark = watermarks.watermark(connection, WatermarkName.EVALUATED)
        states = rule_state.evaluated_rules(connection)
        last_seq = observations.last_seq(connection)
        returned = _returned(rule_versions.in_force(connection), rules, mark)
        edited = any(r.name not in states or states[r.name][1] != text_of(r) for r in rules)
        if edited or returned:
            todo = set(observations.known_workspaces(connection))
        else:
            todo = observations.changed_workspaces(connection, mark.seq, last_seq)
            if run.needs.related:
                todo |= relations.looking_at(connection, todo)
            todo |= rule_state.due_workspaces(connection, run.as_of, {r.name for r in rules})
        owed = behind.every(connection)
        since = scan_cursors.looked_through(connection)
    # If the clock was set back, this window is empty and the next one begins at `as_of`. The outbox has the notices that it repeats.
    after = min(mark.at or run.as_of, run.as_of)
    starts = {r.name: min(states[r.name][0], after) if r.name in states else run.as_of for r in rules}
    window = window_from(after, run.as_of, starts)
    due = _escalations(run, window, owed)
    before = Evaluated.of(mark.data)
    return Plan(
        batches=tuple(_batches(todo | {d.said.workspace for d in due}, owed)),
        window=window,
        looked=_looked(run, mark.at or run.as_of, before, since),
        types=before.types,
        after_seq=mark.seq,
        until_seq=last_seq,
        first=mark.at is None,
        fresh=frozenset(r.name for r in rules if r.name not in states) | before.fresh,
        returned=returned,
        escalations=due,
        behind=owed,
        starts=starts,
    )


def _batches(todo: Collection[int], owed: Mapping[int, Behind]) -> Iterator[tuple[int, ...]]:
    """The workspaces in batches; those that are behind are grouped by the watermarks from which they are evaluated."""
    groups: dict[Marks | None, list[int]] = {}
    for workspace in sorted({*todo, *owed}):
        marks = owed[workspace].marks if workspace in owed else None
        groups.setdefault(marks, []).append(workspace)
    for some in groups.values():
        yield from (tuple(some[i : i + BATCH]) for i in range(0, len(some), BATCH))


def _looked(run: Run, at: datetime, before: Evaluated, since: Mapping[str, datetime]) -> Looked:
    """How far earlier runs had read. If the ledger does not say, dates decide for one run."""
    return Looked(
        complete=min(before.complete or at, run.as_of),
        since=since,
        lag=clocks.lag(before, run),
        parts=before.parts,
        unread=before.unread,
        unread_processes=before.unread_processes,
    )


def _returned(known: Sequence[Revision], rules: Sequence[Rule], mark: Watermark) -> tuple[Revision, ...]:
    """The rules that were left out for a while: others were evaluated later than they were."""
    names = {r.name for r in rules}
    return tuple(k for k in known if k.rule in names and mark.at is not None and k.last_at < mark.at)


def _escalations(run: Run, window: Window, owed: Mapping[int, Behind]) -> tuple[escalations.Due, ...]:
    """The notices that were not acknowledged in time. For workspaces that are behind, that time may be before the window."""
    mine = escalations.escalating(run.rules)
    if not mine:
        return ()
    earliest = min((b.marks.after for b in owed.values() if b.marks.after is not None), default=window.after)
    reaching = replace(window, after=min(window.after, earliest))
    with run.ledger.read() as connection:
        said = escalatable.notices(connection, [r.name for r in mine], escalations.horizon(mine, reaching))
    late = [s for s in said if s.workspace in owed]
    others = [s for s in said if s.workspace not in owed]
    return (
        *escalations.due(run.rules, others, window, run.site.zone),
        *(escalations.due(run.rules, late, reaching, run.site.zone) if late else ()),
    )


async def process_batch(run: Run, plan: Plan, n: int) -> set[str]:
    """Process the `n`-th batch of a plan, from 1: load, evaluate, look up its people, and commit.

    Returns the rules with first findings, which `finish` needs: see `commit`.
    """
    workspaces = plan.batches[n - 1]
    return await _evaluated(run, plan.of(workspaces), workspaces)


async def _evaluated(run: Run, plan: Plan, workspaces: Sequence[int]) -> set[str]:
    """Process some workspaces. If one cannot be evaluated, only that one is left out."""
    try:
        work = evaluated(run, load(run, plan, workspaces))
        work = addressed(run, await looked_up(run, work))
        first = commit(run, plan, work)
        run.counters.evaluated += 1
        return first
    except VigilError:
        raise
    except Exception as error:
        if run.counters.odd >= MOST_ODD and not run.counters.evaluated:
            raise
        if len(workspaces) > 1:
            half = len(workspaces) // 2
            first = await _evaluated(run, plan, workspaces[:half])
            return first | await _evaluated(run, plan, workspaces[half:])
        _odd(run, plan, workspaces[0], error)
        return set()


def _odd(run: Run, plan: Plan, workspace: int, error: Exception) -> None:
    """Record a workspace that cannot be evaluated: it is named, and stays behind until it can."""
    # The error may quote a value that must not be told.
    why = f"what it holds cannot be evaluated ({type(error).__name__})"
    log.warning("run %d: workspace %d: %s", run.id, workspace, why)
    log.debug("run %d: workspace %d", run.id, workspace, exc_info=error)
    run.counters.odd += 1
    _hold(run, plan, {workspace: why})


def _hold(run: Run, plan: Plan, why: Mapping[int, str]) -> None:
    """Leave some workspaces to the next run, which evaluates them from the same watermarks."""
    with run.ledger.write() as connection:
        known = observations.current(connection, sorted(why), ("workspace",))
        types = {w.id: w.type for w in known if isinstance(w, f.Workspace)}
        behind.hold(connection, why, types, plan.marks, run.as_of)


def load(run: Run, plan: Plan, workspaces: Sequence[int]) -> Work:
    """One batch: the facts, changes and rule states of its workspaces."""
    with run.ledger.read() as connection:
        given = inputs.current(connection, workspaces, run.site.zone, run.site.sensitive)
        changes = (
            []
            if plan.first
            else observations.all_changes(connection, workspaces, plan.after_seq, plan.until_seq)
        )
    unlisted = {w.id for w in given.facts.workspaces.values() if w.type not in plan.types}
    looked = replace(plan.looked, unread=plan.looked.unread | unlisted)
    given = with_changes(given, changes, looked, plan.window)
    run.counters.unseen |= unseen(changes, looked)
    run.counters.old |= given.too_old
    return Work(
        given=given,
        window=plan.window,
        escalations=plan.escalations,
        fresh=plan.fresh,
        taken_up=bool(plan.taken_up),
    )


def evaluated(run: Run, work: Work) -> Work:
    """A batch with its findings, counted."""
    work = pipeline.through(pipeline.EVALUATE, run, LedgerRecords(run.ledger), work)
    run.counters.numbers[Number.EVALUATED] += len(work.result.evaluated)
    run.counters.numbers[Number.FINDINGS] += len(work.findings)
    run.counters.numbers[Number.NOT_EVALUATED] += work.result.counts.get("not_evaluated", 0)
    return work


async def looked_up(run: Run, work: Work) -> Work:
    """A batch with the people behind its findings, as they stand now: only what is needed is read."""
    workspaces, principals = principals_of(work.findings, run.rules, work.facts)
    if not workspaces and not principals:
        return work
    return with_people(run, work, await run.extractor.audience(sorted(workspaces), sorted(principals)))


def with_people(run: Run, work: Work, batch: FactBatch) -> Work:
    """A batch with people that were looked up: they are recorded, and stand beside the facts that the findings were made of."""
    batch = missing_roles.doubted(run, batch)
    run.gap(batch.gaps, people=True)
    if run.records:
        with run.ledger.write() as connection:
            gone = [(g.kind, g.key) for g in batch.gone]
            observations.record(connection, batch.facts, run.as_of, run.id, gone)
    note_mailboxes(run, batch.facts)
    roles = {x.workspace: x for x in batch.facts if isinstance(x, f.Roles)}
    facts = replace(work.facts, roles={**work.facts.roles, **roles})
    unread = {w: g.why for g in batch.gaps for w in g.workspaces}
    unread |= {int(g.key): "the workspace is gone" for g in batch.gone}
    directory = Directory.of(batch.facts, batch.unknown, unread)
    return replace(work, given=replace(work.given, facts=facts), directory=directory)


def addressed(run: Run, work: Work) -> Work:
    """A batch with its rows for the outbox. Those of guarded rules wait for `guards.decide`."""
    return pipeline.through(pipeline.ADDRESS + pipeline.GUARD, run, LedgerRecords(run.ledger), work)


def commit(run: Run, plan: Plan, work: Work) -> set[str]:
    """Store the rule states and queue the rows, in one transaction. What the batch left stays behind, for the next run.

    Returns the rules that notify somebody of workspaces for which they were never evaluated before: a guard may cover their first run.
    """
    if work.left:
        _hold(run, plan, work.left)
    with run.ledger.write() as connection:
        taken = queue.states(connection, work.rows)
        untold = {e.key: e for e in work.rows if e.key not in taken}
        # Only the insert knows: another run may have queued some of them since.
        queued = queue.enqueue(connection, list(untold.values()), run.as_of, run.id)
        rule_state.keep_rule_states(connection, work.result.rule_states, work.result.evaluated, run.as_of)
        done = work.facts.workspaces.keys() - work.left.keys()
        behind.evaluated(connection, {w: at for w, at in plan.taken_up.items() if w in done})
    run.counters.route(len(work.rows), already_told=len(work.rows) - queued)
    return pipeline.first_findings(work)


def finish(run: Run, plan: Plan, first: AbstractSet[str], read: Extracted = Extracted()) -> None:
    """Everything up to `as_of` is evaluated: guards decide on the whole run, and the next window begins here.

    `first` are the rules with first findings, as `process_batch` or `commit` returned them for each batch.
    Unread items may contain earlier events: the instant up to which everything was read stays. The evaluated texts of rules are
    stored; for a refused rule it is the text in force, or the last one before the rule was left out.
    """
    rules = active(run.rules)
    clocks.warn(run)
    guards.decide(run, plan.fresh | first)
    _name_behind(run)
    mark = Watermark(plan.until_seq, run.as_of, _watermark(run, plan, read).plain())
    with run.ledger.write() as connection:
        behind.begin(connection, plan.window.after, plan.looked.complete, plan.fresh)
        runs.cover(connection, run.id, plan.window.after, plan.window.as_of)
        watermarks.set_watermark(connection, WatermarkName.EVALUATED, mark)
        rule_state.keep_evaluated_rules(connection, {r.name: text_of(r) for r in rules}, run.as_of)
        going = {r.rule: r.hash for refusal in run.refused for r in refusal.goes_on}
        hashes = {r.name: going.get(r.name) or hash_of(r) for r in rules}
        added = rule_versions.use(connection, hashes, run.left_out.keys(), run.as_of)
        rule_versions.add(connection, [_revision(r, run.as_of) for r in rules if r.name in added])


def stopped(run: Run) -> None:
    """Report once that Extended ECM was given up, and how many workspaces were not read because of that."""
    if not run.counters.stopped:
        return
    lacking = max(len(run.counters.unasked), run.counters.wanted - run.counters.reached)
    of = f" of {run.counters.wanted:,}" if run.counters.wanted > lacking else ""
    unasked = f"; {lacking:,}{of} workspaces were not asked" if lacking else ""
    log.error("run %d: stopped reading: Extended ECM does not answer%s", run.id, unasked)
    last = f" ({run.counters.gaps[0].error})" if run.counters.gaps else ""
    run.counters.gaps.insert(
        0, Gap("Extended ECM", f"reading was stopped, it does not answer{last}{unasked}")
    )


def _name_behind(run: Run) -> None:
    """List every workspace that is behind in the account, also if this run did not read it."""
    stopped(run)
    named = {w for g in run.counters.gaps for w in g.workspaces} | run.counters.unasked | run.counters.untold
    with run.ledger.write() as connection:
        left = behind.every(connection)
        there = {
            w.id
            for w in observations.current(connection, sorted(left), ("workspace",))
            if isinstance(w, f.Workspace)
        }
        # Of what is gone there is nothing left to evaluate.
        behind.evaluated(connection, {w: b.tried_at for w, b in left.items() if w not in there})
        run.counters.behind = {w: b.why for w, b in behind.every(connection).items()}
    why: dict[str, list[int]] = {}
    for workspace, said in run.counters.behind.items():
        if workspace not in named:
            why.setdefault(said, []).append(workspace)
    for said, some in why.items():
        path, _, error = said.partition(": ")
        run.gap([Gap(path, error, tuple(some))])


def _watermark(run: Run, plan: Plan, read: Extracted) -> Evaluated:
    """The data of this run for the next: up to when, and for which parts, everything was read, and the clock differences.

    Items that never could be read are named: when they are read, they may have existed all along.
    """
    complete = run.as_of if run.counters.whole else plan.looked.complete
    with run.ledger.read() as connection:
        earlier = watermarks.evaluated(connection)
    before, gaps = plan.looked, {w for g in run.counters.gaps for w in g.workspaces} | run.counters.unasked
    parts = {"workspaces", *parts_of(run.needs)}
    if read.unfound:
        parts -= {"steps"} - set(before.parts)
    types = set(types_of(run.rules)) - (read.unlisted - plan.types)
    whole = parts <= set(before.parts) and types <= plan.types
    # Of a type whose list could not be read its rules have not seen everything: for their guards the next run is the first one, too.
    return Evaluated(
        complete=complete,
        fresh=frozenset(
            r.name
            for r in active(run.rules)
            if r.name in plan.fresh and r.subject.workspace_type in read.unlisted
        ),
        parts=frozenset(parts),
        types=frozenset(types),
        unread=frozenset(gaps & before.unread if whole else gaps),
        unread_processes=read.unread_processes & before.unread_processes if whole else read.unread_processes,
        **clocks.remembered(earlier, run),
    )


def _revision(rule: Rule, at: datetime) -> Revision:
    """The text of a rule that is evaluated in this form for the first time."""
    return Revision(rule.name, hash_of(rule), written(rule), rule.origin.file if rule.origin else "", at, at)

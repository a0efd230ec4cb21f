"""Evaluating what changed and what is due, and queueing what must be said.

One batch of workspaces is one transaction: its standings and its notices are in the ledger together or not at all. The
position moves when every batch is in. Killed between, the next run evaluates the same window again, and the outbox's key
keeps what was queued from being queued twice.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from vigil.compliance import endings, escalations, superseded
from vigil.compliance import facts as f
from vigil.compliance.evaluate import active, evaluate
from vigil.compliance.events import Looked, made_since, news, overdue_unseen, unseen
from vigil.compliance.in_force import Revision
from vigil.compliance.routing import Directory, Routed, principals_of, route, undecided
from vigil.compliance.rules import Rule
from vigil.compliance.tables import Facts
from vigil.compliance.texts import hash_of, written
from vigil.compliance.verdicts import DIGESTED, Evaluation, Finding, Outcome, Why
from vigil.compliance.window import Input, Window
from vigil.ecm.model import Batch, Gap
from vigil.errors import VigilError
from vigil.ledger import (
    behind,
    devices,
    earlier,
    evaluations,
    inputs,
    observations,
    outbox,
    relations,
    revisions,
    rounds,
    runs,
)
from vigil.ledger import escalations as notices
from vigil.ledger import people as preferences
from vigil.ledger.behind import Behind, Marks
from vigil.ledger.evaluations import Mark
from vigil.ledger.watermarks import Evaluated, WatermarkName
from vigil.service import bare, clocks, guards
from vigil.service.mailboxes import note_mailboxes
from vigil.service.needs import parts_of, types_of
from vigil.service.plan import Plan, window_from
from vigil.service.reaching import Reach
from vigil.service.run import Number, Run
from vigil.service.saying import entries

BATCH = 2000
"""Workspaces an evaluation: bounds memory, and is enough for the columns to pay."""

MOST_ODD = 50
"""When so many workspaces in a row cannot be evaluated, and none could be, the fault is not in what they hold."""

log = logging.getLogger("vigil.judgement")


def text_of(rule: Rule) -> str:
    """A hash of what a rule says: another one means that every workspace must be looked at again."""
    text = rule.model_dump_json(by_alias=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def plan(run: Run) -> Plan:
    """Which workspaces to evaluate: those that changed, those that are due, and all of them for a rule that is new or edited."""
    rules = active(run.rules)
    with run.ledger.read() as connection:
        mark = evaluations.position(connection, WatermarkName.EVALUATED)
        states = evaluations.rule_states(connection)
        upto = observations.last_seq(connection)
        returned = _returned(revisions.in_force(connection), rules, mark)
        edited = any(r.name not in states or states[r.name][1] != text_of(r) for r in rules)
        if edited or returned:
            todo = set(observations.known_workspaces(connection))
        else:
            todo = observations.changed_workspaces(connection, mark.seq, upto)
            if run.needs.related:
                todo |= relations.looking_at(connection, todo)
            todo |= evaluations.due_workspaces(connection, run.as_of, {r.name for r in rules})
        owed = behind.every(connection)
        since = rounds.looked_through(connection)
    # A clock that was set back: the window is empty, and the next ones begin where it stands. What they hold again was said.
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
        upto_seq=upto,
        first=mark.at is None,
        fresh=frozenset(r.name for r in rules if r.name not in states) | before.fresh,
        returned=returned,
        escalations=due,
        behind=owed,
        starts=starts,
    )


def _batches(todo: Collection[int], owed: Mapping[int, Behind]) -> Iterator[tuple[int, ...]]:
    """The workspaces in batches, those that are behind by the marks from which on they are evaluated."""
    groups: dict[Marks | None, list[int]] = {}
    for workspace in sorted({*todo, *owed}):
        marks = owed[workspace].marks if workspace in owed else None
        groups.setdefault(marks, []).append(workspace)
    for some in groups.values():
        yield from (tuple(some[i : i + BATCH]) for i in range(0, len(some), BATCH))


def _looked(run: Run, at: datetime, before: Evaluated, since: Mapping[str, datetime]) -> Looked:
    """How far the looks before this run went. A ledger that does not tell what they read leaves it to dates for one run."""
    return Looked(
        complete=min(before.complete or at, run.as_of),
        since=since,
        lag=clocks.lag(before, run),
        parts=before.parts,
        unread=before.unread,
        unread_processes=before.unread_processes,
    )


def _returned(known: Sequence[Revision], rules: Sequence[Rule], mark: Mark) -> tuple[Revision, ...]:
    """The rules that were left out for a while: others have been evaluated since they were."""
    names = {r.name for r in rules}
    return tuple(k for k in known if k.rule in names and mark.at is not None and k.last_at < mark.at)


def _escalations(run: Run, window: Window, owed: Mapping[int, Behind]) -> tuple[escalations.Due, ...]:
    """The notices to which nobody reacted in time. For workspaces that are behind that time may lie before the window."""
    mine = escalations.escalating(run.rules)
    if not mine:
        return ()
    earliest = min((b.marks.after for b in owed.values() if b.marks.after is not None), default=window.after)
    reaching = replace(window, after=min(window.after, earliest))
    with run.ledger.read() as connection:
        said = notices.said(connection, [r.name for r in mine], escalations.horizon(mine, reaching))
    late = [s for s in said if s.workspace in owed]
    others = [s for s in said if s.workspace not in owed]
    return (
        *escalations.due(run.rules, others, window, run.site.zone),
        *(escalations.due(run.rules, late, reaching, run.site.zone) if late else ()),
    )


async def whole(run: Run, plan: Plan, n: int) -> None:
    """The `n`-th batch of a plan, from 1: loaded, evaluated, its people looked up, and committed."""
    workspaces = plan.batches[n - 1]
    await _judged(run, plan.of(workspaces), workspaces)


async def _judged(run: Run, plan: Plan, workspaces: Sequence[int]) -> None:
    """Judge some workspaces. What nobody can make sense of costs the workspace that holds it its turn, and no other one."""
    try:
        given = load(run, plan, workspaces)
        result = judge(run, plan, given)
        facts, directory = await look_up(run, given, result)
        commit(run, result, facts, directory, plan)
        run.tally.judged += 1
    except VigilError:
        raise
    except Exception as error:
        if run.tally.odd >= MOST_ODD and not run.tally.judged:
            raise
        if len(workspaces) > 1:
            half = len(workspaces) // 2
            await _judged(run, plan, workspaces[:half])
            await _judged(run, plan, workspaces[half:])
            return
        _odd(run, plan, workspaces[0], error)


def _odd(run: Run, plan: Plan, workspace: int, error: Exception) -> None:
    """Note a workspace that cannot be evaluated: it is named, and stays behind until it can."""
    # The error may quote a value that must not be told.
    why = f"what it holds cannot be evaluated ({type(error).__name__})"
    log.warning("run %d: workspace %d: %s", run.id, workspace, why)
    log.debug("run %d: workspace %d", run.id, workspace, exc_info=error)
    run.tally.odd += 1
    _hold(run, plan, {workspace: why})


def _hold(run: Run, plan: Plan, why: Mapping[int, str]) -> None:
    """Leave some workspaces to the next run, which judges them from where this one does."""
    with run.ledger.write() as connection:
        known = observations.current(connection, sorted(why), ("workspace",))
        types = {w.id: w.type for w in known if isinstance(w, f.Workspace)}
        behind.hold(connection, why, types, plan.marks, run.as_of)


def load(run: Run, plan: Plan, workspaces: Sequence[int]) -> Input:
    """The facts, changes and standings of one batch."""
    with run.ledger.read() as connection:
        given = inputs.current(connection, workspaces, run.site.zone, run.site.sensitive)
        changes = (
            [] if plan.first else observations.changes(connection, workspaces, plan.after_seq, plan.upto_seq)
        )
    unlisted = {w.id for w in given.facts.workspaces.values() if w.type not in plan.types}
    looked = replace(plan.looked, unread=plan.looked.unread | unlisted)
    found = news(changes, looked, run.as_of)
    run.tally.unseen |= unseen(changes, looked)
    run.tally.old |= found.old
    events = [*found.events, *overdue_unseen(changes, looked, plan.window.after)]
    return replace(given, events=events, changes=changes, made=made_since(changes, looked))


def judge(run: Run, plan: Plan, given: Input) -> Evaluation:
    """Evaluate one batch, with what follows from what was told before: escalations, and ends of milestones."""
    result = evaluate(given, run.rules, plan.window)
    if plan.escalations:
        more = escalations.findings(plan.escalations, run.rules, given, result.standings, run.as_of)
        result = replace(result, findings=(*result.findings, *more))
    asked = endings.asking(result.evaluated, run.rules, given.facts.workspaces)
    if asked:
        with run.ledger.read() as connection:
            told = {rule: earlier.occurrences(connection, rule, some) for rule, some in asked.items()}
        over = endings.findings(told, run.rules, given, run.as_of)
        result = replace(result, findings=(*result.findings, *over))
    run.tally.numbers[Number.EVALUATED] += len(result.evaluated)
    run.tally.numbers[Number.FINDINGS] += len(result.findings)
    run.tally.numbers[Number.NOT_EVALUATED] += result.counts.get("not_evaluated", 0)
    return result


async def look_up(run: Run, given: Input, result: Evaluation) -> tuple[Facts, Directory]:
    """The people behind the findings, as they stand now: roles, groups and accounts are read only where one is needed."""
    workspaces, principals = principals_of(result.findings, run.rules, given.facts)
    if not workspaces and not principals:
        return given.facts, Directory()
    return attach(run, given, await run.extractor.audience(sorted(workspaces), sorted(principals)))


def attach(run: Run, given: Input, batch: Batch) -> tuple[Facts, Directory]:
    """Record the people that were looked up, and put them beside the facts that the findings were made of."""
    batch = bare.doubted(run, batch)
    run.gap(batch.gaps, people=True)
    if run.records:
        with run.ledger.write() as connection:
            gone = [(g.kind, g.key) for g in batch.gone]
            observations.record(connection, batch.facts, run.as_of, run.id, gone)
    note_mailboxes(run, batch.facts)
    roles = {x.workspace: x for x in batch.facts if isinstance(x, f.Roles)}
    facts = replace(given.facts, roles={**given.facts.roles, **roles})
    unread = {w: g.why for g in batch.gaps for w in g.workspaces}
    unread |= {int(g.key): "the workspace is gone" for g in batch.gone}
    return facts, Directory.of(batch.facts, batch.unknown, unread)


def commit(run: Run, result: Evaluation, facts: Facts, directory: Directory, plan: Plan) -> list[Routed]:
    """Route the findings, put them into words, and store standings and outbox rows in one transaction.

    A workspace whose people could not all be looked up is left to the next run, with all that was found of it. Rows of guarded
    rules wait for `guards.decide`.
    """
    waiting = undecided(result.findings, run.rules, facts, directory)
    hanging = _unread(run, result.findings, facts)
    if waiting or hanging:
        _hold(run, plan, hanging | waiting)
        result = _without(result, waiting, hanging, run.as_of)
    if plan.taken_up:
        result = _without_said(run, result)
    with run.ledger.read() as connection:
        asked = superseded.asking(result.findings, run.rules)
        told = {rule: earlier.occurrences(connection, rule, some) for rule, some in asked.items()}
    findings = superseded.without_superseded(result.findings, told)
    routed = route(findings, run.rules, facts, directory)
    people = {r.person for r in routed if r.person is not None}
    with run.ledger.write() as connection:
        reach = Reach(devices.of_people(connection, people), preferences.of_people(connection, people))
        rows = guards.hold(run, entries(run, routed, facts, directory, reach), plan.fresh)
        taken = outbox.states(connection, rows)
        unsaid = {e.key: e for e in rows if e.key not in taken}
        outbox.enqueue(connection, list(unsaid.values()), run.as_of, run.id)
        evaluations.keep_standings(connection, result.standings, result.evaluated, run.as_of)
        done = facts.workspaces.keys() - waiting.keys() - hanging.keys()
        behind.judged(connection, {w: at for w, at in plan.taken_up.items() if w in done})
    run.tally.route(len(rows), already_told=len(rows) - len(unsaid))
    return routed


def _without_said(run: Run, result: Evaluation) -> Evaluation:
    """Without what has become void since somebody was told of it: who is behind is evaluated from the same marks on again."""
    void: dict[str, set[int]] = {}
    for x in result.findings:
        if x.suppressed is not None and x.suppressed not in DIGESTED:
            void.setdefault(x.rule, set()).add(x.workspace)
    if not void:
        return result
    with run.ledger.read() as connection:
        said = {rule: earlier.occurrences(connection, rule, some) for rule, some in void.items()}

    def is_void(x: Finding) -> bool:
        known = said.get(x.rule, {}).get((x.workspace, x.step or ""), set())
        return x.suppressed is not None and x.suppressed not in DIGESTED and x.occurrence in known

    return replace(result, findings=tuple(x for x in result.findings if not is_void(x)))


def _unread(run: Run, findings: Sequence[Finding], facts: Facts) -> dict[int, str]:
    """The workspaces with a finding that hangs on what could not be read and will be: of their own, or of a related one."""
    hanging = {x.workspace for x in findings if x.suppressed is Why.UNREAD}
    if not hanging:
        return {}
    looked_at = {w: (w, *(facts.related[w].others if w in facts.related else ())) for w in hanging}
    with run.ledger.read() as connection:
        owed = behind.why_unread(connection, set().union(*looked_at.values()))
    return {
        workspace: next(owed[w] for w in some if w in owed)
        for workspace, some in looked_at.items()
        if not owed.keys().isdisjoint(some)
    }


def _without(
    result: Evaluation, waiting: Collection[int], hanging: Collection[int], as_of: datetime
) -> Evaluation:
    """The evaluation without what waits: all of some workspaces, and of others what hangs on something unread.

    Of conditions that were found to be so is kept since when, and nothing is said of them.
    """
    begun = [
        replace(s, outcome=Outcome.HOLDING.value, next_check_at=as_of)
        for s in result.standings
        if s.workspace in waiting and s.outcome == Outcome.FINDING and s.since == as_of
    ]
    mine = {(s.rule, s.workspace) for s in begun}
    return replace(
        result,
        findings=tuple(
            x
            for x in result.findings
            if x.workspace not in waiting and not (x.workspace in hanging and x.suppressed is Why.UNREAD)
        ),
        standings=[*(s for s in result.standings if s.workspace not in waiting), *begun],
        evaluated=[p for p in result.evaluated if p[1] not in waiting or p in mine],
    )


def finish(run: Run, plan: Plan) -> None:
    """Everything up to `as_of` is evaluated: guards decide on the whole of it, and the next window begins here.

    What could not be read may hold events from before: the instant up to which all was read stays where it was. The texts by which
    rules were evaluated are kept; a refused rule's stays the one that it goes on by, or went by until it was left out.
    """
    rules = active(run.rules)
    clocks.warn(run)
    guards.decide(run, plan.fresh)
    _name_behind(run)
    run.window = plan.window
    mark = Mark(plan.upto_seq, run.as_of, _position(run, plan).plain())
    with run.ledger.write() as connection:
        behind.begin(connection, plan.window.after, plan.looked.complete, plan.fresh)
        runs.cover(connection, run.id, plan.window.after, plan.window.as_of)
        evaluations.set_position(connection, WatermarkName.EVALUATED, mark)
        evaluations.keep_rule_states(connection, {r.name: text_of(r) for r in rules}, run.as_of)
        going = {r.rule: r.hash for refusal in run.refused for r in refusal.goes_on}
        hashes = {r.name: going.get(r.name) or hash_of(r) for r in rules}
        added = revisions.use(connection, hashes, run.left_out.keys(), run.as_of)
        revisions.add(connection, [_revision(r, run.as_of) for r in rules if r.name in added])
    run.returned = plan.returned


def stopped(run: Run) -> None:
    """Say once that Extended ECM was given up, and how much was not asked of it for that."""
    if not run.tally.stopped:
        return
    lacking = max(len(run.tally.unasked), run.tally.wanted - run.tally.reached)
    of = f" of {run.tally.wanted:,}" if run.tally.wanted > lacking else ""
    unasked = f"; {lacking:,}{of} workspaces were not asked" if lacking else ""
    log.error("run %d: stopped reading: Extended ECM does not answer%s", run.id, unasked)
    last = f" ({run.tally.gaps[0].error})" if run.tally.gaps else ""
    run.tally.gaps.insert(0, Gap("Extended ECM", f"reading was stopped, it does not answer{last}{unasked}"))


def _name_behind(run: Run) -> None:
    """Whatever is behind stands in the account, also where this run asked for nothing of it."""
    stopped(run)
    named = {w for g in run.tally.gaps for w in g.workspaces} | run.tally.unasked | run.tally.untold
    with run.ledger.write() as connection:
        left = behind.every(connection)
        there = {
            w.id
            for w in observations.current(connection, sorted(left), ("workspace",))
            if isinstance(w, f.Workspace)
        }
        # Of what is gone there is nothing left to judge.
        behind.judged(connection, {w: b.tried_at for w, b in left.items() if w not in there})
        run.tally.behind = {w: b.why for w, b in behind.every(connection).items()}
    why: dict[str, list[int]] = {}
    for workspace, said in run.tally.behind.items():
        if workspace not in named:
            why.setdefault(said, []).append(workspace)
    for said, some in why.items():
        path, _, error = said.partition(": ")
        run.gap([Gap(path, error, tuple(some))])


def _position(run: Run, plan: Plan) -> Evaluated:
    """What the next run asks of this one: up to when, and of what, everything has been read, and how far clocks are apart.

    What could not be read and never had been is named: when it is read, it may have been there all along.
    """
    complete = run.as_of if run.tally.whole else plan.looked.complete
    before, gaps = plan.looked, {w for g in run.tally.gaps for w in g.workspaces} | run.tally.unasked
    parts = {"workspaces", *parts_of(run.needs)}
    if run.unfound:
        parts -= {"steps"} - set(before.parts)
    types = set(types_of(run.rules)) - (run.unlisted - plan.types)
    whole = parts <= set(before.parts) and types <= plan.types
    # Of a type whose list could not be read its rules have not seen everything: for their guards the next run is the first one, too.
    return Evaluated(
        complete=complete,
        fresh=frozenset(
            r.name
            for r in active(run.rules)
            if r.name in plan.fresh and r.subject.workspace_type in run.unlisted
        ),
        parts=frozenset(parts),
        types=frozenset(types),
        unread=frozenset(gaps & before.unread if whole else gaps),
        unread_processes=frozenset(run.unread & before.unread_processes if whole else run.unread),
        skew=clocks.to_keep(run.skew),
    )


def _revision(rule: Rule, at: datetime) -> Revision:
    """The text of a rule that is evaluated for the first time as it is."""
    return Revision(rule.name, hash_of(rule), written(rule), rule.origin.file if rule.origin else "", at, at)

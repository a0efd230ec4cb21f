"""Evaluating what changed and what is due, and queueing what must be said.

One batch of workspaces is one transaction: its standings and its notices are in the ledger together or not at all. The
position moves when every batch is in. Killed between, the next run evaluates the same window again, and the outbox's key
keeps what was queued from being queued twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vigil.compliance import endings, escalations, superseded
from vigil.compliance import facts as f
from vigil.compliance.evaluate import Input, Window, active, evaluate
from vigil.compliance.events import derive, unseen
from vigil.compliance.in_force import Revision
from vigil.compliance.routing import Directory, Routed, principals_of, route
from vigil.compliance.rules import Rule
from vigil.compliance.tables import Facts
from vigil.compliance.texts import hash_of, written
from vigil.compliance.verdicts import Evaluation
from vigil.ecm.model import Batch
from vigil.ledger import devices, earlier, evaluations, observations, outbox, relations, revisions, rounds
from vigil.ledger import escalations as notices
from vigil.ledger import people as preferences
from vigil.ledger.evaluations import Mark
from vigil.service import guards
from vigil.service.mailboxes import note_mailboxes
from vigil.service.reaching import Reach
from vigil.service.run import Run
from vigil.service.saying import entries

BATCH = 2000
"""Workspaces an evaluation: bounds memory, and is enough for the columns to pay."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run evaluates: the workspaces, in batches, the window, and the observations it takes in."""

    batches: tuple[tuple[int, ...], ...]
    window: Window
    complete_after: datetime  # up to when everything had been read: an event after it may be news
    after_seq: int
    upto_seq: int
    fresh: frozenset[str] = frozenset()  # rules that were never evaluated before
    returned: tuple[Revision, ...] = ()  # rules that runs before this one left out, each by its last text
    escalations: tuple[escalations.Due, ...] = ()


def text_of(rule: Rule) -> str:
    """A hash of what a rule says: another one means that every workspace must be looked at again."""
    text = rule.model_dump_json(by_alias=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def plan(run: Run) -> Plan:
    """Which workspaces to evaluate: those that changed, those that are due, and all of them for a rule that is new or edited."""
    rules = active(run.rules)
    with run.ledger.read() as connection:
        mark = evaluations.position(connection, "evaluated")
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
            todo |= evaluations.due_workspaces(connection, run.as_of)
    after = mark.at or run.as_of
    complete = (mark.data or {}).get("complete")
    starts = {r.name: states[r.name][0] if r.name in states else run.as_of for r in rules}
    window = Window(after, run.as_of, {name: at for name, at in starts.items() if at > after})
    due = _escalations(run, window)
    ordered = sorted(todo | {d.said.workspace for d in due})
    return Plan(
        batches=tuple(tuple(ordered[i : i + BATCH]) for i in range(0, len(ordered), BATCH)),
        window=window,
        complete_after=datetime.fromisoformat(complete) if complete else after,
        after_seq=mark.seq,
        upto_seq=upto,
        fresh=frozenset(r.name for r in rules if r.name not in states),
        returned=returned,
        escalations=due,
    )


def _returned(known: Sequence[Revision], rules: Sequence[Rule], mark: Mark) -> tuple[Revision, ...]:
    """The rules that were left out for a while: others have been evaluated since they were."""
    names = {r.name for r in rules}
    return tuple(k for k in known if k.rule in names and mark.at is not None and k.last_at < mark.at)


def _escalations(run: Run, window: Window) -> tuple[escalations.Due, ...]:
    """The notices to which nobody reacted in time."""
    mine = escalations.escalating(run.rules)
    if not mine:
        return ()
    with run.ledger.read() as connection:
        said = notices.said(connection, [r.name for r in mine], escalations.horizon(mine, window))
    return escalations.due(run.rules, said, window, run.site.zone)


async def whole(run: Run, plan: Plan, n: int) -> None:
    """The `n`-th batch of a plan, from 1: loaded, evaluated, its people looked up, and committed."""
    given = load(run, plan, plan.batches[n - 1])
    result = judge(run, plan, given)
    facts, directory = await look_up(run, given, result)
    commit(run, result, facts, directory, plan.fresh)


def load(run: Run, plan: Plan, workspaces: Sequence[int]) -> Input:
    """The facts, changes and standings of one batch."""
    with run.ledger.read() as connection:
        facts = observations.facts(connection, workspaces)
        # The first evaluation has nothing to compare with: what is there then is no transition.
        first = plan.after_seq == 0 and plan.window.after == plan.window.as_of
        changes = [] if first else observations.changes(connection, workspaces, plan.after_seq, plan.upto_seq)
        standings = evaluations.standings(connection, workspaces)
        since = rounds.looked_through(connection)
        required = [
            r for r in observations.directory(connection, ("required",)) if isinstance(r, f.RequiredDocument)
        ]
    audit = [c.after for c in changes if isinstance(c.after, f.AuditEvent)]
    run.tally.unseen |= unseen(changes, audit, plan.complete_after, run.as_of)
    return Input(
        facts=facts,
        events=derive(changes, plan.complete_after, run.as_of, since),
        changes=changes,
        standings=standings,
        required=required,
        zone=run.site.zone,
    )


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
    run.tally.numbers["evaluated"] += len(result.evaluated)
    run.tally.numbers["findings"] += len(result.findings)
    run.tally.numbers["not evaluated"] += result.counts.get("not_evaluated", 0)
    return result


async def look_up(run: Run, given: Input, result: Evaluation) -> tuple[Facts, Directory]:
    """The people behind the findings, as they stand now: roles, groups and accounts are read only where one is needed."""
    workspaces, principals = principals_of(result.findings, run.rules, given.facts)
    if not workspaces and not principals:
        return given.facts, Directory()
    return attach(run, given, await run.extractor.audience(sorted(workspaces), sorted(principals)))


def attach(run: Run, given: Input, batch: Batch) -> tuple[Facts, Directory]:
    """Record the people that were looked up, and put them beside the facts that the findings were made of."""
    run.gap(batch.gaps)
    if run.records:
        with run.ledger.write() as connection:
            observations.record(connection, batch.facts, run.as_of, run.id)
    note_mailboxes(run, batch.facts)
    roles = {x.workspace: x for x in batch.facts if isinstance(x, f.Roles)}
    facts = replace(given.facts, roles={**given.facts.roles, **roles})
    return facts, Directory.of(batch.facts)


def commit(
    run: Run, result: Evaluation, facts: Facts, directory: Directory, fresh: Collection[str] = ()
) -> list[Routed]:
    """Route the findings, put them into words, and store standings and outbox rows in one transaction.

    Rows of guarded rules wait for `guards.decide`. `fresh` names the rules that were never evaluated before.
    """
    with run.ledger.read() as connection:
        asked = superseded.asking(result.findings, run.rules)
        told = {rule: earlier.occurrences(connection, rule, some) for rule, some in asked.items()}
    findings = superseded.without_superseded(result.findings, told)
    routed = route(findings, run.rules, facts, directory)
    people = {r.person for r in routed if r.person is not None}
    with run.ledger.write() as connection:
        reach = Reach(devices.of_people(connection, people), preferences.of_people(connection, people))
        rows = guards.hold(run, entries(run, routed, facts, directory, reach), fresh)
        taken = outbox.states(connection, rows)
        unsaid = {e.key: e for e in rows if e.key not in taken}
        outbox.enqueue(connection, list(unsaid.values()), run.as_of, run.id)
        evaluations.keep_standings(connection, result.standings, result.evaluated, run.as_of)
    run.tally.numbers["routed"] += len(rows)
    run.tally.numbers["already told"] += len(rows) - len(unsaid)
    return routed


def finish(run: Run, plan: Plan) -> None:
    """Everything up to `as_of` is evaluated: guards decide on the whole of it, and the next window begins here.

    What could not be read may hold events from before: the instant up to which all was read stays where it was. The texts by which
    rules were evaluated are kept; a refused rule's stays the one that it goes on by, or went by until it was left out.
    """
    rules = active(run.rules)
    complete = plan.complete_after if run.tally.gaps else run.as_of
    mark = Mark(plan.upto_seq, run.as_of, {"complete": complete.isoformat()})
    guards.decide(run, plan.fresh)
    with run.ledger.write() as connection:
        evaluations.set_position(connection, "evaluated", mark)
        evaluations.keep_rule_states(connection, {r.name: text_of(r) for r in rules}, run.as_of)
        going = {r.rule: r.hash for refusal in run.refused for r in refusal.goes_on}
        hashes = {r.name: going.get(r.name) or hash_of(r) for r in rules}
        added = revisions.use(connection, hashes, run.left_out.keys(), run.as_of)
        revisions.add(connection, [_revision(r, run.as_of) for r in rules if r.name in added])
    run.returned = plan.returned


def _revision(rule: Rule, at: datetime) -> Revision:
    """The text of a rule that is evaluated for the first time as it is."""
    return Revision(rule.name, hash_of(rule), written(rule), rule.origin.file if rule.origin else "", at, at)

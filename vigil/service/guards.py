"""Applies guards: notices of a guarded rule wait in the outbox until the whole run is counted, then they are queued or held.

They are stored as suppressed rows, in the transaction that finds them. If a run is killed before its guards decide, the next run that
delivers counts them with its own, and decides by the rules at that time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from vigil.compliance.evaluation.evaluate import active
from vigil.compliance.evaluation.results import Why
from vigil.compliance.facts import Workspace
from vigil.compliance.notices import NoticeKey
from vigil.compliance.notify.guards import GuardWhy, NoticeCount, tripped, vanished
from vigil.compliance.rules.model import Rule, Status
from vigil.delivery.lease_owners import is_dead
from vigil.errors import BadRequest, VigilError
from vigil.ledger import Ledger, watermarks
from vigil.ledger.observed import observations, runs
from vigil.ledger.outbox import digests, guard_holds
from vigil.ledger.outbox.guard_holds import GuardHold, Left
from vigil.ledger.values import Entry
from vigil.ledger.watermarks import Listed, list_of
from vigil.service.run import Run

WATCH = "watch"
UNDECIDED, HELD = GuardWhy.UNDECIDED, GuardWhy.HELD
DROPPED, EXPIRED = GuardWhy.DROPPED, GuardWhy.EXPIRED
TAKEN_OUT = GuardWhy.TAKEN_OUT

DEAD = timedelta(days=1)
"""No run lasts longer: one that began earlier has ended, wherever its process was."""


class TooManyMissing(VigilError):
    """So many known items are missing from a list that it is not believed. Nothing was recorded as deleted."""

    brief = "most of the known workspaces are missing"

    def __init__(self, what: str, lost: int, known: int) -> None:
        self.what = what
        self.lost = lost
        self.known = known
        super().__init__(
            f"{what}: {lost} of {known} known workspaces are missing. Nothing was recorded as deleted and nothing was sent. Check the "
            f"service user's rights and the search index; if they are really deleted, run `watch` once with accept_fewer."
        )

    def __reduce__(self) -> tuple[type[TooManyMissing], tuple[str, int, int]]:
        return type(self), (self.what, self.lost, self.known)


class NoGuardHold(BadRequest):
    """The guard hold to answer does not exist."""


def believe(accepted: bool, what: str, lost: int, known: int) -> None:
    """Continue if the list is plausible. Raises TooManyMissing if it is not, unless a person `accepted` it for this run."""
    if vanished(lost, known) and not accepted:
        raise TooManyMissing(what, lost, known)


def decide(run: Run, fresh: Collection[str] = ()) -> list[GuardHold]:
    """Count the notices of each guarded rule in this run: queue them, or hold them. Returns the guard holds.

    `fresh` names rules that were never evaluated before. A rule that finds something in workspaces that earlier could not be read or
    evaluated counts as such in that run, and the caller names it, too: `evaluation.commit` returns it.

    Undecided rows of other runs count, too, once those runs have ended. Nobody knows any more whether they belong to a rule's first
    run: they count as such, and a rule whose guard covers the first run holds them. If the rule has no guard by now they are queued;
    if it sends nothing by now they get the reason for that.
    """
    some = _to_decide(run)
    if not some:
        return []
    by_rule = {name: [w.run for w in some if w.rule == name] for name in dict.fromkeys(w.rule for w in some)}
    live = {r.name: r for r in active(run.site_rules)}
    known = _known(run, [live[name] for name in by_rule if name in live])
    quiet = silent(run, by_rule)
    held = []
    for name, of in by_rule.items():
        others = [n for n in of if n != run.id]
        if name in quiet:
            _explain(run, name, others, quiet[name])
        else:
            rule = live[name]
            held += _ask(run, rule, others, known[rule.subject.workspace_type], name in fresh)
    return held


def left_by_others(run: Run) -> list[Entry]:
    """The rows of ended runs that `decide` takes over and decides with this run's own."""
    some = {(w.rule, w.run) for w in _to_decide(run) if w.run != run.id}
    with run.ledger.read() as connection:
        return [e for e, of in guard_holds.entries(connection, UNDECIDED) if (e.rule, of) in some]


def would_hold(
    run: Run, rows: Iterable[Entry], left: Collection[NoticeKey], fresh: Collection[str]
) -> set[str]:
    """The rules whose guards would stop them, if these rows were queued and `decide` was asked. Nothing is changed.

    `left` are the keys of those among them that `left_by_others` gave.
    """
    waiting: dict[str, list[NoticeKey]] = {}
    for e in rows:
        if e.reason == UNDECIDED:
            waiting.setdefault(e.rule, []).append(e.key)
    first = {*fresh, *(rule for rule, *_ in left)}
    quiet = silent(run, waiting)
    live = [r for r in active(run.site_rules) if r.name in waiting and r.name not in quiet]
    known = _known(run, live)
    out = set()
    for rule in live:
        seen = NoticeCount.of(waiting[rule.name], known[rule.subject.workspace_type], rule.name in first)
        if rule.guard is not None and tripped(rule.guard, seen):
            out.add(rule.name)
    return out


def silent(run: Run, rules: Collection[str]) -> dict[str, Why | GuardWhy]:
    """Those of some rules that send nothing, whatever their guards say, with the reason: they were taken out, or are in shadow."""
    live = {r.name: r for r in active(run.site_rules)}
    out: dict[str, Why | GuardWhy] = {name: TAKEN_OUT for name in rules if name not in live}
    return out | {name: Why.SHADOW for name in rules if name in live and live[name].status is Status.SHADOW}


def _to_decide(run: Run) -> list[Left]:
    """The undecided rows, by rule and run, on which only this run decides."""
    with run.ledger.read() as connection:
        left = guard_holds.left(connection, UNDECIDED)
    return [w for w in left if _is_over(run, w) and _can_decide(run, w.rule)]


def _explain(run: Run, rule: str, others: Sequence[int | None], why: Why | GuardWhy) -> None:
    """Give the undecided rows of a rule that sends nothing by now the reason why they are not sent."""
    with run.ledger.write() as connection:
        run.counters.route(guard_holds.adopt(connection, rule, run.id, UNDECIDED, others))
        guard_holds.relabel(connection, rule, run.id, [UNDECIDED], why)


def _ask(run: Run, rule: Rule, others: Sequence[int | None], known: int, first: bool) -> list[GuardHold]:
    """Queue the undecided rows of a rule, of this run and of ended ones, or hold them if its guard trips."""
    with run.ledger.write() as connection:
        taken = guard_holds.adopt(connection, rule.name, run.id, UNDECIDED, others)
        run.counters.route(taken)  # now rows of this run, which must account for them
        counted = guard_holds.count(connection, rule.name, [run.id], UNDECIDED)
        seen = NoticeCount(
            counted.notices,
            counted.findings,
            counted.workspaces,
            max(known, counted.workspaces),
            first or taken > 0,
        )
        reasons = tripped(rule.guard, seen) if rule.guard is not None and counted.notices else ()
        if reasons:
            guard_holds.relabel(connection, rule.name, run.id, [UNDECIDED], HELD)
            return [guard_holds.keep(connection, _guard_hold(run, rule, seen, reasons))]
        guard_holds.release(connection, rule.name, run.id, UNDECIDED, run.as_of, run.id)
        digests.park(connection, run.id)
    return []


def _is_over(run: Run, left: Left) -> bool:
    """Whether only this run decides on rows: they are its own, or the run that found them has ended or is known to be dead.

    There is one `watch` at a time: for a `watch`, an earlier one is dead.
    """
    if left.run is None or left.run == run.id or not left.flow or left.ended_at is not None:
        return True
    if run.flow == left.flow == WATCH and left.run < run.id:
        return True
    return is_dead(left.owner) or (left.started_at is not None and left.started_at < run.clock() - DEAD)


def _can_decide(run: Run, rule: str) -> bool:
    """Whether the state of a rule is known: a rule in no file may be in a file that is refused."""
    return rule in run.site_rules.by_name or not run.refused


def _guard_hold(run: Run, rule: Rule, seen: NoticeCount, reasons: tuple[str, ...]) -> GuardHold:
    return GuardHold(
        id=0,
        rule=rule.name,
        run=run.id,
        flow_run="",
        tripped_at=run.as_of,
        until=run.as_of + run.site.guard_patience,
        notices=seen.notices,
        findings=seen.findings,
        workspaces=seen.workspaces,
        known=seen.known,
        reasons=reasons,
        state=guard_holds.WAITING,
    )


def _known(run: Run, rules: Sequence[Rule]) -> dict[str, int]:
    """The number of known workspaces by type, from the last complete list; counted individually if there was no list."""
    out: dict[str, int] = {}
    with run.ledger.read() as connection:
        for type in {r.subject.workspace_type for r in rules}:
            listed = Listed.of(watermarks.watermark(connection, list_of(type)).data).workspaces
            if listed is None:
                every = observations.known_workspaces(connection)
                found = observations.current(connection, every, ("workspace",))
                listed = sum(isinstance(w, Workspace) and w.type == type for w in found)
            out[type] = listed
    return out


def take_questions(ledger: Ledger, flow_run: str) -> list[GuardHold]:
    """The guard holds about which a Prefect run must ask a person: its own, answered or not, and those about which no other run asks.

    So a run that is killed before it asks, or that could not ask, leaves its question to the next one.
    """
    with ledger.write() as connection:
        guard_holds.take(connection, flow_run)
        return guard_holds.asked_by(connection, flow_run)


def asked(ledger: Ledger, flow_run: str) -> bool:
    """Whether a Prefect run asked before: then it was resumed with the answer."""
    with ledger.read() as connection:
        return bool(guard_holds.asked_by(connection, flow_run))


def unasked(ledger: Ledger) -> bool:
    """Whether a guard hold waits about which no run has asked."""
    with ledger.read() as connection:
        return any(not t.flow_run for t in guard_holds.waiting(connection))


def gaps_of(ledger: Ledger, hold: GuardHold) -> int:
    """How many gaps the run of a guard hold had: an answer does not fill them."""
    with ledger.read() as connection:
        return len(runs.account_of(connection, hold.run).get("gaps", ()))


def expire(run: Run) -> list[GuardHold]:
    """The guard holds whose time is over without an answer: their rows get that reason, and are not sent."""
    with run.ledger.write() as connection:
        over = guard_holds.waiting(connection, run.as_of)
        for t in over:
            guard_holds.answer(connection, t.id, guard_holds.EXPIRED, "", run.clock())
            guard_holds.relabel(connection, t.rule, t.run, [HELD], EXPIRED)
    return over


def answer(run: Run, id: int, send: bool, by: str) -> tuple[GuardHold, int]:
    """Send exactly the notices of a guard hold, or drop them. The second value is their number; 0 if it was answered before.

    Raises NoGuardHold if there is no such hold.
    """
    with run.ledger.write() as connection:
        hold = guard_holds.find(connection, id)
        if hold is None:
            raise NoGuardHold(f"there is no guard {id}: `vigil guard list` shows those that wait")
        if not guard_holds.answer(
            connection, id, guard_holds.SENT if send else guard_holds.DROPPED, by, run.clock()
        ):
            return hold, 0
        if send:
            count = sum(
                guard_holds.release(connection, hold.rule, hold.run, reason, run.as_of, run.id)
                for reason in (HELD, EXPIRED)
            )
            digests.park(connection, run.id)
            run.counters.route(count)
        else:
            count = guard_holds.relabel(
                connection,
                hold.rule,
                hold.run,
                [HELD, EXPIRED],
                DROPPED,
            )
        answered = guard_holds.find(connection, id)
    assert answered is not None
    return answered, count

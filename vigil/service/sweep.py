"""A sweep: evaluates every rule for every workspace of a scope now, and returns a table for a steward. A dry run sends nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from vigil.compliance.evaluation.results import Outcome, Why
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.facts import Workspace, WorkspaceType
from vigil.compliance.notices import NoticeKey, NoticeState
from vigil.compliance.notify.guards import GuardWhy
from vigil.compliance.notify.routing import Routed
from vigil.compliance.rules.model import RuleSet
from vigil.errors import BadRequest, Problem
from vigil.ledger.engine import chunks
from vigil.ledger.observed import observations
from vigil.ledger.outbox import queue
from vigil.ledger.values import Entry, in_digest
from vigil.service import evaluation, guards, pipeline
from vigil.service.evaluation import BATCH
from vigil.service.pipeline import Work
from vigil.service.reasons import in_words
from vigil.service.run import Run


@dataclass(frozen=True, slots=True)
class Scope:
    """The scope of a sweep: an empty tuple means all. Names and values are compared without case; all `attributes` must hold."""

    types: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    workspaces: tuple[int, ...] = ()
    name_contains: str = ""
    attributes: tuple[tuple[str, str], ...] = ()  # (Category.attribute, its value as text)
    new: bool = True  # whether the rows include new findings
    open: bool = True  # and those that were open before

    def sentence(self) -> str:
        """The scope in words."""
        parts = [
            ", ".join(self.types) or "all types",
            f"rules {', '.join(self.rules)}" if self.rules else "all rules",
            f"workspaces {', '.join(map(str, self.workspaces))}" if self.workspaces else "",
            f'names with "{self.name_contains}"' if self.name_contains else "",
            *(f"{name} = {value}" for name, value in self.attributes),
        ]
        return "; ".join(p for p in parts if p)


class SweepOutcome(StrEnum):
    """Outcomes of a sweep's findings; the others are the reasons why a notice is not sent."""

    WOULD = "would be told"
    TOLD = "is told"
    HELD = "held by its rule's guard"
    OPEN = "open already"
    BEFORE = "was told before"
    WAITS = "waits to be sent"
    FAILED = "cannot be sent"


class OutOfScope(BadRequest):
    """A sweep named rules or workspaces that do not exist."""


def narrow(rules: RuleSet, scope: Scope, left_out: Mapping[str, Problem]) -> RuleSet:
    """The rules of a scope. Raises OutOfScope for an unknown name, or that of a rule that is `left_out`."""
    for name in scope.rules:
        if name in left_out:
            raise OutOfScope(f"the rule {name} is left out until it is corrected: {left_out[name]}")
    unknown = [name for name in scope.rules if name not in rules.by_name]
    if unknown:
        raise OutOfScope(
            f"no such rule: {', '.join(unknown)}. The rules are {', '.join(r.name for r in rules)}."
        )
    mine = [r for r in rules if not scope.rules or r.name in scope.rules]
    return RuleSet(tuple(r for r in mine if not scope.types or r.subject.workspace_type in scope.types))


def workspaces_of(run: Run, schema: Sequence[WorkspaceType], scope: Scope) -> list[int]:
    """The known workspaces of a scope. Raises OutOfScope for an unknown id, type or attribute, or a sensitive attribute."""
    refuse_sensitive(scope, run.site.sensitive)
    _refuse_unknown("workspace type", scope.types, [t.name for t in schema])
    _refuse_unknown(
        "attribute", [name for name, _ in scope.attributes], [a.key for t in schema for a in t.attributes]
    )
    with run.ledger.read() as connection:
        found = observations.current(connection, observations.known_workspaces(connection), ("workspace",))
        known = {w.id: w for w in found if isinstance(w, Workspace)}
    unknown = [str(i) for i in scope.workspaces if i not in known]
    if unknown:
        raise OutOfScope(f"no such workspace, or not readable: {', '.join(unknown)}")
    needle = scope.name_contains.casefold()
    return sorted(
        i
        for i, w in known.items()
        if (not scope.workspaces or i in scope.workspaces)
        and (not scope.types or w.type in scope.types)
        and needle in w.name.casefold()
        and all(_has(w, name, value) for name, value in scope.attributes)
    )


def refuse_sensitive(scope: Scope, sensitive: Collection[str]) -> None:
    """Raise OutOfScope for a sensitive attribute: the list of matches would reveal its value, and Prefect stores the parameters of
    a run.
    """
    for name, _ in scope.attributes:
        if name in sensitive:
            raise OutOfScope(
                f"the attribute {name} is sensitive: a sweep is not narrowed by it, since Prefect keeps and shows what is asked for"
            )


def _refuse_unknown(what: str, named: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in named if name not in known]
    if unknown:
        raise OutOfScope(f"no such {what}: {', '.join(unknown)}. Known are {', '.join(sorted(set(known)))}.")


def _has(workspace: Workspace, name: str, value: str) -> bool:
    found = workspace.attrs.get(name)
    values = found if isinstance(found, tuple) else (found,)
    return any(v is not None and _text(v) == value.strip().casefold() for v in values)


def _text(value: object) -> str:
    return (value.isoformat() if isinstance(value, date) else str(value)).casefold()


async def evaluate_scope(
    run: Run, schema: Sequence[WorkspaceType], scope: Scope, dry_run: bool
) -> list[dict[str, Any]]:
    """Evaluate the scope; queue new findings unless it is a dry run.

    One row for each finding and person, including open ones, with the columns of `frames.FINDINGS`. A dry run takes the same way up to
    the outbox, so that it shows exactly what would be sent: earlier notices and guards are taken into account, and notices that an
    earlier run left to its guards undecided, since this run decides on them.
    """
    run = run.narrowed(narrow(run.rules, scope, run.left_out))
    base = evaluation.plan(run)
    left, fresh = {e.key: e for e in guards.left_by_others(run)}, set(base.fresh)
    # The rows, with the entry of those that are decided now.
    shown: list[tuple[dict[str, Any], Entry | None]] = []
    for some in chunks(workspaces_of(run, schema, scope), BATCH):
        plan = replace(base, batches=(tuple(some),))
        work = evaluation.evaluated(run, evaluation.load(run, plan, some))
        work = evaluation.addressed(run, await evaluation.looked_up(run, work))
        shown += _rows(run, scope, work, left)
        fresh |= pipeline.first_findings(work)
        if not dry_run:
            evaluation.commit(run, base, work)
    listed = {e.key for _, e in shown if e is not None}
    shown += _left(run, [e for key, e in left.items() if key not in listed])
    decided = [e for _, e in shown if e is not None]
    silent = guards.silent(run, {e.rule for e in decided})
    held = (
        guards.would_hold(run, decided, left.keys(), fresh)
        if dry_run
        else {t.rule for t in guards.decide(run, fresh)}
    )
    told = SweepOutcome.WOULD if dry_run else SweepOutcome.TOLD
    return [row if e is None else row | {"outcome": _outcome(e, silent, held, told)} for row, e in shown]


def _rows(
    run: Run, scope: Scope, work: Work, left: Mapping[NoticeKey, Entry]
) -> Iterator[tuple[dict[str, Any], Entry | None]]:
    """The rows of a batch, before it is queued. Those of new findings, and of findings whose notices earlier runs `left` undecided,
    have their entry: the guards have yet to decide its outcome.
    """
    known = work.facts.workspaces
    if scope.new:
        with run.ledger.read() as connection:
            taken = queue.states(connection, work.rows)
        for routed, e in zip(work.routed, work.rows, strict=True):
            before = taken.get(e.key)
            outcome = None if before is None else _as_it_is(*before)
            yield _new(run, routed, known, outcome), e if before is None else left.get(e.key)
    if scope.open:
        yield from ((_open(run, s, known), None) for s in work.given.rule_states if _is_open(run, s))


def _left(run: Run, left: Sequence[Entry]) -> Iterator[tuple[dict[str, Any], Entry]]:
    """The rows of notices that earlier runs left undecided and that this sweep did not find again."""
    with run.ledger.read() as connection:
        found = observations.current(connection, sorted({e.workspace for e in left}), ("workspace",))
        known = {w.id: w for w in found if isinstance(w, Workspace)}
    for e in left:
        about = {"rule": e.rule, "why": "; ".join(e.message.why), "person": e.person or None}
        rest = {"outcome": None, "since": None, "step": e.step or None}
        yield _of(run, e.workspace, known) | about | rest, e


def _outcome(
    e: Entry, silent: Mapping[str, Why | GuardWhy], held: Collection[str], told: SweepOutcome
) -> str:
    """What becomes of a row of the outbox that is decided now."""
    if e.reason == GuardWhy.UNDECIDED.value:
        if why := silent.get(e.rule):
            return in_words(why)
        return SweepOutcome.HELD if e.rule in held else in_words(e.message.digest) or told
    return told if e.state == NoticeState.QUEUED else _as_it_is(e.state, e.reason)


def _as_it_is(state: NoticeState, reason: str) -> str:
    """What became of a row that the outbox had before."""
    if state == NoticeState.SENT or in_digest(reason):
        return SweepOutcome.BEFORE
    if state == NoticeState.QUEUED or reason == GuardWhy.UNDECIDED.value:
        return SweepOutcome.WAITS
    if reason == GuardWhy.HELD.value:
        return SweepOutcome.HELD
    return SweepOutcome.FAILED if state == NoticeState.FAILED else in_words(reason)


def _is_open(run: Run, state: RuleState) -> bool:
    known = state.rule in run.rules.by_name and state.since is not None
    return known and state.outcome == Outcome.FINDING


def _new(run: Run, routed: Routed, known: Mapping[int, Workspace], outcome: str | None) -> dict[str, Any]:
    finding = routed.finding
    return _of(run, finding.workspace, known) | {
        "rule": finding.rule,
        "why": "; ".join(finding.why),
        "person": routed.person,
        "outcome": outcome,
        "since": None,
        "step": finding.step,
    }


def _open(run: Run, state: RuleState, known: Mapping[int, Workspace]) -> dict[str, Any]:
    return _of(run, state.workspace, known) | {
        "rule": state.rule,
        "why": "; ".join(state.why),
        "person": None,
        "outcome": SweepOutcome.OPEN,
        "since": state.since,
        "step": None,
    }


def _of(run: Run, workspace: int, known: Mapping[int, Workspace]) -> dict[str, Any]:
    found = known.get(workspace)
    return {
        "workspace": workspace,
        "name": found and found.name,
        "type": found and found.type,
        "link": run.site.link(workspace),
    }

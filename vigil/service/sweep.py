"""A sweep: every rule for every workspace of a scope, now, as a table for a steward. A dry run changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vigil.compliance.facts import Workspace
from vigil.compliance.routing import Routed, route
from vigil.compliance.rules import RuleSet
from vigil.compliance.verdicts import Outcome
from vigil.errors import VigilError
from vigil.ledger import observations
from vigil.ledger.engine import chunks
from vigil.service import guards, judgement
from vigil.service.judgement import BATCH
from vigil.service.run import Run


@dataclass(frozen=True, slots=True)
class Scope:
    """What to sweep: an empty tuple means all. `name_contains` is compared without case."""

    types: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    workspaces: tuple[int, ...] = ()
    name_contains: str = ""


class OutOfScope(VigilError):
    """A sweep named rules or workspaces that do not exist."""


def narrow(rules: RuleSet, scope: Scope) -> RuleSet:
    """The rules of a scope. Raises OutOfScope for a name that is not a rule's."""
    unknown = [name for name in scope.rules if name not in rules.by_name]
    if unknown:
        raise OutOfScope(
            f"no such rule: {', '.join(unknown)}. The rules are {', '.join(r.name for r in rules)}."
        )
    mine = [r for r in rules if not scope.rules or r.name in scope.rules]
    return RuleSet(tuple(r for r in mine if not scope.types or r.subject.workspace_type in scope.types))


def workspaces_of(run: Run, scope: Scope) -> list[int]:
    """The known workspaces of a scope. Raises OutOfScope for an id that is not known."""
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
    )


async def sweep(run: Run, scope: Scope, dry_run: bool) -> list[dict[str, Any]]:
    """Evaluate the scope; queue what is new unless it is a dry run. One row for each finding and person, open ones included."""
    run.rules = narrow(run.rules, scope)
    base = judgement.plan(run)
    rows: list[dict[str, Any]] = []
    for some in chunks(workspaces_of(run, scope), BATCH):
        given = judgement.load(run, replace(base, batches=(tuple(some),)), some)
        result = judgement.judge(run, base, given)
        facts, directory = await judgement.look_up(run, given, result)
        routed = route(result.findings, run.rules, facts, directory)
        names = {i: w.name for i, w in given.facts.workspaces.items()}
        rows += _new(run, routed, names, dry_run)
        rows += [
            _row(run, s.rule, s.workspace, names, "", f"open since {s.since:%Y-%m-%d %H:%M}", s.why)
            for s in given.standings
            if s.outcome == Outcome.FINDING and s.rule in run.rules.by_name and s.since is not None
        ]
        if not dry_run:
            judgement.commit(run, result, facts, directory, base.fresh)
    if not dry_run:
        guards.decide(run, base.fresh)
    return rows


def _new(run: Run, routed: Sequence[Routed], names: Mapping[int, str], dry_run: bool) -> list[dict[str, Any]]:
    out = []
    for r in routed:
        outcome = r.reason.value if r.reason else ("would be told" if dry_run else "is told")
        out.append(
            _row(
                run,
                r.finding.rule,
                r.finding.workspace,
                names,
                r.person or "(nobody)",
                outcome,
                r.finding.why,
            )
        )
    return out


def _row(
    run: Run,
    rule: str,
    workspace: int,
    names: Mapping[int, str],
    person: str,
    outcome: str,
    why: Sequence[str],
) -> dict[str, Any]:
    return {
        "rule": rule,
        "workspace": workspace,
        "name": names.get(workspace, ""),
        "person": person,
        "outcome": outcome,
        "why": "; ".join(why),
        "link": run.site.link(workspace),
    }

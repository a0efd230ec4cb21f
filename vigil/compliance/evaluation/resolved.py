"""Resolved notices of milestones: tells the people who received a date that it no longer matters, because it moved or `where` no
longer holds.

A condition remembers its finding; for a milestone the notices themselves show what was sent. A date that has passed is not thereby
resolved. With `superseded: ignore` a moved date is not news either: its people got one notice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime

from vigil.compliance.evaluation.clause_compiler import because, met, scope
from vigil.compliance.evaluation.evaluate import active
from vigil.compliance.evaluation.milestones import due_in_words, due_of, occurrence_of
from vigil.compliance.evaluation.results import Finding
from vigil.compliance.evaluation.superseded import SentOccurrences
from vigil.compliance.evaluation.window import Input
from vigil.compliance.occurrence import Occurrence
from vigil.compliance.rules.model import Rule, RuleKind, RuleSet, fields_used


def required_lookups(
    evaluated: Collection[tuple[str, int]], rules: RuleSet, workspaces: Collection[int]
) -> dict[str, set[int]]:
    """The evaluated workspaces for which the sent notices are needed, by rule."""
    mine = [r.name for r in active(rules) if r.kind is RuleKind.MILESTONE and r.resolved]
    return {name: some for name in mine if (some := {w for w in workspaces if (name, w) in evaluated})}


def findings(
    sent_occurrences: Mapping[str, SentOccurrences], rules: RuleSet, given: Input, as_of: datetime
) -> list[Finding]:
    """The resolved ones among the sent notices. `sent_occurrences` has the rules of `required_lookups`."""
    return [
        x
        for name, some in sent_occurrences.items()
        for x in _of_rule(rules.by_name[name], some, given, as_of)
    ]


def _of_rule(rule: Rule, told: SentOccurrences, given: Input, as_of: datetime) -> Iterator[Finding]:
    spoken: dict[int, dict[str, set[str]]] = {}
    for (workspace, step), occurrences in told.items():
        for name in open_dates(occurrences):
            spoken.setdefault(workspace, {}).setdefault(name, set()).add(step)
    holds = _holds(rule, spoken, given, as_of)
    for workspace, dates in spoken.items():
        if workspace not in holds:
            continue
        held, why = holds[workspace]
        table = given.facts.table(rule.subject.workspace_type, given.required, given.zone)
        due = due_of(rule, table, workspace)
        for name, steps in sorted(dates.items()):
            reasons = _settled(rule, name, due, held, why, given)
            for step in sorted(steps) if reasons else ():
                yield Finding(
                    rule.name,
                    workspace,
                    str(Occurrence(name, resolved=True)),
                    step or None,
                    as_of,
                    reasons,
                    due=_date(name),
                    resolved=True,
                )


def open_dates(occurrences: Iterable[str]) -> set[str]:
    """The dates among the occurrences of one step without a resolved notice."""
    found = [Occurrence.parse(o) for o in occurrences]
    return {o.base for o in found if o.is_first} - {o.base for o in found if o.resolved}


def _settled(
    rule: Rule, name: str, due: date | datetime | None, held: bool | None, why: tuple[str, ...], given: Input
) -> tuple[str, ...]:
    """The sentences that say why a date no longer matters; none while it does, or if that is unknown."""
    if held is None:
        return ()
    if not held:
        return why
    moved = due is None or (occurrence_of(due) != name and rule.superseded != "ignore")
    return (due_in_words(rule, due, given.zone, given.sensitive),) if moved else ()


def _holds(
    rule: Rule, workspaces: Collection[int], given: Input, as_of: datetime
) -> dict[int, tuple[bool | None, tuple[str, ...]]]:
    """Whether `where` holds for the existing workspaces, and why not. None: it, or the date, could not be read."""
    table = given.facts.table(rule.subject.workspace_type, given.required, given.zone)
    ready = scope(table, [rule.where], as_of, given.zone, given.sensitive)
    rows = {w: n for n, w in enumerate(ready.frame["id"].to_list()) if w in workspaces}
    blind = {w for w in rows if "attrs" in given.facts.workspaces[w].unread}
    if rule.where is None:
        return {w: (None if w in blind else True, ()) for w in rows}
    held = met(rule.where, ready)
    over = [n for n in rows.values() if held[n] is False]
    why = (
        dict(zip(over, because(rule.where, ready.at(over), False, fields_used(rule)), strict=True))
        if over
        else {}
    )
    return {w: (None if w in blind else held[n], why.get(n, ())) for w, n in rows.items()}


def _date(name: str) -> date | datetime | None:
    """The date in an occurrence."""
    return datetime.fromisoformat(name) if "T" in name else date.fromisoformat(name)

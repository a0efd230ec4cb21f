"""Sentences for the account about rules and templates that a run could not use as written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vigil.compliance.rules.in_force import Refusal, Revision
from vigil.service.run import Run
from vigil.wording import instant

STAND_IN = "the template of the rule's kind, and English, stand in for them"

SHOWN = 3
"""Refusals that a sentence names; the others are counted. `vigil validate` shows all."""


def sentences(run: Run, evaluated_again: Sequence[Revision] = ()) -> tuple[str, ...]:
    """Refused rules, refused templates, and rules that are evaluated again: a sentence for each kind that occurs."""
    return tuple(_of(run, evaluated_again))


def _of(run: Run, evaluated_again: Sequence[Revision]) -> Iterator[str]:
    if run.refused:
        yield of_rules(run.refused, run.site.zone)
    if run.unworded:
        files = len({problem.file for problem in run.unworded})
        some = _shown(list(map(str, run.unworded)))
        yield f"Templates refused: {files}: {some}: {STAND_IN}"
    for rule in evaluated_again:
        yield returned(rule, run)


def of_rules(refused: Sequence[Refusal], zone: str) -> str:
    """Refused rules in a sentence: how many, where, and which text stays in force. Instants are in `zone`."""
    return f"Rules refused: {sum(r.count for r in refused)}: {_shown([r.sentence(zone) for r in refused])}"


def returned(rule: Revision, run: Run) -> str:
    """A rule that was left out is evaluated again: a person should check what it would have sent meanwhile."""
    after, until = (at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in (rule.last_at, run.as_of))
    return (
        f"Rule evaluated again: {rule.rule}, left out since {instant(rule.last_at, run.site.zone)}: what happened since and is "
        f"over was not told; `vigil backfill --site {run.site.name} --from {after} --to {until}` shows it"
    )


def _shown(said: Sequence[str]) -> str:
    more = f" (and {len(said) - SHOWN} more)" if len(said) > SHOWN else ""
    return "; ".join(s.rstrip(".") for s in said[:SHOWN]) + more

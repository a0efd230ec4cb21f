"""The rules over the past: what a run at each of the past ticks would have found, from what had been observed by then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from vigil.compliance import facts as f
from vigil.compliance.evaluate import Input, Window, evaluate
from vigil.compliance.events import Change, derive
from vigil.compliance.facts import Fact
from vigil.compliance.rules import RuleSet
from vigil.compliance.tables import Facts
from vigil.compliance.verdicts import Finding, Standing


@dataclass(frozen=True, slots=True)
class Seen:
    """One observation: `fact` is None for a tombstone."""

    kind: str
    subject: str
    workspace: int
    seen_at: datetime
    fact: Fact | None


def replay(
    history: Sequence[Seen],
    rules: RuleSet,
    ticks: Sequence[datetime],
    required: Sequence[f.RequiredDocument] = (),
    zone: str = "UTC",
) -> Iterator[tuple[datetime, tuple[Finding, ...], Facts]]:
    """The findings of each tick, and the facts as they were then of the workspaces it looked at.

    `history` is in the order of observation. At the first tick the world is seen for the first time: what was there then is no
    transition, as in shared/estates/README.md.
    """
    known: dict[tuple[str, str], Seen] = {}
    of: dict[int, set[tuple[str, str]]] = defaultdict(set)
    standings: dict[tuple[str, int], Standing] = {}
    after, position = ticks[0], 0
    for tick in ticks:
        changes: list[Change] = []
        while position < len(history) and history[position].seen_at <= tick:
            changes.append(_take_in(history[position], known, of))
            position += 1
        todo = {c.workspace for c in changes if c.workspace is not None}
        todo |= {
            s.workspace for s in standings.values() if s.next_check_at is not None and s.next_check_at <= tick
        }
        if not todo:
            after = tick
            continue
        facts = Facts.of(fact for w in sorted(todo) for key in of[w] if (fact := known[key].fact) is not None)
        first = tick == ticks[0]
        given = Input(
            facts=facts,
            events=() if first else derive(changes, after, tick),
            changes=() if first else changes,
            standings=[s for s in standings.values() if s.workspace in todo],
            required=required,
            zone=zone,
        )
        result = evaluate(given, rules, Window(after, tick))
        for pair in result.evaluated:
            standings.pop(pair, None)
        standings |= {(s.rule, s.workspace): s for s in result.standings}
        yield tick, result.findings, facts
        after = tick


def _take_in(seen: Seen, known: dict[tuple[str, str], Seen], of: dict[int, set[tuple[str, str]]]) -> Change:
    key = seen.kind, seen.subject
    before = known.get(key)
    known[key] = seen
    of[seen.workspace].add(key)
    return Change(
        seen.kind,
        seen.subject,
        seen.workspace,
        seen.seen_at,
        before.fact if before else None,
        seen.fact,
        before is None,
    )

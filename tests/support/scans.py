"""Looking at a history as runs do: observations that only ever add, and evaluations that remember.

`Ledger` is to these tests what `vigil.ledger` is to a run; `Watcher` is one way of evaluating over it.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from tests.support.histories import History, World
from vigil.compliance import facts as f
from vigil.compliance.evaluation.evaluate import active, evaluate
from vigil.compliance.evaluation.results import Evaluation
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input, Window
from vigil.compliance.events import Change, Looked, derive
from vigil.compliance.rules.model import RuleSet

Key = tuple[str, object]


def key_of(fact: f.Fact) -> Key:
    match fact:
        case f.Workspace():
            return "workspace", fact.id
        case f.Document():
            return "document", fact.id
        case f.Step():
            return "step", (fact.process, fact.subprocess, fact.step)
        case f.Roles():
            return "roles", fact.workspace
        case f.MissingDocuments():
            return "missing", fact.workspace
        case f.Related():
            return "related", fact.workspace
        case f.AuditEvent():
            return "audit", (fact.workspace, fact.position)
        case other:
            raise AssertionError(other)


PART = {
    "document": "documents",
    "step": "steps",
    "roles": "roles",
    "missing": "missing",
    "audit": "comments",
    "related": "related",
}


class Ledger:
    """What was seen. What could not be read keeps what was known of it."""

    def __init__(self) -> None:
        self.known: dict[int, dict[Key, f.Fact]] = defaultdict(dict)
        self._ever: set[Key] = set()

    def scan(self, world: World, unread: frozenset[tuple[int, str]], at: datetime) -> list[Change]:
        """Take in the world as it stands, but for the parts that cannot be read."""
        changes: list[Change] = []
        for w in world.workspaces:
            blind = frozenset(part for workspace, part in unread if workspace == w)
            changes += self.see(w, world.facts(w), blind, at)
        return changes

    def see(self, w: int, facts: Iterable[f.Fact], blind: frozenset[str], at: datetime) -> list[Change]:
        """Take in everything that there is of one workspace, but for the parts in `blind`."""
        there = {key_of(x): x for x in facts}
        known, out = self.known[w], []
        for key, fact in there.items():
            if PART.get(key[0]) in blind:
                continue
            if isinstance(fact, f.Workspace) and blind:
                before = known.get(key)
                attrs = fact.attrs
                if "attrs" in blind:
                    attrs = before.attrs if isinstance(before, f.Workspace) else {}
                fact = dataclasses.replace(fact, attrs=attrs, unread=blind)
            if known.get(key) != fact:
                out.append(Change(key[0], str(key[1]), w, at, known.get(key), fact, key not in self._ever))
                known[key] = fact
                self._ever.add(key)
        # Of what is gone as a whole nothing is left; of the rest, what could not be read may be there still.
        for key in [k for k in known if k not in there and (not there or PART.get(k[0]) not in blind)]:
            out.append(Change(key[0], str(key[1]), w, at, known.pop(key), None))
        return out

    def related_to(self, changed: set[int]) -> set[int]:
        """The workspaces that are related to one of `changed`."""
        there = (x for some in self.known.values() for x in some.values() if isinstance(x, f.Related))
        return {r.workspace for r in there if changed & set(r.others)}

    def everyone(self) -> list[f.Fact]:
        return [x for some in self.known.values() for x in some.values() if isinstance(x, f.Workspace)]


@dataclass
class Watcher:
    """Evaluates everything at each scan (`full`), or what changed and what is due."""

    full: bool
    zone: str
    required: tuple[f.RequiredDocument, ...] = ()
    rule_states: dict[tuple[str, int], RuleState] = field(default_factory=dict)
    scanned: int = 0
    _states: dict[str, tuple[datetime, str]] = field(default_factory=dict)

    def evaluate(self, ledger: Ledger, scan: Scan, rules: RuleSet) -> Evaluation:
        """One evaluation, as `vigil.service.evaluation` plans it."""
        as_of, changes = scan.as_of, scan.changes
        texts = {r.name: r.model_dump_json(by_alias=True) for r in active(rules)}
        edited = any(self._states.get(n, (None, ""))[1] != text for n, text in texts.items())
        todo = {c.workspace for c in changes if c.workspace is not None}
        todo |= ledger.related_to(todo)
        todo |= {
            s.workspace
            for s in self.rule_states.values()
            if s.next_check_at is not None and s.next_check_at <= as_of and s.rule in texts
        }
        if self.full or edited:
            todo = set(ledger.known)
        self.scanned += len(todo)
        starts = {n: self._states[n][0] if n in self._states else as_of for n in texts}
        given = Input(
            facts=Facts.of(
                (fact for w in sorted(todo) for fact in ledger.known[w].values()), ledger.everyone()
            ),
            events=derive(changes, Looked(scan.complete), as_of),
            changes=changes,
            rule_states=[s for s in self.rule_states.values() if s.workspace in todo],
            required=self.required,
            zone=self.zone,
        )
        window = Window(scan.after, as_of, {n: at for n, at in starts.items() if at > scan.after})
        result = evaluate(given, rules, window)
        for pair in result.evaluated:
            self.rule_states.pop(pair, None)
        self.rule_states |= {(s.rule, s.workspace): s for s in result.rule_states}
        self._states |= {n: (starts[n], text) for n, text in texts.items()}
        return result


@dataclass(frozen=True)
class Scan:
    """One scan: the window (after, as_of], up to when everything had been read before, and what was seen to change."""

    after: datetime
    complete: datetime
    as_of: datetime
    changes: list[Change]


def scans(history: History, ledger: Ledger) -> Iterator[Scan]:
    """Each scan of the history, with `ledger` as it stands after it. What is there at the first one is no change."""
    world = World(history)
    after = complete = history.ticks[0]
    for n, tick in enumerate(history.ticks):
        world.move(tick)
        unread = history.unread[n] if history.unread else frozenset()
        changes = ledger.scan(world, unread, tick)
        yield Scan(after, complete, tick, changes if n else [])
        after = tick
        complete = complete if unread else tick

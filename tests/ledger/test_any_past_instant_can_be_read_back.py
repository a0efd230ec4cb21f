"""Nothing is updated in place: whatever was known at an instant can be read back, and changes pair up with what was before.

The ledger is held against a plain dictionary that is copied at every recording.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.support.samples import MINUTE, T0, document, workspace
from vigil.compliance.facts import Document, Fact, Workspace
from vigil.ledger import Ledger
from vigil.ledger.codec import subject_of
from vigil.ledger.observed import observations

WORKSPACES = (1, 2, 3)
Past = list[tuple[datetime, dict[tuple[str, str], Fact], int]]


def steps_of(rng: random.Random) -> Iterator[tuple[list[Fact], list[tuple[str, str]]]]:
    """Recordings of a small estate: things are renamed, moved, deleted and come back."""
    for _ in range(rng.randint(3, 9)):
        facts: list[Fact] = [
            workspace(w, name=rng.choice("AB"), attrs={"Contract.n": rng.randint(0, 2)})
            for w in WORKSPACES
            if rng.random() < 0.6
        ]
        facts += [
            document(10 * w + d, w, name=rng.choice("XY"))
            for w in WORKSPACES
            for d in (1, 2)
            if rng.random() < 0.4
        ]
        named = {subject_of(x)[:2] for x in facts}
        gone = [
            g
            for g in (*(("document", str(10 * w + 1)) for w in WORKSPACES), ("workspace", "3"))
            if g not in named and rng.random() < 0.2
        ]
        if ("workspace", "3") in gone:
            facts = [x for x in facts if subject_of(x)[2] != 3]
        yield facts, gone


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_the_ledger_agrees_with_a_dictionary_that_is_copied_each_time(ledger: Ledger, seed: int) -> None:
    with ledger.write() as connection:  # each example begins with nothing
        for name in ("observation", "newest"):
            connection.execute(text(f"DELETE FROM {name}"))
    world: dict[tuple[str, str], Fact] = {}
    past: Past = [(T0, dict(world), 0)]
    for n, (facts, gone) in enumerate(steps_of(random.Random(seed)), 1):
        now = T0 + n * MINUTE
        with ledger.write() as connection:
            observations.record(connection, facts, now, n, gone)
            seq = observations.last_seq(connection)
        _apply(world, facts, gone)
        past.append((now, dict(world), seq))
    check_instants(ledger, past)
    check_changes(ledger, past)
    check_history(ledger, past)


def _apply(world: dict[tuple[str, str], Fact], facts: list[Fact], gone: list[tuple[str, str]]) -> None:
    for kind, subject in gone:
        world.pop((kind, subject), None)
        if kind == "workspace":
            for key in [k for k, x in world.items() if subject_of(x)[2] == int(subject)]:
                del world[key]
    world.update({subject_of(x)[:2]: x for x in facts})


def check_instants(ledger: Ledger, past: Past) -> None:
    with ledger.read() as connection:
        for now, world, _ in past:
            seen = {subject_of(x)[:2]: x for x in observations.as_of(connection, now)}
            assert seen == world
            some = observations.as_of(connection, now, [1, 2])
            mine = {k: x for k, x in world.items() if subject_of(x)[2] in (1, 2)}
            assert {subject_of(x)[:2]: x for x in some} == mine
        current = {subject_of(x)[:2]: x for x in observations.current(connection, WORKSPACES)}
        assert current == past[-1][1]
        there = [x.id for x in past[-1][1].values() if isinstance(x, Workspace)]
        assert observations.known_workspaces(connection) == sorted(there)


def check_changes(ledger: Ledger, past: Past) -> None:
    """Between any two instants, the changes turn the first world into the second, each beside what was there before it."""
    with ledger.read() as connection:
        for i, (_, before, after_seq) in enumerate(past):
            for _, then, until_seq in past[i:]:
                world = dict(before)
                changes = observations.changes(connection, WORKSPACES, after_seq, until_seq)
                for c in changes:
                    assert world.get((c.kind, c.subject)) == c.before
                    assert not (c.first and c.before is not None)
                    world.pop((c.kind, c.subject), None)
                    if c.after is not None:
                        world[c.kind, c.subject] = c.after
                assert world == then
                changed = observations.changed_workspaces(connection, after_seq, until_seq)
                assert changed == {c.workspace for c in changes}


def check_history(ledger: Ledger, past: Past) -> None:
    with ledger.read() as connection:
        for now, world, _ in past:
            played: dict[tuple[str, str], Fact | None] = {}
            for seen in observations.history(connection, WORKSPACES, now):
                played[seen.kind, seen.subject] = seen.fact
            assert {k: x for k, x in played.items() if x is not None} == world


def test_nothing_of_the_past_is_lost_by_what_comes_later(ledger: Ledger) -> None:
    with ledger.write() as connection:
        observations.record(connection, [workspace(1), document(11, 1)], T0)
    with ledger.write() as connection:
        observations.record(connection, [document(11, 2)], T0 + MINUTE, gone=[("workspace", "1")])
    with ledger.read() as connection:
        then = [x for x in observations.as_of(connection, T0) if isinstance(x, Document)]
        assert then == [document(11, 1)]
        assert list(observations.as_of(connection, T0 - MINUTE)) == []
        assert list(observations.as_of(connection, T0 + MINUTE)) == [document(11, 2)]

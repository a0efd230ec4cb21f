"""Who is related to whom is asked from the other end, and is as the newest observation says."""

from __future__ import annotations

from tests.support.samples import MINUTE, T0, workspace
from vigil.compliance import facts as f
from vigil.ledger import Ledger
from vigil.ledger.observed import observations, relations


def record(ledger: Ledger, *facts: f.Fact, gone: tuple[tuple[str, str], ...] = (), minutes: int = 0) -> None:
    with ledger.write() as connection:
        observations.record(connection, facts, T0 + minutes * MINUTE, 7, gone)


def looking_at(ledger: Ledger, *changed: int) -> set[int]:
    with ledger.read() as connection:
        return relations.looking_at(connection, changed)


def test_a_workspace_is_found_from_each_that_it_is_related_to(ledger: Ledger) -> None:
    record(
        ledger,
        workspace(1),
        f.Related(1, (8, 9)),
        workspace(2),
        f.Related(2, (9,)),
        workspace(3),
        f.Related(3, ()),
    )
    assert (looking_at(ledger, 8), looking_at(ledger, 9), looking_at(ledger, 7)) == ({1}, {1, 2}, set())
    assert looking_at(ledger, 8, 9, 1) == {1, 2}


def test_the_newest_observation_counts(ledger: Ledger) -> None:
    record(ledger, workspace(1), f.Related(1, (8, 9)))
    record(ledger, workspace(1), f.Related(1, (9, 10)), minutes=1)
    assert (looking_at(ledger, 8), looking_at(ledger, 10)) == (set(), {1})
    record(ledger, workspace(1), f.Related(1, (9, 10)), minutes=2)  # the same again
    assert looking_at(ledger, 10) == {1}


def test_of_a_workspace_that_is_gone_nothing_is_left(ledger: Ledger) -> None:
    record(ledger, workspace(1), f.Related(1, (8,)))
    record(ledger, gone=(("workspace", "1"),), minutes=1)
    assert looking_at(ledger, 8) == set()


def test_facts_come_with_the_attributes_of_related_workspaces_alone(
    ledger: Ledger,
) -> None:
    paper = f.Document(80, 8, "x", None, T0, None, T0)
    record(ledger, workspace(1), f.Related(1, (2, 8)), workspace(2), workspace(8), paper)
    with ledger.read() as connection:
        found = observations.facts(connection, [1, 2])
    assert (sorted(found.workspaces), sorted(found.others), dict(found.documents)) == ([1, 2], [8], {})

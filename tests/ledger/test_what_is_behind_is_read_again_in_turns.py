"""What could not be read is read again by the next runs, and what never can be waits for its turn."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import pytest

from tests.support.samples import MINUTE, T0
from vigil.ledger import Ledger
from vigil.ledger.observed import behind
from vigil.ledger.observed.behind import Marks

AGAIN, BUDGET = 3, 1


@pytest.fixture
def failing(ledger: Ledger) -> Failing:
    return Failing(ledger)


class Failing:
    """Runs in which parts of workspaces cannot be read."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.at = T0

    def run(self, workspaces: Iterable[int], parts: int = 1, rest_is_read: bool = False) -> datetime:
        """One run: some `parts` of the workspaces fail, after the rest was read where it can be; then they are judged."""
        self.at += MINUTE
        some = list(workspaces)
        with self.ledger.write() as connection:
            if rest_is_read:
                behind.was_read(connection, some)
            for _ in range(parts):
                behind.not_read(connection, dict.fromkeys(some, "503"), {}, self.at)
            behind.evaluated(connection, dict.fromkeys(some, self.at))
        return self.at

    def due(self) -> list[int]:
        with self.ledger.read() as connection:
            return [b.workspace for b in behind.unread(connection, AGAIN, BUDGET)]


def test_what_failed_is_read_again_by_each_of_the_next_runs_and_then_in_turns(failing: Failing) -> None:
    for _ in range(AGAIN):
        failing.run([1, 2, 3])
        assert failing.due() == [1, 2, 3]
    failing.run([1, 2, 3])
    turns = []
    for _ in range(3):
        [turn] = failing.due()
        failing.run([turn])
        turns.append(turn)
    assert turns == [1, 2, 3]


def test_a_run_that_fails_at_several_parts_of_a_workspace_counts_once(failing: Failing) -> None:
    for _ in range(AGAIN):
        failing.run([1, 2], parts=3)
    assert failing.due() == [1, 2]


def test_a_workspace_whose_workflows_alone_fail_waits_for_its_turn_too(failing: Failing) -> None:
    for _ in range(AGAIN + 1):
        failing.run([1, 2], rest_is_read=True)
    assert failing.due() == [1]


def test_what_was_read_and_evaluated_begins_anew(failing: Failing) -> None:
    for _ in range(AGAIN + 1):
        failing.run([1, 2])
    with failing.ledger.write() as connection:
        behind.was_read(connection, [1, 2])
        behind.evaluated(connection, dict.fromkeys([1, 2], failing.at))
        assert behind.every(connection) == {}
    failing.run([1, 2])
    assert failing.due() == [1, 2]


def test_why_is_told_of_what_has_to_be_read_again_alone(failing: Failing) -> None:
    failing.run([1, 2])
    with failing.ledger.write() as connection:
        behind.was_read(connection, [2])
        assert behind.why_unread(connection, [1, 2, 3]) == {1: "503"}


def test_what_a_run_beside_this_one_could_not_judge_stays_behind(failing: Failing) -> None:
    """The other run found more of it than this one looked at, and goes past that: nobody else would take it up."""
    seen = failing.run([1])
    with failing.ledger.write() as connection:
        behind.was_read(connection, [1])
        behind.hold(connection, {1: "no roles"}, {}, Marks(9, seen), seen + MINUTE)
        behind.evaluated(connection, {1: seen})
        assert behind.every(connection)[1].why == "no roles"
        behind.evaluated(connection, {1: seen + MINUTE})
        assert behind.every(connection) == {}

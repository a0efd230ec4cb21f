"""What nobody may read for a run, and then may again, is not lost: rights that are given back move no date that a list shows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.failing import EMPTY, HOUR, NOON, Failure, Looked, Office
from vigil.ledger import observations
from vigil.service.why import about_workspace

RUNS = 5
CHILDREN = "GET /nodes/{id}/nodes"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    office = Office(tmp_path_factory.mktemp("office"))
    yield office
    office.close()


@pytest.fixture(scope="module")
def told(office: Office) -> list[Looked]:
    """What had been told after each of the runs in which everything may be read."""
    ledger = office.scratch.restore(office.empty)
    return [office.look(ledger, n) for n in range(RUNS)]


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("run", [1, 2])
@pytest.mark.parametrize("node", [1001, 1002, 51, 52, 53, 54])
def test_a_node_that_may_not_be_read_in_one_run_loses_nothing(
    office: Office, told: list[Looked], node: int, run: int, counted: bool
) -> None:
    """Events, steps, moments and conditions: two runs later everybody was told of them. A list that counts what it does not show
    may be a gap."""
    ledger = office.scratch.restore(office.empty)
    for n in range(RUNS):
        looked = office.look(ledger, n, unreadable=(node,) if n == run else (), counted=counted)
        assert looked.green or (n == run and counted)
    lost = told[-1].rows - looked.rows
    assert not lost, f"never told: {lost}"


def test_what_was_told_before_a_workspace_went_is_not_told_again(office: Office, told: list[Looked]) -> None:
    ledger = office.scratch.restore(office.empty)
    for n in range(3):
        office.look(ledger, n)
    for n, unreadable in ((3, (1001, 1002)), (4, ()), (5, ())):
        looked = office.look(ledger, n, unreadable=unreadable)
    assert looked.rows == told[-1].rows


def test_a_list_that_lacks_what_is_there_by_its_id_is_a_gap(office: Office, told: list[Looked]) -> None:
    """A child list without rows, and a count of none, for a whole run."""
    ledger = office.scratch.restore(office.empty)
    office.look(ledger, 0)
    failure = Failure(way=EMPTY, endpoint=CHILDREN)
    failing = office.look(ledger, 1, failure)
    assert failure.happened
    assert not failing.green
    assert "known document that is there" in failing.said
    with ledger.read() as connection:
        assert not [b for b in observations.buried(connection, 10) if b.kind == "document"]
    for n in (2, 3, 4):
        looked = office.look(ledger, n)
    assert looked.green
    assert not told[-1].rows - looked.rows


def test_what_is_gone_is_looked_for_the_latest_first_and_the_rest_in_turns(office: Office) -> None:
    ledger = office.scratch.restore(office.empty)
    office.look(ledger, 0)
    office.look(ledger, 1)
    office.look(ledger, 2, unreadable=(51, 1002))
    with ledger.read() as connection:
        every = observations.buried(connection, 10)
        assert {(b.kind, b.subject, b.type) for b in every} == {
            ("workspace", "1002", "Case"),
            ("document", "51", ""),
        }
        assert [b.seq for b in every] == sorted((b.seq for b in every), reverse=True)
        assert observations.buried(connection, 10, every[0].seq) == every[1:]
        assert observations.gone_since(connection, [1001, 1002]) == {1002: NOON + 2 * HOUR}


def test_why_says_since_when_a_workspace_is_gone(office: Office) -> None:
    ledger = office.scratch.restore(office.empty)
    office.look(ledger, 0)
    office.look(ledger, 1, unreadable=(2001,))
    answer = about_workspace(ledger, office.rules, 2001, "UTC")
    assert answer.known and answer.gone_at == NOON + HOUR
    assert about_workspace(ledger, office.rules, 2001, "UTC", NOON).gone_at is None, "it was there then"
    office.look(ledger, 2)
    assert about_workspace(ledger, office.rules, 2001, "UTC").gone_at is None
    assert not about_workspace(ledger, office.rules, 999, "UTC").known


def test_a_workspace_that_does_not_show_all_it_holds_stands_in_the_account(office: Office) -> None:
    ledger = office.scratch.restore(office.empty)
    office.look(ledger, 0)
    hidden = office.look(ledger, 1, unreadable=(52,))
    assert "1 workspace shows fewer items than it counts" in hidden.said
    assert "does not show" not in office.look(ledger, 2).said

"""A document that moves to another workspace leaves the one and is added to the other, in whatever order the two are read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.samples import MINUTE, T0, document, workspace
from vigil.compliance.events import Event, Looked, derive
from vigil.ledger import Ledger
from vigil.ledger.observed import observations

HERE, THERE = 1, 2
BEFORE = T0 + timedelta(days=30)
MOVED = BEFORE + MINUTE


def _seen(ledger: Ledger, *steps: tuple[tuple[object, ...], tuple[tuple[str, str], ...]]) -> list[Event]:
    """The events of what was seen, step by step, after a first look that found the document in the one workspace."""
    with ledger.write() as connection:
        observations.record(connection, [workspace(HERE), workspace(THERE), document(10, HERE)], BEFORE)
        known = observations.last_seq(connection)
        for facts, gone in steps:
            observations.record(connection, facts, MOVED, gone=gone)  # type: ignore[arg-type]
        changes = observations.changes(connection, [HERE, THERE], known, observations.last_seq(connection))
    looked = Looked(BEFORE, parts={"workspaces", "documents"})
    return derive(changes, looked, MOVED)


LEFT = ((), (("document", "10"),))


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([((document(10, THERE),), ())], id="read where it came to, or both at once"),
        pytest.param([LEFT, ((document(10, THERE),), ())], id="read where it left first"),
    ],
)
def test_it_is_added_where_it_came_when_it_was_seen_there_and_by_nobody_known(
    ledger: Ledger, steps: list[tuple[tuple[object, ...], tuple[tuple[str, str], ...]]]
) -> None:
    (event,) = _seen(ledger, *steps)
    assert (event.kind, event.workspace, event.at) == ("document_added", THERE, MOVED)
    assert event.occurrence == "document:10"
    assert event.fields["by"] is None


def test_a_version_that_came_with_the_move_is_told_beside_it(ledger: Ledger) -> None:
    later = document(10, THERE, version=2, modified=MOVED)
    found = _seen(ledger, ((later,), ()))
    assert [(e.kind, e.workspace) for e in found] == [("document_added", THERE), ("version_added", THERE)]


def test_one_that_was_away_and_is_back_in_the_same_workspace_is_not_added_again(ledger: Ledger) -> None:
    assert _seen(ledger, LEFT, ((document(10, HERE),), ())) == []

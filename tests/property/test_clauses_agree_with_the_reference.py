"""Clauses over columns come out as the reference says, with the same reasons, whatever else is in the table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from tests.property import reference
from tests.property.conftest import share
from tests.property.rules import TIMELY, clauses, of
from tests.property.views import views
from tests.support.histories import TYPE, History, histories
from tests.support.scans import Ledger, scans
from vigil.compliance import facts as f
from vigil.compliance.evaluation.clause_compiler import compile_clause, explain, next_change, scope
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.rules.clauses import Clause, FieldLeaf, leaves


def _known(ledger: Ledger, workspaces: Any = None) -> list[f.Fact]:
    return [
        x for w, some in ledger.known.items() if workspaces is None or w in workspaces for x in some.values()
    ]


def _clause(written: dict[str, Any]) -> Clause:
    clause = of({"kind": "condition", "when": written}).when
    assert clause is not None
    return clause


@share(1)
@given(histories(workspaces=6, scans=3), st.lists(clauses().map(_clause), min_size=8, max_size=8))
def test_each_workspace_comes_out_as_it_does_alone_in_plain_python(
    history: History, some: list[Clause]
) -> None:
    ledger = Ledger()
    for scan in scans(history, ledger):
        facts = Facts.of(_known(ledger))
        if not facts.workspaces:
            continue
        ready = scope(facts.table(TYPE, history.required, history.zone), some, scan.as_of, history.zone)
        seen = views(history, facts, scan.as_of)
        for clause in some:
            rows = ready.frame.select("id", compile_clause(clause, ready).alias("met"))
            met = dict(rows.iter_rows())
            note(f"{scan.as_of} in {history.zone}: {clause}")
            assert met == {w: reference.truth(clause, view) for w, view in seen.items()}
            for outcome in set(met.values()):
                mine = [w for w, held in met.items() if held is outcome]
                assert explain(clause, ready, mine, outcome) == {
                    w: _reasons(clause, seen[w], outcome) for w in mine
                }


def _reasons(clause: Clause, view: reference.View, met: reference.Known) -> tuple[str, ...]:
    among = {leaf.field for leaf in leaves(clause) if isinstance(leaf, FieldLeaf)}
    decided = reference.reasons(clause, view, met)
    return tuple(dict.fromkeys(reference.sentence(leaf, view, among) for leaf in decided))


@share(1)
@given(histories(workspaces=5, scans=2), st.lists(clauses(TIMELY).map(_clause), min_size=6, max_size=6))
def test_nothing_changes_by_the_clock_alone_before_the_next_change(
    history: History, some: list[Clause]
) -> None:
    """Until the next change every instant that could matter gives the result of now; at the change itself the next check is due."""
    ledger = Ledger()
    for scan in scans(history, ledger):
        facts = Facts.of(_known(ledger))
        if not facts.workspaces:
            continue
        ready = scope(facts.table(TYPE, history.required, history.zone), some, scan.as_of, history.zone)
        for clause in some:
            next_changes = dict(
                zip(ready.frame["id"].to_list(), next_change(clause, ready).to_list(), strict=True)
            )
            for w, view in views(history, facts, scan.as_of).items():
                _stays_until(next_changes[w], clause, view)


def _stays_until(next_change: datetime | None, clause: Clause, view: reference.View) -> None:
    now = reference.truth(clause, view)
    for at in reference.instants_that_matter(clause, view):
        if next_change is None or at < next_change:
            note(
                f"workspace {view.workspace.id} at {view.as_of}, next_change {next_change}, other at {at}: {clause}"
            )
            assert reference.truth(clause, reference.at(view, at)) == now

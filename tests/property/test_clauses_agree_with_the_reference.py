"""Clauses over columns come out as the reference says, with the same reasons, whatever else is in the table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
from hypothesis import given, note
from hypothesis import strategies as st

from tests.property import reference
from tests.property.conftest import share
from tests.property.histories import TYPE, History, histories
from tests.property.looking import Ledger, looks
from tests.property.rules import clauses, of
from vigil.compliance import facts as f
from vigil.compliance.clauses import Clause
from vigil.compliance.conditions import compile_clause, explain, next_flip, scope
from vigil.compliance.tables import Facts


def views(history: History, facts: Facts, as_of: datetime) -> dict[int, reference.View]:
    """Each workspace as the reference looks at it."""
    months = {r.type: r.valid_months for r in history.required if r.valid_months is not None}
    return {
        w: reference.View(
            fact,
            facts.documents.get(w, ()),
            facts.roles.get(w),
            facts.missing.get(w),
            as_of,
            history.zone,
            months,
            facts.steps.get(w, ()),
        )
        for w, fact in facts.workspaces.items()
    }


def _known(ledger: Ledger, workspaces: Any = None) -> list[f.Fact]:
    return [
        x for w, some in ledger.known.items() if workspaces is None or w in workspaces for x in some.values()
    ]


def _clause(written: dict[str, Any]) -> Clause:
    clause = of({"kind": "condition", "when": written}).when
    assert clause is not None
    return clause


@share(2)
@given(histories(workspaces=6, looks=3), st.lists(clauses().map(_clause), min_size=3, max_size=3))
def test_each_workspace_comes_out_as_it_does_alone_in_plain_python(
    history: History, some: list[Clause]
) -> None:
    ledger = Ledger()
    for look in looks(history, ledger):
        facts = Facts.of(_known(ledger))
        if not facts.workspaces:
            continue
        ready = scope(facts.table(TYPE, history.required, history.zone), some, look.as_of, history.zone)
        met = ready.frame.select("id", *(compile_clause(c, ready).alias(str(n)) for n, c in enumerate(some)))
        for w, view in views(history, facts, look.as_of).items():
            row = met.row(by_predicate=pl.col("id") == w, named=True)
            for n, clause in enumerate(some):
                note(f"workspace {w} at {look.as_of} in {history.zone}: {clause}")
                assert row[str(n)] == reference.truth(clause, view)
                said = explain(clause, ready, [w], row[str(n)])[w]
                leaves = reference.reasons(clause, view, row[str(n)])
                assert said == tuple(dict.fromkeys(reference.sentence(leaf, view) for leaf in leaves))


@share(1)
@given(histories(workspaces=5, looks=2), clauses().map(_clause))
def test_nothing_changes_by_the_clock_alone_before_the_flip(history: History, clause: Clause) -> None:
    """Between now and the flip every instant that could matter comes out as it does now; at the flip itself we look."""
    ledger = Ledger()
    for look in looks(history, ledger):
        facts = Facts.of(_known(ledger))
        if not facts.workspaces:
            continue
        ready = scope(facts.table(TYPE, history.required, history.zone), [clause], look.as_of, history.zone)
        flips = dict(zip(ready.frame["id"], next_flip(clause, ready), strict=True))
        for w, view in views(history, facts, look.as_of).items():
            now = reference.truth(clause, view)
            for at in reference.instants_that_matter(clause, view):
                if flips[w] is None or at < flips[w]:
                    note(f"workspace {w} at {look.as_of}, flip {flips[w]}, other at {at}: {clause}")
                    assert reference.truth(clause, reference.at(view, at)) == now

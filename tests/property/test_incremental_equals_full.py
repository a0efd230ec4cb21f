"""Evaluating what changed and what is due says the same as evaluating everything, for any history, rules and edits of rules."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from tests.property.conftest import share
from tests.property.histories import History, histories
from tests.property.looking import Ledger, Watcher, looks
from tests.property.rules import rule_sets
from vigil.compliance.rules import RuleSet
from vigil.compliance.verdicts import Standing


def _there(standings: Mapping[tuple[str, int], Standing], ledger: Ledger) -> dict[tuple[str, int], Standing]:
    """Standings of workspaces that are there: of the others it is only remembered what they were."""
    return {pair: s for pair, s in standings.items() if ("workspace", pair[1]) in ledger.known[pair[1]]}


@pytest.mark.slow
@share(1.5)
@given(histories(), st.lists(rule_sets(), min_size=1, max_size=3))
def test_any_history_and_any_edit_of_rules_comes_out_the_same(history: History, edits: list[RuleSet]) -> None:
    ledger = Ledger()
    full = Watcher(True, history.zone, history.required)
    some = Watcher(False, history.zone, history.required)
    for n, look in enumerate(looks(history, ledger)):
        rules = edits[n * len(edits) // len(history.ticks)]
        whole, part = full.evaluate(ledger, look, rules), some.evaluate(ledger, look, rules)
        note(f"look {n} at {look.as_of}: {len(look.changes)} changes, {len(part.evaluated)} evaluated")
        assert sorted(part.findings, key=repr) == sorted(whole.findings, key=repr)
        assert _there(some.standings, ledger) == _there(full.standings, ledger)
    assert some.looked_at <= full.looked_at

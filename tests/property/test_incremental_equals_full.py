"""Evaluating what changed and what is due says the same as evaluating everything, for any history, rules and edits of rules."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from tests.property.conftest import share
from tests.property.rules import rule_sets
from tests.support.histories import History, histories
from tests.support.scans import Ledger, Watcher, scans
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.rules.model import RuleSet


def _there(
    rule_states: Mapping[tuple[str, int], RuleState], ledger: Ledger
) -> dict[tuple[str, int], RuleState]:
    """Standings of workspaces that are there: of the others it is only remembered what they were."""
    return {pair: s for pair, s in rule_states.items() if ("workspace", pair[1]) in ledger.known[pair[1]]}


@pytest.mark.slow
@share(1.5)
@given(histories(), st.lists(rule_sets(), min_size=1, max_size=3))
def test_any_history_and_any_edit_of_rules_comes_out_the_same(history: History, edits: list[RuleSet]) -> None:
    ledger = Ledger()
    full = Watcher(True, history.zone, history.required)
    some = Watcher(False, history.zone, history.required)
    for n, scan in enumerate(scans(history, ledger)):
        rules = edits[n * len(edits) // len(history.ticks)]
        whole, part = full.evaluate(ledger, scan, rules), some.evaluate(ledger, scan, rules)
        note(f"scan {n} at {scan.as_of}: {len(scan.changes)} changes, {len(part.evaluated)} evaluated")
        assert sorted(part.findings, key=repr) == sorted(whole.findings, key=repr)
        assert _there(some.rule_states, ledger) == _there(full.rule_states, ledger)
    assert some.scanned <= full.scanned

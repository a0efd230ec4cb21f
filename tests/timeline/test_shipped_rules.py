"""The shipped packs: every timeline is as it says, every rule has one, and little could change in a rule unnoticed."""

from __future__ import annotations

import pytest

from tests.timeline.players import gate_of, outcomes
from vigil.timeline.load import Suite


def test_every_shipped_timeline_is_as_it_says(shipped: Suite) -> None:
    assert [f for o in outcomes(shipped, agree=False) for f in o.failures] == []


def test_every_shipped_rule_has_a_timeline(shipped: Suite) -> None:
    assert shipped.untested() == []


@pytest.mark.slow
def test_more_than_nine_in_ten_changes_of_a_shipped_rule_are_noticed(shipped: Suite) -> None:
    found = gate_of(shipped)
    assert found.tried > 350
    assert found.score > 0.9, [f"{m.spot} {m.name}: {m.what}" for m in found.survivors]

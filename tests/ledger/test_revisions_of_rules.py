"""The texts of rules that the ledger keeps: which of them is in force, and since when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vigil.compliance.rules.in_force import Revision
from vigil.ledger import Ledger
from vigil.ledger.observed import rule_versions

T0 = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def in_force(ledger: Ledger) -> dict[str, tuple[str, int, int]]:
    """rule -> (text, day of its first use, day of its last)."""
    with ledger.read() as connection:
        found = rule_versions.in_force(connection)
    return {r.rule: (r.text, (r.first_at - T0).days, (r.last_at - T0).days) for r in found}


def keep(ledger: Ledger, day: int, texts: dict[str, str], left_out: tuple[str, ...] = ()) -> None:
    at = T0 + day * DAY
    with ledger.write() as connection:
        added = rule_versions.use(connection, texts, left_out, at)
        rows = [Revision(r, t, t, f"{r}.yaml", at, at) for r, t in texts.items() if r in added]
        rule_versions.add(connection, rows)


def test_of_each_rule_one_text_is_in_force_and_a_deleted_rule_has_none(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert not rule_versions.kept(connection)
    keep(ledger, 0, {"a": "one", "b": "one"})
    keep(ledger, 1, {"a": "two"})
    assert in_force(ledger) == {"a": ("two", 1, 1)}
    keep(ledger, 2, {"a": "one", "b": "one"})
    assert in_force(ledger) == {"a": ("one", 0, 2), "b": ("one", 0, 2)}
    with ledger.read() as connection:
        assert rule_versions.kept(connection)


def test_a_rule_that_is_left_out_keeps_its_text_and_the_instant_of_its_last_use(ledger: Ledger) -> None:
    keep(ledger, 0, {"a": "one", "b": "one"})
    for day in (1, 2):
        keep(ledger, day, {"b": "one"}, ("a",))
    assert in_force(ledger) == {"a": ("one", 0, 0), "b": ("one", 0, 2)}
    keep(ledger, 3, {"a": "two", "b": "one"})
    assert in_force(ledger) == {"a": ("two", 3, 3), "b": ("one", 0, 3)}

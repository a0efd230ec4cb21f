"""What is remembered between two evaluations: positions, rule_states of rules, the rules' own texts."""

from __future__ import annotations

from datetime import timedelta

import orjson

from tests.support.samples import MINUTE, T0
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.ledger import Ledger, watermarks
from vigil.ledger.observed import rule_state
from vigil.ledger.watermarks import Evaluated, Listed, Scan, Watermark, WatermarkName, list_of

DAY = timedelta(days=1)


def keep(ledger: Ledger, *rule_states: RuleState, evaluated: set[tuple[str, int]] | None = None) -> None:
    pairs = {(s.rule, s.workspace) for s in rule_states} if evaluated is None else evaluated
    with ledger.write() as connection:
        rule_state.keep_rule_states(connection, rule_states, pairs, T0)


def found(ledger: Ledger, *workspaces: int) -> set[RuleState]:
    with ledger.read() as connection:
        return set(rule_state.rule_states(connection, workspaces))


def test_a_watermark_that_was_never_set_is_the_beginning(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert watermarks.watermark(connection, WatermarkName.EVALUATED) == Watermark()


def test_a_watermark_is_kept_and_replaced(ledger: Ledger) -> None:
    for mark in (
        Watermark(7, T0, {"complete": "x"}),
        Watermark(9, T0 + MINUTE, {"hashes": {"1": "ü"}}),
        Watermark(0),
    ):
        with ledger.write() as connection:
            watermarks.set_watermark(connection, WatermarkName.EVALUATED, mark)
            watermarks.set_watermark(connection, list_of("Contract"), Watermark(1))
        with ledger.read() as connection:
            got = watermarks.watermark(connection, WatermarkName.EVALUATED)
            assert (got.seq, got.at, got.data) == (mark.seq, mark.at, mark.data or {})
            assert watermarks.watermark(connection, list_of("Contract")).seq == 1


NAMES = {
    WatermarkName.EVALUATED,
    WatermarkName.SCAN,
    "schema",
    "processes",
    "verify",
    "values",
    "folders",
    "search",
    "bin",
    "dialect",
    "roles",
    "related",
    "active",
    "gone",
    "bare",
    "accounts",
    "/v2/businessworkspaces/{id}/missingdocuments",
    "forgotten",
    "forgotten attempts",
    "ledger check",
    "reconcile: follow-ups",
    "reconcile: missing documents",
    "reconcile: readable",
}
"""The names under which ledgers keep positions: another name would begin anew."""


def test_watermarks_have_the_names_that_they_always_had() -> None:
    assert set(WatermarkName) == NAMES
    assert list_of("Contract") == "changed:Contract"


EVALUATED = (
    '{"complete":"2026-03-02T08:00:00+00:00","fresh":["a","b"],"parts":["steps","workspaces"],"types":["Contract"],'
    '"unread":[3,17],"unread processes":[5],"skew":[-1.5,2.0]}'
)


def test_the_evaluation_watermark_of_the_version_before_is_read_and_written() -> None:
    found = Evaluated.of(orjson.loads(EVALUATED))
    assert (found.complete, found.skew) == (T0, (-1.5, 2.0))
    assert (found.fresh, found.parts, found.types) == ({"a", "b"}, {"steps", "workspaces"}, {"Contract"})
    assert (found.unread, found.unread_processes) == ({3, 17}, {5})
    assert orjson.dumps(found.plain()).decode() == EVALUATED
    assert Evaluated.of({}) == Evaluated(), "a ledger of an earlier version does not tell"


def test_what_lists_and_scans_keep_is_read_and_written_again() -> None:
    assert Scan.of({"parts": ["steps"]}) == Scan(frozenset({"steps"}))
    assert Scan(frozenset({"steps", "roles"})).plain() == {"parts": ["roles", "steps"]}
    assert (Listed.of({"listed": 7}).workspaces, Listed.of({}).workspaces) == (7, None)
    assert Listed(7).plain() == {"listed": 7}


def test_a_rule_state_comes_back_as_it_was_kept(ledger: Ledger) -> None:
    full = RuleState("renewal", 1, "finding", T0, T0 + DAY, ("Contract.expires is 2026-03-31", "ünï"))
    bare = RuleState("renewal", 2, "not_evaluated")
    keep(ledger, full, bare)
    assert found(ledger, 1, 2, 3) == {full, bare}


def test_an_evaluation_replaces_what_it_evaluated_and_nothing_else(ledger: Ledger) -> None:
    a1, b1, a2 = (RuleState(r, w, "finding", T0) for r, w in (("a", 1), ("b", 1), ("a", 2)))
    keep(ledger, a1, b1, a2)
    changed = RuleState("a", 1, "holding", T0 + MINUTE, None, ("new",))
    keep(ledger, changed, evaluated={("a", 1), ("a", 3)})
    assert found(ledger, 1, 2, 3) == {changed, b1, a2}
    keep(ledger, evaluated={("a", 1), ("b", 2), ("c", 1)})
    assert found(ledger, 1, 2, 3) == {b1, a2}


def test_many_rule_states_are_replaced_at_once(ledger: Ledger) -> None:
    many = [RuleState(f"r{r}", w, "finding", T0) for w in range(700) for r in range(3)]
    keep(ledger, *many)
    keep(ledger, *many[:900], evaluated={(s.rule, s.workspace) for s in many})
    assert found(ledger, *range(700)) == set(many[:900])


def test_workspaces_are_due_when_one_of_their_rules_may_change(ledger: Ledger) -> None:
    keep(
        ledger,
        RuleState("a", 1, "holding", T0, T0 + DAY),
        RuleState("b", 1, "holding", T0, T0 + 2 * DAY),
        RuleState("a", 2, "clear", None, T0 + 2 * DAY),
        RuleState("a", 3, "finding", T0, None),
    )
    with ledger.read() as connection:
        assert rule_state.due_workspaces(connection, T0, {"a", "b"}) == set()
        assert rule_state.due_workspaces(connection, T0 + DAY, {"a", "b"}) == {1}
        assert rule_state.due_workspaces(connection, T0 + 2 * DAY, {"a", "b"}) == {1, 2}
        assert rule_state.due_workspaces(connection, T0 + 2 * DAY, {"b"}) == {1}, (
            "a rule that is gone keeps them due"
        )


def test_a_rule_begins_when_it_is_first_evaluated_whatever_it_says_later(ledger: Ledger) -> None:
    for n, text in enumerate(("one", "one", "two")):
        with ledger.write() as connection:
            rule_state.keep_evaluated_rules(connection, {"renewal": text}, T0 + n * DAY)
    with ledger.read() as connection:
        assert rule_state.evaluated_rules(connection) == {"renewal": (T0, "two")}

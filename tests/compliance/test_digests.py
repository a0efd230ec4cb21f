"""What goes into a digest: who it is for, what is no longer news, and a key that comes from data."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from vigil.compliance import facts as f
from vigil.compliance.evaluation.results import Finding, Outcome, Why
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.evaluation.still_true import CurrentState, Statement
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input
from vigil.compliance.events import stamp
from vigil.compliance.notices import Severity
from vigil.compliance.notify import digests
from vigil.compliance.notify.digests import DigestItem
from vigil.compliance.notify.routing import Directory, principals_of, route
from vigil.compliance.rules.model import Recipient, Rule, RuleKind, RuleSet, Status, Subject

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLACE = f.Workspace(7, "Contract", "Steel", NOON, NOON, {"Contract.expires": date(2026, 6, 1)})
ADA = f.User("ada", 1, "Ada")
BEGAN = stamp(NOON)


def rule(
    kind: RuleKind = RuleKind.CONDITION, group: bool | None = None, status: Status = Status.LIVE
) -> Rule:
    to = (Recipient(user="ada"),)
    return Rule(
        name="r", kind=kind, subject=Subject(workspace_type="Contract"), to=to, group=group, status=status
    )


def milestone() -> Rule:
    return rule(RuleKind.MILESTONE).model_copy(update={"due": "attr.expires"})


def routed(given: Rule, suppressed: Why | None = None) -> list[tuple[str | None, Why | None]]:
    finding = Finding("r", 7, "o", None, NOON, suppressed=suppressed)
    rules, facts = RuleSet((given,)), Facts.of([PLACE])
    assert (principals_of([finding], rules, facts)[1] == {"user:ada"}) is (
        suppressed in (None, Why.LATE_DIGEST)
    )
    return [(r.person, r.reason) for r in route([finding], rules, facts, Directory.of([ADA]))]


def test_what_a_rule_groups_or_came_too_late_waits_and_is_somebodys() -> None:
    assert routed(rule()) == [("ada", None)]
    assert routed(rule(group=True)) == [("ada", Why.GROUPED)]
    assert routed(rule(), Why.LATE_DIGEST) == [("ada", Why.LATE_DIGEST)]
    assert routed(rule(group=True), Why.LATE_DIGEST) == [("ada", Why.LATE_DIGEST)]


def test_a_shadow_rule_adds_nothing_to_a_digest_and_a_dropped_one_has_no_person() -> None:
    assert routed(rule(group=True, status=Status.SHADOW)) == [("ada", Why.SHADOW)]
    assert routed(rule(group=True), Why.LATE_DROP) == [(None, Why.LATE_DROP)]


def kept(
    occurrence: str, number: int = 1, at: datetime = NOON, severity: Severity = Severity.NORMAL
) -> DigestItem:
    return DigestItem(number, "r", 7, occurrence, at, f"title {number}", "https://example.org", severity)


def left_out(
    some: DigestItem,
    given: Rule | None,
    *rule_states: RuleState,
    place: f.Workspace | None = PLACE,
    beside: Collection[Statement] = (),
    at: datetime = NOON,
) -> Why | None:
    facts = Facts.of([place] if place else [])
    return digests.left_out(some, given, CurrentState(Input(facts, rule_states=rule_states), at), beside, at)


def test_what_is_not_true_any_more_is_left_out() -> None:
    open_now = RuleState("r", 7, Outcome.FINDING, NOON)
    assert left_out(kept(BEGAN), rule(), open_now) is None
    assert left_out(kept(BEGAN), rule()) is Why.CLEARED
    assert left_out(kept("2026-06-01"), milestone()) is None
    assert left_out(kept("2026-07-01"), milestone()) is Why.CLEARED
    assert left_out(kept("any"), None, place=None) is Why.GONE


def test_the_end_of_what_waits_beside_it_is_no_news() -> None:
    assert left_out(kept(f"{BEGAN}:resolved"), rule(), beside={("r", 7, BEGAN)}) is Why.CLEARED
    assert left_out(kept(f"{BEGAN}:resolved"), rule(), beside={("r", 8, BEGAN)}) is None


def test_what_is_past_its_time_to_live_is_left_out() -> None:
    dying = DigestItem(1, "r", 7, "o", NOON, "t", "l", Severity.LOW, expires_at=NOON + HOUR)
    transition = rule(RuleKind.TRANSITION)
    assert left_out(dying, transition, at=NOON + HOUR) is Why.LAPSED
    assert left_out(dying, transition) is None
    assert left_out(dying, transition, place=None, at=NOON + HOUR) is Why.GONE


def test_two_digests_that_end_at_one_instant_have_two_occurrences() -> None:
    first = [kept("a", 3), kept("b", 9, NOON - HOUR)]
    second = [kept("c", 10, NOON - HOUR), kept("d", 11)]
    assert digests.window_end(first) == (NOON, f"{BEGAN}/9")
    assert digests.window_end(second) == (NOON, f"{BEGAN}/11")
    assert digests.window_end(first[::-1]) == digests.window_end(first)


def test_the_weightiest_comes_first_and_decides_how_much_the_digest_may_disturb() -> None:
    some = [
        kept("a", 1),
        kept("b", 2, severity=Severity.HIGH),
        kept("c", 3),
        kept("d", 4, severity=Severity.LOW),
    ]
    assert digests.lines(some) == ("title 2", "title 1", "title 3", "title 4")
    assert digests.severity_of(some) is Severity.HIGH

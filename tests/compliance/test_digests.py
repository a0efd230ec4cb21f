"""What goes into a digest: who it is for, what is no longer news, and a key that comes from data."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from vigil.compliance import digests
from vigil.compliance import facts as f
from vigil.compliance.digests import Kept
from vigil.compliance.events import stamp
from vigil.compliance.notices import Severity
from vigil.compliance.routing import Directory, principals_of, route
from vigil.compliance.rules import Kind, Recipient, Rule, RuleSet, Status, Subject
from vigil.compliance.standings import Standing
from vigil.compliance.tables import Facts
from vigil.compliance.verdicts import Finding, Outcome, Why

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLACE = f.Workspace(7, "Contract", "Steel", NOON, NOON, {"Contract.expires": date(2026, 6, 1)})
ADA = f.User("ada", 1, "Ada")


def rule(kind: Kind = Kind.CONDITION, group: bool | None = None, status: Status = Status.LIVE) -> Rule:
    to = (Recipient(user="ada"),)
    return Rule(
        name="r", kind=kind, subject=Subject(workspace_type="Contract"), to=to, group=group, status=status
    )


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


def test_a_rule_in_shadow_puts_nothing_into_a_digest_and_what_is_dropped_is_nobodys() -> None:
    assert routed(rule(group=True, status=Status.SHADOW)) == [("ada", Why.SHADOW)]
    assert routed(rule(group=True), Why.LATE_DROP) == [(None, Why.LATE_DROP)]


def kept(occurrence: str, number: int = 1, at: datetime = NOON, severity: Severity = Severity.NORMAL) -> Kept:
    return Kept(number, "r", 7, occurrence, at, f"title {number}", "https://example.org", severity)


def standing(outcome: str, since: datetime | None = NOON) -> Standing:
    return Standing("r", 7, outcome, since)


BEGAN = stamp(NOON)


@pytest.mark.parametrize(
    ("occurrence", "now", "why"),
    [
        (BEGAN, standing(Outcome.FINDING), None),
        (BEGAN, standing(Outcome.HELD), None),  # cannot be read now: nothing says that it ended
        (f"{BEGAN}#2", standing(Outcome.FINDING), None),
        (BEGAN, None, Why.CLEARED),
        (BEGAN, standing(Outcome.HOLDING), Why.CLEARED),
        (BEGAN, standing(Outcome.FINDING, NOON + HOUR), Why.CLEARED),  # it ended, and began once more
        (f"{BEGAN}#2", None, Why.CLEARED),
        (f"{BEGAN}:resolved", None, None),
    ],
)
def test_a_condition_is_news_while_it_is_open(occurrence: str, now: Standing | None, why: Why | None) -> None:
    assert digests.left_out(kept(occurrence), rule(), PLACE, now, set(), NOON) is why


def test_the_end_of_what_nobody_heard_of_is_no_news() -> None:
    beside = {("r", 7, BEGAN)}
    assert digests.left_out(kept(f"{BEGAN}:resolved"), rule(), PLACE, None, beside, NOON) is Why.CLEARED
    others = {("r", 8, BEGAN), ("other", 7, BEGAN)}
    assert digests.left_out(kept(f"{BEGAN}:resolved"), rule(), PLACE, None, others, NOON) is None


@pytest.mark.parametrize(
    ("occurrence", "why"),
    [
        ("2026-06-01", None),
        ("2026-06-01#3", None),
        ("2026-07-01", Why.CLEARED),  # the date has moved
        (stamp(NOON), None),  # of `created`
    ],
)
def test_a_milestone_is_news_while_its_date_stands(occurrence: str, why: Why | None) -> None:
    assert digests.left_out(kept(occurrence), rule(Kind.MILESTONE), PLACE, None, set(), NOON) is why


def test_a_transition_stays_news_and_so_does_what_a_rule_found_that_is_gone() -> None:
    assert digests.left_out(kept("any"), rule(Kind.TRANSITION), PLACE, None, set(), NOON) is None
    assert digests.left_out(kept("any"), None, PLACE, None, set(), NOON) is None
    assert digests.left_out(kept("any"), None, None, None, set(), NOON) is Why.GONE


def test_what_is_past_its_time_to_live_is_left_out() -> None:
    dying = Kept(1, "r", 7, "o", NOON, "t", "l", Severity.LOW, expires_at=NOON + HOUR)
    transition = rule(Kind.TRANSITION)
    assert digests.left_out(dying, transition, PLACE, None, set(), NOON + HOUR) is Why.LAPSED
    assert digests.left_out(dying, transition, PLACE, None, set(), NOON) is None


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

"""What a rule's guard stops is held, named, and sent once when a person says so; everything else goes out."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, timedelta
from typing import Any, NoReturn

import pytest

from tests.flows.conftest import SITE, Watched
from vigil.compliance.notify.guards import GuardWhy
from vigil.ledger.outbox import guard_holds
from vigil.ledger.outbox.guard_holds import GuardHold
from vigil.ledger.people import preferences
from vigil.ledger.people.preferences import Preferences
from vigil.service import guards

RULE = "contract-status"


def of_rule(watched: Watched) -> Counter[tuple[str, str]]:
    return Counter((r["state"], r["reason"]) for r in watched.rows() if r["rule"] == RULE)


def pushed(watched: Watched) -> int:
    """Pushes of the rule that any device ever received. Others may be sent meanwhile: an approval that waits escalates."""
    return sum(n["data"]["rule"] == RULE for d in watched.sandbox.devices() for n in d["received"])


def all_holds(watched: Watched) -> list[GuardHold]:
    with watched.ledger.read() as connection:
        return guard_holds.latest(connection)


def answer(watched: Watched, hold: int, what: str) -> Any:
    from flows.guard import guard

    async def go() -> Any:
        await watched.save()
        return await guard(
            hold=hold, answer=what, by="mara", site=SITE, as_of=watched.sandbox.now(), return_state=True
        )

    return asyncio.run(go())


def test_a_rule_that_would_say_too_much_is_held_and_everything_else_is_sent(watched: Watched) -> None:
    watched.change_rule(RULE, "guard: {max_findings: 1}")
    watched.watch(watched.made.start)
    state = watched.watch(watched.made.start + timedelta(days=4))
    assert state.name == "Held"
    assert "1 rule held by a guard" in state.message
    held = of_rule(watched)
    assert set(held) == {("suppressed", GuardWhy.HELD)}
    assert pushed(watched) == 0
    assert len([r for r in watched.rows() if r["state"] == "sent"]) > 20
    (hold,) = all_holds(watched)
    assert (hold.rule, hold.state, hold.notices) == (RULE, "waiting", held.total())
    assert hold.reasons == (f"{hold.findings} findings in one run, where 1 is the limit",)
    assert hold.workspaces <= hold.findings < hold.notices


@pytest.mark.quick
def test_an_answer_sends_exactly_what_is_held_and_a_second_one_nothing(watched: Watched) -> None:
    watched.change_rule(RULE, "guard: {max_findings: 1}")
    watched.past(0, 4)
    (hold,) = all_holds(watched)
    others = [t for t in watched.told() if t[0] != RULE]
    state = answer(watched, hold.id, "send")
    assert state.name == "Completed"
    assert f"{hold.notices} notices queued" in state.message
    assert of_rule(watched) == Counter({("sent", ""): hold.notices})
    assert [t for t in watched.told() if t[0] != RULE] == others
    received = pushed(watched)
    assert received
    assert "was sent before: this run changed nothing" in answer(watched, hold.id, "send").message
    assert "was sent before: this run changed nothing" in answer(watched, hold.id, "drop").message
    watched.watch(watched.made.start + timedelta(days=4))
    assert pushed(watched) == received
    assert all_holds(watched)[0].answered_by == "mara"


def test_an_answer_given_at_night_wakes_nobody(watched: Watched) -> None:
    watched.change_rule(RULE, "guard: {max_findings: 1}")
    at = watched.made.start + timedelta(days=4)
    watched.past(0, 4)
    (hold,) = all_holds(watched)
    night = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    asleep = Preferences(night.time(), (night + timedelta(hours=3)).time(), zone="UTC")
    with watched.ledger.write() as connection:
        for login in watched.estate.users:
            preferences.keep(connection, login, asleep, night)
    answer(watched, hold.id, "send")
    assert pushed(watched) == 0
    mine = [r for r in watched.rows() if r["rule"] == RULE]
    assert {(r["state"], r["due_at"]) for r in mine} == {("queued", night + timedelta(hours=3))}
    watched.watch(night + timedelta(hours=3))
    assert of_rule(watched)["sent", ""] >= hold.notices
    assert pushed(watched) > 0


def test_what_is_dropped_is_never_sent_and_says_who_decided(watched: Watched) -> None:
    watched.change_rule(RULE, "guard: {max_share: 0.01}")
    watched.past(0, 4)
    (hold,) = all_holds(watched)
    assert "is the limit" in hold.reasons[0]
    assert hold.known > hold.workspaces, "the share is of all known workspaces of the type"
    assert answer(watched, hold.id, "drop").name == "Dropped"
    assert set(of_rule(watched)) == {("suppressed", GuardWhy.DROPPED)}
    watched.watch(watched.made.start + timedelta(days=4, hours=1))
    assert pushed(watched) == 0


def test_a_guard_hold_that_expired_has_a_name_and_can_still_be_answered(watched: Watched) -> None:
    watched.change_rule(RULE, "guard: {max_findings: 1}")
    watched.past(0, 4)
    held = of_rule(watched).total()
    watched.watch(watched.made.start + timedelta(days=4, hours=23))
    assert all_holds(watched)[0].state == "waiting"
    watched.watch(watched.made.start + timedelta(days=5))
    assert all_holds(watched)[0].state == "expired"
    assert of_rule(watched)["suppressed", GuardWhy.EXPIRED] == held
    answer(watched, all_holds(watched)[0].id, "send")
    assert of_rule(watched)["sent", ""] >= held


def test_within_its_limits_a_guarded_rule_sends_what_it_would_unguarded(watched: Watched) -> None:
    watched.change_rule(RULE, "guard: {max_findings: 100, max_share: 1.0, first_run: manifest_only}")
    watched.past(0)
    assert watched.watch(watched.made.start + timedelta(days=4)).name == "Completed"
    assert set(of_rule(watched)) == {("sent", "")}
    assert all_holds(watched) == []


def test_the_first_run_of_a_rule_that_wants_to_be_seen_first_is_held(watched: Watched) -> None:
    watched.change_rule("contract-cost-center", "guard: {first_run: manifest_only}")
    watched.watch(watched.made.start)
    (hold,) = all_holds(watched) or pytest.fail(
        "the first run of the rule found nothing: the test proves nothing"
    )
    assert hold.rule == "contract-cost-center"
    assert "first run" in hold.reasons[0]
    watched.watch(watched.made.start + timedelta(days=4))
    later = [r for r in watched.rows() if r["rule"] == "contract-cost-center" and r["run"] != hold.run]
    assert {r["state"] for r in later} <= {"sent", "no_device"}
    assert len(all_holds(watched)) == 1


def killed(*_: object) -> NoReturn:
    """What a signal does to a run at that instant."""
    raise KeyboardInterrupt


def test_what_a_killed_run_left_undecided_counts_with_the_next_run(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.change_rule(RULE, "guard: {max_findings: 1}")
    watched.past(0)
    with monkeypatch.context() as patch:
        patch.setattr(guards, "decide", killed)
        with pytest.raises(KeyboardInterrupt):
            watched.watch(watched.made.start + timedelta(days=4))
    undecided = of_rule(watched)["suppressed", GuardWhy.UNDECIDED]
    assert undecided > 2
    assert watched.watch(watched.made.start + timedelta(days=4, hours=1)).name == "Held"
    assert of_rule(watched)["suppressed", GuardWhy.HELD] >= undecided
    assert pushed(watched) == 0


def test_a_sweep_that_tells_is_held_by_the_guard_as_well(watched: Watched) -> None:
    from flows.sweep import SweepScope, sweep

    watched.change_rule(RULE, "guard: {max_findings: 1}")
    watched.past(0)
    watched.sandbox.move(watched.made.start + timedelta(days=4))
    scope = SweepScope(rules=[RULE], dry_run=False)

    async def go() -> Any:
        return await sweep(site=SITE, scope=scope, as_of=watched.sandbox.now(), return_state=True)

    state = asyncio.run(go())
    assert state.name == "Held"
    assert pushed(watched) == 0
    assert len(all_holds(watched)) == 1


def test_a_scan_that_lacks_most_workspaces_is_refused_until_accepted(watched: Watched) -> None:
    """The service user loses its rights: ECM then lists only what an ordinary user may see, without any error."""
    watched.past(0)
    day = watched.made.start + timedelta(days=8)  # the next complete reading
    person = next(u.login for u in watched.estate.users.values() if not u.deleted)
    watched.user = person
    told = watched.told()
    state = watched.watch(day)
    assert state.is_failed()
    assert "known workspaces are missing" in state.message
    assert "accept_fewer" in state.message
    assert watched.told() == told
    watched.user = "vigil"
    assert watched.watch(day).is_completed()
    watched.user = person
    accepted = watched.watch(day + timedelta(days=8), accept_fewer=True)
    assert not accepted.is_failed(), accepted.message

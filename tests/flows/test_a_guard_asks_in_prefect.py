"""A guard that trips in a deployment's run suspends it: the form has the numbers, and the answer is done once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from tests.flows.conftest import SITE, Watched
from tests.flows.deployed import called, form, resume, start, until
from vigil.ledger.observed import runs
from vigil.ledger.outbox import guard_holds

RULE = "contract-status"


def suspended(watched: Watched, rule: str = RULE) -> Any:
    """A run of the deployment that waits for an answer about the rule."""
    watched.change_rule(rule, "guard: {max_findings: 1}")
    watched.watch(watched.made.start)
    at = watched.made.start + timedelta(days=4)
    watched.sandbox.move(at)
    asyncio.run(watched.save())
    run = start("watch/watch", site=SITE, as_of=at.isoformat())
    until(run, "Suspended")
    return run


def states(watched: Watched) -> set[str]:
    return {r["state"] for r in watched.rows() if r["rule"] == RULE}


def test_a_guard_hold_suspends_the_run_last_and_an_answer_sends_what_is_held(
    watched: Watched, worker: None
) -> None:
    run = suspended(watched)
    assert len([r for r in watched.rows() if r["state"] == "sent"]) > 20, "one rule kept the others back"
    with watched.ledger.read() as connection:
        (hold,) = guard_holds.latest(connection)
        assert runs.latest(connection, "watch", 1)[0]["state"] == "done"
    name = called(run)
    assert name.startswith(f"watch {SITE} 2026-") and name.endswith(" · waits for an answer")
    schema, text = form(run)
    assert schema["properties"]["answer"]["enum"] == ["send", "drop"]
    assert schema["required"] == ["answer"]
    for said in (f"rule {RULE} ", f"{hold.notices} notices", hold.reasons[0], f"guard-{hold.id}"):
        assert said in text
    refused = resume(run)
    assert refused.status.value == "REJECT", "it was resumed without an answer"
    resume(run, answer="send", by="mara")
    state = until(run, "Completed")
    assert f"{hold.notices} notices queued" in state.message
    assert states(watched) == {"sent"}
    assert called(run) == name.replace("waits for an answer", f"{hold.notices} told"), (
        "its instant is another now"
    )
    with watched.ledger.read() as connection:
        assert guard_holds.latest(connection)[0].answered_by == "mara"
        assert [r["flow"] for r in runs.latest(connection, limit=1)] == ["guard"], (
            "the resumed run read and evaluated again"
        )


def test_an_unanswered_run_ends_under_that_name(watched: Watched, worker: None) -> None:
    run = suspended(watched)
    watched.watch(watched.made.start + timedelta(days=5))
    state = until(run, "Unanswered")
    assert "nobody answered by" in state.message
    assert called(run).endswith(" · nobody answered")
    assert states(watched) == {"suppressed"}

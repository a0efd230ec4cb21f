"""A backfill of a deployment waits for approval with its numbers, sends what it showed, once, and lists what changed."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.flows.conftest import SITE, Watched
from tests.flows.deployed import downloaded, form, resume, start, table, until
from tests.shared import PROJECT

RULE = "contract-status"


def suspended(watched: Watched) -> Any:
    """A backfill of a rule that came after its window, which waits for approval."""
    rules = watched.folder / "rules"
    shutil.copytree(PROJECT / "rules", rules, ignore=shutil.ignore_patterns("*.timeline.yaml", "3-*"))
    watched.what = replace(watched.what, rules=rules)
    end = watched.made.start + timedelta(days=2)
    for at in (watched.made.start, end):
        watched.watch(at)
    shutil.copy(PROJECT / "rules" / "3-status-changes.yaml", rules)
    asyncio.run(watched.save())
    window = {"after": watched.made.start.isoformat(), "upto": end.isoformat(), "as_of": end.isoformat()}
    run = start("backfill/backfill", site=SITE, **window)
    until(run, "Suspended")
    return run


def of_rule(watched: Watched) -> list[dict[str, Any]]:
    return [r for r in watched.rows() if r["rule"] == RULE]


def test_approval_sends_what_was_shown_and_lists_what_changed_since(watched: Watched, worker: None) -> None:
    run = suspended(watched)
    assert of_rule(watched) == []
    shown = [r for r in downloaded("backfill-files") if r["sends"] == "yes"]
    assert Counter(r["standing"] for r in table("backfill-manifest"))["would be told now"] == len(shown)
    schema, text = form(run)
    assert schema["properties"]["answer"]["enum"] == ["send", "leave"]
    assert (
        f"**{len(shown)} notices to {len({r['person'] for r in shown})} people would be sent now.**" in text
    )
    assert f"- {RULE}: {len([r for r in shown if r['rule'] == RULE])}" in text
    watched.watch(
        watched.made.end
    )  # a day goes by: what contracts say is read anew, and the new rule speaks of new things only
    late = {(r["workspace"], r["occurrence"], r["person"]) for r in of_rule(watched)}
    resume(run, answer="send", by="mara")
    state = until(run, "Completed", "Undelivered")
    assert "queued" in state.message
    sent = [r for r in of_rule(watched) if (r["workspace"], r["occurrence"], r["person"]) not in late]
    assert sorted((r["workspace"], r["person"]) for r in sent) == sorted(
        (int(r["workspace"]), r["person"]) for r in shown if r["rule"] == RULE
    )
    assert {r["state"] for r in sent} == {"sent"}
    changed = table("backfill-changed")
    assert changed and f"{len(changed)} of them about something that changed" in state.message
    assert {r["changed"] for r in changed} >= {"something in the workspace changed"}


def test_what_is_left_is_not_sent_and_its_state_says_so(watched: Watched, worker: None) -> None:
    run = suspended(watched)
    received = watched.received()
    resume(run, answer="leave")
    assert "nothing was sent" in until(run, "Left").message
    assert watched.received() == received
    assert of_rule(watched) == []

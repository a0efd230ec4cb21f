"""What stewards and engineers start by hand."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.flows.conftest import SITE, Watched
from tests.shared import PROJECT


def run_sweep(watched: Watched, **scope: Any) -> Any:
    from flows.sweep import SweepScope, sweep

    asyncio.run(watched.save())
    return asyncio.run(sweep(site=SITE, scope=SweepScope(**scope), as_of=watched.sandbox.now()))


def run_backfill(watched: Watched, **arguments: Any) -> Any:
    from flows.backfill import backfill

    asyncio.run(watched.save())
    return asyncio.run(backfill(site=SITE, as_of=watched.sandbox.now(), **arguments))


@pytest.mark.quick
def test_a_dry_run_shows_what_would_be_told_and_tells_nobody(watched: Watched) -> None:
    watched.past(0)
    watched.sandbox.move(watched.made.start + timedelta(days=2))
    before, received = watched.told(), watched.received()
    found = run_sweep(watched, dry_run=True)
    assert "would be told" in set(found["outcome"])
    assert watched.told() == before
    assert watched.received() == received


def test_a_sweep_that_tells_is_what_watch_would_have_told(watched: Watched) -> None:
    watched.past(0)
    at = watched.made.start + timedelta(days=2)
    watched.sandbox.move(at)
    run_sweep(watched, dry_run=False)
    told = watched.told()
    assert len(told) > 20
    watched.watch(at)
    assert watched.told() == told, "watch told again, or more, after a sweep at the same instant"


def test_what_a_sweep_told_between_two_runs_of_watch_is_not_offered_again(watched: Watched) -> None:
    start = watched.made.start
    watched.past(0)
    watched.sandbox.move(start + timedelta(days=3))
    run_sweep(watched, dry_run=False)
    watched.watch(start + timedelta(days=6))
    shown = run_backfill(watched, after=start, upto=start + timedelta(days=6))
    assert not shown["sends"].any()
    then = shown[shown["standing"] == "told then"]
    told = set(zip(then["rule"], then["workspace"], then["person"], strict=True))
    sent = [r for r in watched.rows() if r["state"] == "sent" and r["fire_at"] > start]
    assert sent and {(r["rule"], r["workspace"], r["person"]) for r in sent} <= told


def test_a_scope_narrows_by_rule_and_workspace_and_refuses_what_does_not_exist(watched: Watched) -> None:
    watched.past(0)
    watched.sandbox.move(watched.made.start + timedelta(days=2))
    assert set(run_sweep(watched, rules=["contract-status"], dry_run=True)["rule"]) == {"contract-status"}
    with pytest.raises(Exception, match="no such rule: contract-stats"):
        run_sweep(watched, rules=["contract-stats"])
    with pytest.raises(Exception, match="no such workspace, or not readable: 1"):
        run_sweep(watched, workspaces=[1])
    from flows.sweep import SweepScope

    with pytest.raises(ValidationError):
        SweepScope(workspaces=["x"])


@pytest.mark.quick
def test_a_rule_that_came_later_is_backfilled_once_and_only_when_approved(
    watched: Watched, tmp_path: Path
) -> None:
    rules = tmp_path / "rules"
    shutil.copytree(PROJECT / "rules", rules, ignore=shutil.ignore_patterns("*.timeline.yaml", "3-*"))
    watched.what = watched.what.__class__(**{**_fields(watched.what), "rules": rules})
    watched.watch(watched.made.start)
    end = watched.made.start + timedelta(days=4)
    watched.watch(watched.made.start + timedelta(days=2))
    watched.watch(end)
    assert not [r for r in watched.rows() if r["rule"] == "contract-status"]
    shutil.copy(PROJECT / "rules" / "3-status-changes.yaml", rules)
    shown = run_backfill(watched, after=watched.made.start, upto=end)
    would = shown[shown["sends"]]
    assert set(would["standing"]) == {"would be told now"}
    assert "contract-status" in set(would["rule"])
    assert "told then" in set(shown["standing"])
    assert not [r for r in watched.rows() if r["rule"] == "contract-status"], "a manifest alone told somebody"
    id = shown.attrs["manifest"]
    received = watched.received()
    queued = run_backfill(watched, approve=id)
    assert f"{len(would)} queued" in queued.attrs["said"] and " told" in queued.attrs["said"]
    assert sorted(queued["workspace"]) == sorted(would["workspace"])
    sent = [r for r in watched.rows() if r["rule"] == "contract-status" and r["state"] == "sent"]
    assert len(sent) == (would["rule"] == "contract-status").sum()
    received, before = watched.received(), received
    assert received > before
    again = run_backfill(watched, approve=id).attrs["said"]
    assert "was approved before" in again and "nothing was sent again" in again and "changed" not in again
    assert watched.received() == received, "a second approval sent something"
    watched.watch(end + timedelta(hours=1))
    assert not [r for r in watched.rows() if r["rule"] == "contract-status" and r["state"] == "queued"]


def _fields(what: object) -> dict[str, Any]:
    import dataclasses

    return {f.name: getattr(what, f.name) for f in dataclasses.fields(what)}  # type: ignore[arg-type]

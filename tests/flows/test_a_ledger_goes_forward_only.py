"""A run that speaks of an instant before what the ledger knows is refused; a ledger where that happened says what it cannot know."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.flows.conftest import SITE, Watched
from vigil.ledger.observed import observations, runs
from vigil.service import instants
from vigil.wording import counted

DAY = timedelta(days=1)


def sweep(watched: Watched, at: datetime, **scope: Any) -> Any:
    from flows.sweep import SweepScope
    from flows.sweep import sweep as flow

    async def go() -> Any:
        await watched.save()
        return await flow(site=SITE, scope=SweepScope(**scope), as_of=at, return_state=True)

    return asyncio.run(go())


def backfill(watched: Watched, **given: Any) -> Any:
    from flows.backfill import backfill as flow

    asyncio.run(watched.save())
    return asyncio.run(flow(site=SITE, as_of=watched.sandbox.now(), **given))


def number_of_runs(watched: Watched) -> int:
    with watched.ledger.read() as connection:
        return len(runs.latest(connection, limit=100))


def test_an_instant_before_what_is_known_is_refused_and_nothing_is_done(week: Watched) -> None:
    told, made = week.told(), number_of_runs(week)
    early, known = week.made.start + DAY, week.made.start + 6 * DAY
    for state in (week.watch(known, as_of=early), sweep(week, early, dry_run=False)):
        assert state.is_failed()
        assert f"cannot speak of {early:%Y-%m-%d %H:%M %Z}" in state.message
        assert f"already knows {known:%Y-%m-%d %H:%M %Z}" in state.message
    assert (week.told(), number_of_runs(week)) == (told, made)


def test_a_dry_run_may_look_back_and_reads_and_files_nothing(week: Watched) -> None:
    def asked() -> Counter[str]:
        return Counter(week.sandbox.requests()["ecm"]["by_endpoint"])

    def filed() -> int:
        with week.ledger.read() as connection:
            return observations.last_seq(connection)

    before, seq = asked(), filed()
    state = sweep(week, week.made.start + DAY, dry_run=True)
    assert (
        state.is_completed()
        and "nothing was read: the ledger already has data of 8 March 2026 00:00 (Europe/Berlin)"
        in state.message
    )
    assert not [e for e in asked() - before if "members" not in e and "roles" not in e and "auth" not in e]
    assert filed() == seq


def test_a_restored_ledger_lists_what_was_sent_and_offers_nothing_unknown(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = watched.made.start
    monkeypatch.setattr(
        instants, "refuse_earlier", lambda *_: None
    )  # how ledgers of earlier versions came to be so
    watched.watch(start)
    watched.watch(start + 4 * DAY)
    watched.watch(start + 5 * DAY, as_of=start + 2 * DAY)
    watched.watch(start + 6 * DAY)
    with watched.ledger.write() as connection:  # as if the run that went back had told nobody
        assert connection.execute(text("DELETE FROM notice WHERE run = 3 AND state = 'sent'")).rowcount
    shown = backfill(watched, after=start, upto=start + 6 * DAY)
    rows = [r for r in watched.rows() if r["state"] == "sent" and r["fire_at"] > start]
    told = {(r["rule"], r["workspace"], r["step"], r["person"]) for r in rows}
    then = shown[shown["standing"] == "told then"]
    listed = set(zip(then["rule"], then["workspace"], then["step"].fillna(""), then["person"], strict=True))
    assert told and told <= listed
    assert not shown["sends"].any()
    unsure = set(shown[shown["standing"] == "cannot be known"]["workspace"])
    said = f"For {counted(len(unsure), 'workspace')} this cannot be known"
    assert unsure and said in shown.attrs["said"]

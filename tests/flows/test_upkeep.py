"""What `upkeep` promises: a dry run changes nothing, what is forgotten is never said again, and a broken ledger is not green."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.flows.conftest import SITE, Watched
from vigil.ledger.maintenance.retention import Forgets
from vigil.ledger.notice_message import EMPTY_MESSAGE
from vigil.ledger.people import devices

YEAR = timedelta(days=365)


def run_upkeep(watched: Watched, at: datetime, **keep: Any) -> tuple[Any, dict[str, tuple[int, str]]]:
    """Run the flow; its state, and its table by what it is about."""
    from flows.upkeep import Upkeep, upkeep

    async def go() -> Any:
        await watched.save()
        return await upkeep(site=SITE, keep=Upkeep(**keep), as_of=at, return_state=True)

    state = asyncio.run(go())
    rows = asyncio.run(state.aresult(raise_on_failure=False))
    rows = rows if state.is_completed() else rows.data
    return state, {r["what"]: (r["number"], r["result"]) for r in rows}


def content(watched: Watched) -> str:
    """Every row of the ledger but those of runs and positions, which each run writes."""
    with sqlite3.connect(f"{watched.folder}/ledger.sqlite") as connection:
        lines = list(connection.iterdump())
    return "\n".join(x for x in lines if not x.startswith(('INSERT INTO "run"', 'INSERT INTO "position"')))


SHORT = {"observations": 1, "backfill": 1, "attempts": 1, "texts": 1, "runs": 1, "manifests": 1}


def test_a_dry_run_counts_and_changes_nothing(week: Watched) -> None:
    before = content(week)
    state, found = run_upkeep(week, week.made.end + YEAR, **SHORT)
    assert state.name == "Completed" and content(week) == before
    for what in (Forgets.OBSERVATIONS, Forgets.ATTEMPTS, Forgets.TEXTS, Forgets.RUNS):
        assert found[what.value][0] > 0 and found[what.value][1] == "would be forgotten"
    assert found["devices"][0] > 0 and found["devices"][1] == "would be retired"
    assert found["subjects checked"][0] > 100 and found["subjects checked"][1] == "0 faults"


def test_what_a_dry_run_counted_is_forgotten_once_and_nobody_is_told_again(week: Watched) -> None:
    at = week.made.end + YEAR
    _, would = run_upkeep(week, at, **SHORT)
    told, received = week.told(), week.received()
    state, did = run_upkeep(week, at, dry_run=False, **SHORT)
    assert state.name == "Completed"
    other = (Forgets.RUNS, "subjects checked")
    assert {k: n for k, (n, _) in did.items() if k not in other} == {
        k: n for k, (n, _) in would.items() if k not in other
    }
    assert did["subjects checked"][0] == would["subjects checked"][0] - would[Forgets.AUDIT][0]
    assert would[Forgets.AUDIT][0] > 0
    assert week.told() == told, "a key of the outbox is gone"
    assert all(r["message"] == EMPTY_MESSAGE for r in week.rows())
    _, again = run_upkeep(week, at, dry_run=False, **SHORT)
    assert {again[what.value][0] for what in Forgets} == {0}
    week.watch(week.made.end + timedelta(minutes=1))
    assert (week.told(), week.received()) == (told, received)


@pytest.mark.quick
def test_a_window_of_what_was_forgotten_is_refused(week: Watched) -> None:
    from flows.backfill import backfill

    run_upkeep(week, week.made.end + YEAR, dry_run=False, **SHORT)
    with pytest.raises(Exception, match="was deleted"):
        asyncio.run(
            backfill(site=SITE, after=week.made.start, upto=week.made.end, as_of=week.made.end + YEAR)
        )


def test_little_is_forgotten_by_the_defaults_of_a_young_ledger(week: Watched) -> None:
    before = content(week).splitlines()
    state, found = run_upkeep(week, week.made.end + timedelta(days=30), dry_run=False)
    after = content(week).splitlines()
    assert state.name == "Completed", found
    assert {found[what.value][0] for what in Forgets} == {0}
    changed = [line for line in before if line not in after]
    assert len(changed) == found["devices"][0] > 0
    assert all('INTO "device"' in line for line in changed), "only devices of who has left"
    with week.ledger.read() as connection:
        left = {login for login, user in week.estate.users.items() if user.deleted}
        assert not devices.of_people(connection, left)
        assert len(devices.of_people(connection, week.estate.users)) > 5


def test_devices_that_were_not_refreshed_for_270_days_are_retired_and_no_others(week: Watched) -> None:
    owners = {d["owner"] for d in week.sandbox.devices()}
    fresh, *old = sorted(owners)
    with week.ledger.write() as connection:
        mine = devices.of_people(connection, [fresh])[fresh]
        again = [devices.NewDevice(d.person, d.address, d.platform, d.address_kind) for d in mine]
        devices.register(connection, again, week.made.start + timedelta(days=200))
    run_upkeep(week, week.made.start + timedelta(days=271), dry_run=False)
    with week.ledger.read() as connection:
        left = devices.of_people(connection, owners)
    assert left.keys() == {fresh} and old


def test_a_ledger_that_disagrees_with_itself_is_a_finding(week: Watched) -> None:
    with sqlite3.connect(f"{week.folder}/ledger.sqlite") as connection:
        connection.execute("UPDATE newest SET seq = seq - 1 WHERE kind = 'document' AND seq > 5")
    state, found = run_upkeep(week, week.made.end)
    assert (state.type.value, state.name) == ("FAILED", "Findings")
    assert any(what.startswith("newest document") and "To do:" in said for what, (_, said) in found.items())

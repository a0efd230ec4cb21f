"""What `digest` promises: one notice a person for what waits, once, and an account of every row that waited."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.flows.conftest import SITE, Watched
from tests.shared import PROJECT
from vigil.compliance.evaluation.results import Why
from vigil.ledger.observed import runs
from vigil.ledger.people import preferences
from vigil.ledger.people.preferences import Preferences

WAITS = Why.GROUPED.value


@pytest.fixture
def edit(watched: Watched, tmp_path: Path) -> Any:
    """Lets a test add lines to one of the shipped rules, for this world alone."""
    rules = tmp_path / "rules"
    shutil.copytree(PROJECT / "rules", rules, ignore=shutil.ignore_patterns("*.timeline.yaml"))
    fields = {name: getattr(watched.what, name) for name in watched.what.__slots__}
    watched.what = type(watched.what)(**{**fields, "rules": rules})

    def add(rule: str, lines: str) -> None:
        for file in rules.glob("*.yaml"):
            text = file.read_text()
            if f"rule: {rule}\n" in text:
                file.write_text(text.replace(f"rule: {rule}\n", f"rule: {rule}\n{lines}\n"))
                return
        pytest.fail(f"no rule {rule}")

    return add


def run_digest(watched: Watched) -> Any:
    from flows.digest import digest

    async def go() -> Any:
        await watched.save()
        return await digest(site=SITE, as_of=watched.sandbox.now(), return_state=True)

    return asyncio.run(go())


def week(watched: Watched, days: int = 6) -> None:
    """The demo's week, watched in two runs."""
    watched.past(0, days)


def waiting(watched: Watched) -> dict[str, list[dict[str, Any]]]:
    out = defaultdict(list)
    for r in watched.rows():
        if r["reason"] == WAITS:
            out[r["person"]].append(r)
    return out


def digests(watched: Watched) -> list[dict[str, Any]]:
    return [r for r in watched.rows() if r["rule"] == "digest"]


@pytest.mark.quick
def test_grouped_notices_wait_and_each_person_gets_one_that_lists_them(watched: Watched, edit: Any) -> None:
    edit("contract-status", "group: true")
    for days in (0, 6):
        watched.watch(watched.made.start + timedelta(days=days))
    held = waiting(watched)
    assert sum(map(len, held.values())) > 2
    assert all(r["state"] == "suppressed" for some in held.values() for r in some)
    assert not [
        n for d in watched.sandbox.devices() for n in d["received"] if n["data"]["rule"] == "contract-status"
    ]
    assert run_digest(watched).is_completed()
    made = {r["person"]: r for r in digests(watched)}
    assert made.keys() == held.keys()
    for person, row in made.items():
        assert sorted(row["message"].why) == sorted(r["message"].title for r in held[person])
        about = {r["workspace"] for r in held[person]}
        assert row["workspace"] == (about.pop() if len(about) == 1 else 0)
    shown = {
        d["owner"]: n
        for d in watched.sandbox.devices()
        for n in d["received"]
        if n["data"]["rule"] == "digest"
    }
    assert shown.keys() == {p for p, row in made.items() if row["state"] == "sent"}
    assert shown, "no digest reached a device"


def test_rows_say_which_digest_they_went_into_and_why_shows_it(watched: Watched, edit: Any) -> None:
    edit("contract-status", "group: true")
    week(watched)
    went = {r["id"]: person for person, some in waiting(watched).items() for r in some}
    run_digest(watched)
    number = {r["person"]: r["id"] for r in digests(watched)}
    rows = {r["id"]: r for r in watched.rows()}
    assert {i: rows[i]["reason"] for i in went} == {
        i: f"in digest {number[person]}" for i, person in went.items()
    }
    from vigil.cli.why import explain

    out, person = io.StringIO(), next(iter(number))
    assert explain(person, watched.ledger, watched.what.rules, "UTC", None, Console(file=out, width=200)) == 0
    assert f"in digest {number[person]}" in out.getvalue()


def test_a_second_digest_with_nothing_new_says_nothing(watched: Watched, edit: Any) -> None:
    edit("contract-status", "group: true")
    week(watched)
    run_digest(watched)
    told, received = watched.told(), watched.received()
    state = run_digest(watched)
    assert state.is_completed() and "nothing new" in state.message
    assert (watched.told(), watched.received()) == (told, received)


def test_what_comes_after_a_digest_goes_into_the_next_one(watched: Watched, edit: Any) -> None:
    edit("contract-status", "group: true")
    week(watched, days=2)
    run_digest(watched)
    first = {(r["person"], r["occurrence"]) for r in digests(watched)}
    watched.watch(watched.made.end)
    later = waiting(watched)
    assert first and later, "the demo's week has status changes before and after its second day"
    run_digest(watched)
    second = {(r["person"], r["occurrence"]) for r in digests(watched)} - first
    assert {p for p, _ in second} == later.keys()


@pytest.mark.parametrize("where", ["flows.support.tasks.deliver", "vigil.ledger.outbox.digests.put_into"])
def test_a_digest_that_dies_and_runs_again_tells_each_person_once(
    watched: Watched, edit: Any, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Killed after its rows were queued, and in the middle of the transaction that queues them."""
    edit("contract-status", "group: true")
    week(watched)
    held = waiting(watched)

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt("killed")

    with monkeypatch.context() as patched:
        patched.setattr(where, dies)
        with pytest.raises(BaseException, match="killed"):
            run_digest(watched)
    assert not [n for d in watched.sandbox.devices() for n in d["received"] if n["data"]["rule"] == "digest"]
    run_digest(watched)
    assert sorted(r["person"] for r in digests(watched)) == sorted(held)
    keys = [n["key"] for d in watched.sandbox.devices() for n in d["shows"] if n["data"]["rule"] == "digest"]
    assert keys and not waiting(watched)


def test_a_finding_that_cleared_before_the_digest_is_not_in_it(watched: Watched, edit: Any) -> None:
    """In the demo's week cost centers are filled in: what was missing in the morning is no news in the evening."""
    edit("contract-cost-center", "group: true")
    week(watched, days=1)
    watched.watch(watched.made.end)
    held = [r for some in waiting(watched).values() for r in some]
    resolved = {
        (r["workspace"], r["occurrence"].removesuffix(":resolved"))
        for r in held
        if r["occurrence"].endswith(":resolved")
    }
    assert resolved, "in the demo's week some contract gets its cost center"
    run_digest(watched)
    rows = {r["id"]: r for r in watched.rows()}
    for r in held:
        cleared = (r["workspace"], r["occurrence"].removesuffix(":resolved")) in resolved
        assert (rows[r["id"]]["reason"] == Why.CLEARED.value) is cleared, r


def test_who_asked_for_a_digest_gets_the_urgent_at_once_and_the_rest_in_it(watched: Watched) -> None:
    everyone = {d["owner"] for d in watched.sandbox.devices()}
    with watched.ledger.write() as connection:
        for person in everyone:
            preferences.keep(connection, person, Preferences(digest=True), watched.made.start)
    for days in (0, 6):
        watched.watch(watched.made.start + timedelta(days=days))
    severity = {r["message"].severity for r in watched.rows() if r["state"] == "sent"}
    assert severity == {"high", "critical"}
    assert {r["message"].severity for some in waiting(watched).values() for r in some} == {"normal"}
    run_digest(watched)
    assert {r["state"] for r in digests(watched)} == {"sent"}
    assert not waiting(watched)


def test_a_guard_holds_grouped_notices_too_and_lets_them_go_into_the_digest(
    watched: Watched, edit: Any
) -> None:
    from vigil.service import guards

    edit("contract-status", "group: true\nguard: {max_findings: 1}")
    week(watched)
    held = [r for r in watched.rows() if r["reason"] == guards.HELD]
    assert len(held) > 2 and not waiting(watched)
    run_digest(watched)
    assert not digests(watched)
    answered(watched)
    assert sorted(r["id"] for some in waiting(watched).values() for r in some) == sorted(
        r["id"] for r in held
    )
    run_digest(watched)
    assert digests(watched) and not waiting(watched)


def answered(watched: Watched) -> None:
    """A person lets everything go that a guard holds."""
    from flows.support import ask_guard
    from vigil.ledger.outbox import guard_holds

    with watched.ledger.read() as connection:
        held = guard_holds.waiting(connection)

    async def go() -> None:
        from prefect import flow

        @flow
        async def answer() -> None:
            for hold in held:
                await ask_guard.answer(SITE, hold.id, True, "a test", watched.sandbox.now())

        await watched.save()
        await answer()

    asyncio.run(go())


def test_the_account_of_a_digest_counts_what_went_in(watched: Watched, edit: Any) -> None:
    edit("contract-status", "group: true")
    week(watched)
    held = sum(map(len, waiting(watched).values()))
    run_digest(watched)
    with watched.ledger.read() as connection:
        account = runs.latest(connection, "digest", 1)[0]["account"]
    assert account["difference"] == 0
    assert account["numbers"]["put into digests"] == held
    assert account["numbers"]["routed"] == len(digests(watched)) == sum(account["rows"].values())

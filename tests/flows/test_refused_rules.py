"""One rule file is broken between two runs of `watch`: nobody misses a notice, and no run is green until it is mended."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.support.states import ended
from tests.flows.conftest import SITE, WEEK, Watched, world
from vigil.ledger import Ledger
from vigil.ledger.outbox import queue
from vigil.ledger.outbox.counts import Waiting
from vigil.service.accounting import Account

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def told(ledger: Ledger) -> list[tuple[str, ...]]:
    with ledger.read() as connection:
        rows = queue.rows(connection)
    keys = ("rule", "workspace", "occurrence", "step", "person", "state")
    return sorted(tuple(str(r[key]) for key in keys) for r in rows)


@pytest.mark.quick
def test_a_week_with_a_broken_file_sends_the_same_and_each_run_names_the_place(
    watched: Watched, tmp_path: Path
) -> None:
    with world(tmp_path / "good") as unbroken:
        unbroken.past(*WEEK)
        wanted = told(unbroken.ledger)
    watched.change_rule("nothing", "")  # the rules are a copy of this test's own from here on
    file = watched.what.rules / "1-new-content.yaml"
    good = file.read_text()
    assert watched.watch(watched.made.start).name == "Completed"
    file.write_text(good + "---\nrule: one-more\n  kind: [\n")
    for days in WEEK[1:]:
        state = watched.watch(watched.made.start + timedelta(days=days))
        assert (state.type.value, state.name) == ("FAILED", "Refused")
        place = f"rules/1-new-content.yaml:{good.count(chr(10)) + 3}:"
        assert state.message.startswith("Rules refused: ") and place in state.message
        assert "project-new-content" in state.message and " go on by their texts of " in state.message
    assert told(watched.ledger) == wanted
    after = watched.made.start + timedelta(days=WEEK[-1], minutes=1)
    assert asyncio.run(by_hand(after)) == ["Refused", "Refused"]
    file.write_text(good)
    assert watched.watch(after).name == "Completed"


async def by_hand(at: datetime) -> list[Any]:
    """The names of the states of other flows that use the rules."""
    from flows.digest import digest
    from flows.sweep import SweepScope, sweep

    swept = await sweep(site=SITE, scope=SweepScope(), as_of=at, return_state=True)
    return [swept.name, (await digest(site=SITE, as_of=at, return_state=True)).name]


@pytest.mark.parametrize(
    ("gaps", "waiting", "refused", "held", "name"),
    [
        (("a",), 1, ("r",), 1, "Gaps"),
        ((), 1, ("r",), 1, "Undelivered"),
        ((), 0, ("r",), 1, "Refused"),
        ((), 0, (), 1, "Held"),
        ((), 0, (), 0, "Completed"),
    ],
)
def test_what_is_new_names_a_run_before_what_stays_until_it_is_fixed(
    gaps: tuple[str, ...], waiting: int, refused: tuple[str, ...], held: int, name: str
) -> None:
    waits = Waiting({"FCM answered 503": waiting} if waiting else {})
    made = Account(
        1, "watch", NOON, NOON, {}, {}, gaps=gaps, waits=waits, delivers=True, refused_rules=refused
    )
    state = ended(made, held=held).state()
    assert state.name == name
    assert state.is_failed() == (name not in ("Held", "Completed"))
    assert "r;" in str(state.message) or not refused, "the message says all of it"

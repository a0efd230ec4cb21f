"""A year of milestones through the real flows: both changes of the clock, a leap day, an outage, edited rules, people who leave.

Each is told once, to whom it concerns at its tick; what is late becomes what its rule says; the runs' windows tile the year. What must
come of it is worked out by `tests.flows.year.reference`, without Vigil. Here the special days; `python -m tests.flows.year` plays all.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.conftest import Said
from tests.flows.year import play, reference, world
from tests.flows.year.__main__ import faults
from tests.flows.year.reference import Key, Row
from tests.shared import PROJECT
from vigil.ledger import Ledger


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_each_milestone_of_a_year_is_told_once_and_what_is_late_by_its_policy(
    prefect_url: str, tmp_path: Path, vigil: Callable[..., Said]
) -> None:
    year, ticks = world.make(), play.special_days()
    played = asyncio.run(play.play(year, tmp_path, PROJECT / "templates", ticks))
    assert faults(played, Ledger.open(played.ledger_url), year, ticks) == []
    due = reference.expected(year, ticks)
    for key, row in samples(due).items():
        said = vigil("why", str(key.workspace), "--ledger", played.ledger_url)
        assert said.code == 0, said.err
        line = rf"{key.rule} {key.step}.*, {key.person or '.nobody.'}, {row.fire_at:%Y-%m-%d %H:%M}: {STATES[row.outcome]}"
        assert re.search(line, said.out), f"{line}\n{said.out}"


STATES = {"sent": "sent", "digest": "suppressed", "no_device": "no_device", "suppressed": "suppressed"}


def samples(due: dict[Key, Row]) -> dict[Key, Row]:
    """One milestone of each outcome, none of them a repeat."""
    return dict({(r.outcome, r.reason): (k, r) for k, r in due.items() if not k.repeat}.values())

"""Lets the year happen: the real `watch` and `digest` over a sandbox, at given ticks, with a Prefect server."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from tests.flows.year import rules
from tests.flows.year.world import END, START, World, save
from vigil.compliance.evaluation.results import Why
from vigil.ledger import Ledger
from vigil.ledger.tables import NoticeRow, table
from vigil.replay.estate import SITE, Replay, register, save_site
from vigil.sandbox.estate.load import load
from vigil.sandbox.process import SandboxProcess
from vigil.service.resources import ledger_of_site

BACK = datetime.fromisoformat("2024-05-20T08:00Z")
"""The first tick after the outage."""
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OUTAGE = (datetime.fromisoformat("2024-05-06T09:00Z"), datetime.fromisoformat("2024-05-20T07:00Z"))
CHANGES = [
    datetime.fromisoformat(f"{at}Z")
    for at in (
        "2023-11-05T06:00",  # New York, an hour twice
        "2024-03-10T07:00",  # New York, an hour skipped
        "2024-03-31T01:00",  # Berlin, skipped
        "2024-10-27T01:00",  # Berlin, twice
        "2024-11-03T06:00",  # New York, twice
    )
]
STRETCHES = [
    (datetime.fromisoformat(f"{a}T08:00Z"), datetime.fromisoformat(f"{b}T08:00Z"))
    for a, b in (
        ("2023-11-03", "2023-11-05"),
        ("2024-01-17", "2024-01-19"),  # rules are edited
        ("2024-02-28", "2024-03-01"),  # the leap day
        ("2024-03-10", "2024-03-11"),
        ("2024-03-30", "2024-04-01"),
        ("2024-05-04", "2024-05-06"),  # the outage begins
        ("2024-05-20", "2024-05-21"),  # and is over
        ("2024-07-08", "2024-07-09"),  # rules are edited again
        ("2024-10-27", "2024-10-27"),
        ("2024-11-03", "2024-11-04"),
    )
]
"""The days of the year that CI plays."""


def every_day() -> list[datetime]:
    """Each morning of the year, and each hour near a change of the clock; none during the outage."""
    hours = [at + n * HOUR + timedelta(minutes=45) for at in CHANGES for n in range(-3, 4)]
    days = [START + n * DAY for n in range((END - START).days + 1)]
    return sorted(t for t in {*days, *hours} if not OUTAGE[0] <= t <= OUTAGE[1])


def special_days() -> list[datetime]:
    """Those of them that are special, and the ends of the year: some forty."""
    some = [t for t in every_day() if any(a <= t <= b for a, b in STRETCHES)]
    near = [t for t in some if t.minute == 0 or any(abs(t - at) < HOUR for at in CHANGES)]
    return sorted({START, *near, END})


@dataclass
class Played:
    """What a year left: the ledger, the devices, and how long each tick took, in seconds."""

    ledger_url: str
    devices: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    states: list[str] = field(default_factory=list)


async def play(
    world: World,
    folder: Path,
    templates: Path,
    ticks: Sequence[datetime],
    ledger_url: str = "",
    after_tick: Callable[[datetime], None] = lambda _: None,
) -> Played:
    """Play the year in `folder` at `ticks`. Prefect's server is the one that is configured."""
    save(world, folder / "estate")
    played = Played(ledger_url or f"sqlite:///{folder}/ledger.sqlite")
    rule_file = folder / "rules" / "year.yaml"
    rule_file.parent.mkdir()
    estate, ledger = load(folder / "estate"), ledger_of_site(SITE, played.ledger_url)
    register(ledger, estate, START)
    what = Replay(folder / "estate", rule_file.parent, templates, START, END, DAY, played.ledger_url)
    with SandboxProcess(what.estate, start=START) as sandbox:
        await save_site(what, estate, sandbox)
        for tick in ticks:
            rule_file.write_text(rules.written(rules.at(tick)))
            sandbox.move(tick)
            before = time.monotonic()
            played.states += [str(s) async for s in _runs(ledger, tick)]
            played.seconds.append(time.monotonic() - before)
            after_tick(tick)
        played.devices = sandbox.devices()
    return played


async def _runs(ledger: Ledger, tick: datetime) -> Any:
    """The runs of a tick: `watch`, and `digest` where something waits for it. Gives the names of their states."""
    from flows.digest import digest  # imports Prefect, which reads its settings then
    from flows.watch import watch

    yield (await watch(site=SITE, as_of=tick, return_state=True)).name
    if _waits_for_digest(ledger):
        yield (await digest(site=SITE, as_of=tick, return_state=True)).name


def _waits_for_digest(ledger: Ledger) -> bool:
    notice = table(NoticeRow)
    with ledger.read() as connection:
        late = (notice.c.state == "suppressed") & (notice.c.reason == Why.LATE_DIGEST)
        waits = select(func.count()).where(late)
        return connection.execute(waits).scalar_one() > 0

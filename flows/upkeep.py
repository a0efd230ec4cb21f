"""Forget what is old, retire devices that nobody refreshes, and check the ledger against itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, Field

from flows import showing, steps
from flows.endings import Ending, Named, ended
from flows.opening import opened
from flows.telling import told
from vigil.ledger.retention import Forgets
from vigil.service import upkeep as keeping
from vigil.service.run import Run
from vigil.service.upkeep import Keep, Report
from vigil.wording import counted


class Upkeep(BaseModel):
    """For how long things are kept, in months, and whether anything is done. docs/decisions/0009-retention.md"""

    observations: int = Field(
        default=24, ge=1, description="What was read, where something newer replaced it"
    )
    backfill: int = Field(default=12, ge=1, description="How far back a backfill may reach")
    attempts: int = Field(default=24, ge=1, description="Each request for each device")
    texts: int = Field(default=36, ge=1, description="Words of notices; that they were said is kept for ever")
    runs: int = Field(default=36, ge=1, description="Runs and their accounts")
    manifests: int = Field(default=24, ge=1, description="Manifests of backfills")
    acknowledgements: int = Field(default=36, ge=1, description="That a person has seen a notice")
    people: int = Field(
        default=24, ge=1, description="After an account was deleted: what its person asked for, and addresses"
    )
    sample: int = Field(default=20_000, ge=1, le=1_000_000, description="Subjects to check in this run")
    dry_run: bool = Field(default=True, description="Only count; nothing is forgotten or retired")


@task(task_run_name="{what}: slice {n}", cache_policy=NO_CACHE, persist_result=False)
async def forget(
    run: Run, what: Forgets, horizon: datetime, after: int, apply: bool, n: int
) -> tuple[int, int | None]:
    return keeping.forget(run, what, horizon, after, apply)


async def walk(run: Run, what: Forgets, horizon: datetime, apply: bool) -> int:
    """Every slice of a kind. Returns how many rows there were to forget."""
    count, n = 0, 0
    after: int | None = 0
    while after is not None:
        n += 1
        some, after = await forget(run, what, horizon, after, apply, n)
        count += some
    return count


@task(task_run_name="check {n} subjects", cache_policy=NO_CACHE, persist_result=False)
async def check(run: Run, n: int, report: Report) -> None:
    faults, report.checked = keeping.check_slice(run, n)
    whole, report.hints = keeping.check_whole(run)
    report.faults += [*faults, *whole]


@flow(name="upkeep", persist_result=False)
@told
async def upkeep(site: str = "default", keep: Upkeep = Upkeep(), as_of: datetime | None = None) -> Ending:
    """Count what may be forgotten, and forget it when it is no dry run; check the ledger either way.

    Args:
        site: Name of the "Vigil site" block.
        keep: For how long things are kept.
        as_of: The instant that the run speaks of. Leave it empty for now.
    """
    months = Keep(**keep.model_dump(exclude={"sample", "dry_run"}))
    async with opened("upkeep", site, as_of, reads=False) as run:
        report = Report(retired=keeping.retire(run, not keep.dry_run))
        for what, horizon in keeping.horizons(run.as_of, months, run.rules).items():
            report.forgotten[what] = await walk(run, what, horizon, not keep.dry_run)
        await check(run, keep.sample, steps.whole(report))
        made = await steps.account(run)
    rows = report.table(not keep.dry_run)
    said = ", ".join(f"{r['number']} {r['what']} {r['result']}" for r in rows[: len(report.forgotten) + 1])
    await showing.rows("upkeep", rows, said)
    ending = ended(made, said, data=rows, result=_short(report, keep.dry_run))
    # A ledger that contradicts itself is no green run: it is what everything else is proved by.
    return replace(ending, name=Named.FINDINGS, whole=False) if report.faults else ending


def _short(report: Report, dry_run: bool) -> str:
    """What came of it in a few words."""
    gone = f"{sum(report.forgotten.values()):,} {'to forget' if dry_run else 'forgotten'}"
    return f"{counted(len(report.faults), 'fault')} in the ledger, {gone}" if report.faults else gone

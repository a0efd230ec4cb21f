"""Delete old data, retire devices that no app refreshes, and check the ledger's consistency."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, Field

from flows.support import artifacts, tasks
from flows.support.finish import with_state
from flows.support.run_context import opened
from flows.support.states import Ending, Named, ended
from vigil.ledger.maintenance.retention import Forgets
from vigil.service.run import Run
from vigil.service.upkeep import Keep, Report, check_slice, check_whole, forget_slice, horizons, retire
from vigil.wording import counted


class Upkeep(BaseModel):
    """The retention in months, and whether the run changes anything. docs/decisions/0009-retention.md"""

    observations: int = Field(
        default=24, ge=1, description="Data read from Extended ECM that newer data replaced"
    )
    backfill: int = Field(default=12, ge=1, description="How far back a backfill can go")
    attempts: int = Field(default=24, ge=1, description="Attempts to deliver to each device")
    texts: int = Field(
        default=36, ge=1, description="Texts of notices; the rows themselves are kept for ever"
    )
    runs: int = Field(default=36, ge=1, description="Runs and their accounts")
    manifests: int = Field(default=24, ge=1, description="Manifests of backfills")
    acknowledgements: int = Field(default=36, ge=1, description="Acknowledgements of notices")
    people: int = Field(
        default=24, ge=1, description="Preferences and addresses of a person whose account was deleted"
    )
    sample: int = Field(
        default=20_000, ge=1, le=1_000_000, description="Number of subjects to check in this run"
    )
    dry_run: bool = Field(default=True, description="Only count; delete and retire nothing")


@task(task_run_name="{what}: slice {n}", cache_policy=NO_CACHE, persist_result=False)
async def forget(
    run: Run, what: Forgets, horizon: datetime, after: int, apply: bool, n: int
) -> tuple[int, int | None]:
    return forget_slice(run, what, horizon, after, apply)


async def walk(run: Run, what: Forgets, horizon: datetime, apply: bool) -> int:
    """Process every slice of a kind. Returns the number of rows to delete."""
    count, n = 0, 0
    after: int | None = 0
    while after is not None:
        n += 1
        some, after = await forget(run, what, horizon, after, apply, n)
        count += some
    return count


@task(task_run_name="check {n} subjects", cache_policy=NO_CACHE, persist_result=False)
async def check(run: Run, n: int, report: Report) -> None:
    faults, report.checked = check_slice(run, n)
    whole, report.hints = check_whole(run)
    report.faults += [*faults, *whole]


@flow(name="upkeep", persist_result=False)
@with_state
async def upkeep(site: str = "default", keep: Upkeep = Upkeep(), as_of: datetime | None = None) -> Ending:
    """Count the data beyond its retention and, unless it is a dry run, delete it; check the ledger in both cases.

    Args:
        site: Name of the "Vigil site" block.
        keep: The retention of each kind of data.
        as_of: The instant for which the run evaluates. Empty for now.
    """
    months = Keep(**keep.model_dump(exclude={"sample", "dry_run"}))
    async with opened("upkeep", site, as_of, reads=False) as run:
        report = Report(retired=retire(run, not keep.dry_run))
        for what, horizon in horizons(run.as_of, months, run.rules).items():
            report.forgotten[what] = await walk(run, what, horizon, not keep.dry_run)
        await check(run, keep.sample, tasks.whole(report))
        made = await tasks.account(run)
    rows = report.table(not keep.dry_run)
    said = ", ".join(f"{r['number']} {r['what']} {r['result']}" for r in rows[: len(report.forgotten) + 1])
    await artifacts.rows("upkeep", rows, said)
    ending = ended(made, said, data=rows, result=_short(report, keep.dry_run))
    # A ledger that contradicts itself must make the run red: every other proof relies on the ledger.
    return replace(ending, name=Named.FINDINGS, whole=False) if report.faults else ending


def _short(report: Report, dry_run: bool) -> str:
    """The short result."""
    gone = f"{sum(report.forgotten.values()):,} {'to forget' if dry_run else 'forgotten'}"
    return f"{counted(len(report.faults), 'fault')} in the ledger, {gone}" if report.faults else gone

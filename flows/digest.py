"""Send each person one notice for grouped findings, late findings, and the findings that the person wants in digests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.support import tasks
from flows.support.finish import with_state
from flows.support.run_context import opened
from flows.support.states import Ending, ended
from vigil.service.digest import batches, make_digests
from vigil.service.reports import frames
from vigil.service.run import Run


@task(task_run_name="make the digests of {n} people", cache_policy=NO_CACHE, persist_result=False)
async def say(run: Run, people: Sequence[str], n: int) -> None:
    make_digests(run, people)


@flow(name="digest", persist_result=False)
@with_state
async def digest(site: str = "default", as_of: datetime | None = None) -> Ending:
    """Queue one notice for each person with everything that waits for a digest, and deliver it. Returns the notices as a DataFrame.

    Args:
        site: Name of the "Vigil site" block.
        as_of: The instant for which the run evaluates. Empty for now.
    """
    async with opened("digest", site, as_of, reads=False) as run:
        for people in batches(run):
            await say(run, tasks.whole(people), len(people))
        await tasks.deliver(run)
        made = await tasks.account(run)
    return ended(made, data=frames.of_account(run, made), held=len(made.holds))

"""Compare the ledger with reality: outcomes, devices, people, and Extended ECM's own lists."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.support import artifacts, events, tasks
from flows.support.finish import with_state
from flows.support.run_context import opened
from flows.support.states import Ending, Named, ended
from vigil.ecm import CallFailed
from vigil.ecm.model import Gap
from vigil.service.reconcile import CHECKS, Checked
from vigil.service.reconcile.found import table, total
from vigil.service.run import Run
from vigil.wording import counted


@task(task_run_name="check {name}", cache_policy=NO_CACHE, persist_result=False)
async def check(run: Run, name: str, fix: bool) -> Checked:
    """Run one check. If Extended ECM does not answer, the run records a gap and continues with the other checks."""
    try:
        checked = await CHECKS[name](run, fix)
    except CallFailed as error:
        run.gap([Gap(error.path, error.message)])
        return Checked(skipped=str(error))
    if checked.found:
        events.of_check(run, name, checked)
    return checked


@flow(name="reconcile", persist_result=False)
@with_state
async def reconcile(
    site: str = "default", fix: bool = False, as_of: datetime | None = None, mend: bool = False
) -> Ending:
    """Run every check, and show the results as a table. Changes nothing unless `fix` is set.

    Args:
        site: Name of the "Vigil site" block.
        fix: Let checks correct what they can: notices that are no longer retried become failed. The table lists the changes.
        as_of: The instant for which the run evaluates. Empty for now.
        mend: The earlier name of fix, for deployments that still have it. The next release does without.
    """
    async with opened("reconcile", site, as_of) as run:
        checks = {name: await check(run, name, fix or mend) for name in CHECKS}
        made = await tasks.account(run)
    found, rows = total(checks.values()), table(checks)
    short = counted(found, "finding")
    said = f"{short} in {counted(len(checks), 'check')}"
    await artifacts.rows("reconcile", rows, said)
    ending = ended(made, said, data=rows, result=short)
    # Gaps and undelivered notices are more severe than findings.
    return replace(ending, name=Named.FINDINGS) if found and ending.whole else ending

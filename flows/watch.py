"""Watch a site: read changes, evaluate rules, send notices."""

from __future__ import annotations

from datetime import datetime

from prefect import flow

from flows import guarding, steps
from flows.endings import Ending, ended
from flows.opening import opened
from flows.telling import told
from vigil.service import frames


@flow(name="watch", persist_result=False)
@told
async def watch(site: str = "default", as_of: datetime | None = None, accept_fewer: bool = False) -> Ending:
    """Extract what changed, evaluate what is due, queue the notices and deliver them; then ask about notices that a guard holds.

    Returns its notices as a pandas DataFrame: docs/tables.md.

    Args:
        site: Name of the "Vigil site" block.
        as_of: The instant for which the run evaluates. Empty for now.
        accept_fewer: Accept that most of the known workspaces are deleted. Otherwise the run refuses such lists.
    """
    if await guarding.resumed(site):
        return await guarding.ask(site, as_of)
    async with opened("watch", site, as_of, forward=True) as run:
        run.accept_fewer = accept_fewer
        await guarding.expire(run)
        await steps.extract(run)
        await steps.evaluate(run)
        await steps.deliver(run)
        made = await steps.account(run)
    if guarding.must_ask(run):
        return await guarding.ask(site, as_of)
    return ended(made, data=frames.told(run, made), held=len(run.trips))

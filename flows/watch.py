"""Watch a site: read changes, evaluate rules, send notices."""

from __future__ import annotations

from datetime import datetime

from prefect import flow

from flows.support import ask_guard, tasks
from flows.support.finish import with_state
from flows.support.run_context import opened
from flows.support.states import Ending, ended
from vigil.service.reports import frames


@flow(name="watch", persist_result=False)
@with_state
async def watch(site: str = "default", as_of: datetime | None = None, accept_fewer: bool = False) -> Ending:
    """Extract what changed, evaluate what is due, queue the notices and deliver them; then ask about notices that a guard holds.

    Returns its notices as a pandas DataFrame: docs/tables.md.

    Args:
        site: Name of the "Vigil site" block.
        as_of: The instant for which the run evaluates. Empty for now.
        accept_fewer: Accept that most of the known workspaces are deleted. Otherwise the run refuses such lists.
    """
    if await ask_guard.resumed(site):
        return await ask_guard.ask(site, as_of)
    async with opened("watch", site, as_of, forward=True) as run:
        await ask_guard.expire(run)
        read = await tasks.extract(run, accept_fewer)
        returned = await tasks.evaluate(run, read)
        await tasks.deliver(run)
        made = await tasks.account(run, returned)
    if ask_guard.must_ask(run):
        return await ask_guard.ask(site, as_of)
    return ended(made, data=frames.of_account(run, made), held=len(made.holds))

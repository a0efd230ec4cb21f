"""Watch a site: what changed, what is due, who must be told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow
from prefect.client.schemas import State
from prefect.states import Completed

from flows import steps
from flows.opening import opened


@flow(name="watch", flow_run_name="watch {site}", persist_result=False)
async def watch(site: str = "default", as_of: datetime | None = None) -> State[Any]:
    """Extract what changed, evaluate what is due, queue what must be said, deliver it.

    Args:
        site: Name of the "Vigil site" block.
        as_of: The instant that the run speaks of. Leave it empty for now.
    """
    async with opened("watch", site, as_of) as run:
        await steps.extract(run)
        await steps.evaluate(run)
        await steps.deliver(run)
        made = await steps.account(run)
    return Completed(name="Gaps" if made.gaps else "Completed", message=made.sentence())

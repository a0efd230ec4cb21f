"""Backfill a window of the past: what should have been said, beside what was; sent only when approved."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow
from prefect.client.schemas import State
from prefect.states import Completed

from flows import steps
from flows.opening import opened


@flow(name="backfill", flow_run_name="backfill {site}", persist_result=False)
async def backfill(
    site: str = "default",
    after: datetime | None = None,
    upto: datetime | None = None,
    approve: str = "",
    as_of: datetime | None = None,
) -> State[Any]:
    """Show the manifest of a window, or send the one that was approved.

    Args:
        site: Name of the "Vigil site" block.
        after: Begin of the window; what is at this very instant is not in it.
        upto: End of the window, which is in it.
        approve: Id of a manifest that an earlier run showed: it is sent exactly as it was shown. Empty to show one.
        as_of: The instant that the run speaks of. Leave it empty for now.
    """
    async with opened("backfill", site, as_of) as run:
        if approve:
            said, rows = await steps.approve(run, approve)
            await steps.deliver(run)
        else:
            said, rows = await steps.manifest(run, after, upto)
        made = await steps.account(run)
    return Completed(message=f"{said}; {made.sentence()}", data={"said": said, "rows": rows})

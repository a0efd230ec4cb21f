"""Backfill a window of the past: what should have been said, beside what was; sent only when approved."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow, runtime
from prefect.client.schemas import State
from prefect.states import Completed

from flows import approving, steps
from flows.endings import LEFT, ended
from flows.opening import opened
from vigil.service import frames
from vigil.service.frames import About


def named() -> str:
    """The run's name: its window, or the manifest that it approves."""
    given = runtime.flow_run.parameters
    if given.get("approve"):
        return f"backfill {given['site']}: approve {given['approve']}"
    after, upto = (str(given[name])[:16].replace("T", " ") for name in ("after", "upto"))
    return f"backfill {given['site']}: {after} to {upto}"


@flow(name="backfill", flow_run_name=named, persist_result=False)
async def backfill(
    site: str = "default",
    after: datetime | None = None,
    upto: datetime | None = None,
    approve: str = "",
    ask: bool = True,
    as_of: datetime | None = None,
) -> State[Any]:
    """Show the manifest of a window and, when a person approves it, send exactly that.

    Gives the manifest as a pandas DataFrame, with its id in `attrs["manifest"]`; of an approval, the notices that it queued.

    Args:
        site: Name of the "Vigil site" block.
        after: Begin of the window; what is at this very instant is not in it.
        upto: End of the window, which is in it.
        approve: Id of a manifest that an earlier run showed: it is sent exactly as it was shown. Empty to show one.
        ask: Wait, suspended, until a person approves the manifest or leaves it. Without it, only show.
        as_of: The instant that the run speaks of. Leave it empty for now.
    """
    shown = await approving.shown_before()
    if shown and (await approving.answered(shown)).answer == "leave":
        return Completed(name=LEFT, message=f"manifest {shown} was not approved: nothing was sent")
    async with opened("backfill", site, as_of) as run:
        if approve or shown:
            said = await steps.approve(run, approve or shown)
            await steps.deliver(run)
            made = await steps.account(run)
            return ended(made, said, data=frames.told(run, made, said=said))
        manifest = await steps.manifest(run, after, upto)
        made = await steps.account(run)
    if ask and approving.must_ask(manifest):
        await approving.ask(manifest)
    return ended(made, About.of(manifest).said, data=frames.ended(manifest, made))

"""Backfill a window of the past: what should have been said, beside what was; sent only when approved."""

from __future__ import annotations

from datetime import datetime

from prefect import flow

from flows import approving, steps
from flows.endings import Ending, Named, ended
from flows.opening import opened
from flows.telling import told
from vigil.service import account_words, frames
from vigil.service.frames import About


@flow(name="backfill", persist_result=False)
@told
async def backfill(
    site: str = "default",
    after: datetime | None = None,
    upto: datetime | None = None,
    approve: str = "",
    ask: bool = True,
    as_of: datetime | None = None,
) -> Ending:
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
        return Ending(f"manifest {shown} was not approved: nothing was sent", "not approved", Named.LEFT)
    window = () if after is None or upto is None else (after, upto)
    async with opened("backfill", site, as_of, window=window) as run:
        if approve or shown:
            said = await steps.approve(run, approve or shown)
            await steps.deliver(run)
            made = await steps.account(run)
            short = f"manifest {approve or shown}"
            sent = said if made.quiet else f"{said}; {account_words.sentence(made)}"
            return ended(made, said, data=frames.told(run, made, said=sent), result=short)
        manifest = await steps.manifest(run, after, upto)
        made = await steps.account(run)
    if ask and approving.must_ask(manifest):
        await approving.ask(manifest)
    short = f"{manifest['sends'].sum():,} could be told"
    return ended(made, About.of(manifest).said, data=frames.ended(manifest, made), result=short)

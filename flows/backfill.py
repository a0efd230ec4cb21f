"""Backfill a past window: list what should have been sent beside what was, and send it after an approval."""

from __future__ import annotations

from datetime import datetime

from prefect import flow

from flows.support import ask_manifest, tasks
from flows.support.finish import with_state
from flows.support.run_context import opened
from flows.support.states import Ending, Named, ended
from vigil.service import account_text
from vigil.service.reports import frames
from vigil.service.reports.frames import About


@flow(name="backfill", persist_result=False)
@with_state
async def backfill(
    site: str = "default",
    after: datetime | None = None,
    upto: datetime | None = None,
    approve: str = "",
    ask: bool = True,
    as_of: datetime | None = None,
) -> Ending:
    """Show the manifest of a window and, when a person approves it, send exactly its notices.

    Returns the manifest as a pandas DataFrame, with its id in `attrs["manifest"]`; an approval returns the notices that it queued.

    Args:
        site: Name of the "Vigil site" block.
        after: Start of the window, exclusive.
        upto: End of the window, inclusive.
        approve: Id of a manifest that an earlier run showed; the run sends exactly its notices. Empty to show a new manifest.
        ask: Suspend the run until a person approves or leaves the manifest. Otherwise only show it.
        as_of: The instant for which the run evaluates. Empty for now.
    """
    shown = await ask_manifest.shown_before()
    if shown and (await ask_manifest.answered(shown)).answer == "leave":
        return Ending(f"manifest {shown} was not approved: nothing was sent", "not approved", Named.LEFT)
    window = () if after is None or upto is None else (after, upto)
    async with opened("backfill", site, as_of, window=window) as run:
        if approve or shown:
            said = await tasks.approve(run, approve or shown)
            await tasks.deliver(run)
            made = await tasks.account(run)
            short = f"manifest {approve or shown}"
            sent = said if made.quiet else f"{said}; {account_text.sentence(made)}"
            return ended(made, said, data=frames.of_account(run, made, said=sent), result=short)
        manifest = await tasks.manifest(run, after, upto)
        made = await tasks.account(run)
    if ask and ask_manifest.must_ask(manifest):
        await ask_manifest.ask(manifest)
    short = f"{manifest['sends'].sum():,} could be told"
    return ended(made, About.of(manifest).said, data=frames.ended(manifest, made), result=short)

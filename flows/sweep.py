"""Sweep a part of a site by hand: every rule for every workspace of the scope, as a table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow
from prefect.client.schemas import State
from pydantic import BaseModel, Field

from flows import guarding, steps
from flows.endings import ended
from flows.opening import opened
from vigil.service.sweep import Scope


class SweepScope(BaseModel):
    """What to sweep, and whether to tell anyone."""

    types: list[str] = Field(default_factory=list, description="Workspace types; all when empty")
    rules: list[str] = Field(default_factory=list, description="Rules, by name; all when empty")
    workspaces: list[int] = Field(default_factory=list, description="Workspace ids; all when empty")
    name_contains: str = Field(
        default="", max_length=200, description="Only workspaces whose name has this in it"
    )
    dry_run: bool = Field(default=True, description="Only show what would be said; nothing is queued or sent")

    def scope(self) -> Scope:
        return Scope(tuple(self.types), tuple(self.rules), tuple(self.workspaces), self.name_contains)


@flow(name="sweep", flow_run_name="sweep {site}", persist_result=False)
async def sweep(
    site: str = "default", scope: SweepScope = SweepScope(), as_of: datetime | None = None
) -> State[Any]:
    """Read what changed, evaluate the scope now, and show what was found; tell people only when it is no dry run.

    Args:
        site: Name of the "Vigil site" block.
        scope: What to sweep.
        as_of: The instant that the run speaks of. Leave it empty for now.
    """
    if await guarding.resumed(site):
        return await guarding.ask(site, as_of)
    async with opened("sweep", site, as_of) as run:
        await steps.extract(run)
        rows = await steps.sweep(run, scope.scope(), scope.dry_run)
        await steps.deliver(run)
        made = await steps.account(run)
    if guarding.must_ask(run):
        return await guarding.ask(site, as_of)
    return ended(made, f"{len(rows)} findings", data=rows, held=len(run.trips))

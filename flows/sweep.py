"""Sweep a part of a site by hand: every rule for every workspace of the scope, as a table, a file, and a page to forward."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from flows import guarding, steps
from flows.endings import Ending, ended
from flows.opening import opened
from flows.telling import told
from vigil.service import frames
from vigil.service.sweep import Scope
from vigil.wording import counted


class Found(StrEnum):
    """Which findings the table has."""

    ALL = "new and open ones"
    NEW = "new ones only"
    OPEN = "open ones only"


class AttributeIs(BaseModel):
    """A condition on an attribute of a workspace."""

    model_config = ConfigDict(extra="forbid")

    attribute: str = Field(
        title="Attribute",
        description="As Category.attribute, such as Contract.status",
        pattern=r"^[^.]+\..+$",
        max_length=300,
    )
    value: str = Field(
        title="Value", description="Its value; case does not matter", min_length=1, max_length=300
    )


class SweepScope(BaseModel):
    """What to sweep, and whether to tell anyone."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(
        default=True,
        title="Dry run",
        description="Only show what would be said: nothing is queued or sent. Switch it off to tell people what is new.",
    )
    types: list[str] = Field(
        default_factory=list,
        title="Workspace types",
        description="By name, such as Contract. All types when empty",
    )
    rules: list[str] = Field(
        default_factory=list,
        title="Rules",
        description="By name, such as contract-renewal. All rules when empty",
    )
    workspaces: list[int] = Field(
        default_factory=list,
        title="Workspace ids",
        description="Node ids, as in the address of a workspace. All when empty",
    )
    name_contains: str = Field(
        default="",
        max_length=200,
        title="Name contains",
        description="Only workspaces with this in their name; case does not matter",
    )
    attributes: list[AttributeIs] = Field(
        default_factory=list, title="Attributes", description="Only workspaces for which all of these hold"
    )
    findings: Found = Field(default=Found.ALL, title="Findings", description="Which ones the table shows")

    def scope(self) -> Scope:
        """The same for the service."""
        return Scope(
            tuple(self.types),
            tuple(self.rules),
            tuple(self.workspaces),
            self.name_contains,
            tuple((a.attribute, a.value) for a in self.attributes),
            new=self.findings is not Found.OPEN,
            open=self.findings is not Found.NEW,
        )


@flow(name="sweep", persist_result=False)
@told
async def sweep(
    site: str = "default", scope: SweepScope = SweepScope(), as_of: datetime | None = None
) -> Ending:
    """Read what changed, evaluate the scope now, and show what was found; tell people only when it is no dry run.

    Gives the findings as a pandas DataFrame: docs/tables.md.

    Args:
        site: Name of the "Vigil site" block.
        scope: What to sweep.
        as_of: The instant that the run speaks of. Leave it empty for now.
    """
    if await guarding.resumed(site):
        return await guarding.ask(site, as_of)
    async with opened("sweep", site, as_of, forward=not scope.dry_run) as run:
        unread = await steps.extract_unless_known(run)
        found = await steps.sweep(run, scope.scope(), scope.dry_run)
        if not scope.dry_run:
            await steps.deliver(run)
        made = await steps.account(run)
    if guarding.must_ask(run):
        return await guarding.ask(site, as_of)
    n = counted(len(found), "finding")
    said = [f"{n} in the scope" + (", nobody was told: it was a dry run" if scope.dry_run else ""), unread]
    short = f"{n}{', dry run' if scope.dry_run else ''}"
    data = frames.ended(found, made)
    return ended(made, "; ".join(filter(None, said)), data=data, held=len(run.trips), result=short)

"""Sweep a part of a site by hand: evaluate every rule for every workspace of the scope; show a table, files, and a summary page."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from flows.support import ask_guard, tasks
from flows.support.finish import with_state
from flows.support.run_context import opened
from flows.support.states import Ending, ended
from vigil.service.reports import frames
from vigil.service.sweep import Scope
from vigil.wording import counted


class SweepFilter(StrEnum):
    """The findings that the table shows."""

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
    """The workspaces and rules to evaluate, and whether to send notices."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(
        default=True,
        title="Dry run",
        description="Only show the findings: nothing is queued or sent. Switch this off to send notices for new findings.",
    )
    types: list[str] = Field(
        default_factory=list,
        title="Workspace types",
        description="Names, such as Contract. Empty for all types",
    )
    rules: list[str] = Field(
        default_factory=list,
        title="Rules",
        description="Names, such as contract-renewal. Empty for all rules",
    )
    workspaces: list[int] = Field(
        default_factory=list,
        title="Workspace ids",
        description="Node ids, as in the address of a workspace. Empty for all",
    )
    name_contains: str = Field(
        default="",
        max_length=200,
        title="Name contains",
        description="Only workspaces whose name contains this text; case does not matter",
    )
    attributes: list[AttributeIs] = Field(
        default_factory=list, title="Attributes", description="Only workspaces that meet all of these"
    )
    findings: SweepFilter = Field(
        default=SweepFilter.ALL, title="Findings", description="The findings that the table shows"
    )

    def scope(self) -> Scope:
        """The scope as the service takes it."""
        return Scope(
            tuple(self.types),
            tuple(self.rules),
            tuple(self.workspaces),
            self.name_contains,
            tuple((a.attribute, a.value) for a in self.attributes),
            new=self.findings is not SweepFilter.OPEN,
            open=self.findings is not SweepFilter.NEW,
        )


@flow(name="sweep", persist_result=False)
@with_state
async def sweep(
    site: str = "default", scope: SweepScope = SweepScope(), as_of: datetime | None = None
) -> Ending:
    """Read what changed, evaluate the scope now, and show the findings; send notices unless it is a dry run.

    Returns the findings as a pandas DataFrame: docs/tables.md.

    Args:
        site: Name of the "Vigil site" block.
        scope: The workspaces and rules to evaluate.
        as_of: The instant for which the run evaluates. Empty for now.
    """
    if await ask_guard.resumed(site):
        return await ask_guard.ask(site, as_of)
    async with opened("sweep", site, as_of, forward=not scope.dry_run) as run:
        read, unread = await tasks.extract_unless_known(run)
        found = await tasks.sweep(run, read, scope.scope(), scope.dry_run)
        if not scope.dry_run:
            await tasks.deliver(run)
        made = await tasks.account(run)
    if ask_guard.must_ask(run):
        return await ask_guard.ask(site, as_of)
    n = counted(len(found), "finding")
    said = [f"{n} in the scope" + (", dry run: nothing was sent" if scope.dry_run else ""), unread]
    short = f"{n}{', dry run' if scope.dry_run else ''}"
    data = frames.ended(found, made)
    return ended(made, "; ".join(filter(None, said)), data=data, held=len(made.holds), result=short)

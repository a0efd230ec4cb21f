"""Who may be told: the roles of workspaces, their members, and the people inside groups. Contract: ecm.md, Members."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from vigil.compliance.facts import Fact, Roles
from vigil.ecm.client import Client
from vigil.ecm.gaps import of_workspace
from vigil.ecm.model import Batch, Gap, Gone
from vigil.ecm.parse import Member
from vigil.ecm.people import Directory
from vigil.ecm.roles import read_roles


class AudienceReader:
    """Reads roles and people for one extraction: one call a workspace, and one for each person or group not yet met."""

    def __init__(self, client: Client, directory: Directory) -> None:
        self._client = client
        self._directory = directory

    async def read(self, workspaces: Sequence[int], principals: Collection[str]) -> Batch:
        """See `Extractor.audience`."""
        with self._client.counting() as counts:
            read = await asyncio.gather(*(self._roles(number) for number in dict.fromkeys(workspaces)))
            facts: list[Fact] = []
            met: dict[int, Member] = {}
            for roles, members in (one for one in read if isinstance(one, tuple)):
                facts.append(roles)
                met.update((member.id, member) for member in members)
            met.update((member.id, member) for member in await self._directory.find(principals))
            facts += await self._directory.facts(met.values())
            gaps = tuple(one for one in read if isinstance(one, Gap))
            gone = tuple(one for one in read if isinstance(one, Gone))
            return Batch(tuple(facts), gone, gaps, counts.requests)

    async def _roles(self, workspace: int) -> tuple[Roles, list[Member]] | Gap | Gone:
        return await of_workspace(workspace, read_roles(self._client, self._directory, workspace))

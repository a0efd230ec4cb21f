"""Reads possible recipients: the roles of workspaces, their members, and the people inside groups. Contract:
docs/contracts/ecm.md#members.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from vigil.compliance.facts import Fact, Roles
from vigil.ecm.client import Client
from vigil.ecm.gaps import gap_of, of_workspace
from vigil.ecm.model import FactBatch, Gap, Gone
from vigil.ecm.parse import Member
from vigil.ecm.people import MemberDirectory
from vigil.ecm.presence import gone
from vigil.ecm.roles import read_roles


class AudienceReader:
    """Reads roles and people for one extraction: one call for each workspace, and one for each person or group not yet known."""

    def __init__(self, client: Client, directory: MemberDirectory) -> None:
        self._client = client
        self._directory = directory

    async def read(self, workspaces: Sequence[int], principals: Collection[str]) -> FactBatch:
        """See `Extractor.audience`."""
        with self._client.counting() as counts:
            read = await asyncio.gather(*(self._roles(number) for number in dict.fromkeys(workspaces)))
            facts: list[Fact] = []
            met: dict[int, Member] = {}
            for roles, members in (one for one in read if isinstance(one, tuple)):
                facts.append(roles)
                met.update((member.id, member) for member in members)
            members, unnamed = await self._directory.find(principals)
            met.update((member.id, member) for member in members)
            people, unopened = await self._directory.facts(met.values())
            failed = unnamed | unopened
            refused = [one for one in read if isinstance(one, Gap)]
            lost, _ = await gone(self._client, [w for gap in refused for w in gap.workspaces])
            tombs = tuple(Gone("workspace", str(w)) for w in lost)
            gaps = [gap for gap in refused if not lost.issuperset(gap.workspaces)]
            gaps += [gap_of(error) for error in {e.path: e for e in failed.values()}.values()]
            unknown = {principal: f"{error.path}: {error.message}" for principal, error in failed.items()}
            return FactBatch((*facts, *people), tombs, tuple(gaps), counts.requests, unknown=unknown)

    async def _roles(self, workspace: int) -> tuple[Roles, list[Member]] | Gap:
        return await of_workspace(workspace, read_roles(self._client, self._directory, workspace))

"""Who may be told: the roles of workspaces, their members, and the people inside groups. Contract: ecm.md, Members."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from vigil.compliance.facts import Fact, Roles
from vigil.ecm import parse
from vigil.ecm.client import Client, Params
from vigil.ecm.errors import EcmError, NotReadable, Refused
from vigil.ecm.model import Batch, Gap, Gone
from vigil.ecm.paging import read_all
from vigil.ecm.parse import Member, Role
from vigil.ecm.people import PAGE, Directory


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
        path = f"/v2/businessworkspaces/{workspace}/roles"
        try:
            answer = await self._client.get(path, {"fields": "members"})
            roles = [parse.role(row) for row in parse.rows(answer, path)]
            held = await asyncio.gather(*(self._members(workspace, role) for role in roles))
        except NotReadable:
            return Gone("workspace", str(workspace))
        except Refused:
            raise
        except EcmError as error:
            return Gap(error.path, error.message, (workspace,))
        members = {role.name: inside for role, inside in zip(roles, held, strict=True)}
        for inside in members.values():
            for member in inside:
                self._directory.note(member)
        named = {name: tuple(member.principal for member in inside) for name, inside in members.items()}
        return Roles(workspace, named, path), [member for inside in members.values() for member in inside]

    async def _members(self, workspace: int, role: Role) -> list[Member]:
        """The members that came along, or, where this version of ECM gives none, those of a call of their own."""
        if role.members is not None:
            return list(role.members)
        path = f"/v2/businessworkspaces/{workspace}/roles/{role.id}/members"
        params: Params = {}
        rows, _ = await read_all(self._client, path, params, key=parse.node_id, limit=PAGE)
        return [parse.member(parse.properties(row)) for row in rows]

"""The roles of a workspace with their members: one call, or one more for each role on older versions."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from vigil.compliance.facts import Roles
from vigil.ecm import parse
from vigil.ecm.client import Client
from vigil.ecm.parse import USER, Member, Role
from vigil.ecm.people import MemberDirectory


async def read_roles(
    client: Client, directory: MemberDirectory, workspace: int
) -> tuple[Roles, list[Member]]:
    """The members of every role, and their data. Raises the errors of `vigil.ecm.errors`. Contract: docs/contracts/ecm.md#roles."""
    path = f"/v2/businessworkspaces/{workspace}/roles"
    answer = await client.get(path, {"fields": "members"})
    with parse.shaped(path):
        roles = [parse.role(row) for row in parse.rows(answer, path)]
    if client.dialect.role_members is None and any(role.members is not None for role in roles):
        client.learn(role_members=True, why=f"workspace {workspace}: members come with their roles")
    held = await asyncio.gather(*(_members(client, workspace, role) for role in roles))
    for member in (one for inside in held for one in inside):
        # Members of roles may have an e-mail and no language: then the person's own call has it.
        directory.note(member if member.kind != USER or member.language else replace(member, complete=False))
    named = {
        role.name: tuple(member.principal for member in inside)
        for role, inside in zip(roles, held, strict=True)
    }
    return Roles(workspace, named, path), [member for inside in held for member in inside]


async def _members(client: Client, workspace: int, role: Role) -> list[Member]:
    """The members in the response or, if this version of ECM does not include them, those of a separate call, which has no pages."""
    if role.members is not None:
        return list(role.members)
    path = f"/v2/businessworkspaces/{workspace}/roles/{role.id}/members"
    answer = await client.get(path)
    with parse.shaped(path):
        return [parse.member(parse.properties(row)) for row in parse.rows(answer, path)]

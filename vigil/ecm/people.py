"""The directory: users and groups by id, asked for when they are met, once each. Contract: ecm.md, Members."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from vigil.compliance.facts import Group, User
from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import Client, Params
from vigil.ecm.errors import NotReadable
from vigil.ecm.paging import read_all, read_page
from vigil.ecm.parse import Member

PAGE = 20
"""The cap on lists of members."""

USER, GROUP = 0, 1


class Directory:
    """What one extraction knows of people. Ids that the server no longer knows are deleted users with the login ``id:N``."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._members: dict[int, Member] = {}
        self._held: dict[int, tuple[Member, ...]] = {}
        self._by_name: dict[tuple[int, str], Member | None] = {}
        self._lock = asyncio.Lock()
        self._listed = False

    def note(self, member: Member) -> None:
        """Keep a member seen in passing, unless more is known of it."""
        known = self._members.get(member.id)
        if known is None or member.complete or not known.complete:
            self._members[member.id] = member
            self._by_name[member.kind, member.name] = member

    def knows(self, numbers: Iterable[int]) -> bool:
        """Whether all of these can be named."""
        return all(number in self._members for number in numbers)

    def login(self, number: int) -> str:
        """The login of an id that was made sure of before."""
        return self._members[number].name

    def principal(self, number: int) -> str:
        return self._members[number].principal

    async def ensure(self, ids: Collection[int], *, complete: bool = False) -> None:
        """Make the members of these ids known; with `complete` also their e-mail, zone and language.

        Raises the first error after all have been asked for: those that could be read are known then.
        """
        async with self._lock:  # callers ask for the same people at the same time
            wanted = [number for number in dict.fromkeys(ids) if not self._known(number, complete)]
            if len(wanted) > PAGE and not self._listed:
                await self._list_if_cheaper(len(wanted))
                wanted = [number for number in wanted if not self._known(number, complete)]
            done = await asyncio.gather(*(self._read(number) for number in wanted), return_exceptions=True)
            for error in done:
                if error is not None:
                    raise error

    async def find(self, principals: Iterable[str]) -> list[Member]:
        """The members of ``user:LOGIN`` and ``group:NAME``; those that the server does not know are left out."""
        found = await asyncio.gather(*(self._find(principal) for principal in dict.fromkeys(principals)))
        return [member for member in found if member is not None]

    async def facts(self, members: Iterable[Member]) -> list[User | Group]:
        """Users and groups of these members and, through groups, of everybody inside them. Groups may hold each other."""
        done: dict[int, User | Group] = {}
        wave = {member.id: member for member in members}
        while wave:
            await self.ensure(
                [number for number, member in wave.items() if member.kind == USER], complete=True
            )
            groups = [member for member in wave.values() if member.kind == GROUP]
            held = await asyncio.gather(*(self._members_of(group) for group in groups))
            for number in wave:
                member = self._members[number]
                if member.kind == USER:
                    done[number] = _user(member)
            following: dict[int, Member] = {}
            for group, inside in zip(groups, held, strict=True):
                names = tuple(sorted(member.principal for member in inside))
                done[group.id] = Group(group.name, group.id, names, source=f"/v2/members/{group.id}/members")
                following.update((member.id, member) for member in inside)
            wave = {number: member for number, member in following.items() if number not in done}
        return [done[number] for number in sorted(done)]

    async def everybody(self) -> list[User]:
        """Every user that the server lists, page by page; those whose list row says too little are asked for by id."""
        rows, _ = await read_all(
            self._client, "/v2/members", {"where_type": USER}, key=_member_key, limit=PAGE
        )
        numbers = [member.id for member in self._note_all(rows, "/v2/members")]
        await self.ensure(numbers, complete=True)
        return [_user(self._members[number]) for number in numbers]

    async def names(self, kind: int) -> frozenset[str]:
        """The names of every user or group that the server lists, page by page, without those that it calls deleted."""
        rows, _ = await read_all(
            self._client, "/v2/members", {"where_type": kind}, key=_member_key, limit=PAGE
        )
        found = self._note_all(rows, "/v2/members")
        return frozenset(member.name for member in found if member.kind == kind and not member.deleted)

    def _known(self, number: int, complete: bool) -> bool:
        member = self._members.get(number)
        return member is not None and (member.complete or not complete)

    async def _read(self, number: int) -> None:
        path = f"/v2/members/{number}"
        try:
            answer = await self._client.get(path)
        except NotReadable:
            self.note(Member(number, USER, f"id:{number}", full_name=f"id:{number}", deleted=True))
            return
        with parse.shaped(path):
            self.note(parse.member(parse.properties(parse.single(answer, path))))

    async def _list_if_cheaper(self, wanted: int) -> None:
        """Read the whole list of users when its pages are fewer than the people wanted.

        All pages at once: whom a shift hides is asked for by id afterwards.
        """
        path = "/v2/members"
        params: Params = {"where_type": USER}
        first = await read_page(self._client, path, params, 1, PAGE)
        pages = -(-(first.total or 0) // first.limit)
        if pages >= wanted:
            return
        numbers = range(2, pages + 1)
        others = await asyncio.gather(
            *(read_page(self._client, path, params, number, first.limit) for number in numbers)
        )
        for page in (first, *others):
            self._note_all(page.rows, path)
        self._listed = True

    async def _find(self, principal: str) -> Member | None:
        prefix, _, name = principal.partition(":")
        kind = GROUP if prefix == "group" else USER
        if name.startswith("id:") and name[3:].isdigit() and kind == USER:
            await self.ensure([int(name[3:])], complete=True)
            return self._members[int(name[3:])]
        if (kind, name) not in self._by_name:
            # The filter matches the start of names: the right one is picked from what it gives.
            params: Params = {"where_type": kind, "where_name": name}
            rows, _ = await read_all(self._client, "/v2/members", params, key=_member_key, limit=PAGE)
            self._note_all(rows, "/v2/members")
            self._by_name.setdefault((kind, name), None)
        return self._by_name[kind, name]

    def _note_all(self, rows: Iterable[Json], path: str) -> tuple[Member, ...]:
        with parse.shaped(path):
            found = tuple(parse.member(parse.properties(row)) for row in rows)
        for member in found:
            self.note(member)
        return found

    async def _members_of(self, group: Member) -> tuple[Member, ...]:
        if group.id not in self._held:
            path = f"/v2/members/{group.id}/members"
            try:
                rows, _ = await read_all(self._client, path, {}, key=_member_key, limit=PAGE)
            except NotReadable:
                rows = []  # deleted between two calls: nobody is inside it any more
            self._held[group.id] = self._note_all(rows, path)
        return self._held[group.id]


def _member_key(row: Json) -> int:
    return int(parse.properties(row)["id"])


def _user(member: Member) -> User:
    return User(
        login=member.name,
        id=member.id,
        name=member.full_name or member.name,
        email=member.email,
        zone=member.zone,
        language=member.language,
        deleted=member.deleted,
        source=f"/v2/members/{member.id}",
    )

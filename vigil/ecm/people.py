"""The directory: users and groups, each read by id once, when it first appears. Contract: docs/contracts/ecm.md#members."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterable
from dataclasses import replace
from typing import TypeVar

from vigil.compliance.facts import Group, User
from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import Client, Params
from vigil.ecm.errors import CallFailed, CallRefused, EcmError, Malformed, NotReadable
from vigil.ecm.paging import read_all, read_page
from vigil.ecm.parse import GROUP, USER, Member
from vigil.ecm.presence import MEMBER, own_calls

T = TypeVar("T")

PAGE = 100
"""The rows that are asked for in a page of members. Servers give 20 of a list of all, and 100 of a group."""

MANY = 20
"""From so many unknown people on, the whole list may cost less than asking for each."""


class MemberDirectory:
    """The people known to one extraction. Ids that the server no longer knows are deleted users with the login ``id:N``."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._members: dict[int, Member] = {}
        self._held: dict[int, tuple[Member, ...]] = {}
        self._by_name: dict[tuple[int, str], Member | None] = {}
        self._lock = asyncio.Lock()
        self._listed = False

    def note(self, member: Member) -> None:
        """Store a member from another response, unless more is known about it."""
        known = self._members.get(member.id)
        if known is None or member.complete or not known.complete:
            self._members[member.id] = member
            self._by_name[member.kind, member.name] = member

    def login(self, number: int) -> str:
        """The login of an id that `ensure` has loaded."""
        return self._members[number].name

    def principal(self, number: int) -> str:
        return self._members[number].principal

    async def ensure(self, ids: Collection[int], *, complete: bool = False) -> dict[int, EcmError]:
        """Load the members of these ids; with `complete` also their e-mail, zone and language.

        Returns the errors of those that could not be looked up. Raises Refused.
        """
        async with self._lock:  # callers ask for the same people at the same time
            wanted = [number for number in dict.fromkeys(ids) if not self._known(number, complete)]
            if len(wanted) > MANY and not self._listed:
                await self._list_if_cheaper(len(wanted))
                wanted = [number for number in wanted if not self._known(number, complete)]
            answers = await own_calls(self._client, MEMBER, wanted, self._there)
            taken = {number: self._take(number, answer) for number, answer in answers.items()}
            return {number: error for number, error in taken.items() if error is not None}

    async def find(self, principals: Iterable[str]) -> tuple[list[Member], dict[str, EcmError]]:
        """The members of ``user:LOGIN`` and ``group:NAME``, without those that the server does not know, and the errors of those
        that could not be looked up. Raises Refused.
        """
        wanted = list(dict.fromkeys(principals))
        answers = await asyncio.gather(*(_or_error(self._find(principal)) for principal in wanted))
        found = dict(zip(wanted, answers, strict=True))
        return (
            [one for one in found.values() if isinstance(one, Member)],
            {principal: one for principal, one in found.items() if isinstance(one, EcmError)},
        )

    async def facts(self, members: Iterable[Member]) -> tuple[list[User | Group], dict[str, EcmError]]:
        """The users and groups of these members and, through groups, of all their members. Groups may contain each other.

        The second result has the errors of principals that could not be looked up. Raises Refused.
        """
        done: dict[int, User | Group] = {}
        failed: dict[str, EcmError] = {}
        wave = {member.id: member for member in members}
        seen: set[int] = set()
        while wave:
            seen |= wave.keys()
            people = [number for number, member in wave.items() if member.kind == USER]
            lacking = await self.ensure(people, complete=True)
            failed |= {wave[number].principal: error for number, error in lacking.items()}
            following: dict[int, Member] = {}
            for group, inside in await self._opened(wave.values()):
                if isinstance(inside, EcmError):
                    failed[group.principal] = inside
                    continue
                names = tuple(sorted(member.principal for member in inside))
                done[group.id] = Group(group.name, group.id, names, source=f"/v2/members/{group.id}/members")
                following.update((member.id, member) for member in inside)
            done |= {n: _user(self._members[n]) for n in people if n not in lacking}
            wave = {number: member for number, member in following.items() if number not in seen}
        return [done[number] for number in sorted(done)], failed

    async def _opened(self, members: Iterable[Member]) -> list[tuple[Member, tuple[Member, ...] | EcmError]]:
        """The groups among some members, each with its members, or the error of reading them."""
        groups = [member for member in members if member.kind == GROUP]
        held = await asyncio.gather(*(_or_error(self._members_of(group)) for group in groups))
        return list(zip(groups, held, strict=True))

    async def everybody(self) -> list[User]:
        """Every user that the server lists, page by page; those with incomplete rows are read by id."""
        rows, _ = await read_all(
            self._client, "/v2/members", {"where_type": USER}, key=_member_key, limit=PAGE
        )
        numbers = [member.id for member in self._note_all(rows, "/v2/members")]
        for error in (await self.ensure(numbers, complete=True)).values():
            raise error
        return [_user(self._members[number]) for number in numbers]

    async def names(self, kind: int) -> frozenset[str]:
        """The names of every user or group that the server lists, page by page, without deleted ones."""
        rows, _ = await read_all(
            self._client, "/v2/members", {"where_type": kind}, key=_member_key, limit=PAGE
        )
        found = self._note_all(rows, "/v2/members")
        return frozenset(member.name for member in found if member.kind == kind and not member.deleted)

    def _known(self, number: int, complete: bool) -> bool:
        member = self._members.get(number)
        return member is not None and (member.complete or not complete)

    def _take(self, number: int, answer: Json | EcmError | None) -> EcmError | None:
        """Store the response of a member's own call. Returns its error, if any."""
        if isinstance(answer, EcmError):
            return answer
        if answer is None:
            self.note(Member(number, USER, f"id:{number}", full_name=f"id:{number}", deleted=True))
            return None
        path = f"/v2/members/{number}"
        try:
            with parse.shaped(path):
                member = parse.member(parse.properties(parse.single(answer, path)))
                # Whatever the own call does not have is not there.
                self.note(replace(member, complete=True))
        except Malformed as error:
            return error
        return None

    async def _there(self) -> list[int]:
        """Existing members: first those that were read by id; if none is known, some from the list."""
        if not any(not member.deleted for member in self._members.values()):
            page = await read_page(self._client, "/v2/members", {"where_type": USER}, 1, PAGE)
            for row in page.rows:
                self._note_if_sound(row, page.path)
        met = [member for member in self._members.values() if not member.deleted]
        return [member.id for member in sorted(met, key=lambda member: not member.complete)]

    async def _list_if_cheaper(self, wanted: int) -> None:
        """Read the whole list of users if it has fewer pages than people are wanted.

        All pages are read at once: people hidden by a shift are read by id afterwards.
        """
        path = "/v2/members"
        params: Params = {"where_type": USER}
        first = await _or_error(read_page(self._client, path, params, 1, PAGE))
        if isinstance(first, EcmError):
            return
        pages, limit = -(-(first.total or 0) // first.limit), first.limit
        if pages >= wanted:
            return
        others = await asyncio.gather(
            *(_or_error(read_page(self._client, path, params, n, limit)) for n in range(2, pages + 1))
        )
        for page in (first, *others):
            for row in () if isinstance(page, EcmError) else page.rows:
                self._note_if_sound(row, path)
        self._listed = True

    async def _find(self, principal: str) -> Member | None:
        prefix, _, name = principal.partition(":")
        kind = GROUP if prefix == "group" else USER
        if name.startswith("id:") and name[3:].isdigit() and kind == USER:
            number = int(name[3:])
            for error in (await self.ensure([number], complete=True)).values():
                raise error
            return self._members[number]
        if (kind, name) not in self._by_name:
            # The filter matches the start of names: the right one is picked from what it gives.
            params: Params = {"where_type": kind, "where_name": name}
            rows, _ = await read_all(self._client, "/v2/members", params, key=_member_key, limit=PAGE)
            odd = [row for row in rows if not self._note_if_sound(row, "/v2/members")]
            if odd and (kind, name) not in self._by_name:
                raise Malformed("/v2/members", f"a member with {name[:80]!r} in its name makes no sense")
            self._by_name.setdefault((kind, name), None)
        return self._by_name[kind, name]

    def _note_if_sound(self, row: Json, path: str) -> bool:
        """Store the member of a row unless the row is malformed, which must not affect others."""
        try:
            self._note_all([row], path)
        except Malformed:
            return False
        return True

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
                rows = await self._inside(path)
            except NotReadable:
                answers = await own_calls(self._client, MEMBER, [group.id], self._there)
                if answers[group.id] is not None:
                    raise
                rows = []  # deleted between two calls: nobody is inside it any more
            self._held[group.id] = self._note_all(rows, path)
        return self._held[group.id]

    async def _inside(self, path: str) -> list[Json]:
        """The members of a group, groups among them. Some versions give those only when asked for them."""
        rows, _ = await read_all(self._client, path, {}, key=_member_key, limit=PAGE)
        if any(_is_group(row) for row in rows):
            self._client.learn(nested_groups=True, why=f"{path} has groups among the members")
            return rows
        if self._client.dialect.nested_groups:
            return rows
        try:
            groups, _ = await read_all(self._client, path, {"where_type": GROUP}, key=_member_key, limit=PAGE)
        except NotReadable as error:
            if self._client.dialect.nested_groups is False or isinstance(error, CallRefused):
                raise
            # A version that refuses the filter has nothing to filter out.
            self._client.learn(nested_groups=True, why=f"{path} takes no where_type: {error.message}")
            return rows
        groups = [row for row in groups if _is_group(row)]  # a version may ignore the filter
        if groups:
            self._client.learn(nested_groups=False, why=f"{path} has groups only with where_type=1")
        return [*rows, *groups]


async def _or_error(asked: Awaitable[T]) -> T | EcmError:
    """The result, or the error in its place. Raises Refused."""
    try:
        return await asked
    except CallFailed as error:
        return error


def _is_group(row: Json) -> bool:
    """Whether a row is a group, or a signing group (101)."""
    return parse.integer(parse.properties(row).get("type")) in (GROUP, 101)


def _member_key(row: Json) -> int:
    return parse.identity(parse.properties(row)["id"])


def _user(member: Member) -> User:
    return User(
        login=member.name,
        id=member.id,
        name=member.full_name or member.name,
        email=member.email,
        language=member.language,
        deleted=member.deleted,
        source=f"/v2/members/{member.id}",
    )

"""Who may be told: members of roles, people inside groups inside groups, the deleted marked as such."""

from __future__ import annotations

import pytest

from tests.ecm import contracts
from tests.ecm.conftest import Server
from vigil.compliance.facts import Group, Roles, User
from vigil.ecm import Extractor, FactBatch, Gone


def people(batch: FactBatch) -> dict[str, User]:
    return {fact.login: fact for fact in batch.facts if isinstance(fact, User)}


def groups(batch: FactBatch) -> dict[str, tuple[str, ...]]:
    return {fact.name: fact.members for fact in batch.facts if isinstance(fact, Group)}


@pytest.mark.parametrize("ignored", [False, True])
async def test_roles_with_members_take_one_call_and_more_on_an_old_version(
    server: Server, ignored: bool
) -> None:
    server.quirks(roles_ignore_members=ignored)
    async with server.client() as client:
        batch = await Extractor(client).audience([1004], [])
    (roles,) = (fact for fact in batch.facts if isinstance(fact, Roles))
    assert roles.members == {"owner": ("user:eve", "user:ada"), "steward": ("group:Records",)}
    assert set(people(batch)) == {"ada", "cem", "eve", *(f"clerk-{n:02}" for n in range(45))}
    assert server.asked("GET /v2/businessworkspaces/{id}/roles") == (3 if ignored else 1)


async def test_groups_are_opened_to_their_last_member_beyond_a_page(server: Server) -> None:
    async with server.client() as client:
        batch = await Extractor(client).audience([], ["group:Records"])
    assert groups(batch)["Records"] == ("group:Clerks", "user:cem")
    assert len(groups(batch)["Clerks"]) == 45
    assert people(batch)["cem"].language == "de"
    assert len(people(batch)) == 46


async def test_groups_that_hold_each_other_end(server: Server) -> None:
    async with server.client() as client:
        batch = await Extractor(client).audience([], ["group:Circle"])
    assert groups(batch) == {"Circle": ("group:Ring", "user:bob"), "Ring": ("group:Circle", "user:eve")}
    assert set(people(batch)) == {"bob", "eve"}


async def test_a_deleted_user_is_still_there_and_marked(moving: Server) -> None:
    moving.sandbox.move(contracts.at(6))
    async with moving.client() as client:
        batch = await Extractor(client).audience([1004], [])
    found = people(batch)
    assert (found["eve"].deleted, found["ada"].deleted) == (True, False)
    (roles,) = (fact for fact in batch.facts if isinstance(fact, Roles))
    assert "user:eve" in roles.members["owner"]


async def test_a_person_has_mail_and_language(server: Server) -> None:
    async with server.client() as client:
        batch = await Extractor(client).audience([], ["user:ada", "user:bob"])
    ada, bob = people(batch)["ada"], people(batch)["bob"]
    assert (ada.name, ada.email, ada.language) == ("Ada Byron", "ada@example.org", "en")
    assert bob.language is None
    assert ada.source == f"/v2/members/{ada.id}"


async def test_who_does_not_exist_is_left_out_also_when_a_name_begins_another(server: Server) -> None:
    """The filter matches the start of names: "clerk" would find 45 people."""
    async with server.client() as client:
        batch = await Extractor(client).audience(
            [], ["user:clerk", "group:Rec", "user:nobody", "user:clerk-07"]
        )
    assert set(people(batch)) == {"clerk-07"}
    assert groups(batch) == {}


async def test_an_id_that_the_server_no_longer_knows_is_a_deleted_user(server: Server) -> None:
    async with server.client() as client:
        batch = await Extractor(client).audience([], ["user:id:424242"])
    (found,) = people(batch).values()
    assert (found.login, found.deleted) == ("id:424242", True)


async def test_nobody_is_asked_for_twice(server: Server) -> None:
    async with server.client() as client:
        extractor = Extractor(client)
        first = await extractor.audience([1004], ["user:ada", "group:Records"])
        server.mark()
        second = await extractor.audience([1004], ["user:ada", "group:Records"])
    assert second.facts == first.facts
    assert server.asked() == 1  # the roles: they may have changed


async def test_a_workspace_that_is_gone_has_no_audience_and_says_so(server: Server) -> None:
    async with server.client() as client:
        batch = await Extractor(client).audience([1004, 9999], [])
    assert batch.gone == (Gone("workspace", "9999"),)
    assert any(isinstance(fact, Roles) for fact in batch.facts)


async def test_the_names_of_all_groups_and_users_are_listed_without_the_deleted(moving: Server) -> None:
    async with moving.client() as client:
        before = await Extractor(client).people()
    assert before.groups is not None and {"Records", "Clerks", "Circle"} <= before.groups
    assert before.users is not None and {"eve", "ada", "clerk-07"} <= before.users
    moving.sandbox.move(contracts.at(6))
    async with moving.client() as client:
        after = await Extractor(client).people()
    assert after.users == before.users - {"eve"}


async def test_some_users_are_asked_for_by_name_where_a_few_are_wanted(server: Server) -> None:
    async with server.client() as client:
        found = await Extractor(client).people(["ada", "clerk", "nobody"])
    assert found.users == {"ada"}
    assert found.groups is not None and "Records" in found.groups

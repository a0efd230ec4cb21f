"""Reading workspaces: in batches, each part for itself, and what is gone told apart from what could not be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

import pytest

from tests.ecm import contracts
from tests.ecm.conftest import Server
from vigil.compliance.facts import AuditEvent, Document, MissingDocuments, Roles, Workspace
from vigil.ecm import Extractor, FactBatch, Gone, ListedWorkspace, Needs, Refused, Stamp

T = TypeVar("T")
NOTHING = Needs(documents=False, steps=False, expiry=False)
CHILDREN = "GET /v2/nodes/{id}/nodes"


def rows(*numbers: int) -> list[ListedWorkspace]:
    return [ListedWorkspace(number, "", contracts.NOON, "Contract") for number in numbers]


def of(batch: FactBatch, kind: type[T]) -> list[T]:
    return [fact for fact in batch.facts if isinstance(fact, kind)]


async def read(server: Server, needs: Needs, *numbers: int, since: datetime | None = None) -> FactBatch:
    async with server.client() as client:
        return await Extractor(client, needs).read_workspaces(rows(*numbers), since)


async def test_250_workspaces_without_documents_take_one_request_for_attributes(
    server: Server,
) -> None:
    numbers = [
        number for number in contracts.CONTRACTS if number not in (contracts.FULL, contracts.VERSIONED)
    ]
    async with server.client() as client:
        extractor = Extractor(client, Needs())
        await extractor.read_workspaces(rows(1004, contracts.FULL))  # learns definitions, and that it counts
        server.mark()
        batch = await extractor.read_workspaces(rows(*numbers))
    assert len(of(batch, Workspace)) == 238
    assert server.asked() == batch.requests == 1


async def test_more_than_250_workspaces_are_asked_for_in_batches(server: Server) -> None:
    batch = await read(server, NOTHING, *contracts.CONTRACTS, *range(3000, 3100))
    assert len(of(batch, Workspace)) == 240
    assert len(batch.gone) == 100
    assert (
        server.asked("POST /v2/nodes/list") == 3
    )  # two batches, and one that asks again for those that were missing


async def test_a_workspace_has_its_dates_its_size_and_its_source(
    server: Server,
) -> None:
    (found,) = of(await read(server, Needs(), contracts.FULL), Workspace)
    assert (found.id, found.type, found.name) == (1001, "Contract", "Contract 1001")
    assert found.created == contracts.BEGINNING
    assert found.modified == contracts.BEGINNING + timedelta(
        hours=12
    )  # quirk 29: when its last document came
    assert found.size == 120
    assert found.source == "/v2/nodes/list"
    assert found.unread == frozenset()


async def test_all_documents_come_also_when_they_fill_more_than_a_page(server: Server) -> None:
    found = of(await read(server, Needs(), contracts.FULL), Document)
    assert {document.id for document in found} == set(range(50_001, 50_121))
    assert len(found) == 120
    assert {(d.workspace, d.type, d.by, d.version, d.expires) for d in found} == {
        (1001, "Annex", "ada", 1, None)
    }
    assert server.asked(CHILDREN) == 2


async def test_a_document_has_its_type_its_versions_and_the_day_until_which_it_holds(server: Server) -> None:
    (found,) = of(await read(server, Needs(versions=True), contracts.VERSIONED), Document)
    late = contracts.BEGINNING + timedelta(hours=12)
    assert (found.id, found.name, found.type) == (51_000, "signed.pdf", "Signed contract")
    assert found.expires == date(2027, 6, 30)
    assert (found.created, found.by) == (late, "bob")
    assert found.modified == late + timedelta(minutes=2)
    assert found.version == 3
    assert [(v.number, v.at, v.by) for v in found.versions] == [
        (2, late + timedelta(minutes=1), "ada"),
        (3, late + timedelta(minutes=2), "cem"),
    ]
    assert found.source == "/v2/nodes/1002/nodes"
    assert server.asked(CHILDREN) == 1
    assert server.asked("/versions") == 0  # they came with the list


async def test_versions_are_asked_for_by_document_where_a_list_gives_the_newest_only(server: Server) -> None:
    (listed,) = of(await read(server, Needs(versions=True), contracts.VERSIONED), Document)
    server.quirks(newest_version_only=True)
    batch = await read(server, Needs(versions=True), contracts.VERSIONED, contracts.FULL)
    found = {d.id: d for d in of(batch, Document)}
    assert found[listed.id] == listed
    assert len(listed.versions) == 2
    assert server.asked("/versions") == 1, "a document with one version needs no second request"


async def test_without_need_of_versions_only_the_number_of_the_newest_is_read(server: Server) -> None:
    (found,) = of(await read(server, Needs(), contracts.VERSIONED), Document)
    assert found.version == 3
    assert [version.number for version in found.versions] == [3]


async def test_what_no_rule_needs_is_not_asked_for(server: Server) -> None:
    batch = await read(server, NOTHING, contracts.FULL, contracts.VERSIONED)
    assert {type(fact) for fact in batch.facts} == {Workspace}
    assert server.asked(CHILDREN) == server.asked("/audit") == server.asked("/roles") == 0


async def test_a_workspace_deleted_or_no_longer_readable_is_missing_and_not_a_gap(
    server: Server,
) -> None:
    server.quirks(unreadable=[1005])
    batch = await read(server, Needs(), 1004, 1005, 9999)
    assert batch.gone == (Gone("workspace", "1005"), Gone("workspace", "9999"))
    assert batch.gaps == ()
    assert [found.id for found in of(batch, Workspace)] == [1004]


async def test_documents_that_cannot_be_read_are_named_as_unread_and_the_rest_stands(
    server: Server, quick: Callable[[], None]
) -> None:
    quick()
    server.fault("GET /v2/nodes/1001/nodes", "503", times=99)
    batch = await read(server, Needs(), contracts.FULL, contracts.VERSIONED)
    full, versioned = of(batch, Workspace)
    assert full.unread == {"documents"}
    assert full.attrs["Terms.status"] == "draft"
    assert versioned.unread == frozenset()
    assert [document.workspace for document in of(batch, Document)] == [1002]
    (gap,) = batch.gaps
    assert (gap.path, gap.workspaces) == ("/v2/nodes/1001/nodes", (1001,))
    assert batch.gone == ()


async def test_half_of_the_documents_is_none_of_them(server: Server, quick: Callable[[], None]) -> None:
    """The second page fails: what the first gave is not passed on as all that there is."""
    quick()
    server.fault("GET /v2/nodes/1001/nodes", "503", nth=2, times=99)
    batch = await read(server, Needs(), contracts.FULL)
    assert of(batch, Document) == []
    assert of(batch, Workspace)[0].unread == {"documents"}


async def test_definitions_that_cannot_be_read_leave_the_attributes_unread(server: Server) -> None:
    server.fault("GET /v2/nodes/{id}/categories", "400", times=9)
    (found,) = of(batch := await read(server, NOTHING, 1004), Workspace)
    assert found.unread == {"attrs"}
    assert found.attrs == {}
    assert batch.gaps[0].workspaces == (1004,)


async def test_an_unanswered_list_of_nodes_is_a_gap_and_none_of_them_is_missing(
    server: Server, quick: Callable[[], None]
) -> None:
    quick()
    server.fault("POST /v2/nodes/list", "503", times=99)
    batch = await read(server, NOTHING, 1004)
    assert batch.facts == batch.gone == ()
    assert [gap.workspaces for gap in batch.gaps] == [(1004,)]


async def test_a_refused_login_is_no_gap(server: Server) -> None:
    async with server.client(password="wrong") as client:
        with pytest.raises(Refused):
            await Extractor(client).read_workspaces(rows(1004))


async def test_ecms_own_list_of_missing_documents_is_read_where_a_rule_asks_for_it(server: Server) -> None:
    batch = await read(server, Needs(missing=True), contracts.FULL, contracts.VERSIONED)
    assert {found.workspace: found.types for found in of(batch, MissingDocuments)} == {
        1001: ("Signed contract",),
        1002: (),
    }


async def test_a_module_that_is_absent_is_one_gap_and_is_asked_for_once(server: Server) -> None:
    server.quirks(modules_absent=["missingdocuments"])
    async with server.client() as client:
        extractor = Extractor(client, Needs(documents=False, missing=True))
        first = await extractor.read_workspaces(rows(1004))
        server.mark()
        second = await extractor.read_workspaces(rows(*range(1010, 1060)))
    assert server.asked("/missingdocuments") == 0
    assert [gap.workspaces for gap in (*first.gaps, *second.gaps)] == [(1004,), tuple(range(1010, 1060))]
    assert {"missing"} == {part for found in of(second, Workspace) for part in found.unread}


async def test_roles_come_with_the_workspace_where_clauses_read_them(server: Server) -> None:
    (found,) = of(await read(server, Needs(documents=False, roles=True), 1004), Roles)
    assert found.members == {"owner": ("user:eve", "user:ada"), "steward": ("group:Records",)}


async def test_comments_are_audit_rows_and_two_of_one_second_are_told_apart(server: Server) -> None:
    batch = await read(server, Needs(documents=False, comments=True), 1010)
    found = [event for event in of(batch, AuditEvent) if event.type == "Comment Added"]
    assert [(e.text, e.position, e.by) for e in found] == [
        ("Comment Added: first", 0, "ada"),
        ("Comment Added: second", 1, "ada"),
    ]
    assert found[0].at == found[1].at == contracts.BEGINNING + timedelta(hours=12)


async def test_only_audit_rows_since_the_last_run_come_though_the_filter_has_days(
    moving: Server,
) -> None:
    moving.sandbox.move(contracts.at(10))
    moving.mark()
    needs = Needs(documents=False, comments=True)
    batch = await read(moving, needs, 1010, since=contracts.at(3))
    assert [event.text for event in of(batch, AuditEvent)] == [
        "Comment Added: third",
        "Comment Added: fourth",
    ]
    everything = of(await read(moving, needs, 1010), AuditEvent)
    again = of(await read(moving, needs, 1010, since=contracts.at(3)), AuditEvent)
    assert set(again) <= set(
        everything
    )  # the same row has the same identity however much of the trail is read
    assert [event.text for event in everything if event.type == "Create"] == ["Create"]


def plain(batch: FactBatch) -> list[Document]:
    """The documents, but for where they were read."""
    return sorted((replace(d, source="") for d in of(batch, Document)), key=lambda d: d.id)


@pytest.mark.parametrize("depth", [1, 3])
async def test_documents_are_found_however_deep_in_folders_they_lie(server: Server, depth: int) -> None:
    flat = await read(server, Needs(versions=True), contracts.FULL, contracts.VERSIONED, 1004)
    server.quirks(folders=depth)
    server.mark()
    deep = await read(server, Needs(versions=True), contracts.FULL, contracts.VERSIONED, 1004)
    assert plain(deep) == plain(flat) != []
    assert not deep.gaps
    folders = [folder for inside in deep.folders.values() for folder in inside]
    assert any(folder.items == 0 for folder in folders), "empty folders are known, too"
    asked = sum(1 for folder in folders if folder.items) + len(of(deep, Workspace))
    pages = -(-len(plain(flat)) // 100)
    assert server.asked(CHILDREN) <= asked + pages, "a folder that holds nothing is not asked for"


async def test_a_document_added_deep_in_a_folder_is_found_by_the_folder_s_size_alone(moving: Server) -> None:
    """No list shows it: neither the workspace nor the outer folder has another date or size (quirk 24)."""
    moving.quirks(folders=2)
    async with moving.client() as client:
        extractor = Extractor(client, Needs())
        batch = await extractor.read_workspaces(rows(*contracts.CONTRACTS))
        folders = {x.id: Stamp(None, x.items) for inside in batch.folders.values() for x in inside}
        owner = {x.id: workspace for workspace, inside in batch.folders.items() for x in inside}
        stamps = {w.id: Stamp(w.modified, w.size) for w in of(batch, Workspace)}
        assert (await extractor.verify(stamps | folders)).changed == ()
        moving.sandbox.move(contracts.at(6))
        found = await extractor.verify(folders)
        before = {d.id for d in of(batch, Document)}
        again = await extractor.read_workspaces(rows(*{owner[i] for i in found.changed}))
    assert {d.id for d in of(again, Document)} - before == {52_000}


async def test_verifying_finds_what_no_list_shows(moving: Server) -> None:
    """A document deleted and a version added touch no workspace's modify date (quirk 24)."""
    async with moving.client() as client:
        extractor = Extractor(client, Needs())
        batch = await extractor.read_workspaces(rows(*contracts.CONTRACTS))
        stamps = {w.id: Stamp(w.modified, w.size) for w in of(batch, Workspace)}
        stamps |= {d.id: Stamp(d.modified, d.version) for d in of(batch, Document)}
        moving.mark()
        calm = await extractor.verify(stamps)
        assert (calm.changed, calm.gone, calm.gaps) == ((), (), ())
        assert calm.requests == moving.asked() == -(-len(stamps) // 250)
        moving.sandbox.move(contracts.at(2))
        found = await extractor.verify(stamps)
    assert set(found.changed) == {1005, 1200, contracts.VERSIONED, 50_001}
    assert found.gone == (51_000,)


async def test_a_folder_is_verified_by_what_it_holds_alone(server: Server) -> None:
    async with server.client() as client:
        parent = (await client.get("/v2/nodes/1001"))["results"]["data"]["properties"]["parent_id"]
        extractor = Extractor(client)
        assert (await extractor.verify({parent: Stamp(None, 240)})).changed == ()
        assert (await extractor.verify({parent: Stamp(None, 239)})).changed == (parent,)
        assert (await extractor.verify({1004: Stamp(datetime(2020, 1, 1, tzinfo=UTC), 0)})).changed == (1004,)


async def test_nodes_whose_call_failed_are_neither_changed_nor_gone(
    server: Server, quick: Callable[[], None]
) -> None:
    quick()
    server.fault("POST /v2/nodes/list", "503", times=99)
    async with server.client() as client:
        found = await Extractor(client).verify(
            {1001: Stamp(contracts.NOON, 1), 9999: Stamp(contracts.NOON, 1)}
        )
    assert (found.changed, found.gone) == ((), ())
    assert sorted(node for gap in found.gaps for node in gap.workspaces) == [1001, 9999]


async def test_a_part_that_mentions_somebody_who_cannot_be_looked_up_is_unread(
    server: Server, quick: Callable[[], None]
) -> None:
    """Nobody is guessed: eve owns contract 1004 by her number alone, and the directory does not answer."""
    quick()
    server.fault("GET /v2/members/{id}", "503", times=999)
    batch = await read(server, Needs(), 1004, 1010, contracts.VERSIONED)
    found = {workspace.id: workspace for workspace in of(batch, Workspace)}
    assert found[1004].unread == {"attrs"}
    assert found[1010].unread == frozenset()
    assert found[contracts.VERSIONED].unread == {"documents"}
    assert {gap.path.rpartition("/")[0] for gap in batch.gaps} == {"/v2/members"}

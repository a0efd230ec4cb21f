"""PyPI's pyxecm, unchanged, on the running simulator over real HTTP: the check that it was made from the contract.

The answers are compared with the estate's own files, never with the simulator's idea of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pyxecm.otcs import OTCS

from tests.shared import ESTATES
from tests.support.tickets import END, Tickets
from vigil.sandbox.process import SandboxProcess


def _read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def _before(events: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [e for e in events if e["kind"] in kinds and datetime.fromisoformat(e["ts"]) <= END]


@pytest.fixture(scope="module", params=["tickets", pytest.param("helpdesk", marks=pytest.mark.shared)])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an estate: a made-up one, and one of real work."""
    if request.param == "tickets":
        return Tickets().save(tmp_path_factory.mktemp("pyxecm") / "tickets")
    return ESTATES / str(request.param)


@pytest.fixture(scope="module")
def events(folder: Path) -> list[dict[str, Any]]:
    return _read(folder / "events.jsonl")


@pytest.fixture(scope="module")
def sandbox(folder: Path) -> Iterator[SandboxProcess]:
    with SandboxProcess(folder, start=END) as running:
        yield running


@pytest.fixture(scope="module")
def otcs(sandbox: SandboxProcess) -> OTCS:
    url = urlsplit(sandbox.ecm_url)
    client = OTCS("http", url.hostname, url.port, username="vigil", password="vigil", base_path=url.path)
    assert client.authenticate() is not None
    return client


def _ids(rows: Any) -> list[int]:
    return [row["data"]["properties"]["id"] for row in rows]


@pytest.fixture(scope="module")
def known(events: list[dict[str, Any]]) -> set[int]:
    return {e["workspace"] for e in _before(events, "workspace_created")}


@pytest.fixture(scope="module")
def with_documents(events: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for event in _before(events, "document_added"):
        found.setdefault(event["workspace"], []).append(event)
    assert found
    return found


def test_a_wrong_password_gives_no_ticket(sandbox: SandboxProcess) -> None:
    url = urlsplit(sandbox.ecm_url)
    client = OTCS("http", url.hostname, url.port, username="vigil", password="no", base_path=url.path)
    assert client.authenticate() is None


def test_it_reads_the_server_s_version(otcs: OTCS) -> None:
    assert otcs.get_server_version() == "23.3"
    assert otcs.get_server_info()["sessions"]["session_timeout"] == 7_200_000


def test_it_finds_the_workspace_types_with_their_templates(otcs: OTCS) -> None:
    (row,) = otcs.get_workspace_types()["results"]
    assert row["data"]["properties"]["wksp_type_name"] == "Ticket"
    assert row["data"]["properties"]["templates"][0]["subtype"] == 848


def test_it_lists_all_workspaces_of_a_type_in_one_page_and_by_its_iterator(
    otcs: OTCS, known: set[int]
) -> None:
    listed = _ids(otcs.get_workspace_instances(type_name="Ticket")["results"])
    assert sorted(listed) == sorted(known)
    walked = _ids(otcs.get_workspace_instances_iterator(type_id=1, page_size=50))
    assert sorted(walked) == sorted(known)


def test_it_finds_one_workspace_by_type_and_name(otcs: OTCS, folder: Path, known: set[int]) -> None:
    made = next(w for w in _read(folder / "workspaces.jsonl") if w["id"] in known)
    found = otcs.get_workspace_by_type_and_name(type_name="Ticket", name=made["name"])
    assert made["id"] in _ids(found["results"])


def test_it_reads_a_workspace_with_its_categories(
    otcs: OTCS, events: list[dict[str, Any]], known: set[int]
) -> None:
    number = sorted(known)[0]
    changes = [e for e in _before(events, "attribute_changed") if e["workspace"] == number]
    statuses = [e["value"] for e in changes if e["attr"] == "Ticket.status"]
    (row,) = otcs.get_workspace(number)["results"]
    assert row["data"]["properties"]["id"] == number
    (values,) = row["data"]["categories"].values()
    assert statuses and statuses[-1] in values.values()


def test_it_reads_category_values_by_their_names(
    otcs: OTCS, events: list[dict[str, Any]], known: set[int]
) -> None:
    number = sorted(known)[0]
    changes = [e for e in _before(events, "attribute_changed") if e["workspace"] == number]
    want = [e["value"] for e in changes if e["attr"] == "Ticket.status"][-1]
    assert otcs.get_node_category_names(number) == ["Ticket"]
    assert otcs.get_category_value_by_name(number, "Ticket", "status") == want
    category, attributes = otcs.get_node_category_definition(number, "Ticket")
    assert attributes["due"]["type"] == "Date"
    assert otcs.get_node_category_ids(number) == [int(category)]


def test_it_lists_the_documents_of_a_workspace(
    otcs: OTCS, with_documents: dict[int, list[dict[str, Any]]]
) -> None:
    for number, added in with_documents.items():
        want = sorted(e["id"] for e in added)
        assert sorted(_ids(otcs.get_subnodes(number)["results"])) == want
        assert sorted(_ids(otcs.get_subnodes_iterator(number, page_size=2))) == want


def test_it_walks_the_folder_of_a_type_to_every_workspace(otcs: OTCS, known: set[int]) -> None:
    parent = otcs.get_result_value(otcs.get_node(sorted(known)[0]), "parent_id")
    assert sorted(_ids(otcs.get_subnodes_iterator(parent, page_size=100))) == sorted(known)


def test_it_reads_the_versions_and_classification_of_a_document(
    otcs: OTCS, with_documents: dict[int, list[dict[str, Any]]]
) -> None:
    added = next(iter(with_documents.values()))[0]
    (version,) = otcs.get_document_versions(added["id"])["results"]
    assert version["data"]["versions"]["version_number"] == 1
    assert (
        otcs.get_document_version(added["id"], 1)["results"]["data"]["versions"]["file_name"] == added["name"]
    )
    assert [c["name"] for c in otcs.get_node_classifications(added["id"])["data"]] == [added["type"]]


def test_it_reads_the_roles_of_a_workspace_and_their_members(
    otcs: OTCS, events: list[dict[str, Any]], known: set[int]
) -> None:
    change = next(e for e in reversed(_before(events, "role_changed")) if e["members"])
    roles = otcs.get_workspace_roles(change["workspace"])["results"]
    assert [r["data"]["properties"]["name"] for r in roles] == ["assignee", "manager"]
    number = next(
        r["data"]["properties"]["id"] for r in roles if r["data"]["properties"]["name"] == change["role"]
    )
    members = otcs.get_workspace_members(change["workspace"], number)["results"]
    assert [m["data"]["properties"]["name"] for m in members] == change["members"]


def test_it_finds_users_groups_and_their_members(otcs: OTCS, folder: Path) -> None:
    users = _read(folder / "users.jsonl")
    found = otcs.get_user(users[0]["login"])
    assert otcs.get_result_value(found, "business_email") == users[0]["email"]
    walked = {row["data"]["properties"]["name"] for row in otcs.get_users_iterator(limit=7)}
    assert walked == {u["login"] for u in users}
    group = otcs.get_result_value(otcs.get_group("supervisors"), "id")
    members = otcs.get_group_members_iterator(group=group, member_type=0, page_size=2)
    held = {row["data"]["properties"]["name"] for row in members}
    assert held == {u["login"] for u in users if "supervisors" in u["groups"]}


def test_it_lists_workflows_by_status_and_reads_one(otcs: OTCS, events: list[dict[str, Any]]) -> None:
    assigned = {(e["process"], e["step"]): e for e in _before(events, "step_assigned")}
    done = {(e["process"], e["step"]): e for e in _before(events, "step_completed")}
    open_processes = {process for process, step in assigned.keys() - done.keys()}
    rows = otcs.get_workflows_by_kind_and_status(kind="Managed", status=["ontime", "workflowlate"])
    assert {row["data"]["wfstatus"]["process_id"] for row in rows["results"]} == open_processes
    process = rows["results"][0]["data"]["wfstatus"]["process_id"]
    assert process in open_processes
    steps = otcs.get_workflow_status(process)["results"]["step_list"]
    current = {(process, s["task_id"]) for s in steps["current"]}
    assert current == {key for key in assigned.keys() - done.keys() if key[0] == process}
    completed = {(process, s["task_id"]) for s in steps["completed"]}
    assert completed - {(process, 0)} == {k for k in done if k[0] == process}


def test_the_attachments_of_a_workflow_lead_to_its_workspace(
    otcs: OTCS, events: list[dict[str, Any]]
) -> None:
    event = _before(events, "step_assigned")[0]
    folder = otcs.get_workflow_status(event["process"])["results"]["attachments"]["attachment_folder_id"]
    (shortcut,) = otcs.get_subnodes(folder)["results"]
    assert shortcut["data"]["properties"]["type"] == 1
    assert shortcut["data"]["properties"]["original_id"] == event["workspace"]


def test_it_reads_the_audit_trail_in_one_page_and_by_its_iterator(
    otcs: OTCS, events: list[dict[str, Any]], known: set[int]
) -> None:
    number = _before(events, "comment_added")[0]["workspace"]
    kinds = ("workspace_created", "attribute_changed", "role_changed", "comment_added")
    want = len([e for e in _before(events, *kinds) if e["workspace"] == number])
    data = otcs.get_node_audit(number)["results"]["data"]
    assert len(data["audit"]) == want
    assert {"id": 10, "name": "Attribute Value Changed"} in data["audit_event_types"]
    assert [row["audit_date"] for row in data["audit"]] == sorted(
        (r["audit_date"] for r in data["audit"]), reverse=True
    )
    comments = otcs.get_node_audit(number, filter_event_type=5200)["results"]["data"]["audit"]
    assert comments[-1]["audit_name"].startswith("Comment Added: ")


def _walk(otcs: OTCS, parent: int, *, parallel: bool) -> set[int]:
    visited: set[int] = set()

    def see(node: dict[str, Any], **more: Any) -> tuple[bool, bool]:
        visited.add(otcs.get_result_value(node, "id"))
        return (True, True)

    walk = otcs.traverse_node_parallel if parallel else otcs.traverse_node
    walk(node=parent, executables=[see])
    return visited


def test_its_parallel_walk_in_pages_of_a_hundred_finds_every_document(
    otcs: OTCS, with_documents: dict[int, list[dict[str, Any]]], known: set[int]
) -> None:
    parent = otcs.get_result_value(otcs.get_node(sorted(known)[0]), "parent_id")
    want = {e["id"] for added in with_documents.values() for e in added}
    assert known | want <= _walk(otcs, parent, parallel=True)


def test_its_pages_of_two_hundred_lose_children_to_a_silent_cap(
    otcs: OTCS, known: set[int], sandbox: SandboxProcess
) -> None:
    parent = otcs.get_result_value(otcs.get_node(sorted(known)[0]), "parent_id")
    assert len(known) > 300
    sandbox.faults({"quirks": {"children_cap": 100}})
    assert len(_walk(otcs, parent, parallel=False) & known) == 200
    sandbox.faults({"quirks": {"children_cap": 1000}})
    assert len(_walk(otcs, parent, parallel=False) & known) == len(known)

"""The newest pyxecm of PyPI, unchanged, on the running simulator: the dialect `ce23` is what it documents.

The answers are compared with the estate's own files, as in tests/sandbox/test_pyxecm_runs_unchanged.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.newest_pyxecm import NewestPyxecm
from tests.support.tickets import END, Tickets
from vigil.sandbox.process import SandboxProcess

Json = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Tickets().save(tmp_path_factory.mktemp("newest") / "tickets")


@pytest.fixture(scope="module")
def otcs(folder: Path) -> Iterator[NewestPyxecm]:
    with (
        SandboxProcess(folder, start=END, dialect="ce23") as sandbox,
        NewestPyxecm(sandbox.ecm_url) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def events(folder: Path) -> list[Json]:
    read = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [event for event in read if datetime.fromisoformat(event["ts"]) <= END]


@pytest.fixture(scope="module")
def known(events: list[Json]) -> list[int]:
    return sorted({e["workspace"] for e in events if e["kind"] == "workspace_created"})


@pytest.fixture(scope="module")
def added(events: list[Json]) -> Json:
    return next(e for e in events if e["kind"] == "document_added")


def ids(rows: list[Json]) -> list[int]:
    return [row["data"]["properties"]["id"] for row in rows]


def test_it_is_another_one_than_the_environment_has(otcs: NewestPyxecm) -> None:
    assert otcs.version == "3.7.0"


def test_it_logs_in_and_reads_the_server_s_version(otcs: NewestPyxecm) -> None:
    assert otcs.call("authenticate")["otcsticket"]
    assert otcs.call("get_server_version") == "23.3"


def test_it_finds_types_by_name_and_workspaces_page_by_page(otcs: NewestPyxecm, known: list[int]) -> None:
    kind = otcs.call("get_workspace_type_by_name", type_name="Ticket")
    assert kind["data"]["properties"]["wksp_type_id"] == 1
    rows = otcs.call("get_workspace_instances_iterator", type_id=1, page_size=50)
    assert sorted(ids(rows)) == known


def test_it_stops_at_the_wall_with_what_it_has(folder: Path, known: list[int]) -> None:
    faults = {"quirks": {"wall": 120}}
    with SandboxProcess(folder, start=END, faults=faults) as sandbox, NewestPyxecm(sandbox.ecm_url) as client:
        rows = client.call("get_workspace_instances_iterator", type_id=1, page_size=50)
    assert (len(ids(rows)), len(known)) == (120, 360)


def test_it_reads_a_workspace_with_its_categories(otcs: NewestPyxecm, known: list[int]) -> None:
    (row,) = otcs.call("get_workspace", node_id=known[0], fields=["properties", "categories"], metadata=True)[
        "results"
    ]
    assert row["data"]["properties"]["id"] == known[0] and isinstance(row["data"]["categories"], dict)


def test_it_reads_many_nodes_with_their_categories(otcs: NewestPyxecm, known: list[int]) -> None:
    rows = otcs.call("get_nodes", node_ids=known[:200], fields=["properties", "categories"])["results"]
    assert ids(rows) == known[:200] and all(row["data"]["categories"] for row in rows)
    assert otcs.call("get_nodes", node_ids=list(range(1, 252))) is None


def test_it_finds_the_workspace_that_a_document_lies_in(otcs: NewestPyxecm, added: Json) -> None:
    assert otcs.call("get_workspace_by_child_node", node_id=added["id"])["id"] == added["workspace"]
    rows = otcs.call("get_subnodes", parent_node_id=added["workspace"])["results"]
    assert added["id"] in ids(rows)


def test_it_reads_a_document_s_versions_classification_and_audit(otcs: NewestPyxecm, added: Json) -> None:
    number = added["id"]
    versions = otcs.call("get_document_versions", node_id=number)["results"]
    assert versions[-1]["data"]["versions"]["version_number"] == 1
    assert [c["name"] for c in otcs.call("get_node_classifications", node_id=number)["data"]] == [
        added["type"]
    ]
    told = otcs.call("get_node_audit", node_id=number)["results"]["data"]
    assert {row["event_type"] for row in told["audit"]} == {kind["id"] for kind in told["audit_event_types"]}


def test_it_reads_roles_and_their_members(otcs: NewestPyxecm, events: list[Json]) -> None:
    change = next(e for e in reversed(events) if e["kind"] == "role_changed" and e["members"])
    roles = otcs.call("get_workspace_roles", workspace_id=change["workspace"])["results"]
    role = next(
        r["data"]["properties"]["id"] for r in roles if r["data"]["properties"]["name"] == change["role"]
    )
    rows = otcs.call("get_workspace_members", workspace_id=change["workspace"], role_id=role)["results"]
    assert [row["data"]["properties"]["name"] for row in rows] == change["members"]


def test_it_reads_related_workspaces_both_ways_in_one_call(otcs: NewestPyxecm, known: list[int]) -> None:
    answer = otcs.call(
        "get_workspace_relationships", workspace_id=known[0], relationship_type=["child", "parent"]
    )
    assert answer["paging"]["total_count"] == len(answer["results"])


def test_it_finds_users_and_the_members_of_groups(otcs: NewestPyxecm, folder: Path) -> None:
    users = [json.loads(line) for line in (folder / "users.jsonl").read_text().splitlines()]
    walked = otcs.call("get_users_iterator", limit=7)
    assert {row["data"]["properties"]["name"] for row in walked} == {u["login"] for u in users}
    (group,) = (
        row
        for row in otcs.call("get_groups")["results"]
        if row["data"]["properties"]["name"] == "supervisors"
    )
    rows = otcs.call("get_group_members", group=group["data"]["properties"]["id"], member_type=0)["results"]
    assert {row["data"]["properties"]["name"] for row in rows} == {
        u["login"] for u in users if "supervisors" in u["groups"]
    }


def test_it_reads_workflows_in_one_list_and_one_with_its_steps(
    otcs: NewestPyxecm, events: list[Json]
) -> None:
    assigned = {(e["process"], e["step"]) for e in events if e["kind"] == "step_assigned"}
    done = {(e["process"], e["step"]) for e in events if e["kind"] == "step_completed"}
    rows = otcs.call("get_workflows_by_kind_and_status", kind="Managed", status=["ontime", "workflowlate"])[
        "results"
    ]
    found = {row["data"]["wfstatus"]["process_id"] for row in rows}
    assert found == {process for process, _ in assigned - done}
    process = min(found)
    steps = otcs.call("get_workflow_status", process_id=process)["results"]["step_list"]
    assert {s["task_id"] for s in steps["current"]} == {
        step for number, step in assigned - done if number == process
    }


def test_it_searches_documents_by_their_type(otcs: NewestPyxecm, events: list[Json]) -> None:
    there = {e["id"] for e in events if e["kind"] == "document_added"} - {
        e["id"] for e in events if e["kind"] == "document_deleted"
    }
    rows = otcs.call("search_iterator", search_term="OTSubType: 144")
    assert set(ids(rows)) == there


def test_it_reads_document_types_reminders_and_reports(otcs: NewestPyxecm, added: Json) -> None:
    workspace = added["workspace"]
    types = otcs.call("get_workspace_doctypes", workspace_id=workspace)["results"]
    assert added["type"] in {row["data"]["properties"]["classification_name"] for row in types}
    assert otcs.call("get_reminders", node_id=added["id"])["results"]["followups"] is not None
    for kind in ("missing", "inprocess"):
        found = otcs.call("get_workspace_documents", workspace_id=workspace, document_type=kind)["results"]
        assert found["total_count"] == len(found["data"])

"""The newest pyxecm, unchanged: search, workflows, reminders, document types, reports, as the dialect `ce23` has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.newest_pyxecm import NewestPyxecm
from tests.support.small_estate import Draft
from vigil.sandbox.process import SandboxProcess


@pytest.fixture(scope="module")
def otcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewestPyxecm]:
    draft = Draft()
    draft.case(100)
    for number in range(900, 912):
        draft.event("2024-01-02T08:00:00Z", "document_added", workspace=100, id=number, name=f"Doc {number}", type="Note", by="ada",
                    expires="2024-02-01")  # fmt: skip
    for number, to in ((1, "ada"), (2, "clerks")):
        draft.event(
            "2024-01-02T09:00:00Z",
            "step_assigned",
            workspace=100,
            process=7,
            step=number,
            title=f"T{number}",
            to=to,
        )
    draft.event(
        "2024-01-03T09:00:00Z", "step_completed", workspace=100, process=7, step=1, by="ada", disposition="ok"
    )
    folder: Path = draft.save(tmp_path_factory.mktemp("newest") / "estate")
    with (
        SandboxProcess(folder, start=datetime(2024, 2, 2, tzinfo=UTC), dialect="ce23") as sandbox,
        NewestPyxecm(sandbox.ecm_url) as client,
    ):
        yield client


def test_it_searches_and_walks_the_pages(otcs: NewestPyxecm) -> None:
    answer = otcs.call("search", search_term='OTSubType: 144 AND [QLREGION "OTModifyDate"] >= "20240102"')
    assert answer["collection"]["paging"]["total_count"] == 12
    row = answer["results"][0]["data"]
    assert {"properties", "regions", "versions"} <= row.keys()
    rows = otcs.call("search_iterator", search_term="OTSubType: 144", page_size=5)
    assert sorted(r["data"]["properties"]["id"] for r in rows) == list(range(900, 912))
    assert len(otcs.call("search", search_term="OTSubType: 144", location_id=100)["results"]) == 12


def test_it_lists_workflows_by_kind_and_reads_one(otcs: NewestPyxecm) -> None:
    (row,) = otcs.call("get_workflows_by_kind_and_status", kind="Managed", status=["ontime", "workflowlate"])[
        "results"
    ]
    assert row["data"]["wfstatus"]["process_id"] == 7
    steps = otcs.call("get_workflow_status", process_id=7)["results"]["step_list"]
    assert [s["task_id"] for s in steps["completed"]] == [0, 1] and [
        s["task_id"] for s in steps["current"]
    ] == [2]


def test_it_reads_reminders_and_who_they_are_for(otcs: NewestPyxecm) -> None:
    (entry,) = otcs.call("get_reminders", node_id=900)["results"]["followups"]
    assert entry["data"]["followup"]["due_date"] == "2024-02-01T00:00:00Z"
    (person,) = entry["data"]["followup"]["assignees"]
    assert person["name"] == "Ada Byron"


def test_it_reads_document_types_and_what_lacks_or_is_outdated(otcs: NewestPyxecm) -> None:
    rows = otcs.call("get_workspace_doctypes", workspace_id=100)["results"]
    found = {
        r["data"]["properties"]["classification_name"]: r["data"]["properties"]["validity"] for r in rows
    }
    assert found == {"Contract": 12, "Note": 0, "Proof of identity": 0}
    missing = otcs.call("get_workspace_documents", workspace_id=100, document_type="missing")["results"]
    assert [row["name"] for row in missing["data"]] == ["Contract", "Proof of identity"]
    assert (
        otcs.call("get_workspace_documents", workspace_id=100, document_type="inprocess")["results"][
            "total_count"
        ]
        == 0
    )
    outdated = otcs.call("get_workspace_report_detail", workspace_id=100, report_type="outdatedDocuments")[
        "results"
    ]
    assert outdated["total_count"] == 12
    assert otcs.call("get_workspace_myteamtodo")["results"][0]["data"]["members"] == []

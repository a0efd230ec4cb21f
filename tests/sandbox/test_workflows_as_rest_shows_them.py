"""Workflows: the unpaged personal list, processes with bare completed steps, info, activities, assignments (quirks 27, 32 to 34)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Start
from tests.support.small_estate import Draft, Ecm, Running

LIST = "/v2/workflows/status"
INFO = "/v2/workflows/status/info?workid=7"
DONE = "/v2/processes/7/subprocesses/7/activities"


def step(draft: Draft, ts: str, process: int, number: int, **more: Any) -> None:
    kind = "step_assigned" if "to" in more else "step_completed"
    draft.event(ts, kind, workspace=100, process=process, step=number, **more)


@pytest.fixture
def worked(draft: Draft, start: Start) -> Running:
    """Process 7: "Check" by ada, approved with a comment; "File" by bob; then "Sign" for the clerks, late. 8 ended on the 3rd."""
    draft.case(100)
    draft.case(101, name="Other")
    step(draft, "2024-01-02T08:00:00Z", 7, 1, title="Check", to="ada", due="2024-01-05T08:00:00Z", by="bob")
    step(draft, "2024-01-02T09:00:00Z", 8, 1, title="Read", to="bob", by="ada")
    step(draft, "2024-01-03T09:00:00Z", 8, 1, by="bob")
    step(draft, "2024-01-04T08:00:00Z", 7, 1, by="ada", disposition="approved", comment="Looks right")
    step(draft, "2024-01-04T08:00:00Z", 7, 2, title="File", to="bob")
    step(draft, "2024-01-05T10:00:00Z", 7, 2, by="bob")
    step(draft, "2024-01-05T10:00:00Z", 7, 3, title="Sign", to="clerks", due="2024-01-06T08:00:00Z")
    running = start(draft)
    running.at("2024-01-07T00:00:00+00:00")
    return running


def rows(ecm: Ecm, query: str = "", path: str = LIST) -> list[dict[str, Any]]:
    return [row["data"]["wfstatus"] for row in ecm.get(f"{path}?{query}")["results"]]


def numbers(ecm: Ecm, query: str = "") -> list[int]:
    return [row["process_id"] for row in rows(ecm, query)]


def map_of(running: Running) -> int:
    (row,) = running.ecm.get("/v2/workflows/status/active")["results"]
    return int(row["Map_MapObjID"])


# -- the list (32) -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "want"),
    [("wstatus=ontime", []), ("wstatus=workflowlate", [7]), ("wstatus=ontime&wstatus=workflowlate", [7]),
     ("wstatus=completed", [8]), ("wstatus=stopped", []), ("", [7, 8]), ("Kind=Managed", [7, 8]), ("Kind=Initiated", []),
     ("Kind=Both&wfretention=30", [7, 8]), ("wfretention=2", [7]), ("limit=1&page=2", [7, 8])],
)  # fmt: skip
def test_processes_are_listed_by_status_kind_and_retention_and_never_paged(
    worked: Running, query: str, want: list[int]
) -> None:
    assert numbers(worked.ecm, query) == want


@pytest.mark.parametrize("query", ["wstatus=late", "Kind=Mine"])
def test_a_status_or_kind_that_is_none_is_refused(worked: Running, query: str) -> None:
    assert worked.ecm.status(f"{LIST}?{query}") == 400


def test_the_list_has_no_collection_and_an_ended_row_no_step_assignee_or_end(worked: Running) -> None:
    answer = worked.ecm.get(LIST)
    assert set(answer) == {"links", "results"}
    late, ended = (row["data"]["wfstatus"] for row in answer["results"])
    assert (late["status_key"], late["task_id"], late["step_name"], late["steps_count"]) == (
        "workflowlate",
        3,
        "Sign",
        1,
    )
    assert [part["task_id"] for part in late["parallel_steps"]] == [3]
    assert (ended["status_key"], ended["task_id"], ended["step_name"], ended["due_date"]) == (
        "completed",
        0,
        "",
        "",
    )
    assert ended["assignee"] == ended["parallel_steps"] == []
    assert not [key for key in ended if "complet" in key]


@pytest.mark.parametrize(
    ("sort", "want"),
    [("date_initiated asc", [7, 8]), ("date_initiated desc", [8, 7]), ("status_key asc", [8, 7]),
     ("due_date desc", [7, 8]), ("date_completed desc", [7, 8]), ("sideways", [7, 8])],
)  # fmt: skip
def test_the_list_is_sorted_by_the_documented_columns_only(
    worked: Running, sort: str, want: list[int]
) -> None:
    assert numbers(worked.ecm, f"sort={sort}") == want


def test_a_process_that_goes_on_after_a_pause_is_open_again(draft: Draft, start: Start) -> None:
    draft.case(100)
    step(draft, "2024-01-02T08:00:00Z", 7, 1, title="T", to="ada")
    step(draft, "2024-01-03T08:00:00Z", 7, 1, by="ada")
    step(draft, "2024-01-05T08:00:00Z", 7, 2, title="U", to="ada")
    running = start(draft)
    seen = []
    for day in ("2024-01-04T00:00:00Z", "2024-01-06T00:00:00Z"):
        running.at(day)
        seen.append((numbers(running.ecm, "wstatus=completed"), numbers(running.ecm, "wstatus=ontime")))
    assert seen == [([7], []), ([], [7])]


def test_32_the_list_is_personal_and_a_service_user_may_not_manage_every_map(worked: Running) -> None:
    ada, bob = (Ecm(worked.sandbox, worked.ecm.login(name)) for name in ("ada", "bob"))
    assert (numbers(ada), numbers(ada, "Kind=Initiated"), numbers(ada, "Kind=Managed")) == ([8], [8], [])
    assert numbers(bob) == []  # bob began process 7 in a workspace that he cannot read
    worked.set(unmanaged_maps=[map_of(worked)])
    assert numbers(worked.ecm) == []
    assert worked.ecm.status("/v2/workflows/status/processes/7") == 200
    worked.set(unmanaged_maps=[])
    assert numbers(worked.ecm) == [7, 8]


@pytest.mark.parametrize(
    ("spelling", "by_document", "by_client"),
    [("both", [], []), ("Kind", [], [7, 8]), ("kind", [7, 8], [])],
)
def test_32_kind_counts_in_the_spelling_of_the_server(
    worked: Running, spelling: str, by_document: list[int], by_client: list[int]
) -> None:
    worked.set(kind_spelling=spelling)
    assert numbers(worked.ecm, "Kind=Initiated") == by_document
    assert numbers(worked.ecm, "kind=Initiated") == by_client


# -- one process (33) --------------------------------------------------------------------------------------


def process(running: Running, number: int = 7) -> Any:
    return running.ecm.get(f"/v2/workflows/status/processes/{number}")["results"]


def test_33_completed_steps_are_bare_unless_the_server_has_the_fields(worked: Running) -> None:
    done = process(worked)["step_list"]["completed"]
    assert [(s["task_id"], s["task_name"]) for s in done] == [(0, "Start Step"), (1, "Check"), (2, "File")]
    assert {s["task_status"] for s in done} == {"completed"}
    assert not [
        key for s in done for key in s if "completed" in key or "disposition" in key or "performer" in key
    ]
    worked.set(completed_fields=True)
    (check,) = (s for s in process(worked)["step_list"]["completed"] if s["task_id"] == 1)
    assert (check["task_completed_date"], check["task_disposition"]) == ("2024-01-04T09:00:00", "approved")
    assert check["task_completed_by"]["loginName"] == "ada"


def test_33_a_stopped_process_has_a_fourth_list_and_the_day_that_it_stopped(worked: Running) -> None:
    assert "stopped" not in process(worked)["step_list"]
    worked.set(stopped_processes=[7])
    found = process(worked)
    assert [s["task_id"] for s in found["step_list"]["stopped"]] == [3] and found["step_list"][
        "current"
    ] == []
    assert (found["wf_details"]["status"], found["wf_details"]["stopped_date"]) == (
        "stopped",
        "2024-01-05T11:00:00",
    )
    (row,) = rows(worked.ecm, "wstatus=stopped")
    assert (row["process_id"], row["task_id"], row["assignee"]) == (7, 0, [])
    assert numbers(worked.ecm, "wstatus=workflowlate") == []


def test_33_a_step_of_a_group_names_it_and_its_people_or_not(worked: Running) -> None:
    (current,) = process(worked)["step_list"]["current"]
    held = current["task_assignees"]
    assert held["assignedto"]["groupName"] == "clerks"
    assert (
        worked.ecm.get(f"/v2/members/{held['assignedto']['groupId']}")["results"]["data"]["properties"][
            "name"
        ]
        == "clerks"
    )
    assert [(a["loginName"], a["groupName"]) for a in held["assignee"]] == [
        ("ada", "clerks"),
        ("bob", "clerks"),
    ]
    assert held["assignedto"]["assignees"] == held["assignee"]
    assert rows(worked.ecm)[0]["assignedto"] == held["assignedto"]
    worked.set(group_people=False)
    (current,) = process(worked)["step_list"]["current"]
    assert current["task_assignees"]["assignee"] == [] and set(current["task_assignees"]["assignedto"]) == {
        "groupId",
        "groupName",
    }


def test_33_assignees_may_lack_their_login(worked: Running) -> None:
    def people() -> list[dict[str, Any]]:
        found = process(worked)
        return [
            found["wf_details"]["initiator"],
            found["step_list"]["completed"][1]["task_assignees"]["assignee"][0],
        ]

    ids = [p["userId"] for p in people()]
    assert [p["loginName"] for p in people()] == ["bob", "ada"]
    worked.set(login_names=False)
    assert [p["userId"] for p in people()] == ids and all("loginName" not in p for p in people())


def test_33_details_of_a_process_may_be_few(worked: Running) -> None:
    found = process(worked)
    assert found["wf_details"]["work_workID"] == 7 and found["data_packages"] and found["permissions"]
    folder = found["attachments"]["attachment_folder_id"]
    worked.set(process_details=False)
    found = process(worked)
    assert "work_workID" not in found["wf_details"] and not {"data_packages", "permissions"} & set(found)
    assert found["attachments"] == {"attachment_folder_id": folder}


@pytest.mark.parametrize("path", ["/v2/workflows/status/processes/9", "/v2/workflows/status/info?workid=9",
                                  "/v2/workflows/status/info", "/v2/processes/9/subprocesses/9/activities",
                                  "/v2/processes/7/subprocesses/8/activities"])  # fmt: skip
def test_a_process_that_is_none_is_refused(worked: Running, path: str) -> None:
    answer = worked.ecm.call("GET", path)
    assert (answer.status, answer.json["error"]) == (400, "Could not access task status")


# -- status/info (33) --------------------------------------------------------------------------------------


def test_33_info_dates_the_end_of_each_step_and_of_the_process(worked: Running) -> None:
    def ends(where: str) -> dict[str, str | None]:
        steps = worked.ecm.get(INFO)["results"]["stepList"]
        return {s["TITLE"]: s[where]["SubWorkTask_DateDone"] for s in steps}

    want = {"Check": "2024-01-04T09:00:00", "File": "2024-01-05T11:00:00", "Sign": None}
    assert ends("WORK") == want
    found = worked.ecm.get(INFO)["results"]
    assert "SubWorkTask_DateDone" not in found["stepList"][0]["WORKINFO"]
    assert found["generalInfo"][0]["Work_DateCompleted"] is None
    ended = worked.ecm.get("/v2/workflows/status/info?workid=8")["results"]
    assert ended["stepList"][0]["WORKINFO"]["Work_DateCompleted"] == "2024-01-03T10:00:00"
    worked.set(info_dates="WORKINFO")
    assert ends("WORKINFO") == want and "WORK" not in worked.ecm.get(INFO)["results"]["stepList"][0]


def test_33_info_has_lists_or_single_objects(worked: Running) -> None:
    found = worked.ecm.get(INFO)["results"]
    assert [type(found[key]) for key in ("generalInfo", "stepList", "comments")] == [list, list, list]
    assert [(c["TASKID"], c["COMMENTS"], c["DATESAVED"]) for c in found["comments"]] == [
        (1, "Looks right", "2024-01-04T09:00:00")
    ]
    worked.set(info_single_objects=True)
    single = worked.ecm.get(INFO)["results"]
    assert single["generalInfo"] == found["generalInfo"][0] and single["comments"] == found["comments"][0]
    assert single["stepList"] == found["stepList"]  # three of them


def test_33_info_spells_comments_as_the_schema_or_as_a_client(worked: Running) -> None:
    held = worked.ecm.get(INFO)["results"]["comments"]
    worked.set(info_comments="Comments")
    found = worked.ecm.get(INFO)["results"]
    assert found["Comments"] == held and "comments" not in found


# -- activities (33) ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [DONE, "/v2/workflows/7/subworkflows/7/activities"])
def test_33_activities_are_flat_without_a_step_s_number_and_dated_like_its_end(
    worked: Running, path: str
) -> None:
    data = worked.ecm.get(path)["results"]["data"]
    assert [(r["action"], r["date"], r["comment"]) for r in data] == [
        ("sendon", "2024-01-05T11:00:00", None),
        ("disposition", "2024-01-04T09:00:00", "Looks right"),
    ]
    assert data[1]["action_properties"] == {"event": "approved", "label": "approved"}
    names = [
        worked.ecm.get(f"/v2/members/{r['user_id']}")["results"]["data"]["properties"]["name"] for r in data
    ]
    assert names == ["bob", "ada"] and not any("task_id" in r for r in data)
    assert len(worked.ecm.get(f"{path}?limit=1")["results"]["data"]) == 1


def test_33_activities_are_an_empty_object_when_nobody_did_anything(draft: Draft, start: Start) -> None:
    draft.case(100)
    step(draft, "2024-01-02T08:00:00Z", 7, 1, title="Check", to="ada")
    running = start(draft)
    running.at("2024-01-03T00:00:00Z")
    assert running.ecm.get(DONE)["results"] == {}


def test_33_activities_are_at_no_other_path(worked: Running) -> None:
    answer = worked.ecm.call("GET", "/v2/workflows/status/processes/7/activities")
    assert answer.status == 400 and "mappings registry" in answer.json["error"]


# -- active (34) -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "want"),
    [("", [7]), ("businessWorkspaceID=100", [7]), ("businessWorkspaceID=101", []), ("search_name=case", [7]),
     ("search_name=other", []), ("fromDate=2024-01-02&toDate=2024-01-02", [7]), ("fromDate=2024-01-03", []),
     ("Kind=Initiated", []), ("status=NOARCHIVE", [7]), ("status=ARCHIVED", []), ("mapObjId=5", [])],
)  # fmt: skip
def test_34_running_processes_are_found_in_the_words_of_the_database(
    worked: Running, query: str, want: list[int]
) -> None:
    found = worked.ecm.get(f"/v2/workflows/status/active?{query}")["results"]
    assert [row["Work_WorkID"] for row in found] == want
    assert all(
        row["SubWork_Title"] == "Case process" and row["Work_DateDue_Max"] == "2024-01-06T09:00:00"
        for row in found
    )


def test_34_by_its_map(worked: Running) -> None:
    assert len(worked.ecm.get(f"/v2/workflows/status/active?mapObjId={map_of(worked)}")["results"]) == 1


@pytest.mark.parametrize("query", ["businessWorkspaceID=9", "fromDate=soon"])
def test_34_a_workspace_or_day_that_is_none_is_refused(worked: Running, query: str) -> None:
    assert worked.ecm.status(f"/v2/workflows/status/active?{query}") == 400


def test_34_one_running_process_may_come_as_an_object(worked: Running) -> None:
    (row,) = worked.ecm.get("/v2/workflows/status/active")["results"]
    worked.set(active_results="object")
    assert worked.ecm.get("/v2/workflows/status/active")["results"] == row
    assert worked.ecm.get("/v2/workflows/status/active?businessWorkspaceID=101")["results"] == {}


# -- assignments (27) --------------------------------------------------------------------------------------


def test_27_assignments_are_the_caller_s_own(worked: Running) -> None:
    def titles(name: str) -> list[str]:
        caller = Ecm(worked.sandbox, worked.ecm.login(name))
        return [
            row["data"]["assignments"]["name"] for row in caller.get("/v2/members/assignments")["results"]
        ]

    assert (titles("ada"), titles("bob"), titles("vigil")) == (["Sign"], ["Sign"], [])
    worked.set(own_assignments_only=False)
    assert titles("vigil") == ["Sign"]
    assert worked.ecm.status("/v2/members/moduleassignments/ExpandAssignments/workflow") == 400


def test_27_an_assignment_names_its_workflow_or_has_words_only(worked: Running) -> None:
    ada = Ecm(worked.sandbox, worked.ecm.login("ada"))

    def row() -> dict[str, Any]:
        (entry,) = ada.get("/v2/members/assignments")["results"]
        return entry["data"]["assignments"]

    assert (row()["workflow_id"], row()["workflow_subworkflow_task_id"], row()["status_name"]) == (
        7,
        3,
        "Late",
    )
    assert (row()["type"], row()["date_due"]) == (153, "2024-01-06T09:00:00")
    worked.set(assignment_ids=False)
    assert (row()["id"], row()["status"], row()["priority"], row()["type"]) == (None, "Late", "Medium", 153)
    assert not [key for key in row() if key.startswith("workflow")]

"""What only some installations have: follow-ups, missing documents, reports, to-do lists, document types, classifications."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Start
from tests.support.small_estate import Draft, Ecm, Running

FOLLOWUPS = "/v2/nodes/900/followups"


def add(draft: Draft, number: int, kind: str | None, day: int = 2, **more: Any) -> None:
    draft.event(f"2024-01-{day:02}T08:00:00Z", "document_added", workspace=100, id=number, name=f"{number}.pdf", type=kind,
                by="ada", **more)  # fmt: skip


@pytest.fixture
def filed(draft: Draft, start: Start) -> Running:
    """A proof that expires on 1 February, until a version of the 9th puts it off; a note; two more documents that expire."""
    draft.case(100, roles={"case manager": ["ada"], "clerk": ["bob"]})
    add(draft, 900, "Proof of identity", expires="2024-02-01")
    add(draft, 901, "Note")
    add(draft, 903, "Note", expires="2024-02-01")
    add(draft, 904, None, expires="2024-02-01")
    draft.event(
        "2024-01-09T08:00:00Z", "version_added", workspace=100, id=900, by="bob", expires="2024-06-01"
    )
    running = start(draft)
    running.at("2024-01-08T00:00:00+00:00")
    return running


def followups(running: Running, number: int = 900) -> list[dict[str, Any]]:
    entries = running.ecm.get(f"/v2/nodes/{number}/followups")["results"]["followups"]
    return [entry["data"]["followup"] for entry in entries]


# -- follow-ups (35) ---------------------------------------------------------------------------------------


def test_35_a_later_version_completes_a_reminder_and_brings_the_next(filed: Running) -> None:
    (before,) = followups(filed)
    assert (before["due_date"], before["status"], before["data_id"]) == ("2024-02-01T00:00:00Z", 1, 900)
    filed.at("2024-01-09T12:00:00+00:00")
    first, second = followups(filed)
    assert (first["followup_id"], first["status"], first["due_date"]) == (
        before["followup_id"],
        2,
        before["due_date"],
    )
    assert (second["status"], second["due_date"]) == (1, "2024-06-01T00:00:00Z")
    assert second["followup_id"] != first["followup_id"]
    assert followups(filed, 901) == followups(filed, 100) == []


def test_35_an_open_reminder_may_have_another_status_than_1(filed: Running) -> None:
    def statuses() -> list[int]:
        return [followups(filed, number)[-1]["status"] for number in (900, 903, 904)]

    assert statuses() == [1, 1, -1]
    filed.set(followup_statuses=False)
    assert statuses() == [1, 1, 1]


def test_35_assignees_are_objects_ids_or_roles(filed: Running) -> None:
    (person,) = followups(filed)[0]["assignees"]
    assert filed.ecm.get(f"/v2/members/{person['id']}")["results"]["data"]["properties"]["name"] == "ada"
    assert person["name"] == "Ada Byron"
    filed.set(followup_assignees="ids")
    assert followups(filed)[0]["assignees"] == [person["id"]]
    filed.set(followup_assignees="roles")
    (role,) = followups(filed)[0]["assignees"]
    roles = filed.ecm.get("/v2/businessworkspaces/100/roles")["results"]
    assert role in [
        {"id": r["data"]["properties"]["id"], "name": r["data"]["properties"]["name"]} for r in roles
    ]


def test_35_a_naive_server_shifts_the_due_day_into_its_zone(filed: Running) -> None:
    filed.set(mixed_dates=False)
    assert followups(filed)[0]["due_date"] == "2024-02-01T01:00:00"


def test_35_the_follow_ups_of_a_missing_node_are_500(filed: Running) -> None:
    assert filed.ecm.status("/v2/nodes/9/followups") == 500


def test_35_a_node_shows_its_follow_ups_when_asked_and_a_child_never(filed: Running) -> None:
    node = filed.ecm.get("/v2/nodes/900?fields=properties{id}&fields=followups")["results"]["data"]
    assert node == {"properties": {"id": 900}, "followups": followups(filed)}
    children = filed.ecm.get("/v2/nodes/100/nodes?fields=properties&fields=followups")["results"]
    assert children and not [child for child in children if "followups" in child["data"]]


# -- missing documents, reports, to-do lists (36) ----------------------------------------------------------


def test_36_missing_documents_are_flat_rows_named_by_the_type(filed: Running) -> None:
    filed.set(folders=1)
    results = filed.ecm.get("/v2/businessworkspaces/100/missingdocuments")["results"]
    (row,) = results["data"]
    assert (row["name"], results["total_count"], results["type"]) == ("Contract", 1, "missingDocuments")
    assert filed.ecm.get(f"/v2/nodes/{row['id']}")["results"]["data"]["properties"]["name"] == "Contract"
    parent = filed.ecm.get(f"/v2/nodes/{row['parent_id']}")["results"]["data"]["properties"]
    assert (parent["name"], parent["parent_id"]) == ("Contract", 100)
    assert (row["parent_id_expand"]["id"], row["parent_id_expand"]["name"]) == (row["parent_id"], "Contract")


def test_36_documents_in_process_are_none(filed: Running) -> None:
    results = filed.ecm.get("/v2/businessworkspaces/100/inprocessdocuments")["results"]
    assert (results["data"], results["total_count"]) == ([], 0)


def report(running: Running, kind: str) -> list[int]:
    results = running.ecm.get(f"/v2/businessworkspace/100/reports?type={kind}")["results"]
    assert results["total_count"] == len(results["data"])
    return sorted(row["id"] for row in results["data"])


def test_36_reports_of_added_recent_and_outdated_documents(filed: Running) -> None:
    assert report(filed, "documentsAdded") == report(filed, "recentDocuments") == [900, 901, 903, 904]
    assert report(filed, "outdatedDocuments") == []
    filed.at("2024-02-02T12:00:00+00:00")
    assert report(filed, "outdatedDocuments") == [903, 904]
    assert report(filed, "documentsAdded") == []
    assert filed.ecm.status("/v2/businessworkspace/100/reports?type=other") == 400


def test_a_document_is_outdated_after_its_expiry_or_the_months_of_its_type(
    draft: Draft, start: Start
) -> None:
    draft.case()
    add(draft, 900, "Contract")
    add(draft, 901, "Proof of identity", expires="2024-05-01")
    running = start(draft)
    seen = []
    for day in (
        "2024-05-01T12:00:00Z",
        "2024-05-02T12:00:00Z",
        "2025-01-01T12:00:00Z",
        "2025-01-02T12:00:00Z",
    ):
        running.at(day)
        seen.append(report(running, "outdatedDocuments"))
    assert seen == [[], [901], [901], [900, 901]]


def test_36_the_to_do_list_holds_people_and_the_types_that_their_files_lack(filed: Running) -> None:
    filed.at("2024-02-02T12:00:00+00:00")
    (entry,) = Ecm(filed.sandbox, filed.ecm.login("ada")).get("/v2/businessworkspace/myteamtodo")["results"]
    (person,) = entry["data"]["members"]
    assert (person["display_name"], person["first_name"], person["business_email"]) == (
        "Bob Stone",
        "Bob",
        "bob@example.org",
    )
    todos = person["employee_file_todos"]
    assert ([t["doc_type_name"] for t in todos["missing"]], [t["doc_type_name"] for t in todos["outdated"]]) == (
        ["Contract"], ["Note"])  # fmt: skip
    (entry,) = filed.ecm.get("/v2/businessworkspace/myteamtodo")["results"]
    assert entry["data"]["members"] == []


# -- document types, classifications (36, 43) --------------------------------------------------------------


def test_36_a_document_type_is_valid_for_months_or_does_not_expire(filed: Running) -> None:
    def types() -> dict[str, tuple[int, int, bool]]:
        answer = filed.ecm.get("/v2/businessworkspaces/100/doctypes?skip_validation=false&sort_by=Priority")
        found = [row["data"]["properties"] for row in answer["results"]]
        return {
            p["classification_name"]: (p["required"], p["validity"], p["validity_required"]) for p in found
        }

    assert types() == {"Contract": (1, 12, True), "Note": (0, 0, False), "Proof of identity": (1, 0, False)}
    filed.set(unset_validity=24)
    assert types() == {"Contract": (1, 12, True), "Note": (0, 24, False), "Proof of identity": (1, 24, False)}
    assert filed.ecm.get("/v2/businessworkspaces/100/doctypes?document_generation_only=true")["results"] == []


def test_36_the_types_of_a_template_are_those_of_its_workspaces(filed: Running) -> None:
    (kind,) = filed.ecm.get("/v2/businessworkspacetypes?expand_templates=true")["results"]
    template = kind["data"]["properties"]["templates"][0]["id"]
    assert len(filed.ecm.get(f"/v2/businessworkspaces/{template}/doctypes")["results"]) == 3


def test_43_only_v1_classifications_tells_the_type_of_a_document(filed: Running) -> None:
    (row,) = filed.ecm.get("/v1/nodes/900/classifications")["data"]
    assert (row["name"], row["type"]) == ("Proof of identity", 199)
    assert filed.ecm.get("/v1/nodes/904/classifications")["data"] == []
    assert filed.ecm.get("/v1/nodes/100/classifications")["data"] == []
    assert filed.ecm.status("/v1/nodes/9/classifications") == 400
    children = filed.ecm.get("/v2/nodes/100/nodes?fields=properties")["results"]
    assert not [key for child in children for key in child["data"]["properties"] if "classification" in key]
    filed.set(modules_absent=["classifications"])
    assert filed.ecm.status("/v1/nodes/900/classifications") == 400


@pytest.mark.parametrize(
    ("module", "method", "path"),
    [
        ("doctypes", "GET", "/v2/businessworkspaces/100/doctypes"),
        ("missingdocuments", "GET", "/v2/businessworkspaces/100/missingdocuments"),
        ("inprocessdocuments", "GET", "/v2/businessworkspaces/100/inprocessdocuments"),
        ("reports", "GET", "/v2/businessworkspace/100/reports?type=recentDocuments"),
        ("myteamtodo", "GET", "/v2/businessworkspace/myteamtodo"),
        ("followups", "GET", FOLLOWUPS),
        ("workflow", "GET", "/v2/workflows/status"),
        ("statusinfo", "GET", "/v2/workflows/status/info?workid=7"),
        ("activities", "GET", "/v2/processes/7/subprocesses/7/activities"),
        ("search", "POST", "/v2/search"),
        ("search", "GET", "/v1/regions"),
        ("classifications", "GET", "/v1/nodes/900/classifications"),
        ("recyclebin", "GET", "/v2/volumes/recyclebin/nodes?mode=anyone_deleted"),
    ],
)
def test_20_a_module_that_is_not_installed_answers_400(
    draft: Draft, start: Start, module: str, method: str, path: str
) -> None:
    draft.case(100)
    add(draft, 900, None)
    draft.event(
        "2024-01-02T08:00:00Z", "step_assigned", workspace=100, process=7, step=1, title="T", to="ada"
    )
    running = start(draft)
    running.at("2024-01-03T00:00:00Z")
    form = {"where": "OTSubType: 144"} if method == "POST" else None
    assert running.ecm.call(method, path, form).status == 200
    running.set(modules_absent=[module])
    answer = running.ecm.call(method, path, form)
    assert answer.status == 400 and "mappings registry" in answer.json["error"]

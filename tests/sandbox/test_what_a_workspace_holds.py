"""What an estate says of a workspace, as REST shows it: schema, documents, roles, steps, audit, document types."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.conftest import Start
from tests.support.small_estate import Draft, Running


def properties(answer: Any) -> list[dict[str, Any]]:
    return [row["data"]["properties"] for row in answer["results"]]


def step(draft: Draft, day: int, number: int, **more: Any) -> None:
    data = {"workspace": 100, "process": 7, "step": number}
    if "by" in more:
        draft.event(f"2024-01-{day:02}T08:00:00Z", "step_completed", **data, **more)
    else:
        draft.event(f"2024-01-{day:02}T08:00:00Z", "step_assigned", **data, **more)


@pytest.fixture
def rich(draft: Draft, start: Start) -> Running:
    attrs = {
        "Case.status": "open", "Case.due": "2024-03-31", "Case.heard at": "2024-07-01T10:00:00Z", "Case.amount": 12,
        "Case.urgent": False, "Case.lead": "bob", "Case.tags": ["a", "b"],
    }  # fmt: skip
    draft.case(100, attrs=attrs, roles={"case manager": ["ada", "eve"], "clerk": ["clerks"]}, related=[101])
    draft.case(101, name="Child")
    draft.event("2024-01-02T08:00:00Z", "document_added", workspace=100, id=900, name="id.pdf", type="Proof of identity",
                by="ada", expires="2024-02-01")  # fmt: skip
    draft.event(
        "2024-01-02T09:00:00Z",
        "document_added",
        workspace=100,
        id=901,
        name="note.txt",
        type="Note",
        by="bob",
    )
    draft.event("2024-01-03T08:00:00Z", "version_added", workspace=100, id=901, by="ada")
    step(draft, 4, 1, title="Check", to="ada", due="2024-01-05T08:00:00Z")
    step(draft, 5, 1, by="ada", disposition="approved")
    step(draft, 6, 2, title="Sign", to="clerks", due="2024-01-08T08:00:00Z")
    draft.event("2024-01-09T08:00:00Z", "role_changed", workspace=100, role="clerk", members=["bob"])
    draft.event("2024-01-09T09:00:00Z", "comment_added", workspace=100, by="bob", text="Called back: later")
    draft.event("2024-01-09T10:00:00Z", "document_deleted", id=900, workspace=100, by="ada")
    running = start(draft)
    running.at("2024-01-09T09:30:00Z")
    return running


def test_a_type_s_template_is_a_node_that_has_its_schema(rich: Running) -> None:
    (kind,) = properties(rich.ecm.get("/v2/businessworkspacetypes?expand_templates=true"))
    template = kind["templates"][0]["id"]
    (entry,) = rich.ecm.get(f"/v2/nodes/{template}/categories?metadata")["results"]
    found = {d["name"]: (d["type_name"], d.get("include_time"), d["multi_value"], d["persona"])
             for d in entry["metadata"]["categories"].values()}  # fmt: skip
    assert found["due"] == ("Date", False, False, "categoryattribute")
    assert found["heard at"] == ("Date", True, False, "categoryattribute")
    assert found["lead"] == ("User", None, False, "user")
    assert found["tags"] == ("String", None, True, "categoryattribute")
    assert (
        found["urgent"][0] == "Boolean" and found["amount"][0] == "Integer" and found["Contacts"][3] == "set"
    )
    roles = properties(rich.ecm.get(f"/v2/businessworkspaces/{template}/roles?fields=members"))
    assert [r["name"] for r in roles] == ["case manager", "clerk"]
    assert len(properties(rich.ecm.get(f"/v2/businessworkspaces/{template}/doctypes"))) == 3
    assert template not in [
        p["id"] for p in properties(rich.ecm.get("/v2/businessworkspaces?expanded_view=true"))
    ]


def test_values_have_the_form_of_their_kind(rich: Running) -> None:
    (entry,) = rich.ecm.get("/v2/nodes/100/categories?metadata")["results"]
    names = {key: d["name"] for key, d in entry["metadata"]["categories"].items()}
    values = {names[key]: value for key, value in entry["data"]["categories"].items()}
    bob = properties(rich.ecm.get("/v2/members?where_type=0&where_name=bob"))[0]["id"]
    assert values == {
        "status": "open", "due": "2024-03-31T00:00:00", "heard at": "2024-07-01T12:00:00", "amount": 12, "urgent": False,
        "lead": bob, "tags": ["a", "b"],
    }  # fmt: skip


def test_documents_have_a_type_an_expiry_and_versions(rich: Running) -> None:
    answer = rich.ecm.get("/v2/nodes/100/nodes?fields=properties&fields=categories&fields=versions&metadata")
    first, second = (row for row in answer["results"])
    assert [first["data"]["properties"]["name"], second["data"]["properties"]["name"]] == [
        "id.pdf",
        "note.txt",
    ]
    assert "classification_ids" not in first["data"]["properties"]
    (values,) = first["data"]["categories"]
    assert list(values.values()) == ["2024-02-01T00:00:00"]
    assert [d["name"] for d in first["metadata"]["categories"][0].values()] == [
        "Document validity",
        "Expiration date",
    ]
    assert second["data"]["categories"] == []
    assert [v["version_number"] for v in second["data"]["versions"]] == [2, 1]
    assert second["data"]["properties"]["modify_date"] == "2024-01-03T08:00:00Z"
    newest = rich.ecm.get("/v2/nodes/901?fields=versions.element(0)")["results"]["data"]["versions"]
    assert newest["version_number"] == 2


def test_a_deleted_document_is_gone(rich: Running) -> None:
    rich.at("2024-01-09T10:00:00Z")
    assert rich.ecm.status("/v2/nodes/900") == 400
    answer = rich.ecm.call("POST", "/v2/nodes/list", {"body": json.dumps({"ids": [900, 901]})}).json
    assert [p["id"] for p in properties(answer)] == [901]
    assert rich.ecm.get("/v2/nodes/100")["results"]["data"]["properties"]["container_size"] == 1


def test_nodes_list_gives_workspaces_and_documents_with_categories_alike(rich: Running) -> None:
    form = {"body": json.dumps({"ids": [901, 100, 101]}), "fields": "properties{id,type},categories"}
    answer = rich.ecm.call("POST", "/v2/nodes/list", form).json
    data = [row["data"] for row in answer["results"]]
    assert [d["properties"] for d in data] == [
        {"id": 901, "type": 144},
        {"id": 100, "type": 848},
        {"id": 101, "type": 848},
    ]
    assert [len(d["categories"]) for d in data] == [0, 1, 1]


def test_the_audit_trail_names_comments_and_changes_of_roles_newest_first(rich: Running) -> None:
    data = rich.ecm.get("/v2/nodes/100/audit?expand=audit{user_id}")["results"]["data"]
    assert [(r["audit_name"], r["audit_date"]) for r in data["audit"]] == [
        ("Comment Added: Called back: later", "2024-01-09T09:00:00Z"),
        ("Permission Changed", "2024-01-09T08:00:00Z"),
        ("Create", "2024-01-01T08:00:00Z"),
    ]
    assert data["audit"][0]["user_id_expand"]["name"] == "bob"
    names = {kind["id"]: kind["name"] for kind in data["audit_event_types"]}
    assert {r["event_type"] for r in data["audit"]} == names.keys()


@pytest.mark.parametrize(
    ("query", "found"),
    [("where_audit_date_start=2024-01-09", 2), ("where_audit_date_end=2024-01-08", 1), ("where_type=9", 1),
     ("where_audit_date_start=2024-01-02&where_audit_date_end=2024-01-08", 0), ("limit=2&page=2", 1)],
)  # fmt: skip
def test_the_audit_trail_is_filtered_by_day_and_type_and_paged(rich: Running, query: str, found: int) -> None:
    assert len(rich.ecm.get(f"/v2/nodes/100/audit?{query}")["results"]["data"]["audit"]) == found


def test_the_audit_trail_is_filtered_by_user_and_sorted_the_other_way(rich: Running) -> None:
    bob = properties(rich.ecm.get("/v2/members?where_type=0&where_name=bob"))[0]["id"]
    rows = rich.ecm.get(f"/v2/nodes/100/audit?where_user_id={bob}")["results"]["data"]["audit"]
    assert [r["event_type"] for r in rows] == [5200]
    rows = rich.ecm.get("/v2/nodes/100/audit?sort=asc_audit_date")["results"]["data"]["audit"]
    assert rows[0]["audit_name"] == "Create"


def test_related_workspaces_in_both_directions(rich: Running) -> None:
    def related(number: int, kind: str) -> list[int]:
        return [p["id"] for p in properties(rich.ecm.get(
            f"/v2/businessworkspaces/{number}/relateditems?where_relationtype={kind}"))]  # fmt: skip

    assert (related(100, "child"), related(100, "parent")) == ([101], [])
    assert (related(101, "child"), related(101, "parent")) == ([], [100])


def test_roles_change_at_their_instant(rich: Running) -> None:
    roles = rich.ecm.get("/v2/businessworkspaces/100/roles?fields=members")["results"]
    held = {r["data"]["properties"]["name"]: [m["name"] for m in r["data"]["members"]] for r in roles}
    assert held == {"case manager": ["ada", "eve"], "clerk": ["bob"]}


def test_members_carry_a_number_of_a_zone_and_a_language(rich: Running) -> None:
    ada, bob, eve = properties(rich.ecm.get("/v2/members?where_type=0"))
    assert (type(ada["time_zone"]), ada["display_language"], bob["time_zone"]) == (int, "de", -1)
    assert (ada["first_name"], ada["last_name"], eve["deleted"]) == ("Ada", "Byron", True)
    assert rich.ecm.status("/v2/members/5") == 500

"""Answers that are JSON and yet not what is documented: a typed error with the path, or a gap; never a stack trace of ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

import pytest

from tests.ecm import contracts
from tests.ecm.conftest import Server
from vigil.compliance.facts import Document, Workspace
from vigil.ecm import Client, Extractor, ListedWorkspace, Malformed, Needs, Settings
from vigil.ecm.answers import Json
from vigil.ecm.categories import flat
from vigil.ecm.dialect import NodesForm
from vigil.ecm.paging import page_of
from vigil.ecm.parse import (
    DocType,
    audit_names,
    audit_rows,
    classifications,
    doc_types,
    member,
    missing_types,
    role,
    rows,
    shaped,
    single,
)
from vigil.ecm.schema import listed_types
from vigil.ecm.steps import Process, of_process

PATH = "/v2/somewhere"


@pytest.mark.parametrize("answer", [{}, {"results": None}, {"results": "none"}, {"results": {}}])
def test_a_list_without_rows_is_malformed_and_not_empty(answer: Json) -> None:
    with pytest.raises(Malformed, match=PATH):
        rows(answer, PATH)
    with pytest.raises(Malformed, match=PATH):
        page_of(answer, 1, 100, PATH)


def test_one_thing_that_is_none_is_malformed() -> None:
    with pytest.raises(Malformed):
        single({"results": []}, PATH)


@pytest.mark.parametrize(
    "fault", [KeyError("id"), TypeError("x"), ValueError("Invalid isoformat string"), AttributeError("get")]
)
def test_what_an_answer_lacks_is_said_with_its_path(fault: Exception) -> None:
    with pytest.raises(Malformed, match=f"{PATH}.*not of the shape"), shaped(PATH):
        raise fault


def test_a_process_without_lists_and_a_step_without_a_number_are_malformed() -> None:
    for results, what in (
        ({"wf_details": {}}, "no step_list"),
        ({"step_list": {"current": [{"task_name": "Check"}]}}, "task_id"),
    ):
        with pytest.raises(Malformed, match=what):
            of_process(Process(1, results, PATH, {}), 2, UTC, str)


@pytest.mark.parametrize("answer", [{}, {"results": {"data": {}}}, {"results": {"data": {"audit": None}}}])
def test_an_audit_trail_that_is_not_there_is_malformed_and_not_empty(answer: Json) -> None:
    with pytest.raises(Malformed), shaped(PATH):
        audit_rows(answer)


async def test_categories_that_were_requested_and_missing_are_unread_and_not_empty(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigil.ecm.workspaces.CATEGORIES", "permissions")
    async with server.client() as client:
        batch = await Extractor(client).read_workspaces(
            [ListedWorkspace(contracts.VERSIONED, "", contracts.NOON, "Contract")]
        )
    (found,) = batch.facts
    assert isinstance(found, Workspace)
    assert found.unread == {"attrs", "documents"}
    assert {gap.path for gap in batch.gaps} == {"/v2/nodes/list", "/v2/nodes/1002/nodes"}


async def test_categories_of_an_unknown_shape_are_unread_and_cost_no_other_part(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = Client.nodes

    async def by_name(self: Client, ids: list[int], fields: list[str], form: NodesForm) -> Json:
        answer = await nodes(self, ids, fields, form)
        for row in answer["results"]:
            row["data"]["categories"] = {"Contract": {"status": "active"}}
        return answer

    monkeypatch.setattr(Client, "nodes", by_name)
    async with server.client() as client:
        wanted = [ListedWorkspace(contracts.VERSIONED, "", contracts.NOON, "Contract")]
        batch = await Extractor(client).read_workspaces(wanted)
    workspace = next(fact for fact in batch.facts if isinstance(fact, Workspace))
    assert (workspace.unread, workspace.attrs) == ({"attrs"}, {})
    assert [fact.by for fact in batch.facts if isinstance(fact, Document)] == ["bob"]
    assert [(gap.path, gap.workspaces) for gap in batch.gaps] == [("/v2/nodes/list", (contracts.VERSIONED,))]


async def test_one_workspace_that_makes_no_sense_does_not_cost_the_others(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = Client.nodes

    async def spoiled(self: Client, ids: list[int], fields: list[str], form: NodesForm) -> Json:
        answer = await nodes(self, ids, fields, form)
        for row in answer["results"]:
            if row["data"]["properties"].get("id") == 1005:
                row["data"]["properties"]["modify_date"] = "yesterday"
        return answer

    monkeypatch.setattr(Client, "nodes", spoiled)
    async with server.client() as client:
        wanted = [ListedWorkspace(number, "", contracts.NOON, "Contract") for number in (1004, 1005, 1006)]
        batch = await Extractor(client, Needs(documents=False)).read_workspaces(wanted)
    assert [fact.id for fact in batch.facts if isinstance(fact, Workspace)] == [1004, 1006]
    (gap,) = batch.gaps
    assert gap.workspaces == (1005,)
    assert gap.error == "not of the shape that is documented: a value cannot be read"


@pytest.mark.parametrize(
    ("validity", "months"),
    [
        ({"validity": 12, "validity_required": True}, 12),
        ({"validity": 12}, 12),
        ({"validity": 0, "validity_required": True}, None),
        ({"validity": 12, "validity_required": False}, None),
        ({"validity": None, "validity_required": False}, None),
        ({"validity": 12, "validity_required": "TRUE"}, 12),
        ({"validity": 12, "validity_required": "Yes"}, 12),
        ({"validity": 12, "validity_required": "No"}, None),
        ({"validity": 12, "validity_required": None}, 12),
    ],
)
def test_a_document_type_expires_only_after_months_that_are_required(
    validity: Json, months: int | None
) -> None:
    row = {"classification_id": 7, "classification_name": "Annex", "required": 1, **validity}
    assert doc_types({"results": [{"data": {"properties": row}}]}) == [DocType("Annex", True, months, 7)]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"results": {"data": {}}},
        {"results": [{"data": {"name": "Annex"}}]},
        {"results": {"data": [{"id": 7}]}},
        {"results": {"data": [{"name": "Annex"}], "total_count": 2}},
    ],
)
def test_a_malformed_list_of_missing_documents_is_not_an_empty_or_a_shorter_one(answer: Json) -> None:
    with pytest.raises(Malformed), shaped(PATH):
        missing_types(answer)


@pytest.mark.parametrize(
    ("written", "deleted"), [("false", False), ("0", False), (None, False), ("true", True), (1, True)]
)
def test_whether_a_person_is_deleted_is_read_in_any_form(written: object, deleted: bool) -> None:
    assert member({"id": 7, "name": "ada", "deleted": written}).deleted is deleted


@pytest.mark.parametrize("odd", ["gestern", 2, {}])
def test_a_person_of_whom_nobody_can_say_whether_it_is_deleted_is_malformed(odd: object) -> None:
    with pytest.raises(Malformed), shaped(PATH):
        member({"id": 7, "name": "ada", "deleted": odd})


@pytest.mark.parametrize("nothing", [None, "", [], {}, False])
@pytest.mark.parametrize(
    "read",
    [
        lambda name: member({"id": 7, "name": name}),
        lambda name: role({"data": {"properties": {"id": 7, "name": name}}}),
        lambda name: missing_types({"results": {"data": [{"id": 7, "name": name}]}}),
        lambda name: classifications({"data": [{"id": 7, "name": name}]}),
        lambda name: doc_types({"results": [{"data": {"properties": {"classification_name": name}}}]}),
        lambda name: listed_types(
            {"results": [{"data": {"properties": {"wksp_type_id": 7, "wksp_type_name": name}}}]}
        ),
    ],
    ids=["member", "role", "missing document", "classification", "document type", "workspace type"],
)
def test_what_has_no_name_is_malformed_and_not_called_none(
    read: Callable[[object], object], nothing: object
) -> None:
    with pytest.raises(Malformed), shaped(PATH):
        read(nothing)
    assert "'7'" in str(read("7"))


def test_a_type_of_event_without_a_name_is_not_called_none() -> None:
    kinds = [{"id": 1, "name": "Create"}, {"id": 2, "name": None}, {"id": 3}]
    assert audit_names({"results": {"data": {"audit_event_types": kinds}}}) == {1: "Create"}


def test_categories_are_flat_whether_keyed_by_category_listed_or_already_flat() -> None:
    values = {"7_2": "x", "7_3_1_4": "y"}
    containers: list[object] = [values, [values], {"7": values}, [{"data": {"categories": values}}]]
    assert all(flat({"categories": container}) == values for container in containers)
    assert flat({}) == flat({"categories": None}) == flat({"categories": [{}]}) == {}


def test_settings_name_the_api_once_however_the_url_ends() -> None:
    assert (
        Settings("http://host/cs/cs/", "a", "b").api
        == Settings("http://host/cs/cs", "a", "b").api
        == "http://host/cs/cs/api"
    )

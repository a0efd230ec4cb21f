"""The types of documents: asked for once a document, unknown where they are refused, and never "no type" for want of an answer."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.canned import CannedClient
from vigil.compliance.facts import Document, RequiredDocument, Workspace, WorkspaceType
from vigil.ecm import Extractor, FactBatch, ListedWorkspace, Needs, NotReadable, Unavailable
from vigil.ecm.answers import Json
from vigil.ecm.dialect import Dialect, NodesForm
from vigil.ecm.document_types import MOST_REFUSALS, type_of
from vigil.ecm.located import Located
from vigil.ecm.model import NEVER, UNTYPED

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
ASKED = r"GET /v1/nodes/\d+/classifications"
NEEDS = Needs(steps=False, expiry=False)


def properties(number: int, kind: int, **more: object) -> Json:
    dates = {"create_date": "2026-03-01T10:00:00", "modify_date": "2026-03-01T10:00:00"}
    return {"id": number, "name": f"n{number}", "type": kind, "container_size": 0, **dates, **more}


def client(classifications: Any, documents: int = 2, dialect: Dialect | None = None) -> CannedClient:
    """One workspace, 1, with documents from 11 on."""
    workspace = {"data": {"properties": properties(1, 848, container_size=documents), "categories": {}}}
    version = {"version_number": 1, "create_date": "2026-03-01T10:00:00"}
    children = [
        {"data": {"properties": properties(11 + n, 144), "versions": [version]}} for n in range(documents)
    ]

    def nodes(path: str, params: dict[str, str]) -> Json:
        wanted = params["ids"].split(",")
        named = [{"data": {"properties": {"id": int(i), "name": f"Class {i}"}}} for i in wanted if i != "1"]
        return {"results": [workspace] if wanted == ["1"] else named}

    return CannedClient(
        {
            "POST /v2/nodes/list": nodes,
            r"GET /v2/nodes/1/nodes": {"results": children},
            ASKED: classifications,
        },
        dialect or Dialect(nodes=NodesForm.FORM),
    )


async def read(server: CannedClient, needs: Needs = NEEDS, **known: Any) -> tuple[list[Document], FactBatch]:
    batch = await Extractor(server, needs).read_workspaces([ListedWorkspace(1, "", NEVER, "Case")], **known)
    return [fact for fact in batch.facts if isinstance(fact, Document)], batch


def data(*names: str) -> Json:
    return {"data": [{"id": 900 + n, "name": name, "type": 199} for n, name in enumerate(names)]}


async def test_each_new_document_is_asked_for_once() -> None:
    server = client(data("Report"))
    found, batch = await read(server)
    assert [(d.type, d.unknown) for d in found] == [("Report", frozenset())] * 2
    assert len(server.calls(ASKED)) == 2
    assert server.dialect.classifications is True
    assert batch.gaps == ()


async def test_a_document_without_classifications_has_no_type_and_that_is_known() -> None:
    found, _ = await read(client(data()))
    assert [(d.type, d.unknown) for d in found] == [(None, frozenset())] * 2


async def test_a_document_that_did_not_change_is_not_asked_for_again() -> None:
    server = client(data("Report"))
    found, _ = await read(server)
    older = {d.id: d for d in found}
    server.asked.clear()
    again, _ = await read(server, known=older)
    assert again == found
    assert server.calls(ASKED) == []


@pytest.mark.parametrize(
    "change", [{"modified": AT.replace(hour=9)}, {"version": 2}, {"unknown": frozenset({"type"})}]
)
async def test_a_document_that_changed_or_whose_type_is_unknown_is_asked_for_again(
    change: dict[str, Any],
) -> None:
    server = client(data("Report"), documents=1)
    known = {11: Document(11, 1, "n11", "Old", AT, None, AT)}
    values = {name: getattr(known[11], name) for name in Document.__slots__ if name != "__weakref__"}
    found, _ = await read(server, known={11: Document(**{**values, **change})})
    assert [d.type for d in found] == ["Report"]
    assert len(server.calls(ASKED)) == 1


async def test_types_that_no_rule_needs_are_not_asked_for_and_unknown() -> None:
    server = client(data("Report"))
    found, _ = await read(server, Needs(types=False, steps=False, expiry=False))
    assert server.calls(ASKED) == []
    assert [d.unknown for d in found] == [{"type"}] * 2


async def test_a_server_without_the_call_is_asked_once_and_says_so_in_one_gap() -> None:
    refusal = NotReadable("/x", "The REST API URL could not be found in the mappings registry", 400)
    server = client(refusal, documents=5)
    found, batch = await read(server)
    assert [(d.type, d.unknown) for d in found] == [(None, {"type"})] * 5
    assert len(server.calls(ASKED)) == 1
    assert [(gap.path, gap.workspaces) for gap in batch.gaps] == [(UNTYPED, (1,))]
    assert server.dialect.classifications is False


async def test_a_server_that_is_known_to_lack_the_call_is_not_asked() -> None:
    server = client(data("Report"), dialect=Dialect(nodes=NodesForm.FORM, classifications=False))
    found, batch = await read(server)
    assert server.calls(ASKED) == []
    assert [d.unknown for d in found] == [{"type"}] * 2
    assert [gap.path for gap in batch.gaps] == [UNTYPED]


async def test_a_server_that_refuses_every_document_is_given_up() -> None:
    server = client(NotReadable("/x", "not allowed", 400), documents=3 * MOST_REFUSALS)
    found, _ = await read(server)
    assert len(server.calls(ASKED)) < 3 * MOST_REFUSALS
    assert {d.unknown for d in found} == {frozenset({"type"})}
    assert server.dialect.classifications is False


def one_fails(path: str, params: dict[str, str]) -> Json:
    if path == "/v1/nodes/11/classifications":
        raise Unavailable(path, "no answer")
    return data("Report")


async def test_a_classification_without_a_name_leaves_the_type_unknown() -> None:
    for nameless in (data("", "Permit"), {"data": [{"id": 900, "name": None}]}):
        _, batch = await read(client(nameless, documents=1))
        assert [gap.path for gap in batch.gaps] == ["/v1/nodes/11/classifications"]


async def test_a_classification_of_the_search_without_a_name_is_an_unknown_type() -> None:
    server = client(data("Report"), documents=1)
    named = server._answers["POST /v2/nodes/list"]
    assert callable(named)

    def nameless(path: str, params: dict[str, str]) -> Json:
        answer = named(path, params)
        for row in answer["results"]:
            row["data"]["properties"] |= {"name": None} if params["ids"] != "1" else {}
        return answer

    server._answers = {**server._answers, "POST /v2/nodes/list": nameless}
    found, batch = await read(server, located=Located(classifications={11: (905,)}))
    assert [(d.type, d.unknown) for d in found] == [(None, {"type"})]
    assert [gap.error for gap in batch.gaps] == ["a node came without a name"]


async def test_after_a_type_that_could_not_be_read_the_documents_wait_for_one_run() -> None:
    server = client(one_fails)
    batch = await Extractor(server, NEEDS).read_workspaces([ListedWorkspace(1, "", AT, "Case")])
    [workspace] = batch.facts
    assert isinstance(workspace, Workspace)
    assert workspace.unread == {"documents"}
    assert [(gap.path, gap.workspaces) for gap in batch.gaps] == [("/v1/nodes/11/classifications", (1,))]


async def test_then_it_is_unknown_and_costs_no_other_document_its_type() -> None:
    found, batch = await read(client(one_fails))
    assert {d.id: (d.type, d.unknown) for d in found} == {11: (None, {"type"}), 12: ("Report", frozenset())}
    assert [(gap.path, gap.workspaces) for gap in batch.gaps] == [("/v1/nodes/11/classifications", (1,))]
    [workspace] = [fact for fact in batch.facts if isinstance(fact, Workspace)]
    assert workspace.unread == frozenset()


async def test_a_document_that_is_known_to_have_an_unknown_type_keeps_nobody_waiting() -> None:
    server = client(one_fails)
    known = {11: Document(11, 1, "n11", None, AT, None, AT, unknown=frozenset({"type"}))}
    batch = await Extractor(server, NEEDS).read_workspaces([ListedWorkspace(1, "", AT, "Case")], known=known)
    assert {d.id: d.type for d in batch.facts if isinstance(d, Document)} == {11: None, 12: "Report"}


async def test_classifications_from_the_search_are_named_and_none_says_nothing() -> None:
    server = client(data("Report"))
    located = Located(classifications={11: (905, 906), 12: ()})
    found, _ = await read(server, located=located)
    assert {d.id: d.type for d in found} == {11: "Class 905", 12: "Report"}
    assert len(server.calls(ASKED)) == 1


@pytest.mark.parametrize(
    ("names", "declared", "chosen"),
    [
        (["Secret", "Report", "Offer"], {"Report", "Offer"}, "Report"),
        (["Secret", "Report"], set(), "Secret"),
        (["Secret"], {"Report"}, "Secret"),
        ([], {"Report"}, None),
    ],
)
def test_of_several_classifications_the_declared_one_is_the_type(
    names: list[str], declared: set[str], chosen: str | None
) -> None:
    assert type_of(names, declared) == chosen


async def test_the_declared_types_are_those_of_the_workspaces_own_type() -> None:
    server = client(data("Secret", "Report"), documents=1)
    extractor = Extractor(server, NEEDS)
    declared = WorkspaceType("Case", (), (), (RequiredDocument("Case", "Report", True),), 7)
    with contextlib.suppress(NotReadable):  # there is no list of workspaces here
        _ = [rows async for rows in extractor.changed(declared, None)]
    batch = await extractor.read_workspaces([ListedWorkspace(1, "", NEVER, "Case")])
    assert [d.type for d in batch.facts if isinstance(d, Document)] == ["Report"]

"""The answers of workflows, search, recycle bin, follow-ups and modules against the vendor's documents and the recordings.

Both ways: the simulator has no key that no source has, and it has what the recordings have, but for exceptions that are listed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.sandbox.conftest import Start
from tests.support.small_estate import Draft, Ecm, Running
from tests.support.vendor import call, key_paths, recordings, unknown_keys
from vigil.sandbox.ecm.app import ROUTES

pytestmark = pytest.mark.shared

SEARCH = {
    "where": "OTSubType: 144 OR OTSubType: 848",
    "limit": "2",
    "fields": ["properties", "regions", "versions", "followups"],
}
ASKED: tuple[tuple[str, str, Mapping[str, Any] | None], ...] = (
    ("GET", "/v2/workflows/status", None),
    ("GET", "/v2/workflows/status/active", None),
    ("GET", "/v2/workflows/status/processes/7", None),
    ("GET", "/v2/workflows/status/info?workid=7", None),
    ("GET", "/v2/processes/7/subprocesses/7/activities", None),
    ("GET", "/v2/workflows/7/subworkflows/7/activities", None),
    ("GET", "/v2/members/assignments?metadata", None),
    ("POST", "/v2/search", SEARCH),
    ("GET", "/v1/regions", None),
    ("GET", "/v2/volumes/recyclebin/nodes?mode=anyone_deleted&limit=1", None),
    ("GET", "/v2/nodes/900/followups", None),
    ("GET", "/v2/businessworkspaces/100/missingdocuments", None),
    ("GET", "/v2/businessworkspaces/100/inprocessdocuments", None),
    ("GET", "/v2/businessworkspaces/100/doctypes", None),
    ("GET", "/v2/businessworkspace/100/reports?type=recentDocuments", None),
    ("GET", "/v2/businessworkspace/myteamtodo", None),
    ("GET", "/v1/nodes/900/classifications", None),
)

_DEFINITION = (
    "allow_undefined bulk_shared default_value description hidden include_time key max_length max_value min_length min_value "
    "multi_value multiline multilingual name password persona read_only regex required type type_name valid_values "
    "valid_values_name"
).replace(" ", "|")
UNSOURCED: Mapping[str, str] = {
    r"(.*\.)?task_assignees\.assignee\.groupName": "the contract has it from a client; recorded in rows, beside the steps",
    rf"definitions\.\w+(\.({_DEFINITION}))?": "classifications: the docstring elides most of the definitions",
    rf"results\.definitions\.\w+\.({_DEFINITION})": "missing documents: definitions, as those of workflows",
}
"""Key paths of the simulator that neither document nor a recording of the same call has, and where they come from."""
LIKE: Mapping[str, str] = {
    "/v2/businessworkspaces/100/inprocessdocuments": "/v2/businessworkspaces/{id}/missingdocuments",
    "/v2/businessworkspace/100/reports": "/v2/businessworkspaces/{id}/missingdocuments",
}
"""Calls of which nobody shows an answer: the contract gives them the shape of another."""
LEFT_OUT: Mapping[str, str] = {
    r"results\.step_list\.stopped(\..*)?|results\.wf_details\.stopped_date": "with the switch stopped_processes, see there",
    r"results\.data\.action_properties\.(node(\..*)?|user_id)": "activities that no estate has: attachments, reviews, forwarding",
    r"results\.data\.assignments\.(assigned_member_id|attachment_id|comments|container(_size)?|due_date|instructions|"
    r"milestone_id|start_date|(name|description)_multilingual\.en)": "assignments that are nodes: tasks, no steps",
    r"results\.metadata\.assignments(\..*)?": "assignments: columns of nodes",
    r"collection\.searching\.facets(\..*)?": "search: asked for with `options`",
    r"(results\.data\.regions|collection\.searching\.regions_metadata)\.(OTCreateDate|OTFileType|Position|OTLocation_path)(\..*|_\w+)?":
        "search: regions of single sites",
    r"collection\.sorting\.links\.(asc|desc)_XENG\w+(\..*)?": "search: regions of a single site",
    r"results\.(actions|state)(\..*)?": "search: asked for with `actions` and `state`",
    r"results\.data\.rmiconsdata(\..*)?": "search: a group of the records module",
    r"results\.data\.properties\.(\w+_expand(\..*)?|rm_enabled|wnd_comments|preferred_rendition_type)": "search: expansions; modules",
    r"results\.data\.properties\.(name|description)_multilingual\.\w+": "search: languages of single sites",
    r"results\.definitions\.(id|parent_id)\.(max|min)_length": "missing documents: numbers with lengths",
    r"results\.followups\.data\.followup\.escalation_\w+": "INDEX.md: added by that client",
    r"results\.data\.parent_id_expand\.(guid|description_multilingual(\..*)?)": "missing documents: of the server of 2018",
    r"results\.data\.properties\.(attribute_id|category_id|payloadurl|rule_\w+|\w+_expand(\..*)?|smart_document_type_id)":
        "doctypes: of generated documents",
    r"definitions\.\w+\.(key_value_pairs|multi_value_\w+)": "classifications: of newer definitions",
    r"results\.data\.members\.employee_file_todos\.outdated\.doc_type_name": "to-do list: nothing is outdated here",
}  # fmt: skip
"""Key paths of recordings that the simulator's answers lack, and why."""


def left(paths: set[str], known: Mapping[str, str]) -> set[str]:
    """The paths that no pattern of `known` covers."""
    return {path for path in paths if not re.fullmatch("|".join(known), path)}


@pytest.fixture
def busy(draft: Draft, start: Start) -> Running:
    """Something of everything: an open and a completed step, one of a group, an expiring document, one that is deleted."""
    draft.case(100, roles={"case manager": ["ada"], "clerk": ["bob"]})
    for number in (900, 901):
        draft.event("2024-01-02T08:00:00Z", "document_added", workspace=100, id=number, name="D.pdf", type="Note", by="ada",
                    expires="2024-03-01")  # fmt: skip
    draft.event(
        "2024-01-02T09:00:00Z", "version_added", workspace=100, id=900, by="bob", expires="2024-04-01"
    )
    draft.event("2024-01-03T08:00:00Z", "document_deleted", id=901, by="ada")
    for number, to in ((1, "ada"), (2, "clerks"), (3, "ada")):
        draft.event("2024-01-03T09:00:00Z", "step_assigned", workspace=100, process=7, step=number, title="T", to=to,
                    due="2024-01-05T00:00:00Z", by="ada")  # fmt: skip
    draft.event("2024-01-04T08:00:00Z", "step_completed", workspace=100, process=7, step=1, by="ada", disposition="ok",
                comment="Fine")  # fmt: skip
    draft.event(
        "2024-01-04T09:00:00Z",
        "document_added",
        workspace=100,
        id=902,
        name="C.pdf",
        type="Contract",
        by="ada",
    )
    running = start(draft)
    running.at("2024-01-04T12:00:00+00:00")
    return running


def answer(running: Running, method: str, path: str, form: Mapping[str, Any] | None) -> Any:
    caller = "ada" if "assignments" in path or "myteamtodo" in path else "vigil"
    found = Ecm(running.sandbox, running.ecm.login(caller)).call(method, path, form)
    assert found.status == 200, found.body
    return found.json


@pytest.mark.parametrize(
    ("method", "path", "form"), ASKED, ids=lambda part: part if isinstance(part, str) else ""
)
@pytest.mark.parametrize("dialect", ["ce23", "2019", "strict"])
def test_no_key_is_invented(
    busy: Running, dialect: str, method: str, path: str, form: Mapping[str, Any] | None
) -> None:
    busy.sandbox.faults({"dialect": dialect, "quirks": {"bin_modes_off": []}})
    if dialect == "strict":
        if "/reports" in path:
            assert busy.ecm.status(path) == 400  # no document has its parameter
            return
        form = {k: v for k, v in form.items() if k != "fields"} if form else None
    place = path.partition("?")[0]
    unknown = unknown_keys(method, LIKE.get(place, place), answer(busy, method, path, form))
    assert not left(unknown, UNSOURCED)


@pytest.mark.parametrize(
    ("method", "path", "form"), ASKED, ids=lambda part: part if isinstance(part, str) else ""
)
def test_nothing_that_was_recorded_is_left_out(
    busy: Running, method: str, path: str, form: Mapping[str, Any] | None
) -> None:
    paths = key_paths(answer(busy, method, path, form))
    recorded = set[str]().union(
        *(key_paths(found) for _, found in recordings(method, path.partition("?")[0]))
    )
    assert not left(recorded - paths, LEFT_OUT)


def test_no_exception_is_listed_in_vain(busy: Running) -> None:
    unknown, lacking = set[str](), set[str]()
    for method, path, form in ASKED:
        place, given = path.partition("?")[0], answer(busy, method, path, form)
        unknown |= unknown_keys(method, LIKE.get(place, place), given)
        lacking |= set[str]().union(
            *(key_paths(found) for _, found in recordings(method, place))
        ) - key_paths(given)
    for patterns, paths in ((UNSOURCED, unknown), (LEFT_OUT, lacking)):
        assert [
            pattern for pattern in patterns if not any(re.fullmatch(pattern, path) for path in paths)
        ] == []


ROUTES_HERE = frozenset(
    {
        "workflow",
        "search",
        "recycle_bin",
        "follow_ups",
        "modules",
    }
)


def test_every_route_is_asked_for_here() -> None:
    """And each is a call of the documents, or one of their exceptions."""
    asked = {call(method, path.partition("?")[0]) for method, path, _ in ASKED}
    routes = [
        (method, path)
        for method, path, endpoint in ROUTES
        if endpoint.__module__.rpartition(".")[2] in ROUTES_HERE
    ]
    served = {call(method, re.sub(r"{\w+:int}", "1", path)) for method, path in routes}
    assert asked == served and len(served) == 17
    assert not [place for place in served if "{}" not in place and re.search(r"/\d", place)]

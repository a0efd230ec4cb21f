"""Each answer of the simulator against the vendor's documents and recordings: by key paths, which is what they can prove.

Every key of an answer is in the vendor's schema, in a recorded answer of the same call, or in a table below that says where it was
seen. And what a recorded answer has where Vigil or another client reads, the simulator has too.
"""

from __future__ import annotations

import json
import re

import pytest

from tests.sandbox.conftest import Start
from tests.support import vendor
from tests.support.small_estate import Draft, Running
from vigil.sandbox.dialects import DIALECTS

pytestmark = pytest.mark.shared

CALLS = {
    "/v1/serverinfo": "/v1/serverinfo",
    "/v2/nodes/{id}": "/v2/nodes/900?metadata&state&expand=properties{create_user_id}&fields=properties&fields=categories"
    "&fields=columns&fields=followups&fields=versions",
    "/v2/nodes/{id}/nodes": "/v2/nodes/100/nodes?limit=1&fields=properties&fields=categories&fields=versions.element(0)&metadata",
    "/v2/nodes/{id}/categories": "/v2/nodes/100/categories?metadata",
    "/v2/nodes/{id}/categories/{id}/": "/v2/nodes/100/categories/{category}?metadata",
    "/v2/nodes/{id}/audit": "/v2/nodes/900/audit?limit=1&expand=audit{id,user_id}",
    "/v2/nodes/{id}/versions": "/v2/nodes/900/versions",
    "/v2/nodes/{id}/versions/{id}": "/v2/nodes/900/versions/1",
    "/v1/nodes/{id}/businessworkspace": "/v1/nodes/900/businessworkspace",
    "/v2/businessworkspacetypes": "/v2/businessworkspacetypes?expand_templates=true&expand_wksp_info=true",
    "/v2/businessworkspaces": "/v2/businessworkspaces?expanded_view=true&limit=1&metadata&expand_users=true",
    "/v2/businessworkspaces/{id}": "/v2/businessworkspaces/100?fields=categories&metadata",
    "/v2/businessworkspaces/{id}/members": "/v2/businessworkspaces/100/members",
    "/v2/businessworkspaces/{id}/relateditems": "/v2/businessworkspaces/100/relateditems?metadata",
    "/v2/businessworkspaces/{id}/roles": "/v2/businessworkspaces/100/roles?fields=members",
    "/v2/businessworkspaces/{id}/roles/{id}": "/v2/businessworkspaces/100/roles/{role}?fields=members",
    "/v2/businessworkspaces/{id}/roles/{id}/members": "/v2/businessworkspaces/100/roles/{role}/members",
    "/v2/members": "/v2/members?limit=1",
    "/v2/members/{id}": "/v2/members/{ada}",
    "/v2/members/{id}/members": "/v2/members/{clerks}/members",
}
"""The path of the documents -> the request."""

_WHERE = "recorded/businessworkspace-detail-51209.json: definitions of categories, here in another answer"
SEEN: tuple[tuple[str, str, str], ...] = (
    ("/v2/nodes/{id}", r"results\.metadata(_order)?\.categories(\..*)?", _WHERE),
    ("/v2/nodes/{id}/nodes", r"results\.metadata(_order)?(\.categories(\..*)?)?", _WHERE),
    ("/v2/nodes/{id}/categories", r"results\.metadata(_map|_order)?(\.categories(\..*)?)?", _WHERE),
    ("/v2/nodes/{id}/categories/{id}/", r"results(\.data|\.metadata(_map|_order)?(\.categories(\..*)?)?)?", _WHERE),
    ("/v2/businessworkspaces/{id}", r"paging(\.\w+)?", "pyxecm 3.7, get_workspace: where results are a list of one"),
    ("/v2/businessworkspaces/{id}", r"results\.metadata_order\.categories", "pyxecm 3.7, get_workspace"),
    (
        "/v2/businessworkspaces/{id}",
        r"results\.data\.properties\.(classification_ids?|hidden|status|versionable|wksp_type_name)",
        "pyxecm 3.7, get_workspace",
    ),
    (
        "/v2/businessworkspaces/{id}",
        r"results\.actions\.(data\.open(\.\w+)?|map\.default_action)",
        "recorded/workspaces-list-kna1-asc.json: the actions of the same workspace in a list",
    ),
    (
        "/v2/businessworkspaces/{id}/roles/{id}/members",
        r"results\.data\.properties\.(business_(email|fax|phone)|leader_id|office_location|photo_id|privilege_\w+|time_zone|title"
        r"|type|type_name)",
        "recorded/roles-with-members-13875.json: the same members inside a role",
    ),
    ("/v2/members/{id}", r"results\.data\.properties\.privilege_grant_discovery", "recorded/pyxecm-member-list.json"),
    ("/v2/members/{id}/members", r"results\.data\.properties\.privilege_grant_discovery", "recorded/pyxecm-member-list.json"),
)  # fmt: skip
"""Of a call, the key paths that its own sources lack, and where they were seen."""

EVERY = ".*"
UNTOLD: tuple[tuple[str, str, str], ...] = (
    (EVERY, r".*_(expand|formatted)(\..*)?", "shown where it is asked for; texts of values"),
    (EVERY, r".*\.(wnf|wnd|perm)_\w+(\..*)?", "columns and rights that a site switches on"),
    (EVERY, r".*_multilingual\.\w+|.*wksp_(type_names|descriptions)\.\w+", "languages of a site"),
    (EVERY, r".*\.(personal_\w+|home_\w+|rmiconsdata(\..*)?|actions(\..*)?|perspective)", "nothing that an estate has"),
    (EVERY, r".*metadata(_\w+)?(\..*)?", "definitions of columns"),
    ("/v1/serverinfo", r".*\.(force_download_for_mime_types|logout_url|supported_mime_types)", "of the viewer"),
    ("/v2/nodes/{id}/nodes", r"results\.state(\..*)?", "for editing"),
    ("/v2/nodes/{id}/versions/{id}", r"results\.data\.versions\.external_\w+", "for imported documents"),
    ("/v2/businessworkspacetypes", r"results\.data\.(properties|wksp_info)\..*", "how workspaces of a type are made"),
    (
        "/v2/businessworkspaces",
        r"meta_data\.properties\.(description|icon|mime_type|original_id|reserved\w*|volume_id)(\.\w+)?",
        "columns that nobody sorts by",
    ),
    (EVERY, r"(results\.data\.)?wksp_info\.wksp_type_icon_content_type", "an image"),
    (
        "/v2/businessworkspaces/{id}",
        r"results\.data\.(business_properties|display_urls|workspace_references)\.\w+(\..*)?",
        "business objects, which an estate has not",
    ),
    ("/v2/businessworkspaces/{id}/relateditems", r"meta_data\.properties\.size\.sort_key", "as `size`, which it names"),
    ("/v2/businessworkspaces/{id}/relateditems", r"results\.data\.properties\.user_id", "as `owner_user_id`"),
    ("/v2/businessworkspaces/{id}/roles", r"results\.data\.properties\.display_name", "of an edited recording"),
    ("/v2/members", r"results\.data\.properties\.leader_id", "of groups, which come on a later page"),
)  # fmt: skip
"""Of a call, the key paths of its recordings that the simulator does not tell, and what they are."""


@pytest.fixture
def one(draft: Draft, start: Start) -> Running:
    draft.case(100, roles={"case manager": ["ada", "clerks"]}, related=[101])
    draft.case(101, name="Child")
    for number in (900, 901):
        data = {"workspace": 100, "id": number, "name": f"{number}.pdf", "type": "Contract", "by": "ada"}
        draft.event("2024-01-02T08:00:00Z", "document_added", expires="2024-03-01", **data)
    draft.event("2024-01-03T08:00:00Z", "version_added", workspace=100, id=900, by="ada")
    running = start(draft)
    running.at("2024-01-10T00:00:00Z")
    return running


def named(running: Running, request: str) -> str:
    """A request with the ids that the simulator gave to what the request names in braces."""
    ecm = running.ecm
    (category, *_) = ecm.get("/v2/nodes/100/categories")["results"][0]["data"]["categories"]
    rows = {
        "role": ecm.get("/v2/businessworkspaces/100/roles")["results"][0],
        "ada": ecm.get("/v2/members?where_type=0&where_name=ada")["results"][0],
        "clerks": ecm.get("/v2/members?where_type=1")["results"][0],
    }
    request = request.replace("{category}", category.split("_")[0])
    for name, row in rows.items():
        request = request.replace(f"{{{name}}}", str(row["data"]["properties"]["id"]))
    return request


def listed(table: tuple[tuple[str, str, str], ...], path: str, key: str) -> bool:
    """Whether a table of exceptions has a key path of a call."""
    return any(place in (EVERY, path) and re.fullmatch(keys, key) for place, keys, _ in table)


@pytest.mark.parametrize("path", CALLS)
def test_every_key_of_an_answer_was_seen_somewhere(one: Running, path: str) -> None:
    unknown = vendor.unknown_keys("GET", path, one.ecm.get(named(one, CALLS[path])))
    assert {key for key in unknown if not listed(SEEN, path, key)} == set()


@pytest.mark.parametrize("path", CALLS)
def test_every_key_of_a_recorded_answer_is_told_or_named_as_left_out(one: Running, path: str) -> None:
    recorded = set[str]().union(*(vendor.key_paths(answer) for _, answer in vendor.recordings("GET", path)))
    untold = recorded - vendor.key_paths(one.ecm.get(named(one, CALLS[path])))
    assert {key for key in untold if not listed(UNTOLD, path, key)} == set()


@pytest.mark.parametrize("name", DIALECTS)
def test_the_keys_of_every_dialect_were_seen_somewhere(one: Running, name: str) -> None:
    requests = {path: named(one, request) for path, request in CALLS.items()}
    one.sandbox.faults(
        {"dialect": name, "quirks": {"ticket_refused_once": False, "strict_parameters": False}}
    )
    answers = {path: one.ecm.call("GET", request) for path, request in requests.items()}
    absent = {path for path, answer in answers.items() if b"mappings registry" in answer.body}
    assert absent <= {"/v1/nodes/{id}/businessworkspace", "/v2/businessworkspaces/{id}/members"}
    unknown = {
        f"{path} {key}"
        for path in answers.keys() - absent
        for key in vendor.unknown_keys("GET", path, answers[path].json)
        if not listed(SEEN, path, key)
    }
    assert unknown == set()


def test_nodes_list_has_the_rows_of_nodes_and_no_collection(one: Running) -> None:
    answer = one.ecm.call("POST", "/v2/nodes/list", {"ids": "900,100", "fields": "properties"}).json
    assert len(answer["results"]) == 2 and vendor.unknown_keys("POST", "/v2/nodes/list", answer) == set()


def test_a_refusal_has_the_keys_of_the_recorded_one(one: Running) -> None:
    recorded = json.loads((vendor.RECORDED / "error-node-no-permission.json").read_text())
    assert one.ecm.call("GET", "/v2/nodes/7").json.keys() == recorded.keys()

"""The quirks 29 to 31 and 37 to 47 of lists, details, members and refusals: what the simulator does with each on, and off."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.sandbox.conftest import Start
from tests.support.small_estate import Answer, Draft, Ecm, Running

DAY = "2024-01-10T00:00:00Z"


def ids(answer: Any) -> list[int]:
    return [row["data"]["properties"]["id"] for row in answer["results"]]


def names(answer: Any) -> list[str]:
    return [row["data"]["properties"]["name"] for row in answer["results"]]


def listing(more: str = "") -> str:
    return f"/v2/businessworkspaces?where_workspace_type_id=1&expanded_view=true&sort=asc_id{more}"


def added(draft: Draft, number: int, ts: str = "2024-01-02T08:00:00Z", **more: Any) -> None:
    data = {"workspace": 100, "id": number, "name": f"{number}.pdf", "type": "Contract", "by": "ada"}
    draft.event(ts, "document_added", **(data | more))


@pytest.fixture
def one(draft: Draft, start: Start) -> Running:
    """A case (100) with two documents (900, 901) and a child (101), seen on the tenth of January."""
    draft.case(100, roles={"case manager": ["ada", "clerks"]}, related=[101])
    draft.case(101, name="Child")
    added(draft, 900)
    added(draft, 901)
    running = start(draft)
    running.at(DAY)
    return running


def listed(running: Running, url: str = "", **fields: str | list[str]) -> Answer:
    """``POST /v2/nodes/list`` with a form whose fields may repeat."""
    base = urlsplit(running.sandbox.ecm_url)
    connection = http.client.HTTPConnection(base.netloc, timeout=30)
    sent = {"OTCSTicket": running.ecm.ticket, "content-type": "application/x-www-form-urlencoded"}
    connection.request("POST", f"{base.path}/api/v2/nodes/list{url}", urlencode(fields, doseq=True), sent)
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())


def modified(running: Running, number: int) -> str:
    return str(running.ecm.get(f"/v2/nodes/{number}")["results"]["data"]["properties"]["modify_date"])


def folder_of(running: Running, number: int) -> int:
    return int(running.ecm.get(f"/v2/nodes/{number}")["results"]["data"]["properties"]["parent_id"])


def test_29_a_child_that_is_made_moves_its_parent_s_date_a_changed_one_does_not(
    draft: Draft, start: Start
) -> None:
    draft.case(100)
    added(draft, 900)
    draft.event("2024-01-04T08:00:00Z", "version_added", workspace=100, id=900, by="ada")
    running = start(draft)
    running.at(DAY)
    assert (modified(running, 100), modified(running, 900)) == (
        "2024-01-02T08:00:00Z",
        "2024-01-04T08:00:00Z",
    )
    running.set(creation_touches_parent=False)
    assert modified(running, 100) == "2024-01-01T08:00:00Z"


def test_29_a_child_in_a_folder_moves_that_folder_and_nothing_higher(draft: Draft, start: Start) -> None:
    draft.case(100)
    added(draft, 900)
    added(draft, 901, "2024-01-05T08:00:00Z")
    draft.event("2024-01-06T08:00:00Z", "document_deleted", id=901, workspace=100, by="ada")
    running = start(draft)
    running.set(folders=2)
    running.at(DAY)
    inner = folder_of(running, 900)
    outer = folder_of(running, inner)
    # The creation of a document that has gone since counts still.
    assert modified(running, inner) == "2024-01-05T08:00:00Z"
    assert modified(running, outer) == modified(running, 100) == "2024-01-01T08:00:00Z"
    running.set(creation_touches_parent=False)
    assert modified(running, inner) == "2024-01-01T08:00:00Z"


def test_29_a_workspace_that_is_made_moves_the_folder_of_its_type(draft: Draft, start: Start) -> None:
    draft.case(100)
    draft.case(101, created="2024-01-05T08:00:00Z")
    running = start(draft)
    running.at("2024-01-02T00:00:00Z")
    folder = folder_of(running, 100)
    before = modified(running, folder)
    running.at(DAY)
    assert (before, modified(running, folder)) == ("2024-01-01T08:00:00Z", "2024-01-05T08:00:00Z")


def test_a_changed_attribute_moves_its_workspace_s_date_or_not(draft: Draft, start: Start) -> None:
    draft.case(100)
    for day, value in ((2, "waiting"), (4, "closed")):
        draft.event(
            f"2024-01-0{day}T08:00:00Z", "attribute_changed", workspace=100, attr="Case.status", value=value
        )
    running = start(draft)
    running.at("2024-01-03T00:00:00Z")
    assert modified(running, 100) == "2024-01-02T08:00:00Z"
    running.set(attribute_touches=False)
    running.at(DAY)
    assert modified(running, 100) == "2024-01-02T08:00:00Z"
    (values,) = running.ecm.get("/v2/nodes/100?fields=categories")["results"]["data"]["categories"]
    assert "closed" in values.values()


def test_30_nodes_list_refuses_more_than_250_ids(one: Running) -> None:
    many = [str(number) for number in range(900, 1151)]
    answer = listed(one, ids=many)
    assert (answer.status, "Too many items specified" in answer.json["error"]) == (400, True)
    answer = listed(one, ids=many[:250])
    assert ids(answer.json) == [900, 901] and "collection" not in answer.json
    one.set(nodes_list_limit=0)
    assert ids(listed(one, ids=many).json) == [900, 901]


@pytest.mark.parametrize(
    "form",
    [
        {"ids": ["901", "100"]},
        {"ids": "901,100"},
        {"body": '{"ids": [901, 100]}'},
        {"body": '{"ids": ["901", "100"]}'},
    ],
)
def test_30_ids_of_nodes_list_are_repeated_or_in_a_body(one: Running, form: dict[str, Any]) -> None:
    assert ids(listed(one, **form).json) == [901, 100]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "The parameter 'ids' is not specified"),
        ({"ids": "x"}, "Invalid datatype specified for argument 'ids'"),
        ({"body": "[1]"}, "Invalid datatype specified for argument 'body'"),
        ({"body": "{}"}, "The parameter 'ids' is not specified"),
    ],
)
def test_30_nodes_list_without_ids_is_400(one: Running, form: dict[str, Any], words: str) -> None:
    answer = listed(one, **form)
    assert (answer.status, answer.json["error"]) == (400, words)


@pytest.mark.parametrize("honoured", ["url", "form", "body", "none"])
def test_30_fields_of_nodes_list_count_in_one_place_only(one: Running, honoured: str) -> None:
    one.set(nodes_list_fields=honoured)
    wanted = ["properties", "categories"]
    answers = {
        "url": listed(one, "?fields=properties&fields=categories", ids=["100"]),
        "form": listed(one, ids=["100"], fields=wanted),
        "body": listed(one, body=json.dumps({"ids": [100], "fields": wanted})),
        "none": listed(one, ids=["100"]),
    }
    for place, answer in answers.items():
        (row,) = answer.json["results"]
        assert ("categories" in row["data"]) == (place == honoured != "none"), place
        assert row["data"]["properties"]["id"] == 100


@pytest.fixture
def nine(draft: Draft, start: Start) -> Running:
    for number in range(9):
        draft.case(1000 + number, name=f"{chr(97 + number)} case")
    running = start(draft)
    running.at(DAY)
    return running


def test_31_a_list_ends_at_the_wall_without_a_next_page_and_counts_go_on(nine: Running) -> None:
    nine.set(wall=5)
    pages = [nine.ecm.get(listing(f"&limit=2&page={page}")) for page in (1, 2, 3, 4)]
    assert [ids(page) for page in pages] == [[1000, 1001], [1002, 1003], [1004], [1004]]
    assert [sorted(page["paging"]["actions"]) for page in pages] == [
        ["next"],
        ["next", "previous"],
        ["previous"],
        ["previous"],
    ]
    assert {(page["paging"]["total_count"], page["paging"]["page_total"]) for page in pages} == {(9, 5)}
    narrowed = nine.ecm.get(listing("&limit=2&where_name=startswith_h"))
    assert (ids(narrowed), narrowed["paging"]["total_count"]) == ([1007], 1)
    nine.set(wall=0)
    assert ids(nine.ecm.get(listing("&limit=2&page=5"))) == [1008]


def test_31_the_wall_stands_in_related_items_too(draft: Draft, start: Start) -> None:
    draft.case(100, related=[101, 102, 103])
    for number in (101, 102, 103):
        draft.case(number)
    running = start(draft)
    running.at(DAY)
    running.set(wall=2)
    paging = running.ecm.get("/v2/businessworkspaces/100/relateditems?limit=1&page=2")["paging"]
    assert (paging["total_count"], "next" in paging["actions"]) == (3, False)


def test_31_actions_are_absent_on_an_only_page(nine: Running) -> None:
    assert "actions" not in nine.ecm.get(listing())["paging"]
    assert "next" in nine.ecm.get(listing("&limit=4"))["paging"]["actions"]
    nine.set(actions_on_one_page=True)
    assert nine.ecm.get(listing())["paging"]["actions"] == {}


def test_31_ranges_are_counted_by_page(nine: Running) -> None:
    def ranges() -> tuple[int, int]:
        paging = nine.ecm.get(listing("&limit=5&page=2"))["paging"]
        return paging["range_min"], paging["range_max"]

    assert ranges() == (1, 4)
    nine.set(ranges_by_page=False)
    assert ranges() == (6, 9)


def test_37_a_workspace_s_results_are_a_list_of_one_or_an_object(one: Running) -> None:
    path = "/v2/businessworkspaces/100?fields=categories&metadata"
    (row,) = one.ecm.get(path)["results"]
    one.set(detail_as_list=False)
    found = one.ecm.get(path)["results"]
    assert found["data"] == row["data"] and isinstance(found["data"]["categories"], dict)
    assert set(found["metadata"]["categories"]) == set(found["data"]["categories"])


def test_37_the_categories_of_a_workspace_that_has_none_are_an_empty_object(
    draft: Draft, start: Start
) -> None:
    draft.types += [{"type": "Plain", "categories": []}]
    draft.workspaces.append({"id": 500, "type": "Plain", "name": "Plain", "created": "2024-01-01T08:00:00Z"})
    running = start(draft)
    running.at(DAY)
    (row,) = running.ecm.get("/v2/businessworkspaces/500?fields=categories")["results"]
    assert row["data"]["categories"] == {}
    (row,) = running.ecm.get("/v2/businessworkspaces/500?fields=properties")["results"]
    assert "categories" not in row["data"]


def test_a_workspace_that_is_read_without_adding_it_is_not_recent(one: Running) -> None:
    one.ecm.get("/v2/businessworkspaces/100?add_recently_accessed=false")
    one.ecm.get("/v2/businessworkspaces/101")
    assert ids(one.ecm.get("/v2/businessworkspaces?where_workspace_type_id=1")) == [101]


def test_38_a_missing_member_is_500_in_words(one: Running) -> None:
    answer = one.ecm.call("GET", "/v2/members/5")
    assert (answer.status, answer.json["error"]) == (
        500,
        "Could not get a member for 5, Insufficient privileges.",
    )
    one.set(missing_member_500=False)
    assert one.ecm.status("/v2/members/5") == 400


def test_38_a_zone_is_a_number(one: Running) -> None:
    def zone() -> Any:
        return one.ecm.get("/v2/members?where_name=ada&where_type=0")["results"][0]["data"]["properties"][
            "time_zone"
        ]

    assert isinstance(zone(), int) and zone() >= 0
    one.set(zones_are_numbers=False)
    assert zone() == -1


def test_38_members_have_five_types(one: Running) -> None:
    def of(kind: str) -> list[str]:
        return names(one.ecm.get(f"/v2/members?where_type={kind}"))

    assert (of("0"), of("1"), of("17"), of("101")) == (["ada", "bob", "eve"], ["clerks"], ["vigil"], [])
    assert names(one.ecm.get("/v2/members")) == ["ada", "bob", "eve", "clerks"]
    one.set(signing_groups=["clerks"], service_user_type=0)
    assert (of("0"), of("1"), of("17"), of("101")) == (["ada", "bob", "eve", "vigil"], [], [], ["clerks"])
    role = one.ecm.get("/v2/businessworkspaces/100/roles")["results"][0]["data"]["properties"]["id"]
    assert one.ecm.get(f"/v2/members/{role}")["results"]["data"]["properties"]["type"] == 848
    assert names(one.ecm.get(f"/v2/members/{role}/members")) == ["ada"]


def test_38_groups_of_a_group_come_only_with_where_type_1(draft: Draft, start: Start) -> None:
    draft.meta["groups"] = {"office": ["clerks", "eve"]}
    draft.users += [{"login": f"u{n:02}", "name": f"U {n}", "groups": ["many"]} for n in range(60)]
    running = start(draft)
    groups = running.ecm.get("/v2/members?where_type=1")
    number = dict(zip(names(groups), ids(groups), strict=True))
    path = f"/v2/members/{number['office']}/members"
    asked = [names(running.ecm.get(f"{path}{query}")) for query in ("", "?where_type=0", "?where_type=1")]
    assert asked == [["eve"], ["eve"], ["clerks"]]
    running.set(groups_need_where_type=False)
    assert names(running.ecm.get(path)) == ["clerks", "eve"]
    many = f"/v2/members/{number['many']}/members"
    assert [len(ids(running.ecm.get(f"{many}{query}"))) for query in ("", "?limit=100")] == [25, 60]
    assert (
        running.ecm.status(f"/v2/members/{ids(running.ecm.get('/v2/members?where_type=0'))[0]}/members")
        == 500
    )


def test_39_an_old_server_audits_no_agents(one: Running) -> None:
    def row() -> dict[str, Any]:
        rows = one.ecm.get("/v2/nodes/900/audit")["results"]["data"]["audit"]
        return dict(rows[0])

    assert row()["audit_date"].endswith("Z") and row()["agent_id"] is None
    one.set(audit_agents=False, mixed_dates=False)
    assert not row()["audit_date"].endswith("Z")
    assert "agent_id" not in row() and "target_user_id" not in row()


def test_40_unset_multi_values_are_lists_of_nothing(draft: Draft, start: Start) -> None:
    for number in range(1000, 1008):
        draft.case(number)
    running = start(draft)
    running.at(DAY)

    def forms() -> set[str]:
        found = set()
        for number in range(1000, 1008):
            (entry,) = running.ecm.get(f"/v2/nodes/{number}/categories?metadata")["results"]
            key = next(k for k, d in entry["metadata"]["categories"].items() if d["name"] == "tags")
            found.add(repr(entry["data"]["categories"].get(key, "absent")))
        return found

    assert forms() == {"[None]", "['']", "[None, None]", "[]"}
    running.set(null_lists=False)
    assert forms() == {"None", "''", "'absent'"}


def test_41_a_ticket_is_refused_once_by_the_other_node(one: Running) -> None:
    one.set(ticket_refused_once=True)
    caller = Ecm(one.sandbox)
    assert [caller.status("/v2/nodes/100") for _ in range(3)] == [401, 200, 200]
    one.set(ticket_refused_once=False)
    assert Ecm(one.sandbox).status("/v2/nodes/100") == 200


def test_43_a_node_tells_its_classifications_only_where_it_is_asked_for_them(one: Running) -> None:
    def told() -> Any:
        return one.ecm.get("/v2/nodes/900")["results"]["data"]["properties"].get("classification_ids")

    (row,) = one.ecm.get("/v1/nodes/900/classifications")["data"]
    assert told() is None
    one.set(classifications_apart=False)
    assert told() == [row["id"]]


def test_44_refusals_have_details_or_hide_in_a_200(one: Running) -> None:
    words = "Could not get a node for 7"
    one.set(error_details=True)
    assert one.ecm.call("GET", "/v2/nodes/7").json == {"error": words, "errorDetail": words}
    one.set(error_details=False, codes_in_200=True)
    answer = one.ecm.call("GET", "/v2/nodes/7")
    assert (answer.status, answer.json) == (200, {"error": words, "statusCode": 400})
    one.set(codes_in_200=False)
    answer = one.ecm.call("GET", "/v2/nodes/7?suppress_response_codes")
    assert (answer.status, answer.json["statusCode"]) == (200, 400)
    assert one.ecm.call("GET", "/v2/nodes/7").status == 400


def test_44_content_server_s_own_pages_come_with_500(one: Running) -> None:
    one.set(html_errors=1.0)
    answers = [one.ecm.call("GET", path) for path in ("/v2/nodes/100", "/v2/nodes/900/versions")]
    bodies = b"".join(answer.body for answer in answers)
    assert {answer.status for answer in answers} == {500}
    assert b"Error Processing Request" in bodies and b"Content Server Client Error" in bodies
    one.set(html_errors=0.0)
    assert one.ecm.status("/v2/nodes/100") == 200


def test_45_members_of_a_role_come_without_paging_and_without_a_formatted_name(one: Running) -> None:
    role = one.ecm.get("/v2/businessworkspaces/100/roles")["results"][0]["data"]["properties"]["id"]
    path = f"/v2/businessworkspaces/100/roles/{role}/members"
    answer = one.ecm.get(path)
    ada, clerks = (row["data"]["properties"] for row in answer["results"])
    assert "collection" not in answer and "name_formatted" not in ada
    assert (ada["display_name"], ada["business_email"], clerks["type"]) == ("Ada Byron", "ada@example.org", 1)
    one.set(role_members_collection=True, role_members_bare=True)
    answer = one.ecm.get(path)
    ada = answer["results"][0]["data"]["properties"]
    assert answer["collection"]["paging"]["total_count"] == 2
    assert not {"display_name", "business_email", "name_formatted"} & ada.keys()


def test_45_lists_of_members_may_lack_what_one_member_has(one: Running) -> None:
    path = "/v2/members?where_type=0&where_name=ada"
    assert {"business_email", "deleted"} <= one.ecm.get(path)["results"][0]["data"]["properties"].keys()
    one.set(listed_members_bare=True)
    row = one.ecm.get(path)["results"][0]["data"]["properties"]
    assert not {"business_email", "deleted"} & row.keys()
    assert (
        one.ecm.get(f"/v2/members/{row['id']}")["results"]["data"]["properties"]["business_email"]
        == "ada@example.org"
    )


def test_46_a_bare_name_is_compared_whole_and_a_prefix_says_how(nine: Running) -> None:
    nine.set(where_name_equals=True)
    asked = ("where_name=a", "where_name=a case", "where_name=startswith_a", "where_name=contains_ case")
    assert [len(ids(nine.ecm.get(listing(f"&{query}")))) for query in asked] == [0, 1, 1, 9]
    nine.set(where_name_equals=False)
    assert ids(nine.ecm.get(listing("&where_name=a"))) == [1000]


def test_46_a_sort_by_date_is_ignored_without_a_word_and_a_flag_may_tell(draft: Draft, start: Start) -> None:
    for number, name in ((100, "b"), (101, "a"), (102, "c")):
        draft.case(number, name=name, created=f"2024-01-0{number - 98}T08:00:00Z")
    running = start(draft)
    running.at(DAY)
    path = "/v2/businessworkspaces?where_workspace_type_id=1&expanded_view=true&global_metadata=true"

    def seen(sort: str) -> tuple[list[int], bool]:
        answer = running.ecm.get(f"{path}&sort={sort}")
        return ids(answer), answer["meta_data"]["properties"]["modify_date"]["sort"]

    assert (seen("desc_modify_date"), seen("asc_modify_date")) == (
        ([102, 101, 100], True),
        ([100, 101, 102], True),
    )
    running.set(date_sort=False, date_sort_flag=False)
    assert (seen("desc_modify_date"), seen("desc_name")) == (
        ([101, 100, 102], False),
        ([102, 100, 101], False),
    )
    assert "meta_data" not in running.ecm.get(path.replace("&global_metadata=true", ""))


def test_46_a_column_that_is_not_known_is_refused_or_ignored(nine: Running) -> None:
    def found(text: str) -> int | list[int]:
        answer = nine.ecm.call("GET", listing(f"&where_column_query={text}"))
        return ids(answer.json) if answer.status == 200 else answer.status

    dated, quoted, odd = "modify_date > 2025-01-01", "modify_date > '2025-01-01'", "no_such = 'x'"
    assert (found(dated), found(quoted), found(odd)) == ([], 400, 400)
    nine.set(quoted_dates=True)
    assert found(quoted) == []
    nine.set(date_columns=False)
    assert (found(dated), found("name = 'a case'")) == (400, [1000])
    nine.set(unknown_columns="ignored")
    assert len(ids(nine.ecm.get(listing(f"&where_column_query={odd}")))) == 9
    assert found(dated) == found("name LIKE '*'") == list(range(1000, 1009))


def test_47_names_come_in_several_languages(one: Running) -> None:
    def properties() -> dict[str, Any]:
        return dict(one.ecm.get("/v2/nodes/100")["results"]["data"]["properties"])

    assert properties()["name_multilingual"] == {"en": "Case 100"}
    one.set(multilingual_names=False)
    assert "name_multilingual" not in properties()


@pytest.mark.parametrize(
    ("understood", "found"),
    [("comma", [[101], 400]), ("braces", [400, [101]]), ("both", [[101], [101]]), ("none", [400, 400])],
)
def test_related_items_of_both_kinds_in_the_form_that_a_version_understands(
    one: Running, understood: str, found: list[Any]
) -> None:
    one.set(rel_types=understood)
    base = "/v2/businessworkspaces/100/relateditems?where_rel_types="

    def seen(form: str) -> int | list[int]:
        answer = one.ecm.call("GET", base + form)
        return ids(answer.json) if answer.status == 200 else answer.status

    forms = ("child,parent", "%7B'child','parent'%7D")
    assert [seen(form) for form in forms] == found
    one.set(rel_types_misread="empty")
    assert [seen(form) for form in forms] == [[] if rows == 400 else rows for rows in found]


def test_rows_of_related_items_say_of_which_kind_they_are(one: Running) -> None:
    def kinds(number: int) -> list[Any]:
        rows = one.ecm.get(f"/v2/businessworkspaces/{number}/relateditems")["results"]
        return [row["data"]["properties"].get("rel_type") for row in rows]

    assert (kinds(100), kinds(101)) == (["BO_Child"], ["BO_Parent"])
    one.set(rel_type_in_rows=False)
    assert kinds(100) == [None]


def test_rows_of_workspaces_may_lack_their_type_and_their_creator(one: Running) -> None:
    def keys() -> set[str]:
        return set(one.ecm.get(listing("&limit=1"))["results"][0]["data"]["properties"])

    ours = {"wnf_wksp_type_id", "create_user_id", "modify_user_id"}
    assert ours <= keys()
    assert not {"container_size", "wksp_type_id", "wksp_type_name", "categories"} & keys()
    one.set(type_ids_in_lists=False, user_ids_in_lists=False)
    assert not ours & keys()


def test_a_node_s_workspace_is_found_in_one_call(one: Running) -> None:
    path = "/v1/nodes/{}/businessworkspace"
    want = {"id": 100, "isLinked": False, "type": 848, "workspace_type_id": 1}
    assert one.ecm.get(path.format(900)) == one.ecm.get(path.format(100)) == want
    one.set(folders=2)
    assert one.ecm.get(path.format(folder_of(one, 900))) == want
    volume = folder_of(one, folder_of(one, 100))
    assert one.ecm.status(path.format(volume)) == 400
    assert one.ecm.status(path.format(7)) == 400


def test_20_a_route_that_a_version_does_not_have_is_400(one: Running) -> None:
    path = "/v1/nodes/900/businessworkspace"
    one.set(routes_absent=["GET /v1/nodes/{id}/businessworkspace"])
    answer = one.ecm.call("GET", path)
    assert answer.status == 400 and "mappings registry" in answer.json["error"]
    one.set(routes_absent=[])
    assert one.ecm.status(path) == 200


def test_a_strict_server_refuses_parameters_that_are_not_documented(one: Running) -> None:
    path = "/v2/businessworkspaces/100?fields=categories"
    one.set(strict_parameters=True)
    assert one.ecm.status(path) == 200
    answer = one.ecm.call("GET", f"{path}&metadata")
    assert (answer.status, answer.json["error"]) == (400, "One or more parameters are invalid: metadata")
    assert listed(one, ids=["900"], fields="properties").status == 400
    one.set(strict_parameters=False)
    assert one.ecm.status(f"{path}&metadata") == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v2/members?page=0", 500), ("/v2/nodes/100/nodes?page=0", 400), (listing("&limit=0"), 400)],
)
def test_a_page_of_no_number_is_refused(one: Running, path: str, status: int) -> None:
    answer = one.ecm.call("GET", path)
    assert answer.status == status and "less than the minimum value (1)" in answer.json["error"]


def test_the_team_of_a_workspace_truncates_each_role(one: Running) -> None:
    answer = one.ecm.get("/v2/businessworkspaces/100/members?limit=100&limit_members=1")
    manager, clerk = (row["data"] for row in answer["results"])
    assert [m["name"] for m in manager["members"]] == ["ada"] and clerk["members"] == []
    path = f"/v2/businessworkspaces/100/members/{manager['properties']['id']}/members"
    assert names(one.ecm.get(path)) == ["ada", "clerks"]
    assert one.ecm.status("/v2/businessworkspaces/100/members/5/members") == 400


def test_ids_are_expanded_where_it_is_asked_for(one: Running) -> None:
    found = one.ecm.get("/v2/nodes/900?expand=properties{create_user_id,parent_id}")["results"]["data"][
        "properties"
    ]
    assert (found["create_user_id_expand"]["name"], found["parent_id_expand"]["id"]) == ("ada", 100)
    row = one.ecm.get("/v2/nodes/900/audit?expand=audit{id,user_id}")["results"]["data"]["audit"][0]
    assert (row["id_expand"]["name"], row["user_id_expand"]["name"]) == ("900.pdf", "ada")
    row = one.ecm.get(listing("&limit=1&expand_users=true"))["results"][0]["data"]["properties"]
    assert row["create_user_id_expand"]["name"] == "vigil"


def test_the_columns_of_a_container_name_its_sorts(one: Running) -> None:
    columns = one.ecm.get("/v2/nodes/100?fields=columns&state")["results"]
    sorts = [c["sort_key"] for c in columns["data"]["columns"] if c["sort_key"]]
    assert columns["state"]["properties"]["metadata_token"]
    assert {one.ecm.status(f"/v2/nodes/100/nodes?sort=desc_{key}") for key in sorts} == {200}
    assert one.ecm.status("/v2/nodes/100/nodes?sort=desc_owner_user_id") == 400


def test_reminders_come_with_a_node_and_not_with_its_children(one: Running) -> None:
    found = one.ecm.get("/v2/nodes/900?fields=properties&fields=followups")["results"]["data"]
    assert found["followups"] == [] and found["properties"]["id"] == 900
    child = one.ecm.get("/v2/nodes/100/nodes?fields=properties&fields=followups")["results"][0]["data"]
    assert "followups" not in child


def test_a_list_by_business_objects_is_empty_since_an_estate_has_none(one: Running) -> None:
    assert one.ecm.get(listing("&where_bo_type=KNA1&where_ext_system_id=D9A"))["results"] == []
    assert one.ecm.get(listing("&where_bo_type=KNA1").replace("asc_id", "desc_modify_date"))["results"] == []


def test_a_json_body_is_no_form(one: Running) -> None:
    base = urlsplit(one.sandbox.ecm_url)
    connection = http.client.HTTPConnection(base.netloc, timeout=30)
    sent = {"OTCSTicket": one.ecm.ticket, "content-type": "application/json"}
    connection.request("POST", f"{base.path}/api/v2/nodes/list", '{"ids": [900]}', sent)
    assert connection.getresponse().status == 400


def test_children_and_audit_say_where_their_next_page_is(one: Running) -> None:
    for path in ("/v2/nodes/100/nodes?limit=1", "/v2/nodes/100/audit?limit=1", "/v2/members?limit=1"):
        answer = one.ecm.get(path)
        total = answer["collection"]["paging"]["total_count"]
        for _ in range(total - 1):
            answer = one.ecm.get(
                answer["collection"]["paging"]["links"]["data"]["next"]["href"].removeprefix("/api")
            )
        assert answer["collection"]["paging"]["page"] == total
        assert "links" not in answer["collection"]["paging"]


def test_a_switch_that_has_choices_refuses_another_one(one: Running) -> None:
    with pytest.raises(Exception, match="is one of url, form, body, none"):
        one.set(nodes_list_fields="header")

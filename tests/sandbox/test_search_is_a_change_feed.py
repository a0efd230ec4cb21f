"""``POST /v2/search``: what was modified on which day, as of the index, and every part of quirk 28."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.conftest import Start
from tests.support.small_estate import Draft, Ecm, Running
from vigil.sandbox.estate.load import load
from vigil.sandbox.world.search_index import DOCUMENT, FOLDER, WORKSPACE, Hits, IndexSettings, SearchIndex
from vigil.sandbox.world.world import World

DOCUMENTS = "OTSubType: 144"
SINCE = 'OTSubType: 144 AND [QLREGION "OTModifyDate"] >= "20240103"'
ALL = ["properties", "regions", "versions", "followups"]


def search(ecm: Ecm, where: str, fields: Iterable[str] = ALL, **form: Any) -> Any:
    sent = {"where": where, "lookfor": "complexquery", "within": "all", "fields": list(fields), **form}
    answer = ecm.call("POST", "/v2/search", sent)
    assert answer.status == 200, answer.body
    return answer.json


def found(ecm: Ecm, where: str, **form: Any) -> list[int]:
    return sorted(row["data"]["properties"]["id"] for row in search(ecm, where, limit=100, **form)["results"])


def status(ecm: Ecm, where: str | None, **form: Any) -> int:
    return ecm.call("POST", "/v2/search", {**({} if where is None else {"where": where}), **form}).status


def walked(ecm: Ecm, where: str, pages: int, **form: Any) -> list[list[int]]:
    """The ids of each page, with the `cache_id` of the first."""
    first = search(ecm, where, page=1, **form)
    rest = [search(ecm, where, page=n, cache_id=first["collection"]["searching"]["cache_id"], **form)
            for n in range(2, pages + 1)]  # fmt: skip
    return [[row["data"]["properties"]["id"] for row in answer["results"]] for answer in (first, *rest)]


@pytest.fixture
def filed(draft: Draft, start: Start) -> Running:
    """Documents 900 to 904, one a day from 2 January on; 900 gets a version on the 6th, 901 is deleted on the 7th."""
    draft.case(100, roles={"case manager": ["ada"]})
    draft.case(101, roles={"case manager": ["bob"]})
    for place in range(5):
        draft.event(
            f"2024-01-0{place + 2}T08:00:00Z", "document_added", workspace=100 + place % 2, id=900 + place, name=f"Doc {place}",
            type="Contract" if place == 0 else None, by="ada", expires="2024-03-01" if place == 0 else None,
        )  # fmt: skip
    draft.event("2024-01-06T12:00:00Z", "version_added", workspace=100, id=900, by="bob")
    draft.event("2024-01-07T08:00:00Z", "document_deleted", id=901, by="ada")
    running = start(draft)
    running.at("2024-01-06T22:30:00+00:00")
    return running


@pytest.mark.parametrize(
    ("where", "want"),
    [
        (DOCUMENTS, [900, 901, 902, 903, 904]),
        (SINCE, [900, 901, 902, 903, 904]),
        ('OTSubType: 144 AND [QLREGION "OTModifyDate"] > "20240103"', [900, 902, 903, 904]),
        ('OTSubType: 144 AND [QLREGION "OTModifyDate"] <= "20240103"', [901]),
        ('OTSubType: 144 AND [QLREGION "OTModifyDate"] < "20240105"', [901, 902]),
        ('OTSubType: 144 AND [QLREGION "OTModifyDate"] = "20240106"', [900, 904]),
        ('OTSubType: 144 AND [QLREGION "OTModifyDate"] != "20240106"', [901, 902, 903]),
        ('OTSubType: 144 AND [QLREGION "OTObjectDate"] = "20240106"', [900, 904]),
        ('OTSubType: 144 AND [QLREGION "OTCreateDate"] = "20240102"', [900]),
        ('OTSubType: 144 AND OTModifyDate: 20240106 AND [QLREGION "OTModifyTime"] > "100000"', [900]),
        ("OTSubType: 848", [100, 101]),
        ("OTSubType: 144 OR OTSubType: 848", [100, 101, 900, 901, 902, 903, 904]),
        ("OTSubType: 144 AND (OTDataID: 902 OR OTDataID: 903)", [902, 903]),
        ('OTSubType: 144 AND NOT [QLREGION "OTModifyDate"] < "20240106"', [900, 904]),
        ('OTSubType: 144 AND "doc 3"', [903]),
        ('OTSubType: 144 AND [QLREGION "OTName"] = "Doc 2"', [902]),
        ("OTSubType: 202", []),
    ],
)
def test_a_query_finds_what_its_regions_say(filed: Running, where: str, want: list[int]) -> None:
    assert found(filed.ecm, where) == want


@pytest.mark.parametrize(
    "where",
    [
        None, "", "AND", "OTSubType: 144 AND", "OTSubType: 144 OTSubType: 0", "(OTSubType: 144", "OTSubType:", "Nothing: 1",
        '[QLREGION "OTModifyDate"] >= "2024-01-03"', '[QLREGION "OTModifyDate"] >= "20241303"', 'OTSubType: 144 AND "',
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_evaluated_is_400(filed: Running, where: str | None) -> None:
    answer = filed.ecm.call("POST", "/v2/search", {} if where is None else {"where": where})
    assert answer.status == 400 and "Error Evaluating Query" in answer.json["error"]


def test_within_content_no_region_is_found(filed: Running) -> None:
    assert search(filed.ecm, DOCUMENTS, within="content")["results"] == []


@pytest.mark.parametrize(
    ("look_for", "text", "want"),
    [
        ("allwords", "doc 3", [903]),
        ("anywords", "2 3", [902, 903]),
        ("exactphrase", "Doc 4", [904]),
        ("exactphrase", "4 Doc", []),
    ],
)
def test_plain_words_are_looked_for_in_names(
    filed: Running, look_for: str, text: str, want: list[int]
) -> None:
    answer = search(filed.ecm, text, limit=100, lookfor=look_for)
    ids = [
        row["data"]["properties"]["id"]
        for row in answer["results"]
        if row["data"]["properties"]["type"] == 144
    ]
    assert sorted(ids) == want
    assert status(filed.ecm, "", lookfor=look_for) == 400


def test_a_search_may_be_for_what_lies_in_a_container(filed: Running) -> None:
    assert found(filed.ecm, DOCUMENTS, location_id1=101) == [901, 903]
    assert found(filed.ecm, DOCUMENTS, location_id1=101, location_id2=100) == [900, 901, 902, 903, 904]


def test_a_row_has_the_whole_properties_the_path_one_version_and_the_followups(filed: Running) -> None:
    filed.set(folders=2)
    (row,) = search(filed.ecm, "OTDataID: 900", select="{'OTLocation','OTObjectDate'}")["results"]
    data = row["data"]
    listed = filed.ecm.get("/v2/nodes/900?fields=properties")["results"]["data"]["properties"]
    held = {key: value for key, value in data["properties"].items() if key in listed and key != "owner"}
    assert held == {key: value for key, value in listed.items() if key in held} and len(held) > 30
    assert data["properties"]["modify_date"] == "2024-01-06T12:00:00Z"
    assert (data["versions"]["version_number"], data["followups"][0]["due_date"]) == (
        2,
        "2024-03-01T00:00:00Z",
    )
    assert set(data["regions"]) == {"OTLocation", "OTLocation_expand", "OTLocation_formatted", "OTObjectDate",
                                    "OTObjectDate_formatted"}  # fmt: skip
    path = data["regions"]["OTLocation"].split(" ")
    place = path.index("100")
    assert (
        path[place + 1] == "-100" and path[-1] == "900" and path[-2] == str(data["properties"]["parent_id"])
    )
    assert len(path) - place == 5  # the workspace, itself as a volume, two folders, the document
    values = data["regions"]["OTLocation_expand"]["values"]
    (kind,) = filed.ecm.get("/v1/nodes/900/classifications")["data"]
    assert [v["attribute_map"]["source"] for v in values] == ["classifications", "core"]
    assert values[0]["value"].split(" ")[-1] == str(kind["id"]) and values[1]["value"] == " ".join(path)
    assert data["regions"]["OTObjectDate"] == "20240106"
    assert [a["href"] for a in row["links"]["ancestors"]][-1] == row["links"]["parent"]["href"]
    assert row["search_result_metadata"]["current_version"] is True
    assert row["search_result_metadata"]["object_id"] == "DataId=900&Version=2"


def test_a_workspace_and_a_folder_have_no_version_and_neither_true_nor_false(filed: Running) -> None:
    filed.set(folders=1)
    rows = search(filed.ecm, "OTSubType: 848 OR OTSubType: 0", limit=100)["results"]
    assert {row["data"]["properties"]["type"] for row in rows} == {0, 848}
    for row in rows:
        assert row["search_result_metadata"]["current_version"] is None and "versions" not in row["data"]


def test_a_folder_is_found_on_the_day_of_its_last_new_document(filed: Running) -> None:
    filed.set(folders=1)
    rows = search(filed.ecm, 'OTSubType: 0 AND [QLREGION "OTModifyDate"] >= "20240105"', limit=100)["results"]
    (holder,) = (
        row["data"]["properties"]["id"]
        for row in rows
        if row["data"]["regions"]["OTObjectDate"] == "20240106"
    )
    inside = filed.ecm.get(f"/v2/nodes/{holder}/nodes")["results"]
    assert 904 in [row["data"]["properties"]["id"] for row in inside]


def test_a_document_at_the_root_moves_the_workspace_s_day_and_no_folder_s(filed: Running) -> None:
    filed.set(folders=1, folders_except=["Contract"])
    filed.at("2024-01-06T22:30:00+00:00")
    folders = search(filed.ecm, "OTSubType: 0 AND OTModifyDate: 20240102", limit=100)["results"]
    assert folders == []
    workspaces = search(filed.ecm, "OTSubType: 848", limit=100)["results"]
    shown = {row["data"]["properties"]["id"]: row["data"]["regions"]["OTObjectDate"] for row in workspaces}
    assert shown == {100: "20240102", 101: "20240101"}
    (row,) = search(filed.ecm, "OTDataID: 900")["results"]
    assert row["data"]["regions"]["OTLocation"].endswith(" 100 -100 900")


@pytest.mark.parametrize(
    "switches",
    [
        {}, {"folders": 1}, {"folders": 3, "folders_except": ["Contract"]}, {"creation_touches_parent": False},
        {"folders": 2, "creation_touches_parent": False}, {"child_change_silent": False}, {"folders": 2, "child_change_silent": False},
        {"mixed_dates": False},
    ],
)  # fmt: skip
def test_an_index_without_lag_dates_every_node_as_the_node_does(
    filed: Running, switches: dict[str, Any]
) -> None:
    search(filed.ecm, DOCUMENTS)  # an index was there before, under other rules
    filed.set(**switches)
    for now in ("2024-01-06T23:00:00+00:00", "2024-01-07T09:00:00+00:00"):
        filed.at(now)
        rows = search(filed.ecm, "OTSubType: 0 OR OTSubType: 144 OR OTSubType: 848", limit=100)["results"]
        assert len(rows) >= 6
        for row in rows:
            found = row["data"]["properties"]
            node = filed.ecm.get(f"/v2/nodes/{found['id']}")["results"]["data"]["properties"]
            assert found["modify_date"] == node["modify_date"], found["name"]
            assert row["data"]["regions"]["OTObjectDate"] == node["modify_date"][:10].replace("-", "")


def test_the_regions_of_a_site_and_their_flags(filed: Running) -> None:
    def names(query: str) -> set[str]:
        return {row["name"] for row in filed.ecm.get(f"/v1/regions?{query}")["data"]}

    assert {"OTModifyDate", "OTModifyTime", "OTSubType", "OTObjectDate"} <= names("queryable=true")
    assert "OTLocation" in names("displayable=true") - names("queryable=true")
    assert names("") == names("queryable=true") | names("queryable=false")
    assert names("sortable=true") == {"OTObjectDate", "OTObjectSize"}


def test_only_what_the_caller_may_see_is_found_and_what_is_deleted_is_not(filed: Running) -> None:
    ada = Ecm(filed.sandbox, filed.ecm.login("ada"))
    assert found(ada, DOCUMENTS) == [900, 902, 904]
    filed.at("2024-01-07T09:00:00+00:00")
    assert found(filed.ecm, DOCUMENTS) == [900, 902, 903, 904]


def test_28_the_index_lags_and_shows_a_node_as_it_was_indexed(filed: Running) -> None:
    filed.set(search_lag=12 * 3600)
    first = {row["data"]["properties"]["id"]: row for row in search(filed.ecm, DOCUMENTS)["results"]}
    assert sorted(first) == [900, 901, 902, 903, 904]
    old = first[900]["data"]
    assert (old["properties"]["modify_date"], old["versions"]["version_number"]) == (
        "2024-01-02T08:00:00Z",
        1,
    )
    assert old["regions"]["OTObjectDate"] == "20240102"
    filed.at("2024-01-07T00:30:00+00:00")
    now = {row["data"]["properties"]["id"]: row["data"] for row in search(filed.ecm, DOCUMENTS)["results"]}
    assert (now[900]["regions"]["OTObjectDate"], now[900]["versions"]["version_number"]) == ("20240106", 2)
    filed.set(search_lag=3 * 86_400)
    assert found(filed.ecm, DOCUMENTS) == [900, 901]
    filed.set(search_lag=0)
    assert found(filed.ecm, DOCUMENTS) == [900, 901, 902, 903, 904]


def test_28_what_was_deleted_stays_counted_until_the_index_knows(filed: Running) -> None:
    filed.set(search_lag=3600)
    filed.at("2024-01-07T08:30:00+00:00")
    answer = search(filed.ecm, DOCUMENTS)
    assert (answer["collection"]["paging"]["total_count"], len(answer["results"])) == (5, 4)
    filed.at("2024-01-07T09:30:00+00:00")
    assert search(filed.ecm, DOCUMENTS)["collection"]["paging"]["total_count"] == 4


@pytest.fixture
def crowded(draft: Draft, start: Start) -> Running:
    """Twenty-five documents of one day, a minute apart."""
    draft.case(100, roles={"case manager": ["ada"]})
    for place in range(25):
        at = datetime(2024, 1, 2, 8, tzinfo=UTC) + timedelta(minutes=place)
        draft.event(
            at.isoformat(), "document_added", workspace=100, id=900 + place, name=f"Doc {place}", type=None
        )
    running = start(draft)
    running.at("2024-01-03T00:00:00+00:00")
    return running


def test_28_within_a_day_rows_are_in_no_order_of_time(crowded: Running) -> None:
    def order() -> list[int]:
        (page,) = walked(crowded.ecm, DOCUMENTS, 1, limit=100, sort="desc_OTObjectDate")
        return page

    assert sorted(order()) == list(range(900, 925))
    assert order() not in (sorted(order()), sorted(order(), reverse=True))
    crowded.set(search_unsorted_days=False)
    assert order() == list(range(924, 899, -1))


def test_28_days_are_a_search_s_only_granularity_where_no_time_is_queryable(crowded: Running) -> None:
    where = (
        'OTSubType: 144 AND [QLREGION "OTModifyDate"] = "20240102" AND [QLREGION "OTModifyTime"] > "092000"'
    )
    assert found(crowded.ecm, where) == [921, 922, 923, 924]
    crowded.set(search_regions=["OTSubType", "OTObjectDate"])
    assert status(crowded.ecm, where) == 400
    assert status(crowded.ecm, 'OTSubType: 144 AND [QLREGION "OTModifyDate"] >= "20240102"') == 400
    assert len(found(crowded.ecm, 'OTSubType: 144 AND [QLREGION "OTObjectDate"] >= "20240102"')) == 25


def test_28_pages_hold_every_row_once_and_those_past_the_end_repeat_the_last(crowded: Running) -> None:
    pages = walked(crowded.ecm, DOCUMENTS, 4, limit=10)
    assert [len(page) for page in pages] == [10, 10, 5, 5] and pages[3] == pages[2]
    assert sorted(n for page in pages[:3] for n in page) == list(range(900, 925))
    crowded.set(last_page_repeats=False)
    assert walked(crowded.ecm, DOCUMENTS, 4, limit=10)[3] == []


def test_28_a_row_stands_on_two_pages(crowded: Running) -> None:
    crowded.set(search_repeats=True)
    paging = search(crowded.ecm, DOCUMENTS, limit=10)["collection"]["paging"]
    assert (paging["page_total"], paging["total_count"]) == (3, 27)
    pages = walked(crowded.ecm, DOCUMENTS, 3, limit=10)
    assert pages[0][-1] == pages[1][0] and pages[1][-1] == pages[2][0]
    assert {n for page in pages for n in page} == set(range(900, 925))


def test_28_the_limit_is_clamped_and_echoed(crowded: Running) -> None:
    crowded.set(search_limit=7)
    paging = search(crowded.ecm, DOCUMENTS, limit=100)["collection"]["paging"]
    assert (paging["limit"], paging["page_total"]) == (7, 4)
    assert (paging["links"]["next"]["method"], "cache_id=" in paging["links"]["next"]["href"]) == (
        "POST",
        True,
    )
    crowded.set(search_limit=0)
    paging = search(crowded.ecm, DOCUMENTS, limit=1000)["collection"]["paging"]
    assert paging["limit"] == 1000 and "links" not in paging


def test_28_a_cache_is_kept_made_anew_or_refused(crowded: Running) -> None:
    first = search(crowded.ecm, DOCUMENTS, limit=10)["collection"]["searching"]["cache_id"]
    crowded.at("2024-01-04T00:00:00+00:00")
    again = search(crowded.ecm, DOCUMENTS, limit=10, page=2, cache_id=first)
    assert again["collection"]["searching"]["cache_id"] == first
    crowded.set(search_cache="fresh", search_lag=1)
    again = search(crowded.ecm, DOCUMENTS, limit=10, page=2, cache_id=first)
    assert again["collection"]["searching"]["cache_id"] != first and len(again["results"]) == 10
    crowded.set(search_cache="refused")
    assert status(crowded.ecm, DOCUMENTS, page=2, cache_id=first) == 400
    assert status(crowded.ecm, DOCUMENTS, page=2) == 200


def test_28_the_link_to_the_next_page_leads_there_on_every_server_that_searches(crowded: Running) -> None:
    for dialect in ("2016", "2019", "ce23", "strict"):
        crowded.sandbox.faults({"dialect": dialect, "quirks": {"search_lag": 0, "search_repeats": False}})
        form: dict[str, Any] = {"where": DOCUMENTS, "limit": 10}
        ids: list[int] = []
        path: str | None = "/v2/search"
        while path:
            answer = crowded.ecm.call("POST", path, form).json
            ids += [row["data"]["properties"]["id"] for row in answer["results"]]
            links = answer["collection"]["paging"].get("links", {})
            path, form = (links["next"]["href"].removeprefix("/api"), {}) if "next" in links else (None, {})
        assert sorted(set(ids)) == list(range(900, 925)), dialect


def test_28_a_kept_cache_does_not_move_when_something_is_filed(draft: Draft, start: Start) -> None:
    draft.case(100)
    for place in range(30):
        draft.event(f"2024-01-02T{place % 24:02}:{place:02}:00Z", "document_added", workspace=100, id=900 + place,
                    name=f"Doc {place}", type=None) if place < 24 else None  # fmt: skip
    draft.event("2024-01-05T08:00:00Z", "document_added", workspace=100, id=990, name="New", type=None)
    running = start(draft)
    running.at("2024-01-04T00:00:00+00:00")
    first = search(running.ecm, DOCUMENTS, limit=10)
    cache = first["collection"]["searching"]["cache_id"]
    running.at("2024-01-06T00:00:00+00:00")
    ids = [row["data"]["properties"]["id"] for row in first["results"]]
    for page in (2, 3):
        rows = search(running.ecm, DOCUMENTS, limit=10, page=page, cache_id=cache)["results"]
        ids += [row["data"]["properties"]["id"] for row in rows]
    assert sorted(ids) == list(range(900, 924))
    assert 990 in found(running.ecm, DOCUMENTS)


def test_28_a_sort_that_is_not_offered_is_ignored_and_so_may_be_each(filed: Running) -> None:
    def sorted_by(sort: str) -> tuple[list[str], list[str]]:
        answer = search(filed.ecm, DOCUMENTS, limit=100, sort=sort)
        assert sort == "asc_OTModifyDate" or sort in answer["collection"]["sorting"]["links"]
        days = [row["data"]["regions"]["OTObjectDate"] for row in answer["results"]]
        return answer["collection"]["sorting"]["sort"], days

    echoed, days = sorted_by("asc_OTObjectDate")
    assert echoed == ["asc_OTObjectDate"] and days == sorted(days)
    echoed, days = sorted_by("desc_OTObjectDate")
    assert days == sorted(days, reverse=True)
    assert sorted_by("asc_OTModifyDate")[0] == ["relevance"]
    filed.set(search_sort_ignored=True)
    echoed, days = sorted_by("asc_OTObjectDate")
    assert echoed == ["relevance"] and days != sorted(days)


def test_28_an_old_version_is_a_row_of_its_own(filed: Running) -> None:
    def rows() -> list[tuple[int, bool, str]]:
        answer = search(filed.ecm, 'OTSubType: 144 AND [QLREGION "OTModifyDate"] = "20240106"', limit=100)
        metadata = [row["search_result_metadata"] for row in answer["results"]]
        ids = [row["data"]["properties"]["id"] for row in answer["results"]]
        return sorted((n, m["current_version"], m["object_id"]) for n, m in zip(ids, metadata, strict=True))

    now = [(900, True, "DataId=900&Version=2"), (904, True, "DataId=904&Version=1")]
    assert rows() == now
    filed.set(search_old_versions=True)
    assert rows() == [(900, False, "DataId=900&Version=1"), *now]


def test_28_rows_that_the_caller_cannot_see_are_counted_or_not(filed: Running) -> None:
    ada = Ecm(filed.sandbox, filed.ecm.login("ada"))
    answer = search(ada, DOCUMENTS)
    assert (answer["collection"]["paging"]["total_count"], len(answer["results"])) == (5, 3)
    filed.set(search_unseen_counted=False)
    answer = search(ada, DOCUMENTS)
    assert (answer["collection"]["paging"]["total_count"], len(answer["results"])) == (3, 3)


def test_28_without_fields_there_may_be_properties_only(filed: Running) -> None:
    def sections() -> list[str]:
        return sorted(search(filed.ecm, "OTDataID: 900", fields=())["results"][0]["data"])

    assert sections() == ["followups", "properties", "regions", "versions"]
    filed.set(search_properties_only=True)
    assert sections() == ["properties"]
    (row,) = search(filed.ecm, "OTDataID: 900", fields=(), select="{'OTLocation'}")["results"]
    assert sorted(row["data"]) == ["properties", "regions"] and row["data"]["regions"]["OTLocation"].endswith(
        " 900"
    )


def test_28_days_are_cut_in_the_server_s_zone_or_in_utc(draft: Draft, start: Start) -> None:
    draft.case(100)
    draft.event("2024-01-02T23:30:00Z", "document_added", workspace=100, id=900, name="Late", type=None)
    running = start(draft)
    running.at("2024-01-04T00:00:00+00:00")

    def when() -> tuple[list[int], list[int]]:
        days = (f'OTSubType: 144 AND [QLREGION "OTModifyDate"] = "{day}"' for day in ("20240102", "20240103"))
        first, second = (found(running.ecm, where) for where in days)
        return first, second

    assert when() == ([], [900])
    assert found(running.ecm, "OTModifyDate: 20240103 AND OTSubType: 144 AND OTModifyTime: 003000") == [900]
    running.set(search_days_utc=True)
    assert when() == ([900], [])
    assert found(running.ecm, "OTModifyDate: 20240102 AND OTSubType: 144 AND OTModifyTime: 233000") == [900]


def test_28_search_is_down_with_a_page_of_html(filed: Running) -> None:
    filed.set(search_down=True)
    answer = filed.ecm.call("POST", "/v2/search", {"where": DOCUMENTS})
    assert answer.status == 500 and b"<html" in answer.body.lower()
    assert filed.ecm.status("/v2/nodes/100") == 200
    filed.set(search_down=False)
    assert status(filed.ecm, DOCUMENTS) == 200


def test_28_no_row_is_no_error(filed: Running) -> None:
    answer = search(filed.ecm, 'OTSubType: 144 AND [QLREGION "OTModifyDate"] > "20250101"')
    paging = answer["collection"]["paging"]
    assert answer["results"] == [] and "links" not in paging
    assert (paging["range_min"], paging["range_max"], paging["page_total"], paging["total_count"]) == (
        1,
        0,
        1,
        0,
    )


def index(folder: Path, documents: int) -> tuple[World, SearchIndex]:
    draft = Draft()
    draft.case(100)
    for place in range(documents):
        at = datetime(2024, 1, 2, tzinfo=UTC) + timedelta(minutes=place)
        draft.event(at.isoformat(), "document_added", workspace=100, id=1000 + place, name="D", type=None)
    world = World(load(draft.save(folder)))
    return world, SearchIndex(world)


def test_an_index_that_is_filled_at_once_equals_one_that_followed(tmp_path: Path) -> None:
    world, followed = index(tmp_path / "a", 1500)
    world.folders.depth = 2
    for hour in range(1, 27):
        world.move(datetime(2024, 1, 2, tzinfo=UTC) + timedelta(hours=hour))
        followed.catch_up(IndexSettings(unsorted_days=False, old_versions=True))
    at_once = SearchIndex(world)
    at_once.catch_up(IndexSettings(unsorted_days=False, old_versions=True))
    ever = (datetime(2000, 1, 1, tzinfo=UTC).date(), datetime(2030, 1, 1, tzinfo=UTC).date())
    for kind, least in ((DOCUMENT, 1500), (FOLDER, 6), (WORKSPACE, 1)):
        hits = [list(Hits([i.between(kind, *ever)])) for i in (followed, at_once)]
        assert hits[0] == hits[1] and len(hits[0]) >= least


def test_every_order_of_hits_visits_each_once(tmp_path: Path) -> None:
    world, filled = index(tmp_path / "a", 137)
    world.move(datetime(2024, 2, 1, tzinfo=UTC))
    filled.catch_up(IndexSettings())
    ever = (datetime(2000, 1, 1, tzinfo=UTC).date(), datetime(2030, 1, 1, tzinfo=UTC).date())
    parts = [filled.between(kind, *ever) for kind in (DOCUMENT, WORKSPACE)]
    for order in ("relevance", "asc", "desc"):
        hits = Hits(parts, order)
        rows = [key for start in range(0, 200, 10) for key in hits.rows(start, start + 10)]
        assert len(rows) == len(set(rows)) == len(hits) == 138
        assert order == "relevance" or rows == sorted(rows, reverse=order == "desc")

"""The check of requests and answers against the vendor's documents refuses what must not pass, and passes what was recorded."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from tests.support import vendor
from tests.support.vendor import (
    EXCEPTIONS,
    RECORDED,
    key_paths,
    parameters,
    recorded_requests,
    recordings,
    refused,
    unknown_keys,
)
from tests.support.vendor_documents import operations, template

pytestmark = pytest.mark.shared

STATUS = "/v2/workflows/status"
NODES = "/v2/nodes/list"


def test_both_documents_are_read_whole() -> None:
    assert len([m for m, _ in operations() if m != "HEAD"]) == 366, "327 and 41 calls; both have two of them"
    assert {"where_column_query", "global_metadata"} <= parameters("GET", "/v2/businessworkspaces")
    assert {"where", "lookfor", "within"} <= parameters("POST", "/v2/search")


@pytest.mark.parametrize(
    "path", [f"{STATUS}/processes/{{id}}/activities", f"{STATUS}/processes/71/activities"]
)
def test_activities_below_the_status_are_nowhere(path: str) -> None:
    assert refused("GET", path, (), ())


def test_the_status_of_workflows_has_no_pages() -> None:
    assert len(refused("GET", STATUS, ("page", "limit", "Kind"), ())) == 2


@pytest.mark.parametrize(
    "sort", ["date_initiated", "desc_date_initiated", "modify_date desc", "STATUS_KEY asc"]
)
def test_a_sort_of_workflows_outside_the_list_is_refused(sort: str) -> None:
    assert refused("GET", STATUS, ("sort",), (), {"sort": [sort]})
    assert not refused("GET", STATUS, ("sort",), (), {"sort": ["date_initiated desc"]})


def test_more_than_250_ids_are_refused_in_each_form() -> None:
    ids = [str(n) for n in range(251)]
    for values in ({"ids": ids}, {"ids": [",".join(ids)]}, {"body": [json.dumps({"ids": list(range(251))})]}):
        assert refused("POST", NODES, (), values, values)
    assert not refused("POST", NODES, (), ("ids",), {"ids": ids[:250]})


def test_a_parameter_belongs_to_the_query_or_to_the_form() -> None:
    assert refused("POST", NODES, ("ids",), ())
    assert refused("GET", "/v2/businessworkspaces", (), ("sort",))


@pytest.mark.parametrize(
    ("name", "value"),
    [("Kind", "managed"), ("kind", "MANAGED"), ("wstatus", "late"), ("wstatus", "archived")],
)
def test_a_value_outside_an_enumeration_is_refused(name: str, value: str) -> None:
    assert refused("GET", STATUS, (name,), (), {name: [value]})


def test_an_id_is_a_number_and_a_word_is_not() -> None:
    assert not refused("GET", "/v2/nodes/71", (), ())
    assert not refused("GET", "/v2/nodes/{id}", (), ())
    assert refused("GET", "/v2/nodes/list", (), ())
    assert refused("GET", "/v2/members/moduleassignments/ExpandAssignments/workflow", (), ())


def test_an_exception_is_needed() -> None:
    """When the documents get to know it, its row goes."""
    for e in EXCEPTIONS:
        known = operations().get((e.method, e.path))
        new = {*e.query} - {*known.query} | ({*e.form} - {*known.form}) if known else {""}
        assert known is None or new == {*e.query, *e.form}, f"{e.method} {e.path}: {e.seen}"


def test_key_paths_have_no_array_levels_and_no_ids() -> None:
    answer = {"results": [{"data": {"categories": {"12": {"12_3": 1, "12_4_x_2": [{"a": 1}]}}}}]}
    assert key_paths(answer) == {
        "results",
        "results.data",
        "results.data.categories",
        "results.data.categories.*",
        "results.data.categories.*.*",
        "results.data.categories.*.*.a",
    }


def test_an_invented_key_is_found() -> None:
    status = {"results": [{"data": {"wfstatus": {"process_id": 1, "date_completed": "2020-01-01"}}}]}
    assert unknown_keys("GET", STATUS, status) == {"results.data.wfstatus.date_completed"}
    member = {"results": {"data": {"properties": {"id": 1, "zone": "Europe/Rome"}}}}
    assert unknown_keys("GET", "/v2/members/1000", member) == {"results.data.properties.zone"}


def test_every_recording_is_of_a_call_that_is_known() -> None:
    files = {file.name for file in RECORDED.glob("*.json")}
    assert set(recorded_requests()) == files
    for file, (method, path) in recorded_requests().items():
        assert not refused(method, path, (), ()), file
        assert file in {name for name, _ in recordings(method, path)}


def test_the_queries_of_recordings_pass() -> None:
    """As the links to themselves have them."""
    odd: set[str] = set()
    asked = 0
    for file, (method, path) in recorded_requests().items():
        link = json.loads((RECORDED / file).read_bytes()).get("links", {}).get("data", {})
        href = link.get("self", {}).get("href", "") if isinstance(link, dict) else ""
        names = parse_qs(href.partition("?")[2], keep_blank_values=True)
        asked += len(names)
        odd.update(refused(method, path, names if method == "GET" else (), ()))
    assert not odd
    assert asked > 50, "queries are found"


def test_the_operations_are_kept_for_the_next_process() -> None:
    first = operations()
    assert operations.__wrapped__() == first
    assert template("/v2/nodes/{id}/nodes") == "/v2/nodes/{}/nodes"
    assert vendor.MOST_IDS == 250

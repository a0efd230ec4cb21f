"""Rows of the search and of the recycle bin: what is there is read, what is not there says nothing, and an odd row loses no other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vigil.ecm.answers import Json
from vigil.ecm.errors import Malformed
from vigil.ecm.recycle_bin import DeletedNode
from vigil.ecm.recycle_bin import rows as deleted
from vigil.ecm.search import page, row

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)


def found(regions: Json | None = None, metadata: Json | None = None, **data: object) -> Json:
    properties = {
        "id": 7,
        "type": 144,
        "name": "n",
        "parent_id": 5,
        "modify_date": "2026-03-01T10:00:00Z",
        "size": 9,
    }
    answer: Json = {"data": {"properties": properties, **data}}
    if regions is not None:
        answer["data"]["regions"] = regions
    if metadata is not None:
        answer["search_result_metadata"] = metadata
    return answer


@pytest.mark.parametrize(
    ("metadata", "current"),
    [
        ({"current_version": True}, True),
        ({"current_version": None}, True),
        ({}, True),
        (None, True),
        ({"current_version": False}, False),
    ],
)
def test_only_false_makes_a_row_an_old_version(metadata: Json | None, current: bool) -> None:
    assert row(found(metadata=metadata), UTC).current == current


@pytest.mark.parametrize(
    ("data", "metadata", "version"),
    [
        ({"versions": {"version_number": 3}}, {"object_id": "DataId=7&Version=2"}, 3),
        ({"versions": [{"version_number": 3}]}, None, 3),
        ({"versions": {"owner_id": 1}}, {"object_id": "DataId=7&Version=2"}, 2),
        ({}, {"object_id": "Version=12&DataId=7"}, 12),
        ({}, None, None),
    ],
)
def test_the_number_of_a_version_is_its_own_or_that_of_the_object(
    data: Json, metadata: Json | None, version: int | None
) -> None:
    assert row(found(metadata=metadata, **data), UTC).version == version


def test_regions_that_were_not_delivered_say_nothing() -> None:
    assert row(found(), UTC).location == ()
    assert row(found(), UTC).classifications is None
    assert row(found({"OTLocation": None, "OTLocation_expand": {}}), UTC).classifications is None


def test_an_odd_row_is_a_gap_and_loses_no_other() -> None:
    odd = found()
    odd["data"]["properties"].pop("id")
    answer = page({"results": [found(), odd, {"data": None}]}, UTC)
    assert [one.id for one in answer.rows] == [7]
    assert len(answer.odd) == 2
    assert (answer.limit, answer.total, answer.more, answer.cache) == (None, None, False, None)


@pytest.mark.parametrize("answer", [{}, {"results": {}}, {"results": [], "collection": "none"}])
def test_what_is_no_page_is_malformed_and_not_an_empty_one(answer: Json) -> None:
    with pytest.raises(Malformed):
        page(answer, UTC)


def test_a_node_in_the_bin_has_who_deleted_it_and_where_it_was() -> None:
    properties = {"id": 7, "type": 848, "name": "n", "parent_id": 5}
    dates = {
        "deleted_date": "2026-03-01T10:00:00Z",
        "deleted_user_id": 3,
        "purged_date": "2026-04-30T10:00:00Z",
    }
    answer = {"results": [{"data": {"properties": properties | dates}}, {"data": {"properties": {}}}]}
    rows, odd = deleted(answer, UTC)
    assert rows == [DeletedNode(7, "n", 848, 5, AT, 3, is_container=True)]
    assert len(odd) == 1
    with pytest.raises(Malformed):
        deleted({}, UTC)

"""``GET /v2/volumes/recyclebin/nodes``: what was deleted, by whom and when (quirk 42)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Start
from tests.support.small_estate import Draft, Ecm, Running

BIN = "/v2/volumes/recyclebin/nodes"


@pytest.fixture
def emptied(draft: Draft, start: Start) -> Running:
    """900 was deleted on the 3rd, 901 (by ada) and 902 on the 5th; 903 is still there."""
    draft.case(100, roles={"case manager": ["ada"]})
    draft.case(101, roles={"case manager": ["bob"]})
    for number in (900, 901, 902, 903):
        draft.event("2024-01-02T08:00:00Z", "document_added", workspace=101 if number == 902 else 100, id=number,
                    name=f"Doc {number}", type="Note", by="bob")  # fmt: skip
    for ts, number, by in (("2024-01-03T08:00:00Z", 900, "bob"), ("2024-01-05T08:00:00Z", 901, "ada"),
                           ("2024-01-05T09:00:00Z", 902, "bob")):  # fmt: skip
        draft.event(ts, "document_deleted", id=number, by=by)
    running = start(draft)
    running.at("2024-01-05T12:00:00+00:00")
    return running


def held(ecm: Ecm, query: str) -> list[dict[str, Any]]:
    return [row["data"]["properties"] for row in ecm.get(f"{BIN}?{query}")["results"]]


def ids(ecm: Ecm, query: str) -> list[int]:
    return [row["id"] for row in held(ecm, query)]


@pytest.mark.parametrize(
    ("mode", "caller", "want"),
    [("anyone_deleted_today", "vigil", [902, 901]), ("anyone_deleted", "vigil", [902, 901, 900]),
     ("user_deleted", "vigil", []), ("user_deleted", "ada", [901]), ("anyone_deleted", "ada", [901, 900]),
     ("user_deleted_today", "bob", [902])],
)  # fmt: skip
def test_a_mode_says_whose_deletions_and_since_when(
    emptied: Running, mode: str, caller: str, want: list[int]
) -> None:
    assert ids(Ecm(emptied.sandbox, emptied.ecm.login(caller)), f"mode={mode}") == want


def test_a_row_says_what_was_deleted_where_when_and_by_whom(emptied: Running) -> None:
    emptied.set(folders=1)
    (row,) = held(emptied.ecm, "mode=anyone_deleted&where_name=doc%20901")
    (bob,) = emptied.ecm.get("/v2/members?where_type=0&where_name=ada")["results"]
    assert row["deleted_user_id"] == bob["data"]["properties"]["id"]
    assert (row["id"], row["name"], row["type"], row["container"]) == (901, "Doc 901", 144, False)
    assert (row["deleted_date"], row["purged_date"]) == ("2024-01-05T08:00:00Z", "2024-02-04T08:00:00Z")
    assert emptied.ecm.get(f"/v2/nodes/{row['parent_id']}")["results"]["data"]["properties"]["type"] == 0
    assert held(emptied.ecm, "mode=anyone_deleted&fields=properties{id}")[0].keys() == {"id"}
    emptied.set(mixed_dates=False)
    assert (
        held(emptied.ecm, "mode=anyone_deleted&where_name=doc%20901")[0]["deleted_date"]
        == "2024-01-05T09:00:00"
    )


@pytest.mark.parametrize(
    ("sort", "want"),
    [("desc_deleted_date", [902, 901, 900]), ("asc_deleted_date", [900, 901, 902]), ("deleted_date", [902, 901, 900]),
     ("asc_name", [900, 901, 902]), ("name", [902, 901, 900])],
)  # fmt: skip
def test_rows_are_sorted_descending_where_the_sort_does_not_say(
    emptied: Running, sort: str, want: list[int]
) -> None:
    assert ids(emptied.ecm, f"mode=anyone_deleted&sort={sort}") == want


def test_42_containers_come_first_and_the_sort_holds_within_each_group(emptied: Running) -> None:
    emptied.set(bin_containers=2)
    rows = held(emptied.ecm, "mode=anyone_deleted&sort=desc_deleted_date")
    assert [row["type"] for row in rows] == [0, 0, 144, 144, 144]
    for kind in (0, 144):
        dates = [row["deleted_date"] for row in rows if row["type"] == kind]
        assert dates == sorted(dates, reverse=True)
    emptied.set(bin_containers=0)
    assert {row["type"] for row in held(emptied.ecm, "mode=anyone_deleted")} == {144}


def test_42_a_mode_that_is_off_is_403_and_the_next_one_is_taken(emptied: Running) -> None:
    ada = Ecm(emptied.sandbox, emptied.ecm.login("ada"))
    assert ids(ada, "") == [901]  # user_deleted_today
    emptied.set(bin_modes_off=["user_deleted_today", "anyone_deleted_today"])
    answer = emptied.ecm.call("GET", f"{BIN}?mode=anyone_deleted_today")
    assert (answer.status, "anyone_deleted_today" in answer.json["error"]) == (403, True)
    emptied.at("2024-01-06T12:00:00+00:00")
    found = ada.get(BIN)
    assert [row["data"]["properties"]["id"] for row in found["results"]] == [901]  # user_deleted
    assert [m["value"] for m in found["collection"]["filtering"]["modes"]["available"]] == [
        "user_deleted",
        "anyone_deleted",
    ]
    emptied.set(
        bin_modes_off=["user_deleted_today", "user_deleted", "anyone_deleted_today", "anyone_deleted"]
    )
    assert emptied.ecm.status(BIN) == 403


def test_a_mode_or_sort_that_is_none_is_refused(emptied: Running) -> None:
    assert emptied.ecm.status(f"{BIN}?mode=everything") == 403
    assert emptied.ecm.status(f"{BIN}?mode=anyone_deleted&sort=asc_colour") == 500


def test_the_bin_is_paged_and_purged_after_thirty_days(emptied: Running) -> None:
    assert ids(emptied.ecm, "mode=anyone_deleted&limit=2&page=2") == [900]
    emptied.at("2024-02-03T12:00:00+00:00")
    assert ids(emptied.ecm, "mode=anyone_deleted") == [902, 901]
    emptied.at("2024-02-05T12:00:00+00:00")
    assert ids(emptied.ecm, "mode=anyone_deleted") == []

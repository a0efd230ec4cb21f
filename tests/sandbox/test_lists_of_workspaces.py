"""Lists of workspaces: what a poller asks for comes from an index, and is what sorting would give."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from tests.sandbox.conftest import Start
from tests.support.small_estate import Draft, Running


@pytest.fixture
def many(draft: Draft, start: Start) -> Running:
    draft.types += [{"type": "Other", "categories": []}]
    for number in range(100, 123):
        draft.case(number, name=f"Case {number % 7}", created=f"2024-01-01T{number % 5:02}:00:00Z")
    draft.workspaces.append({"id": 500, "type": "Other", "name": "Odd", "created": "2024-01-01T00:00:00Z"})
    for number in (104, 111, 104):
        draft.event(
            f"2024-01-02T0{len(draft.events)}:00:00Z", "comment_added", workspace=number, by="ada", text="x"
        )
    running = start(draft)
    running.at("2024-01-03T00:00:00Z")
    return running


def rows(running: Running, query: str) -> list[dict[str, Any]]:
    answer = running.ecm.get(f"/v2/businessworkspaces?expanded_view=true&{query}")
    return [row["data"]["properties"] for row in answer["results"]]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_by_modify_date_hold_every_workspace_once_in_order(many: Running, order: str) -> None:
    query = f"where_workspace_type_id=1&sort={order}_modify_date&limit=5"
    walked = [row for page in range(1, 6) for row in rows(many, f"{query}&page={page}")]
    keys = [(row["modify_date"], row["id"]) for row in walked]
    assert len(keys) == 23
    assert keys == sorted(keys, reverse=order == "desc")


def test_the_index_and_a_filter_that_lets_all_pass_give_the_same(many: Running) -> None:
    query = "where_workspace_type_id=1&sort=desc_modify_date"
    assert rows(many, query) == rows(many, f"{query}&where_name=startswith_case")


def test_what_changed_last_is_first_and_says_by_whom(many: Running) -> None:
    first, second, *_ = rows(many, "where_workspace_type_id=1&sort=desc_modify_date")
    assert [first["id"], second["id"]] == [104, 111]
    assert first["modify_date"] == "2024-01-02T03:00:00"
    assert first["modify_user_id"] != first["create_user_id"]


def test_fields_count_only_with_action_properties(many: Running) -> None:
    query = "where_workspace_type_id=1&limit=1&fields=properties{id,name}"
    assert len(rows(many, query)[0]) > 20
    assert rows(many, f"{query}&action=properties-") == [{"id": 105, "name": "Case 0"}]


def test_paging_says_where_the_next_page_is(many: Running) -> None:
    first = many.ecm.get("/v2/businessworkspaces?where_workspace_type_id=1&expanded_view=true&limit=20")[
        "paging"
    ]
    assert (first["page_total"], first["range_min"], first["range_max"], first["total_count"]) == (
        2,
        1,
        20,
        23,
    )
    following = first["actions"]["next"]["href"].removeprefix("/api")
    last = many.ecm.get(following)["paging"]
    assert (last["page"], last["range_min"], last["range_max"]) == (2, 1, 3)
    assert "next" not in last["actions"]


QUERY = "where_workspace_type_id=1&sort=asc_id&where_column_query="


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("modify_date >= 2024-01-02", [104, 111]),
        ("modify_date < 2024-01-02T02:00:00 and modify_date > 2024-01-02", []),
        ("modify_date = 2024-01-02T03:00:00", [104]),
        ("name LIKE '*6'", [104, 111, 118]),
        ('name = "Case 6" AND NOT (modify_date >= 2024-01-02)', [118]),
        ("name LIKE 'case ?' AND (modify_date > 2024-01-02 OR name = 'Case 6')", [104, 111, 118]),
        ("name = 'Case 6' modify_date DESC", [104, 111, 118]),
        ("name LIKE 'Case 6' name ASC", [104, 111, 118]),
    ],
)
def test_a_column_query_follows_the_vendor_s_grammar(many: Running, text: str, found: list[int]) -> None:
    listed = [r["id"] for r in rows(many, f"{QUERY}{quote(text)}")]
    # `modify_date DESC` in the query wins over the parameter `sort`.
    assert (listed if text.endswith(("DESC", "ASC")) else sorted(listed)) == found


@pytest.mark.parametrize(
    "text",
    ["nonsense", "name", "name =", "name > 'a'", "name LIKE 5", "modify_date = 'x'", "(name = 'a'", "name = 'a' modify_date UP",
     "name = 'a' name DESC more", "= 5"],
)  # fmt: skip
def test_a_column_query_outside_the_grammar_is_400(many: Running, text: str) -> None:
    assert many.ecm.status(f"/v2/businessworkspaces?expanded_view=true&{QUERY}{quote(text)}") == 400


def test_a_custom_column_is_named_by_its_numbers_in_base_36(many: Running) -> None:
    (entry,) = many.ecm.get("/v2/nodes/104/categories")["results"]
    key = next(k for k, v in entry["data"]["categories"].items() if v == "open")
    column = "WNF_ATT_" + "_".join(np.base_repr(int(part), 36) for part in key.split("_"))
    assert len(rows(many, f"{QUERY}{column} = 'open'")) == 23
    assert rows(many, f"{QUERY}{column} = 'closed'") == []


def test_without_a_type_all_types_are_listed(many: Running) -> None:
    assert len(rows(many, "sort=desc_modify_date")) == 24


def test_an_unknown_sort_is_400(many: Running) -> None:
    assert many.ecm.status("/v2/businessworkspaces?expanded_view=true&sort=sideways") == 400


def test_a_workspace_is_not_there_before_it_is_created(draft: Draft, start: Start) -> None:
    draft.case(100, created="2024-01-05T00:00:00Z")
    running = start(draft)
    assert rows(running, "where_workspace_type_id=1") == []
    assert running.ecm.status("/v2/nodes/100") == 400
    assert running.sandbox.move(datetime(2024, 1, 5, tzinfo=UTC)) == 1
    assert [r["id"] for r in rows(running, "where_workspace_type_id=1")] == [100]

"""The recycle bin is read to its first old row only while its rows are in order: the order is believed row by row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from vigil.ecm import Client, Settings, change_feed
from vigil.ecm.answers import Json
from vigil.ecm.change_feed import ChangeFeed
from vigil.ecm.client import Params
from vigil.ecm.probes import Known, probe
from vigil.ecm.recycle_bin import DeletedNode, misplaced

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FOLDER, DOCUMENT = 0, 144


def deleted(number: int, hours: float, kind: int = DOCUMENT) -> DeletedNode:
    """A node that was deleted so many hours before NOON."""
    return DeletedNode(number, "", kind, 5, NOON - timedelta(hours=hours), 3, kind == FOLDER)


def bin_of(rows: Sequence[DeletedNode]) -> tuple[Client, list[int]]:
    """A client of a server with this bin, and the numbers of the pages that it was asked for."""
    client, asked = Client(Settings("http://ecm.example/cs", "vigil", "vigil", zone="UTC")), list[int]()
    client.learn(bin="anyone_deleted", why="a test")

    async def get(path: str, params: Params | None = None) -> Json:
        limit, page = int(str((params or {})["limit"])), int(str((params or {})["page"]))
        asked.append(page)
        some = rows[(page - 1) * limit : page * limit]
        paging: Json = {"limit": limit, "page": page, "total_count": len(rows)}
        paging["links"] = {"data": {"next": {"href": "next"}} if page * limit < len(rows) else {}}
        found = [
            {"id": r.id, "type": r.type, "deleted_date": r.deleted.isoformat() if r.deleted else None}
            for r in some
        ]
        return {
            "collection": {"paging": paging},
            "results": [{"data": {"properties": one}} for one in found],
        }

    client.get = get  # type: ignore[method-assign]
    return client, asked


IN_ORDER = [deleted(1, 1, FOLDER), deleted(2, 30, FOLDER), *(deleted(10 + n, n) for n in range(38))]
NEW = deleted(99, 0.5)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_feed, "PAGE", 10)


async def found(client: Client, hours: float = 2) -> set[int]:
    feed = ChangeFeed(client)
    return {row.id for row in await feed.deleted(NOON - timedelta(hours=hours), NOON)}


async def test_a_bin_in_order_is_read_to_its_first_old_row() -> None:
    client, asked = bin_of(IN_ORDER)
    assert await found(client) == {1, 10, 11, 12}
    assert asked == [1] and client.dialect.bin_sorted is None


@pytest.mark.parametrize("place", [5, 9, 15, 35, 39])
async def test_a_row_out_of_order_makes_all_pages_be_read(place: int) -> None:
    client, asked = bin_of([*IN_ORDER[:5], deleted(98, 1.2), *IN_ORDER[5:place], NEW, *IN_ORDER[place:]])
    assert NEW.id in await found(client)
    assert client.dialect.bin_sorted is False and "not in the order" in client.dialect.why["bin_sorted"]
    asked.clear()
    assert NEW.id in await found(client)
    assert asked == [1, 2, 3, 4, 5], "what one run has learned the next one knows"


async def test_an_order_that_breaks_on_a_later_page_is_seen_as_far_as_pages_are_read() -> None:
    client, asked = bin_of([*IN_ORDER[:25], NEW, *IN_ORDER[25:]])
    assert NEW.id in await found(client, hours=22)
    assert asked == [1, 2, 3, 4, 5] and client.dialect.bin_sorted is False


async def test_a_page_of_old_folders_is_not_the_end() -> None:
    """Containers come first, and documents of today behind all of them."""
    client, asked = bin_of([*(deleted(200 + n, 30 + n, FOLDER) for n in range(12)), *IN_ORDER[2:]])
    assert await found(client) == {10, 11, 12}
    assert asked == [1, 2]


async def test_a_folder_behind_documents_is_out_of_order() -> None:
    client, _ = bin_of([*IN_ORDER[2:8], deleted(97, 80, FOLDER), *IN_ORDER[8:], deleted(96, 1, FOLDER)])
    assert 96 in await found(client)
    assert client.dialect.bin_sorted is False


async def test_no_more_pages_than_the_budget_are_read_and_the_rest_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(change_feed, "MOST_BIN_PAGES", 3)
    client, asked = bin_of([*reversed(IN_ORDER), NEW])
    feed = ChangeFeed(client)
    await feed.deleted(NOON - timedelta(hours=2), NOON)
    assert asked == [1, 2, 3]
    assert feed.skipped == ["recycle bin: more than 3 pages in mode anyone_deleted"]


async def test_a_row_with_an_odd_date_is_named_and_loses_no_other() -> None:
    client, _ = bin_of(IN_ORDER)
    given = client.get

    async def spoilt(path: str, params: Params | None = None) -> Json:
        answer = await given(path, params)
        answer["results"][2]["data"]["properties"]["deleted_date"] = "yesterday"  # of node 10
        return answer

    client.get = spoilt  # type: ignore[method-assign]
    feed = ChangeFeed(client)
    assert {row.id for row in await feed.deleted(NOON - timedelta(hours=2), NOON)} == {1, 11, 12}
    (said,) = feed.skipped
    assert said.startswith("recycle bin: a row cannot be read")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (IN_ORDER, True),
        ([*reversed(IN_ORDER)], False),
        ([deleted(1, 1)], None),
        ([], None),
    ],
    ids=["in order", "the oldest first", "one row", "none"],
)
async def test_the_probe_looks_at_the_order_of_the_first_rows(
    rows: list[DeletedNode], expected: bool | None
) -> None:
    client, _ = bin_of(rows)
    assert (await probe(client, Known(), NOON)).bin_sorted is expected


def test_each_group_has_its_own_order_and_rows_without_a_date_have_none() -> None:
    undated = DeletedNode(50, "", DOCUMENT, 5, None, 3)
    assert misplaced([deleted(1, 30, FOLDER), deleted(2, 1), undated, deleted(3, 2)]) is None
    late = deleted(4, 1)
    assert misplaced([deleted(2, 2), undated, late]) == late

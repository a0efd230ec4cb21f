"""The search names documents, and they are read by their ids: the facts are those that lists give, whatever the index lacks."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.ecm.conftest import Server
from tests.ecm.contracts import BEGINNING, CONTRACTS, FULL, NOON, VERSIONED
from vigil.compliance.facts import Document
from vigil.ecm import Client, Extractor, FactBatch, ListedWorkspace, Needs, change_feed
from vigil.ecm.change_feed import Window
from vigil.ecm.dialect import SearchDialect
from vigil.ecm.located import Located
from vigil.ecm.model import FolderStamp
from vigil.ecm.parse import DOCUMENT
from vigil.ecm.probes import Known, probe

SOME = CONTRACTS[:40]


def extractor(client: Client, **found: Any) -> Extractor:
    client.learn(search=SearchDialect(**found), search_known=True, why="a test")
    return Extractor(client, Needs(versions=True))


async def read(server: Server, some: Sequence[int] = SOME, search: bool = True, **found: Any) -> FactBatch:
    rows = [ListedWorkspace(n, "", NOON, "Contract") for n in some]
    async with server.client() as client:
        reader = extractor(client, **found)
        where = await reader.feed.locate(NOON) if search else None
        server.mark()
        return await reader.read_workspaces(rows, located=where)


def without_source(batch: FactBatch) -> set[Document]:
    """Facts by what they say: the call that gave them differs."""
    return {replace(x, source="") for x in batch.facts if isinstance(x, Document)}


def stamps(batch: FactBatch) -> dict[int, set[FolderStamp]]:
    return {workspace: set(inside) for workspace, inside in batch.folders.items()}


@pytest.mark.parametrize("depth", [0, 2])
async def test_documents_found_by_search_are_those_that_lists_give(server: Server, depth: int) -> None:
    server.quirks(folders=depth)
    by_list = await read(server, search=False)
    lists = server.asked("/nodes/{id}/nodes")
    by_search = await read(server)
    assert without_source(by_search) == without_source(by_list)
    assert stamps(by_search) == stamps(by_list) and bool(stamps(by_search)) == bool(depth)
    assert not by_search.gaps and lists >= 3
    assert server.asked("/nodes/{id}/nodes") == 0, "no list of children is read"


async def test_a_workspace_of_which_the_index_lacks_something_is_listed(server: Server) -> None:
    by_list = await read(server, search=False)
    server.quirks(search_lag=36 * 3600)  # what was filed in the last day and a half is not indexed
    by_search = await read(server)
    assert without_source(by_search) == without_source(by_list)
    assert server.asked("/nodes/{id}/nodes") > 0


@pytest.mark.parametrize("depth", [0, 2])
async def test_of_known_items_only_containers_that_count_more_are_listed(server: Server, depth: int) -> None:
    server.quirks(folders=depth)
    by_list = await read(server, search=False)
    documents = defaultdict[int, list[int]](list)
    for fact in sorted(without_source(by_list), key=lambda fact: fact.id):
        documents[fact.workspace].append(fact.id)
    known = Located(documents, {n: [one.id for one in inside] for n, inside in by_list.folders.items()})
    rows = [ListedWorkspace(n, "", NOON, "Contract") for n in SOME]
    seen = {fact.id: fact for fact in by_list.facts if isinstance(fact, Document)}
    pages = 2  # of the list of FULL
    for unknown, lists in (
        ({}, 0),
        ({FULL: 1}, pages),
        ({VERSIONED: 1}, pages + 1),
        ({FULL: 119}, pages + 1),
    ):
        for workspace, some in unknown.items():
            del documents[workspace][:some]
        async with server.client() as client:
            reader = extractor(client)
            server.mark()
            again = await reader.read_workspaces(rows, known=seen, located=known)
            assert server.asked("/nodes/{id}/nodes") == lists
            assert not again.gaps and without_source(again) == without_source(by_list)
            assert stamps(again) == stamps(by_list)


def counting_nothing(client: Client, but: int = 0) -> None:
    """From now on every container counts 0 items, but this one."""

    def emptied(given: Any) -> Any:
        if isinstance(given, list):
            return [emptied(one) for one in given]
        if not isinstance(given, dict):
            return given
        kept = given.get("id") == but
        return {k: 0 if k == "container_size" and not kept else emptied(v) for k, v in given.items()}

    call = client._call

    async def changed(method: str, path: str, url: str, form: Any) -> Any:
        return emptied(await call(method, path, url, form))

    client._call = changed  # type: ignore[method-assign]


@pytest.mark.parametrize("search", [True, False], ids=["by search", "by lists"])
async def test_a_server_whose_containers_all_count_0_hides_no_document(server: Server, search: bool) -> None:
    server.quirks(folders=2)
    by_list = await read(server, search=False)
    server.quirks(search_lag=36 * 3600, folders=2)  # the index has no document
    async with server.client() as client:
        counting_nothing(client)
        reader = extractor(client)
        found = await read_by(reader, NOON if search else None)
        assert without_source(found) == without_source(by_list)
        assert client.dialect.counted is False and not found.gaps


async def read_by(reader: Extractor, located_at: datetime | None) -> FactBatch:
    rows = [ListedWorkspace(n, "", NOON, "Contract") for n in SOME]
    where = await reader.feed.locate(located_at) if located_at else None
    return await reader.read_workspaces(rows, located=where)


async def test_what_was_found_in_a_container_shows_that_0_is_no_count(server: Server) -> None:
    by_list = await read(server, search=False)
    async with server.client() as client:
        counting_nothing(client, but=FULL)
        found = await read_by(extractor(client), NOON)
        assert client.dialect.counted is False, "the search found a document in one that counts 0"
    assert without_source(found) == without_source(by_list)


async def test_a_count_above_0_is_learned_and_lets_empty_containers_be_left_out(server: Server) -> None:
    async with server.client() as client:
        reader = extractor(client)
        await reader.read_workspaces([ListedWorkspace(CONTRACTS[9], "", NOON, "Contract")])
        assert client.dialect.counted is None
        assert server.asked("/nodes/{id}/nodes") == 1, "nothing shows yet that this server counts"
        await reader.read_workspaces([ListedWorkspace(FULL, "", NOON, "Contract")])
        assert client.dialect.counted is True
        server.mark()
        await reader.read_workspaces([ListedWorkspace(CONTRACTS[9], "", NOON, "Contract")])
        assert server.asked("/nodes/{id}/nodes") == 0


@pytest.mark.parametrize(
    "quirks",
    [
        {"search_repeats": True},
        {"search_cache": "refused"},
        {"search_cache": "fresh"},
        {"search_old_versions": True},
        {"search_sort_ignored": True, "search_days_utc": True},
    ],
    ids=str,
)
async def test_odd_pages_lose_no_document_and_give_none_twice(server: Server, quirks: dict[str, Any]) -> None:
    async with server.client() as client:
        expected = await extractor(client).feed.locate(NOON)
        server.quirks(**quirks)
        found = await extractor(client).feed.locate(NOON)
    assert {n: sorted(ids) for n, ids in found.documents.items()} == {
        n: sorted(ids) for n, ids in expected.documents.items()
    }
    assert len(found.documents[FULL]) == 120


async def test_days_with_too_many_rows_are_cut_and_nothing_is_lost(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with server.client() as client:
        expected = await extractor(client).feed.locate(NOON)
        monkeypatch.setattr(change_feed, "MOST", 120)  # as many have one second
        whole = await extractor(client, times=True).feed.locate(NOON)
        by_days = await extractor(client).feed.locate(NOON)
    assert {n: set(ids) for n, ids in whole.documents.items()} == {
        n: set(ids) for n, ids in expected.documents.items()
    }
    assert len(by_days.classifications) < len(expected.classifications), "a day cannot be cut without hours"


@pytest.mark.parametrize("utc", [False, True], ids=["days of the server's zone", "days of UTC"])
async def test_the_probe_finds_that_a_day_can_be_cut_and_nothing_is_lost(
    server: Server, monkeypatch: pytest.MonkeyPatch, utc: bool
) -> None:
    server.quirks(search_days_utc=utc)
    async with server.client() as client:
        client.dialect = await probe(client, Known(), NOON)
        assert client.dialect.search is not None and client.dialect.search.times
        feed = Extractor(client, Needs()).feed
        expected = await feed.locate(NOON)
        monkeypatch.setattr(change_feed, "MOST", 120)  # as many have one second, and the day has more
        found = await feed.locate(NOON)
    assert feed.skipped == []
    assert {n: set(ids) for n, ids in found.documents.items()} == {
        n: set(ids) for n, ids in expected.documents.items()
    }


def timeless(client: Client) -> None:
    """From now on the index takes a time of day, and gives the whole day."""
    post = client.post

    async def ignores(path: str, form: Any) -> Any:
        return await post(
            path, {**form, "where": re.sub(r' AND \[QLREGION "OTModifyTime"\] \S+ "\d+"', "", form["where"])}
        )

    client.post = ignores  # type: ignore[method-assign]


async def test_the_probe_does_not_believe_in_times_that_no_row_obeys(server: Server) -> None:
    async with server.client() as client:
        timeless(client)
        client.dialect = await probe(client, Known(), NOON)
        assert client.dialect.search is not None and not client.dialect.search.times


async def test_an_index_that_ignores_times_is_not_asked_for_each_second_of_a_day(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "MOST", 100)
    async with server.client() as client:
        timeless(client)
        reader = extractor(client, times=True)
        rows = [r for p in [p async for p in reader.feed.changed(DOCUMENT, BEGINNING, NOON)] for r in p]
        assert client.dialect.search == SearchDialect(times=False)
        assert server.asked("/v2/search") < 20
        assert any("not of the time of day" in said for said in reader.feed.skipped) and not rows


async def test_a_day_is_cut_into_a_bounded_number_of_parts(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "MOST", 1)
    monkeypatch.setattr(change_feed, "MOST_PARTS", 8)
    async with server.client() as client:
        reader = extractor(client, times=True)
        assert not [p async for p in reader.feed.changed(DOCUMENT, NOON, NOON) if len(p) > 1]
        assert server.asked("/v2/search") < 30 and reader.feed.skipped


def test_a_window_is_cut_into_halves_until_nothing_is_left_to_cut() -> None:
    todo, seconds = [Window(date(2026, 3, 1), date(2026, 3, 3))], 0
    while todo:
        window = todo.pop()
        halves = window.halves(times=True)
        todo += halves
        seconds += 0 if halves else window.high - window.low
    assert seconds == 2 * 86_400, "each second of each day is in one window"


async def test_an_index_that_gives_other_days_than_asked_is_not_believed(server: Server) -> None:
    async with server.client() as client:
        post = client.post

        async def ignores(path: str, form: Any) -> Any:
            return await post(path, {**form, "where": f"OTSubType: {DOCUMENT}"})

        client.post = ignores  # type: ignore[method-assign]
        reader = extractor(client)
        assert not [page async for page in reader.feed.changed(DOCUMENT, NOON + timedelta(days=5), NOON)]
        assert client.dialect.search is None and client.dialect.search_known
        assert "which is not of the days" in client.learned[-1]


@pytest.mark.parametrize("counted", [True, False], ids=["counted", "counted too low"])
async def test_a_day_with_too_many_rows_is_named_and_the_others_are_read(
    server: Server, monkeypatch: pytest.MonkeyPatch, counted: bool
) -> None:
    monkeypatch.setattr(change_feed, "MOST", 3)
    async with server.client() as client:
        if not counted:
            spoil(
                client, lambda answer: answer["collection"]["paging"].update(total_count=1, page_total=10_000)
            )
        reader = extractor(client)
        rows = [r for page in [p async for p in reader.feed.changed(DOCUMENT, BEGINNING, NOON)] for r in page]
        assert len(rows) < (20 if counted else 1_000), "what is read is bounded whatever the count says"
        assert any("more than 3 rows" in said for said in reader.feed.skipped)


async def test_rows_that_cannot_be_read_hide_no_later_page(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "PAGE", 10)

    def odd(answer: Any) -> None:
        if answer["collection"]["paging"]["page"] == 2:
            for row in answer["results"]:
                row["data"]["properties"]["id"] = {}

    async with server.client() as client:
        whole = [
            r.id
            for page in [p async for p in extractor(client).feed.everything(DOCUMENT, NOON)]
            for r in page
        ]
        spoil(client, odd)
        reader = extractor(client)
        found = [r.id for page in [p async for p in reader.feed.everything(DOCUMENT, NOON)] for r in page]
        assert len(found) >= len(whole) - 10 * len(reader.feed.skipped) and len(found) > len(whole) // 2
        assert reader.feed.skipped[0].startswith("search: a row cannot be read")


def spoil(client: Client, change: Callable[[Any], None]) -> None:
    """From now on the answers of the search are changed on their way."""
    post = client.post

    async def changed(path: str, form: Any) -> Any:
        answer = await post(path, form)
        change(answer)
        return answer

    client.post = changed  # type: ignore[method-assign]


async def test_documents_are_read_by_their_ids_and_gone_ones_send_to_their_workspace(server: Server) -> None:
    listed = await read(server, [FULL, VERSIONED], search=False)
    mine = {d.id: d for d in listed.facts if isinstance(d, Document)}
    some = sorted(mine)[:7]
    places = {n: mine[n].workspace for n in some} | {999_999: CONTRACTS[5]}
    async with server.client() as client:
        reader = extractor(client)
        batch, elsewhere = await reader.read_documents(places, dict.fromkeys(places), {})
        assert without_source(batch) == {x for x in without_source(listed) if x.id in some}
        assert elsewhere == {CONTRACTS[5]} and not batch.gaps
        wrong = dict.fromkeys(some, 4711)  # the search found them in another folder: they were moved since
        batch, elsewhere = await reader.read_documents({n: places[n] for n in some}, wrong, {})
        assert not batch.facts and elsewhere == {places[n] for n in some}

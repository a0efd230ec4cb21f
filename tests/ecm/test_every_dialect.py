"""The same client on servers of each named dialect: the same facts, by requests that the vendor's documents have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.ecm import contracts
from tests.ecm.conftest import Server
from tests.ecm.lists import contract, ids
from tests.support import vendor
from vigil.compliance.facts import Document, Fact, Workspace
from vigil.ecm import Client, Extractor, ListedWorkspace, Needs, Stamp
from vigil.ecm.dialect import RelatedForm
from vigil.ecm.homes import Homes, homes
from vigil.ecm.listing import Listing
from vigil.ecm.nodes import FORMS, read_nodes
from vigil.ecm.presence import gone
from vigil.ecm.probes import Known, probe
from vigil.ecm.related import read_related
from vigil.sandbox.dialects import DIALECTS

LATER = contracts.at(30)
SOME = (contracts.FULL, contracts.VERSIONED, contracts.BARE, 1004, 1010, 1020)


@contextmanager
def noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, httpx.URL, bytes]]]:
    """Every request that leaves meanwhile."""
    sent: list[tuple[str, httpx.URL, bytes]] = []
    send = httpx.AsyncClient.send

    async def noting(self: httpx.AsyncClient, request: httpx.Request, **given: Any) -> httpx.Response:
        sent.append((request.method, request.url, request.content))
        return await send(self, request, **given)

    with monkeypatch.context() as patch:
        patch.setattr(httpx.AsyncClient, "send", noting)
        yield sent


def wrong(sent: list[tuple[str, httpx.URL, bytes]]) -> dict[str, str]:
    """What the vendor's documents have against these requests, each with the first request."""
    found: dict[str, str] = {}
    for method, url, body in sent:
        path = url.path.partition("/api")[2]
        query, form = parse_qs(urlsplit(str(url)).query, True), parse_qs(body.decode(), True)
        for reason in vendor.refused(method, path, query, form, query | form):
            found.setdefault(reason, f"{method} {url} {body[:200]!r}")
    return found


async def everything(client: Client) -> list[Fact]:
    """What one reading of the estate gives, with each part of it."""
    extractor = Extractor(client, Needs(roles=True, related=frozenset({"Contract"})))
    rows = [row async for page in Listing(client).changed(await contract(client), None) for row in page]
    assert sorted(row.id for row in rows) == list(contracts.CONTRACTS)
    batch = await extractor.read_workspaces([row for row in rows if row.id in SOME])
    people = await extractor.audience([1004], ["group:Records", "group:Circle", "user:ada"])
    related = await extractor.related([1004])
    assert (batch.gone, people.gone, related.gone) == ((), (), ())
    assert (people.gaps, related.gaps) == ((), ())
    return [*batch.facts, *people.facts, *related.facts]


def plain(facts: list[Fact]) -> set[str]:
    """Facts without what a dialect may not know: the call that they come from, and the types of documents."""
    out: list[Fact] = [replace(fact, source="") for fact in facts]
    out = [
        replace(fact, type=None, unknown=frozenset()) if isinstance(fact, Document) else fact for fact in out
    ]
    out = [replace(fact, size=None) if isinstance(fact, Workspace) else fact for fact in out]
    return {repr(fact) for fact in out}


@pytest.mark.parametrize("name", [name for name in DIALECTS if name != "ce23"])
async def test_each_dialect_gives_the_facts_that_the_newest_server_gives(server: Server, name: str) -> None:
    facts: dict[str, set[str]] = {}
    for dialect in ("ce23", name):
        server.sandbox.faults(ecm={"clear": True, "dialect": dialect})
        async with server.client() as client:
            client.dialect = await probe(client, Known(), contracts.NOON)
            facts[dialect] = plain(await everything(client))
    assert facts[name] == facts["ce23"]


@pytest.mark.shared
@pytest.mark.parametrize("name", DIALECTS)
async def test_every_request_is_in_the_vendors_documents(
    server: Server, monkeypatch: pytest.MonkeyPatch, quick: Callable[[], None], name: str
) -> None:
    quick()
    monkeypatch.setattr("vigil.ecm.listing.PAGE", 20)
    server.sandbox.faults(ecm={"dialect": name, "quirks": {"wall": 100}})
    with noted(monkeypatch) as sent:
        async with server.client() as client:
            client.dialect = await probe(client, Known(), contracts.NOON)
            await everything(client)
            extractor = Extractor(client)
            await extractor.verify({number: Stamp(None, None) for number in (*SOME, 99_999_999)})
            await extractor.people()
            await homes(client, [50_001])
            await gone(client, [99_999_998])
    assert len(sent) > 50
    assert wrong(sent) == {}


@pytest.mark.shared
async def test_the_requests_of_each_form_are_in_the_vendors_documents(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with noted(monkeypatch) as sent:
        async with server.client() as client:
            for form in FORMS:
                client.learn(nodes=form, why="tried")
                await read_nodes(client, SOME, ["properties{id}", "categories"])
    assert wrong(sent) == {}


@pytest.mark.parametrize("name", DIALECTS)
async def test_each_dialect_tells_a_deleted_workspace_from_one_that_is_there(
    server: Server, name: str
) -> None:
    server.sandbox.faults(ecm={"dialect": name, "quirks": {"unreadable": [1005]}})
    async with server.client() as client:
        client.dialect = await probe(client, Known(), contracts.NOON)
        seen = await Extractor(client).verify({1004: Stamp(None, None), 1005: Stamp(None, None)})
        row = ListedWorkspace(1005, "", contracts.NOON, "Contract")
        batch = await Extractor(client).read_workspaces([row])
    assert (seen.gone, seen.gaps) == ((1005,), ())
    assert [one.key for one in batch.gone] == ["1005"]


@pytest.mark.parametrize("name", DIALECTS)
async def test_each_dialect_shows_what_changed_since_a_watermark(server: Server, name: str) -> None:
    server.sandbox.faults(ecm={"dialect": name})
    async with server.client() as client:
        client.dialect = await probe(client, Known(), contracts.NOON)
        found = await ids(Listing(client).changed(await contract(client), contracts.created(1230)))
    assert set(range(1230, 1241)) <= set(found)


@pytest.mark.parametrize("name", DIALECTS)
async def test_the_workspace_of_a_document_is_found_where_no_call_gives_it(server: Server, name: str) -> None:
    server.sandbox.faults(ecm={"dialect": name, "quirks": {"folders": 3}})
    async with server.client() as client:
        places = await homes(client, [50_001, 1004])
    assert places == Homes({50_001: contracts.FULL, 1004: 1004})
    by_one_call = server.asked("GET /v1/nodes/{id}/businessworkspace")
    assert by_one_call == 1


@pytest.mark.parametrize(("taken", "calls"), [("comma", 1), ("braces", 1), ("none", 2)])
async def test_related_workspaces_take_one_call_in_the_form_that_the_probe_found(
    server: Server, taken: str, calls: int
) -> None:
    server.quirks(rel_types=taken)
    form = {"comma": RelatedForm.COMMA, "braces": RelatedForm.BRACES, "none": RelatedForm.EACH}[taken]
    async with server.client() as client:
        client.learn(related=form, why="tried")
        found = await read_related(client, 1004)
        assert server.asked("relateditems") == calls
        assert found.workspace == 1004


async def test_a_form_of_related_workspaces_that_is_refused_is_given_up_for_two_calls(server: Server) -> None:
    server.quirks(rel_types="none")
    async with server.client() as client:
        client.learn(related=RelatedForm.COMMA, why="tried")
        await read_related(client, 1004)
        assert client.dialect.related is RelatedForm.EACH
        server.mark()
        await read_related(client, 1004)
    assert server.asked("relateditems") == 2

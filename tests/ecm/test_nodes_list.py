"""`POST /v2/nodes/list`: in the form that the server takes, at most 250 ids, and one poisonous id loses itself alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from urllib.parse import parse_qs

import httpx
import pytest

from tests.ecm import contracts
from tests.ecm.conftest import Server
from tests.ecm.doubles import Answer, ticketed
from vigil.ecm import Client
from vigil.ecm.client import MOST_IDS
from vigil.ecm.dialect import Dialect, NodesForm
from vigil.ecm.nodes import MOST_IN_VAIN, has_categories, read_nodes

FIELDS = ["properties{id,name,parent_id}", "categories"]
FORMS = {"form": NodesForm.FORM, "url": NodesForm.BODY_URL, "body": NodesForm.BODY}
LIST = "POST /v2/nodes/list"


@pytest.mark.parametrize("form", FORMS)
async def test_the_form_whose_rows_have_categories_is_learnt_by_the_first_batch(
    server: Server, form: str
) -> None:
    server.quirks(nodes_list_fields=form)
    async with server.client() as client:
        found, gaps = await read_nodes(client, contracts.CONTRACTS, FIELDS)
        asked = server.asked(LIST)
        await read_nodes(client, contracts.CONTRACTS, FIELDS)
    assert (len(found), gaps) == (240, [])
    assert has_categories(found.values())
    assert client.dialect.nodes is FORMS[form]
    assert asked <= 3
    assert server.asked(LIST) - asked == 1


@pytest.mark.parametrize("strict", [True, False])
async def test_where_no_form_gives_categories_they_come_with_children_or_singly(
    server: Server, strict: bool
) -> None:
    server.quirks(nodes_list_fields="none", strict_parameters=strict)
    async with server.client() as client:
        client.dialect = Dialect(nodes=NodesForm.NONE)
        found, gaps = await read_nodes(client, contracts.CONTRACTS, FIELDS)
        assert gaps == []
        assert all(has_categories([row]) for row in found.values())
        in_pages = server.asked()
        server.mark()
        alone, _ = await read_nodes(client, [1004], FIELDS)
    assert in_pages < 20  # the login, one list, and the pages of the parent
    assert server.asked("GET /v2/nodes/{id}") == 1
    assert alone[1004]["data"]["categories"] == found[1004]["data"]["categories"]


async def test_one_poisonous_id_of_250_loses_itself_alone(server: Server) -> None:
    server.quirks(nodes_list_drops=False)
    ids = [*contracts.CONTRACTS[:125], 99_999_999, *contracts.CONTRACTS[125:]]
    async with server.client() as client:
        client.dialect = Dialect(nodes=NodesForm.FORM)
        found, gaps = await read_nodes(client, ids, FIELDS)
    assert set(found) == set(contracts.CONTRACTS)
    assert [gap.workspaces for gap in gaps] == [(99_999_999,)]
    assert server.asked(LIST) <= 17


@pytest.mark.parametrize("page", [True, False])
async def test_one_id_that_breaks_the_call_on_the_server_loses_itself_alone(
    double: Callable[..., Client], page: bool
) -> None:
    """Content Server then answers 500 with an error page, or in words."""

    def answer(request: httpx.Request) -> httpx.Response:
        ids = [int(number) for number in parse_qs(request.content.decode())["ids"]]
        if 77 in ids and page:
            return httpx.Response(500, html="<title>Error Processing Request</title>")
        if 77 in ids:
            return httpx.Response(500, json={"error": "Error evaluating the node."})
        return httpx.Response(200, json={"results": [{"data": {"properties": {"id": n}}} for n in ids]})

    async with double(ticketed(answer)) as client:
        client.dialect = Dialect(nodes=NodesForm.FORM)
        found, gaps = await read_nodes(client, range(250), ["properties{id}"])
    assert set(found) == set(range(250)) - {77}
    assert [gap.workspaces for gap in gaps] == [(77,)]
    assert client.requests <= (26 if page else 18), "with one control call for each part that is broken"


Break = Callable[[], httpx.Response]
"""How a call ends that a node breaks."""


def cut() -> httpx.Response:
    raise httpx.RemoteProtocolError("Server disconnected without sending a response.")


def refused() -> httpx.Response:
    raise httpx.ConnectError("All connection attempts failed")


def late() -> httpx.Response:
    raise httpx.ReadTimeout("")


def gateway(status: int) -> Break:
    return lambda: httpx.Response(status, text="Bad Gateway")


BREAKS: dict[str, Break] = {"cut": cut, **{str(status): gateway(status) for status in (502, 503, 504)}}


def breaking(how: Break, poisonous: Collection[int], calls: Counter[str], *, up: bool = True) -> Answer:
    """Calls for one of these ids break; `calls` counts them, and the control calls. `up`: whether those are answered."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/v1/auth"):
            calls["control"] += request.method == "GET"
            return httpx.Response(200, json={"ticket": "t"}) if up or request.method == "POST" else how()
        calls["list"] += 1
        ids = [int(number) for number in parse_qs(request.content.decode())["ids"]]
        if not {*ids}.isdisjoint(poisonous):
            return how()
        return httpx.Response(200, json={"results": [{"data": {"properties": {"id": n}}} for n in ids]})

    return answer


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("poisonous", [(0,), (77,), (249,), (3, 77), range(20)])
@pytest.mark.parametrize("how", BREAKS)
async def test_an_id_that_breaks_the_connection_or_the_proxy_loses_itself_alone(
    double: Callable[..., Client], how: str, poisonous: Collection[int], known: bool
) -> None:
    calls: Counter[str] = Counter()
    async with double(breaking(BREAKS[how], poisonous, calls)) as client:
        client.dialect = Dialect(nodes=NodesForm.FORM if known else None)
        found, gaps = await read_nodes(client, range(250), ["properties{id}"])
    assert set(found) == set(range(250)) - {*poisonous}
    assert sorted(gap.workspaces for gap in gaps) == [(number,) for number in poisonous]
    assert calls["list"] < 64
    if len(poisonous) == 1:
        assert calls["list"] <= 17
        assert calls["control"] <= 8


async def test_only_the_layer_of_retries_repeats_a_call_that_is_broken(
    double: Callable[..., Client], quick: Callable[[], None]
) -> None:
    """Three attempts for each part: the whole, and the seven halves that hold the id, and the id."""
    quick()
    calls: Counter[str] = Counter()
    async with double(breaking(cut, [0], calls), retries=2) as client:
        client.dialect = Dialect(nodes=NodesForm.FORM)
        found, _ = await read_nodes(client, range(128), ["properties{id}"])
    assert len(found) == 127
    assert calls["list"] == 8 * 3 + 7


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("how", [*BREAKS.values(), refused, late, gateway(500)])
async def test_a_server_that_is_down_costs_one_call_a_batch_and_one_control(
    double: Callable[..., Client], how: Break, known: bool
) -> None:
    calls: Counter[str] = Counter()
    async with double(breaking(how, range(1000), calls, up=False)) as client:
        client.dialect = Dialect(nodes=NodesForm.FORM if known else None)
        found, gaps = await read_nodes(client, range(1000), ["properties{id}"])
    assert found == {}
    assert sorted(number for gap in gaps for number in gap.workspaces) == [*range(1000)]
    assert calls["list"] == 4
    assert calls["control"] <= 1


@pytest.mark.parametrize("how", BREAKS)
async def test_a_list_that_breaks_for_every_id_is_soon_given_up(
    double: Callable[..., Client], how: str
) -> None:
    calls: Counter[str] = Counter()
    async with double(breaking(BREAKS[how], range(250), calls)) as client:
        client.dialect = Dialect(nodes=NodesForm.FORM)
        found, gaps = await read_nodes(client, range(250), ["properties{id}"])
    assert found == {}
    assert sorted(number for gap in gaps for number in gap.workspaces) == [*range(250)]
    assert calls["list"] == MOST_IN_VAIN


async def test_a_call_that_refuses_every_id_is_bounded_and_doubts_the_form(server: Server) -> None:
    server.fault(LIST, "400", times=999)
    async with server.client() as client:
        client.dialect = Dialect(at=contracts.NOON, nodes=NodesForm.FORM)
        found, gaps = await read_nodes(client, contracts.CONTRACTS, FIELDS)
    assert found == {}
    assert {number for gap in gaps for number in gap.workspaces} == set(contracts.CONTRACTS)
    assert server.asked(LIST) < 130
    assert client.dialect.doubted


async def test_a_form_that_stops_giving_categories_is_doubted(server: Server) -> None:
    server.quirks(nodes_list_fields="url")
    async with server.client() as client:
        client.dialect = Dialect(at=contracts.NOON, nodes=NodesForm.FORM)
        found, _ = await read_nodes(client, contracts.CONTRACTS, FIELDS)
    assert not has_categories(found.values())
    assert client.dialect.doubted and "none of 240 rows" in client.learned[0]


async def test_more_ids_than_the_server_takes_are_sent_in_batches(server: Server) -> None:
    async with server.client() as client:
        client.dialect = Dialect(nodes=NodesForm.FORM)
        found, gaps = await read_nodes(client, [*contracts.CONTRACTS, *range(3000, 3100)], FIELDS)
        with pytest.raises(ValueError, match="250 ids at once"):
            await client.nodes(list(range(MOST_IDS + 1)), FIELDS, NodesForm.FORM)
    assert (len(found), gaps) == (240, [])
    assert server.asked(LIST) == 2

"""Values of categories: named, typed, the same from every container, unset where ECM says null, "" or nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.ecm import contracts
from tests.ecm.conftest import Server
from vigil.compliance.facts import Attribute, RequiredDocument, Workspace
from vigil.ecm import Extractor, ListedWorkspace, Needs
from vigil.ecm.categories import attributes, definitions, flat, unknown
from vigil.ecm.parse import day, instant, properties, single

BERLIN = ZoneInfo("Europe/Berlin")


def row(number: int) -> ListedWorkspace:
    return ListedWorkspace(number, "", contracts.NOON, "Contract")


async def workspace(server: Server, number: int) -> Workspace:
    async with server.client() as client:
        batch = await Extractor(client, Needs(documents=False)).read_workspaces([row(number)])
    assert not batch.gaps
    (found,) = (fact for fact in batch.facts if isinstance(fact, Workspace))
    return found


async def test_each_kind_of_attribute_becomes_a_value_of_its_kind(server: Server) -> None:
    """Eve's account is to be deleted later; a user attribute holds her number, a fact her login."""
    found = await workspace(server, 1004)
    assert found.attrs == {
        "Terms.status": "active",
        "Terms.expires": date(2026, 12, 31),
        "Terms.signed at": datetime(2026, 1, 15, 8, 30, tzinfo=UTC),
        "Terms.amount": 1200,
        "Terms.renews": False,
        "Terms.owner": "eve",
        "Terms.tags": ("urgent", "paper"),
        "Terms.Parties.name": ("Acme", "Zenith"),
        "Terms.Parties.since": (date(2020, 1, 1), None),
        "Remarks.text": "see the annex",
        "Remarks.by": "ada",
    }


@pytest.mark.parametrize("mixed", [True, False])
async def test_what_is_unset_is_none_in_whichever_of_three_ways_ecm_says_so(
    server: Server, mixed: bool
) -> None:
    """null, "" and absence are spread over contracts by their numbers; a category may show no value at all."""
    server.quirks(unset_forms=mixed)
    numbers = [contracts.BARE, *range(1030, 1042)]
    async with server.client() as client:
        batch = await Extractor(client, Needs(documents=False)).read_workspaces(
            [row(number) for number in numbers]
        )
    found = [fact for fact in batch.facts if isinstance(fact, Workspace)]
    assert len(found) == len(numbers)
    for one in found:
        assert set(one.attrs) == {a.key for a in CONTRACT_ATTRIBUTES}, one.id
        unset = {key: value for key, value in one.attrs.items() if key != "Terms.status"}
        assert set(unset.values()) == {None, ()}
    assert found[0].attrs["Terms.status"] is None
    assert found[1].attrs["Terms.status"] == "draft"


async def test_the_three_containers_of_categories_hold_the_same(server: Server) -> None:
    async with server.client() as client:
        one = await client.get("/v2/nodes/1004/categories", {"metadata": ""})
        two = single(
            await client.get("/v2/nodes/1004", {"fields": ["properties", "categories"]}), "/v2/nodes/1004"
        )
        three = single(await client.get("/v2/businessworkspaces/1004"), "/v2/businessworkspaces/1004")
    known = definitions(one)
    entries = {"categories": [entry["data"]["categories"] for entry in one["results"]]}
    read = [attributes(flat(data), known, BERLIN, str) for data in (entries, two["data"], three["data"])]
    assert read[0] == read[1] == read[2]
    assert read[0]["Terms.amount"] == 1200
    assert isinstance(three["data"]["categories"], dict)
    assert isinstance(two["data"]["categories"], list)


async def test_definitions_are_read_once_for_all_workspaces(server: Server) -> None:
    async with server.client() as client:
        extractor = Extractor(client, Needs(documents=False))
        for start in (1001, 1101):
            await extractor.read_workspaces([row(number) for number in range(start, start + 100)])
    assert server.asked("GET /v2/nodes/{id}/categories") <= 2
    assert server.asked("POST /v2/nodes/list") == 2


async def test_an_attribute_that_is_added_to_a_category_is_learnt(server: Server) -> None:
    async with server.client() as client:
        known = definitions(await client.get("/v2/nodes/1004/categories", {"metadata": ""}))
    (terms,) = (category for category in known.values() if category.name == "Terms")
    assert unknown({f"{terms.id}_2": "x"}, known) == set()
    assert unknown({f"{terms.id}_99": "x"}, known) == {terms.id}
    assert unknown({"77_1": "x"}, known) == {77}


async def test_the_schema_has_types_attributes_roles_and_document_types(server: Server) -> None:
    async with server.client() as client:
        types = await Extractor(client).types()
    contract = next(found for found in types if found.name == "Contract")
    assert set(contract.attributes) == set(CONTRACT_ATTRIBUTES)
    assert contract.roles == ("owner", "steward")
    assert {(d.type, d.required, d.valid_months) for d in contract.documents} == {
        ("Signed contract", True, 24),
        ("Annex", False, None),
    }
    assert all(isinstance(d, RequiredDocument) and d.workspace_type == "Contract" for d in contract.documents)
    assert {found.name for found in types} == {"Contract", "Contract Amendment"}
    assert server.asked() == 1 + 1 + 3 * len(types)


async def test_a_server_without_document_types_has_a_schema_without_them(server: Server) -> None:
    server.quirks(modules_absent=["doctypes"])
    async with server.client() as client:
        types = await Extractor(client).types()
    assert [found.documents for found in types] == [(), ()]
    assert types[0].attributes


async def test_naive_dates_are_the_servers_and_others_utc(server: Server) -> None:
    """The list writes naive local time, a node's properties end in Z: both are the same instant."""
    path = "/v2/businessworkspaces/1004"
    async with server.client() as client:
        naive = properties(single(await client.get(path), path))["modify_date"]
        aware = properties(single(await client.get("/v2/nodes/1004"), "/v2/nodes/1004"))["modify_date"]
    assert not naive.endswith("Z")
    assert aware.endswith("Z")
    assert instant(naive, BERLIN) == instant(aware, BERLIN) == contracts.created(1004)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-07-01T12:00:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-01-01T12:00:00", datetime(2026, 1, 1, 11, tzinfo=UTC)),
        ("2026-01-01T12:00:00Z", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("2026-01-01T12:00:00-05:00", datetime(2026, 1, 1, 17, tzinfo=UTC)),
        ("2026-01-01", datetime(2025, 12, 31, 23, tzinfo=UTC)),
        (
            "2026-10-25T02:30:00",
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        ),  # read twice by the clock: the first
        ("", None),
        (None, None),
    ],
)
def test_an_instant_is_read_in_the_servers_zone(text: str | None, found: datetime | None) -> None:
    assert instant(text, BERLIN) == found


@pytest.mark.parametrize(
    ("text", "found"), [("2026-12-31T00:00:00", date(2026, 12, 31)), ("", None), (None, None)]
)
def test_a_date_stays_the_day_that_is_written(text: str | None, found: date | None) -> None:
    assert day(text) == found


CONTRACT_ATTRIBUTES = (
    Attribute("Terms", "status", "string", ("draft", "active", "ended")),
    Attribute("Terms", "expires", "date"),
    Attribute("Terms", "signed at", "datetime"),
    Attribute("Terms", "amount", "integer"),
    Attribute("Terms", "renews", "boolean"),
    Attribute("Terms", "owner", "user"),
    Attribute("Terms", "tags", "string", None, multiple=True),
    Attribute("Terms", "Parties.name", "string", None, multiple=True),
    Attribute("Terms", "Parties.since", "date", None, multiple=True),
    Attribute("Remarks", "text", "string"),
    Attribute("Remarks", "by", "user"),
)

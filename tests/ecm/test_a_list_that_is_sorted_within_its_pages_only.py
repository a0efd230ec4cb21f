"""A server that sorts the rows of each page that it gives, or of each part of the list, and not the list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import httpx
import pytest

from tests.ecm.doubles import client_of, ticketed
from tests.support.run_bench import NOON
from vigil.compliance.facts import WorkspaceType
from vigil.ecm.listing import Listing
from vigil.ecm.probes import Known, probe

COUNT, CHANGED = 1000, 777
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TYPE = WorkspaceType("T", (), (), id=1)
HOURS: Mapping[str, Callable[[int], int]] = {
    "mixed": lambda n: n % 700,
    "older ids first": lambda n: n,
    "newer ids first": lambda n: COUNT - n,
}


def server(order: str, cap: int, part: int) -> Callable[[httpx.Request], httpx.Response]:
    """A list of workspaces by id, in parts of `part` rows that are sorted each for itself; 0: a page is a part."""
    modified = {n: _BEGIN + timedelta(hours=HOURS[order](n)) for n in range(1, COUNT + 1)}
    modified[CHANGED] = NOON - timedelta(minutes=30)

    def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/v2/businessworkspaces"):
            error = {"error": "The REST API URL could not be found in the mappings registry"}
            return httpx.Response(400, json=error)
        asked = dict(parse_qsl(request.url.query.decode()))
        number, limit = int(asked["page"]), min(int(asked["limit"]), cap)
        sign = -1 if asked["sort"].startswith("desc") else 1
        ids = sorted(modified, key=lambda n: ((n - 1) // (part or limit), sign * modified[n].timestamp()))
        rows = [
            {
                "data": {
                    "properties": {
                        "id": n,
                        "name": f"w{n}",
                        "modify_date": f"{modified[n]:%Y-%m-%dT%H:%M:%S}",
                    }
                }
            }
            for n in ids[(number - 1) * limit : number * limit]
        ]
        actions = {"next": {"href": "x"}} if number * limit < COUNT else {}
        paging = {"limit": limit, "page": number, "total_count": COUNT, "actions": actions}
        return httpx.Response(200, json={"results": rows, "paging": paging})

    return answer


@pytest.mark.parametrize("order", HOURS)
@pytest.mark.parametrize(("cap", "part"), [(100, 0), (500, 0), (500, 100), (500, 500)])
async def test_a_change_on_a_later_page_is_found(
    monkeypatch: pytest.MonkeyPatch, order: str, cap: int, part: int
) -> None:
    async with client_of(monkeypatch, ticketed(server(order, cap, part))) as client:
        client.dialect = await probe(client, Known(types=[1]), NOON)
        changed = Listing(client).changed(TYPE, NOON - timedelta(hours=2))
        found = [row.id async for rows in changed for row in rows]
    assert client.dialect.sorted is False
    assert found == [CHANGED]


@pytest.mark.parametrize("order", HOURS)
@pytest.mark.parametrize("cap", [100, 500])
async def test_a_list_that_is_sorted_as_a_whole_is_believed(
    monkeypatch: pytest.MonkeyPatch, order: str, cap: int
) -> None:
    async with client_of(monkeypatch, ticketed(server(order, cap, COUNT))) as client:
        client.dialect = await probe(client, Known(types=[1]), NOON)
        assert client.dialect.sorted is True
        with client.counting() as counts:
            changed = Listing(client).changed(TYPE, NOON - timedelta(hours=2))
            found = [row.id async for rows in changed for row in rows]
    assert found == [CHANGED]
    assert counts.requests == 1

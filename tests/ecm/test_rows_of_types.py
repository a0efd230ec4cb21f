"""One row of the list of workspace types that cannot be read costs that type alone, and says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.ecm.doubles import Answer, ticketed
from vigil.ecm import Client, Extractor, Malformed


def types(*rows: object) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/businessworkspacetypes"):
            return httpx.Response(200, json={"results": list(rows)})
        return httpx.Response(400, json={"error": "there is nothing here"})

    return ticketed(answer)


def row(name: str = "Case", **given: Any) -> dict[str, Any]:
    return {"data": {"properties": {"wksp_type_id": 1, "wksp_type_name": name, **given}}}


ODD = [
    row("Odd", wksp_type_id="many"),
    {"data": {"properties": {"wksp_type_id": 2}}},
    {"data": []},
    {"data": "none"},
    "none",
    row("Odd", wksp_type_id=2, templates=[{"id": "x"}]),
]


@pytest.mark.parametrize("odd", ODD)
async def test_a_row_that_cannot_be_read_is_a_gap_and_loses_no_other(
    double: Callable[..., Client], odd: object
) -> None:
    async with double(types(odd, row("Case"))) as client:
        extractor = Extractor(client)
        assert [found.name for found in await extractor.types()] == ["Case"]
    (gap,) = extractor.odd_types
    assert "a workspace type cannot be read" in gap.error


@pytest.mark.parametrize("odd", ODD)
async def test_a_list_of_which_no_row_can_be_read_is_an_error(
    double: Callable[..., Client], odd: object
) -> None:
    async with double(types(odd)) as client:
        with pytest.raises(Malformed):
            await Extractor(client).types()

"""A page without rows that begins before the list's own count is no end of the list: what is on it is not taken for missing."""

from __future__ import annotations

import json

import pytest

from tests.support.run_bench import Failure, RunBench, without_rows


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row a page, so that small lists have several."""
    for module in (
        "vigil.ecm.workspaces.CHILDREN_PAGE",
        "vigil.ecm.workspaces.AUDIT_PAGE",
        "vigil.ecm.listing.PAGE",
    ):
        monkeypatch.setattr(module, 1)


def second_page_empty(endpoint: str, times: int) -> Failure:
    """An Extended ECM that gives the second page of an endpoint's lists without rows, so many times."""
    left = times

    def spoil(asked: str, body: bytes) -> bytes:
        nonlocal left
        if not asked.endswith(endpoint) or not left:
            return body
        answer = json.loads(body)
        paging = answer.get("paging") or answer["collection"]["paging"]
        if paging["page"] != 2:
            return body
        left -= 1
        return without_rows(body)

    return Failure(spoil=spoil)


@pytest.mark.parametrize("endpoint", ["/nodes/1001/nodes", "/nodes/1002/audit", "/businessworkspaces"])
def test_a_page_that_came_empty_is_read_by_the_next_run_and_nothing_is_missing(
    bench: RunBench, endpoint: str
) -> None:
    ledger = bench.scratch.restore(bench.empty)
    wanted = [bench.watch(ledger, hours).rows for hours in (0, 1, 2)]
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    during = bench.watch(ledger, 1, second_page_empty(endpoint, times=99))
    assert not during.rows - wanted[1]
    assert during.rows == wanted[1] or not during.green
    after = bench.watch(ledger, 2)
    assert after.rows == wanted[2]
    assert after.green


def test_a_page_that_came_empty_once_is_asked_for_again(bench: RunBench) -> None:
    ledger = bench.scratch.restore(bench.empty)
    wanted = [bench.watch(ledger, hours).rows for hours in (0, 1)]
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    result = bench.watch(ledger, 1, second_page_empty("/nodes/1001/nodes", times=1))
    assert (result.green, result.rows) == (True, wanted[1])

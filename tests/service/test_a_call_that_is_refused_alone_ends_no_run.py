"""401, or 403 in HTML, from one call while the ticket works for all others: the search, the bin, one workspace's audit.

Contract: docs/contracts/ecm.md#login.
"""

from __future__ import annotations

import pytest

from tests.support.run_bench import Failure, RunBench

PAGE = b"<html><head><title>Unauthorized</title></head></html>"
ERROR = b'{"error":"Authentication Required"}'


class Refusing:
    """Refuses the calls whose path holds a text, and counts them."""

    def __init__(self, call: str, status: int, body: bytes) -> None:
        self.call, self.body, self.refused = call, body, 0
        self.failure = Failure(spoil=self._spoil, spoilt_status=status)

    def _spoil(self, asked: str, own: bytes) -> bytes:
        if self.call not in asked:
            return own
        self.refused += 1
        return self.body


@pytest.mark.parametrize(
    ("call", "status", "body"),
    [
        ("/v2/search", 401, ERROR),
        ("/v2/volumes/recyclebin/nodes", 403, PAGE),
        ("/v2/nodes/1001/audit", 401, ERROR),
        ("/missingdocuments", 403, PAGE),
    ],
)
def test_what_the_refused_call_does_not_concern_is_told(
    bench: RunBench, call: str, status: int, body: bytes
) -> None:
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    refusing = Refusing(call, status, body)
    during = bench.watch(ledger, 1, refusing.failure)
    assert ("new-supplier", 2002) in {(row[0], row[1]) for row in during.rows}, during.said
    assert refusing.refused


@pytest.mark.parametrize("call", ["/audit", "/v2/nodes/list", "/roles", "/status/processes/", "/versions"])
def test_a_refused_call_that_told_less_makes_no_green_run(bench: RunBench, call: str) -> None:
    ledger = bench.scratch.restore(bench.empty)
    wanted = [bench.watch(ledger, hours).rows for hours in (0, 1, 2)]
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    refusing = Refusing(call, 401, ERROR)
    during = bench.watch(ledger, 1, refusing.failure)
    assert refusing.refused
    assert not during.rows - wanted[1], "nothing is told in error"
    assert during.rows == wanted[1] or not during.green
    assert bench.watch(ledger, 2).rows == wanted[2]

"""A row of the list of workspace types that cannot be read costs its own type: the run goes on, and forgets no type that it knew."""

from __future__ import annotations

import json

import pytest

from tests.support.run_bench import Failure, RunBench
from vigil.ledger import Ledger, watermarks
from vigil.ledger.watermarks import WatermarkName
from vigil.service import snapshot


def spoilt(name: str) -> Failure:
    """An Extended ECM whose row of the type `name` has no number."""

    def spoil(asked: str, body: bytes) -> bytes:
        if "/v2/businessworkspacetypes" not in asked:
            return body
        answer = json.loads(body)
        for row in answer["results"]:
            if row["data"]["properties"]["wksp_type_name"] == name:
                row["data"]["properties"]["wksp_type_id"] = "many"
        return json.dumps(answer).encode()

    return Failure(spoil=spoil)


def known(ledger: Ledger) -> set[str]:
    """The types of the ledger's schema."""
    with ledger.read() as connection:
        found = snapshot.read(watermarks.watermark(connection, WatermarkName.SCHEMA).data)
    return {type.name for type in found}


def test_a_first_run_reads_the_other_types_and_names_the_row(bench: RunBench) -> None:
    ledger = bench.scratch.restore(bench.empty)
    first = bench.watch(ledger, 0, spoilt("Supplier"))
    assert not first.green and "a workspace type cannot be read" in first.said
    assert known(ledger) == {"Case"}
    whole = bench.watch(ledger, 1)
    assert whole.green and known(ledger) == {"Case", "Supplier"}, "the next run lists everything again"


@pytest.mark.parametrize("name", ["Case", "Supplier"])
def test_a_later_run_keeps_the_type_that_it_knew(bench: RunBench, name: str) -> None:
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    later = bench.watch(ledger, 24 * 8, spoilt(name))
    assert not later.green and "a workspace type cannot be read" in later.said
    assert known(ledger) == {"Case", "Supplier"}

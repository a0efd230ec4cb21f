"""Whatever a field holds: the workspace with it is named, all others go on, and the run gets to its end."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.run_bench import Failure, RunBench

ODD = {
    "the first day of the calendar": b'"0001-01-01T00:00:00"',
    "the last day of the calendar": b'"9999-12-31T23:59:59"',
    "a day before the calendar": b'"0000-00-00T00:00:00"',
    "a number of 26 digits": b"12345678901234567890123456",
    "a number beyond floats": b"1e400",
    "half a surrogate pair": rb'"half \ud800 pair"',
    "a NUL": rb'"nul \u0000 character"',
    "deep JSON": b"[" * 5000 + b"]" * 5000,
    "no number": b"NaN",
    "an object": b'{"a": {"b": []}}',
    "null": b"null",
}
FIELDS = (
    "modify_date",
    *(
        pytest.param(field, marks=pytest.mark.soak)
        for field in ("name", "create_date", "container_size", "type", "id")
    ),
)
"""One of them in CI, by which workspaces are found changed: all cost fifteen seconds."""


def spoilt(field: str, value: bytes) -> Failure:
    """An Extended ECM that gives `value` for a field of Case 1001, wherever it shows it as a node."""
    pattern = re.compile(rb'("id":1001,[^{}]*?"%s":)("[^"]*"|[0-9]+|null)' % field.encode())
    if field == "id":
        pattern = re.compile(rb'("id":)(1001)(?=,)')
    return Failure(spoil=lambda asked, body: pattern.sub(lambda m: m[1] + value, body))


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
@pytest.mark.parametrize("field", FIELDS)
def test_an_odd_value_of_a_node_costs_its_own_workspace_only(
    bench: RunBench, field: str, value: bytes
) -> None:
    ledger = bench.scratch.restore(bench.empty)
    first = bench.watch(ledger, 0, spoilt(field, value))
    second = bench.watch(ledger, 1, spoilt(field, value))
    assert {("comment", 1002), ("done", 1002)} <= {row[:2] for row in second.rows}, (first.said, second.said)
    assert second.green or "1001" in second.said or "businessworkspaces" in second.said, second.said


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_an_odd_value_of_an_attribute_costs_its_own_workspace_only(bench: RunBench, value: bytes) -> None:
    def spoil(asked: str, body: bytes) -> bytes:
        return re.sub(rb'"2026-03-03(T00:00:00)?"', lambda _: value, body)  # the date of Case 1002

    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0, Failure(spoil=spoil))
    second = bench.watch(ledger, 1, Failure(spoil=spoil))
    assert {("new-offer", 1001), ("to-do", 1001)} <= {row[:2] for row in second.rows}, second.said
    assert second.green or "1002" in second.said, second.said


_leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_json = st.recursive(
    _leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_json_or_html_an_endpoint_gives_the_run_ends_in_an_account(
    bench: RunBench, data: st.DataObject
) -> None:
    """One value somewhere in the answers of one endpoint becomes anything; the run ends with what it could read."""
    endpoint = data.draw(st.sampled_from(
        ("types", "businessworkspaces", "list", "nodes", "audit", "categories", "roles", "missingdocuments", "relateditems",
         "members", "status", "doctypes")
    ))  # fmt: skip
    odd = data.draw(_json | st.just("<html>"))
    path = data.draw(st.lists(st.integers(0, 5), min_size=0, max_size=9))

    def spoil(asked: str, body: bytes) -> bytes:
        if not asked.rstrip("0123456789/").endswith(endpoint):
            return body
        answer = json.loads(body)
        return b"<html>" if odd == "<html>" else json.dumps(_replaced(answer, path, odd)).encode()

    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    result = bench.watch(ledger, 1, Failure(spoil=spoil))
    assert result.said  # whatever it is, it is an account or an error of ours, in a sentence


def _replaced(value: object, path: list[int], odd: object) -> object:
    """The value with the one at the end of a path, as far as that leads, replaced."""
    if not path or not isinstance(value, dict | list) or not value:
        return odd
    if isinstance(value, list):
        at = path[0] % len(value)
        return [_replaced(v, path[1:], odd) if n == at else v for n, v in enumerate(value)]
    key = sorted(value)[path[0] % len(value)]
    return {k: _replaced(v, path[1:], odd) if k == key else v for k, v in value.items()}

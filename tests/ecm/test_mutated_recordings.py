"""Recorded answers with something changed at random: a typed error or a named gap comes out, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ecm.readers import ZONE, readers
from tests.support.canned import CannedClient
from tests.support.recorded import Recording, recordings
from vigil.ecm import EcmError, Extractor, ListedWorkspace, Needs
from vigil.ecm.model import NEVER, FactBatch
from vigil.ecm.parse import shaped

RECORDINGS = [one for one in recordings() if one.status == 200 and readers(one)]
pytestmark = pytest.mark.shared

ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [None, "", [], {}, [None], [""], "none", -1, 0, 2**70, 1.5, True, "\0", "\ud800", "2026-13-45"]
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
)


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of everything in a value, by keys and numbers, without what Vigil never looks at."""
    if here:
        yield here
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in ("links", "actions", "definitions", "definitions_map", "definitions_order"):
                yield from places(inner, (*here, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value[:3]):
            yield from places(inner, (*here, number))


@st.composite
def mutated(draw: st.DrawFn, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with one to three places replaced or removed."""
    found = deepcopy(answer)
    for _ in range(draw(st.integers(1, 3))):
        some = list(places(found))
        if not some:
            break
        *above, last = draw(st.sampled_from(some))
        holder = found
        for key in above:
            holder = holder[key]
        if draw(st.booleans()):
            holder[last] = draw(ODD)
        else:
            del holder[last]
    return found


@pytest.mark.parametrize("one", RECORDINGS, ids=lambda one: one.name)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_reader_of_a_changed_answer_gives_a_value_or_a_typed_error(
    one: Recording, data: st.DataObject
) -> None:
    answer = data.draw(mutated(one.answer))
    for read in readers(one) or ():
        try:
            with shaped(one.path):
                read(answer)
        except EcmError as error:
            assert error.path.startswith("/")


NEEDS = Needs(
    versions=True, comments=True, roles=True, missing=True, dispositions=True, related=frozenset({"Contract"})
)

ROUTES = {
    "POST /v2/nodes/list": "nodes-244861-v2",
    r"GET /v2/nodes/\d+/nodes": "children-4711",
    r"GET /v2/nodes/\d+/versions": "versions-244861-v1",
    r"GET /v2/nodes/\d+/audit": "audit-18704-by-type",
    r"GET /v2/nodes/\d+/categories": "businessworkspace-detail-51209",
    r"GET /v2/nodes/\d+": "nodes-244861-v2",
    r"GET /v1/nodes/\d+/classifications": "pyxecm-classifications",
    r"GET /v2/businessworkspaces/\d+/roles": "roles-with-members-13875",
    r"GET /v2/businessworkspaces/\d+/relateditems": "relateditems-98015-page2",
    r"GET /v2/businessworkspaces/\d+/missingdocuments": "missingdocuments-51209",
    r"GET /v2/businessworkspaces/\d+/doctypes": "pyxecm-doctypes",
    "GET /v2/businessworkspaces": "workspaces-list-kna1-asc",
    "GET /v2/businessworkspacetypes": "workspacetypes-kna1",
    "GET /v2/members": "members-list",
    r"GET /v2/members/\d+/members": "group-members-999",
    r"GET /v2/members/\d+": "member-7060",
    "GET /v2/workflows/status": "workflows-status-both",
    r"GET /v2/workflows/status/processes/\d+": "process-38504-completed",
    r"GET /v2/processes/\d+/subprocesses/\d+/activities": "activities",
}
"""Which recording answers which call, where a whole extraction runs on one changed answer among them."""


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_an_extraction_with_a_changed_answer_gives_facts_and_gaps_or_a_typed_error(
    data: st.DataObject,
) -> None:
    by_name = {one.name: one for one in RECORDINGS}
    odd = data.draw(st.sampled_from(sorted(ROUTES)))
    answers: dict[str, Any] = {route: by_name[name].answer for route, name in ROUTES.items()}
    answers["POST /v2/nodes/list"] = {"results": [answers["POST /v2/nodes/list"]["results"]]}
    answers[odd] = data.draw(mutated(answers[odd]))
    asyncio.run(_all(CannedClient(answers, zone=ZONE.key)))


async def _all(client: CannedClient) -> None:
    extractor = Extractor(client, NEEDS)
    calls = (
        lambda: extractor.types(),
        lambda: extractor.read_workspaces([ListedWorkspace(244861, "", NEVER, "Contract")]),
        lambda: extractor.processes(NEVER.replace(year=2020), {}),
        lambda: extractor.read_processes([38504], {38504: 244861}),
        lambda: extractor.read_processes([38504], {}),
        lambda: extractor.audience([13875], ["user:u017"]),
        lambda: extractor.related([98015]),
    )
    for call in calls:
        try:
            found = await call()
        except EcmError as error:
            assert error.path.startswith("/")
            continue
        if isinstance(found, FactBatch):
            assert all(gap.path and gap.error for gap in found.gaps)

"""Recorded answers with something changed at random: a typed error or a named gap comes out, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ecm.readers import ZONE, readers
from tests.support import vendor
from tests.support.canned import CannedClient
from tests.support.recorded import Recording, recordings
from vigil.compliance.facts import Document, Step
from vigil.ecm import EcmError, Extractor, ListedWorkspace, Needs, followups
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
            holder[last] = deepcopy(draw(ODD))  # a later change must not change the strategy itself
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
    versions=True,
    comments=True,
    roles=True,
    missing=True,
    expiry=False,
    dispositions=True,
    related=frozenset({"Notification"}),
)

ROUTES = {
    "POST /v2/nodes/list": "businessworkspace-detail-51209",
    r"GET /v2/nodes/\d+/nodes": "children-4711",
    r"GET /v2/nodes/\d+/versions": "version-5869-9-v2",
    r"GET /v2/nodes/\d+/audit": "audit-18704-by-type",
    r"GET /v2/nodes/\d+/categories": "businessworkspace-detail-51209",
    r"GET /v2/nodes/\d+": "nodes-244861-v2",
    r"GET /v1/nodes/\d+/classifications": "pyxecm-classifications",
    r"GET /v2/businessworkspaces/\d+/roles": "roles-with-members-13875",
    r"GET /v2/businessworkspaces/\d+/relateditems": "workspaces-list-kna1-asc",
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


def canned(change: Callable[[str, Any], Any] = lambda route, answer: answer) -> CannedClient:
    """A client on the recordings. `change` gets each route with its answer."""
    by_name = {one.name: one for one in RECORDINGS}
    answers: dict[str, Any] = {route: change(route, by_name[name].answer) for route, name in ROUTES.items()}
    for route in ("POST /v2/nodes/list", r"GET /v2/nodes/\d+/versions"):
        answers[route] = {"results": [answers[route].get("results")]}
    answers[r"GET /v2/members/\d+"] = _as_asked(answers[r"GET /v2/members/\d+"])
    return CannedClient(answers, zone=ZONE.key)


def _as_asked(answer: Any) -> Callable[[str, Any], Any]:
    """A member's answer with the id that was asked for, where it has one."""

    def give(path: str, params: Any) -> Any:
        found = deepcopy(answer)
        with contextlib.suppress(LookupError, TypeError):
            found["results"]["data"]["properties"]["id"] += int(path.rsplit("/", 1)[1]) - 7060
        return found

    return give


CALLS: tuple[Callable[[Extractor], Any], ...] = (
    lambda extractor: extractor.types(),
    lambda extractor: extractor.read_workspaces([ListedWorkspace(51209, "", NEVER, "Notification")]),
    lambda extractor: extractor.processes(NEVER.replace(year=2020), {}),
    lambda extractor: extractor.read_processes([38504], {38504: 51209}),
    lambda extractor: extractor.read_processes([38504], {}),
    lambda extractor: extractor.audience([13875], ["user:u017"]),
    lambda extractor: extractor.related([98015]),
)


async def test_every_request_of_the_readers_is_the_vendors_or_a_listed_exception() -> None:
    client = canned()
    extractor = Extractor(client, replace(NEEDS, expiry=True))
    for call in CALLS:
        with contextlib.suppress(EcmError):
            await call(extractor)
    with contextlib.suppress(EcmError):
        await followups.read(client, [53429])
    assert {f"{method} {path}" for method, path, _, _ in client.sent} >= {
        "GET /v2/workflows/status/info",
        "GET /v2/nodes/53429/followups",
    }
    refused = {
        said
        for method, path, query, form in client.sent
        for said in vendor.refused(method, path, query, form, {**query, **form})
    }
    assert refused == set()


async def test_unchanged_recordings_give_facts_of_every_kind_and_no_gap() -> None:
    client = canned()
    extractor = Extractor(client, NEEDS)
    batch = await extractor.read_workspaces([ListedWorkspace(51209, "", NEVER, "Notification")])
    assert batch.gaps == ()
    assert {type(fact).__name__ for fact in batch.facts} == {
        "AuditEvent",
        "Document",
        "MissingDocuments",
        "Related",
        "Roles",
        "Workspace",
    }
    assert {(d.type, d.version) for d in batch.facts if isinstance(d, Document)} == {("Aviator Search", 9)}
    batch = await extractor.read_processes([38504], {38504: 51209})
    assert batch.gaps == ()
    assert [(s.step, s.is_open, s.assignees) for s in batch.facts if isinstance(s, Step)] == [
        (1, False, ("user:u017",)),
        (2, True, ("user:u017",)),
    ]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_an_extraction_with_a_changed_answer_gives_facts_gaps_or_a_typed_error(
    data: st.DataObject,
) -> None:
    odd = data.draw(st.sampled_from(sorted(ROUTES)))
    client = canned(lambda route, answer: data.draw(mutated(answer)) if route == odd else answer)
    asyncio.run(_all(Extractor(client, NEEDS)))


async def _all(extractor: Extractor) -> None:
    for call in CALLS:
        try:
            found = await call(extractor)
        except EcmError as error:
            assert error.path.startswith("/")
            continue
        if isinstance(found, FactBatch):
            assert all(gap.path and gap.error for gap in found.gaps)

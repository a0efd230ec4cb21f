"""schemathesis against a gateway that runs: what it answers is what its schema says, whatever is sent, and nothing is a 500."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import CheckFunction, GenerationMode
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import negative_data_rejection

from tests.gateway.conftest import Api, bearer, entry
from tests.support.id_tokens import token

BOUNDED = settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
Case = schemathesis.Case[Any]
Operation = schemathesis.APIOperation[Any, Any, Any, Any]
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]

pytestmark = pytest.mark.slow


@pytest.fixture
def fuzzed(api: Api) -> Iterator[Api]:
    """A gateway with notices and devices of two people, of whom bob must be as before after all of it."""
    api.tell(*(entry("ada", n) for n in range(1, 5)), entry("bob", 99))
    api.register("ada")
    api.register("bob", "address-of-bob-secret")
    yield api
    assert api.anyone.get("/health").status_code == 200
    assert [n["acknowledgement"] for n in api.of("bob").get("/v1/notices").json()["notices"]] == [None]
    assert len(api.of("bob").get("/v1/devices").json()["devices"]) == 1


def can_be_wrong(operation: Operation) -> bool:
    """Whether anything is sent, and not every text is right there: of a link's token any is."""
    sent = operation.path_parameters or operation.query or operation.body
    return bool(sent) and not operation.path.startswith("/a/")


def fuzz(api: Api, mode: GenerationMode, bounds: settings, check: Callable[[Case], None]) -> int:
    """Run `check` over cases of every operation; the number of cases."""
    schema = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
    count = 0
    for found in schema.get_all_operations():
        assert not isinstance(found, Err), found.err()
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not can_be_wrong(operation):
            continue

        @bounds
        @given(case=operation.as_strategy(generation_mode=mode))
        def run(case: Case) -> None:
            nonlocal count
            count += 1
            check(case)

        run()
    return count


def sent_in(case: Case, place: str) -> GenerationMode | None:
    """Whether what is sent in `place` is as the schema says. An unknown query parameter is not, and hurts nobody."""
    modes = (
        {str(location.value): info.mode for location, info in case.meta.components.items()}
        if case.meta
        else {}
    )
    return modes.get(place)


def ends_when_it_begins(case: Case) -> bool:
    quiet = case.body.get("quiet") if isinstance(case.body, dict) else None
    return isinstance(quiet, dict) and "from" in quiet and quiet["from"] == quiet.get("to")


@pytest.mark.parametrize("mode", MODES)
def test_with_a_token_every_answer_fits_the_schema_and_is_the_persons_own(
    fuzzed: Api, mode: GenerationMode
) -> None:
    def check(case: Case) -> None:
        if ends_when_it_begins(case):  # what no schema can say
            assert case.call(headers=bearer("ada")).status_code == 422
            return
        excluded: list[CheckFunction] = (
            [] if sent_in(case, "body") is GenerationMode.NEGATIVE else [negative_data_rejection]
        )
        answer = case.call_and_validate(headers=bearer("ada"), excluded_checks=excluded)
        assert answer.status_code < 500
        assert "address-of-bob-secret" not in answer.text and "nodes/99" not in answer.text

    assert fuzz(fuzzed, mode, BOUNDED, check) > 200


@pytest.mark.parametrize("mode", MODES)
def test_without_a_token_nothing_below_v1_is_answered(fuzzed: Api, mode: GenerationMode) -> None:
    def check(case: Case) -> None:
        answer = case.call()
        assert answer.status_code < 500
        if case.operation.path.startswith("/v1/"):
            assert answer.status_code >= 400

    assert fuzz(fuzzed, mode, settings(BOUNDED, max_examples=10), check) > 50


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
BEYOND = (
    st.integers(min_value=2**63)
    | st.integers(max_value=-1)
    | st.sampled_from([10**30, 10**4299, 2**64, -(2**63)])
)


@settings(BOUNDED, max_examples=60)
@given(value=JSON | BEYOND)
def signed_link_answers_no_500(api: Api, value: Any) -> None:
    assert api.gateway.links is not None
    for method in ("GET", "POST"):
        answer = api.anyone.request(method, f"/a/{api.gateway.links.token(value)}")
        known = type(value) is int and 0 < value <= 5
        assert answer.status_code in ((200, 410) if known else (404,)), value


def test_whatever_a_link_of_ours_holds_it_is_a_notice_or_not_found(fuzzed: Api) -> None:
    signed_link_answers_no_500(fuzzed)


@settings(BOUNDED, max_examples=60)
@given(number=BEYOND)
def number_is_refused(api: Api, number: int) -> None:
    ada = api.of("ada")
    said = [
        ada.get(f"/v1/notices/{number}"),
        ada.put(f"/v1/notices/{number}/acknowledgement"),
        ada.delete(f"/v1/devices/{number}"),
        ada.put(f"/v1/devices/{number}", json={"address": "token-of-a-phone", "platform": "ios"}),
        ada.get("/v1/notices", params={"before": number}),
        ada.get("/v1/notices", params={"limit": number}),
        ada.put("/v1/preferences", content=b'{"digest": %d}' % number),
        ada.post("/v1/devices", content=b'{"address": %d, "platform": "ios"}' % number),
    ]
    assert [answer.status_code for answer in said] == [422] * len(said), number


def test_a_number_beyond_64_bit_is_refused_in_path_query_and_body(fuzzed: Api) -> None:
    number_is_refused(fuzzed)


CLAIMS = (
    "iss",
    "aud",
    "sub",
    "iat",
    "auth_time",
    "exp",
    "email",
    "email_verified",
    "ecm_login",
    "firebase",
    "uid",
)


@settings(BOUNDED, max_examples=150)
@given(claims=st.dictionaries(st.sampled_from(CLAIMS), JSON | BEYOND, min_size=1, max_size=3))
def claims_answer_no_500(api: Api, claims: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {token(**({'ecm_login': 'eve'} | claims))}"}
    for path in ("/v1/notices", "/v1/devices", "/v1/preferences"):
        answer = api.anyone.get(path, headers=headers)
        assert answer.status_code in (200, 401, 403), (claims, answer.text)
        if answer.status_code == 200 and path != "/v1/preferences":
            assert claims.get("ecm_login") == "ada" or next(iter(answer.json().values())) == []


def test_whatever_a_token_claims_it_is_somebody_or_refused(fuzzed: Api) -> None:
    claims_answer_no_500(fuzzed)

"""Who may ask for what: no token, a bad one, nobody's, somebody else's. Over every route that the schema names."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.gateway.conftest import Api, bearer, entry
from tests.support.id_tokens import part, token
from vigil.compliance.facts import User
from vigil.gateway.routes import router

OPEN = {"/health", "/a/{token}"}
BODIES: dict[str, Any] = {
    "/v1/devices": {"address": "token-of-a-phone", "platform": "android"},
    "/v1/devices/{id}": {"address": "token-of-a-phone", "platform": "android"},
    "/v1/preferences": {},
}
ROUTES = [(method, route.path) for route in router.routes for method in sorted(route.methods)]  # type: ignore[attr-defined]


def ask(client: httpx.Client, method: str, path: str, id: int = 1) -> httpx.Response:
    body = BODIES.get(path) if method in ("POST", "PUT") else None
    return client.request(method, path.format(id=id), json=body)


@pytest.fixture
def strangers(api: Api) -> Iterator[Any]:
    made: list[httpx.Client] = []

    def client(**headers: str) -> httpx.Client:
        made.append(httpx.Client(base_url=api.url, headers=headers))
        return made[-1]

    yield client
    for one in made:
        one.close()


def test_every_route_of_the_schema_is_in_this_matrix(api: Api) -> None:
    paths = api.anyone.get("/openapi.json").json()["paths"]
    named = {
        (method.upper(), path) for path, methods in paths.items() for method in methods if path not in OPEN
    }
    assert named == set(ROUTES)
    assert len(ROUTES) == 9


BAD = {
    "no token": {},
    "not a bearer": {"Authorization": "Basic YWRhOmFkYQ=="},
    "no JWT": {"Authorization": "Bearer nonsense"},
    "empty": {"Authorization": "Bearer"},
    "not base64": {"Authorization": "Bearer %%%.%%%.%%%"},
    "no object": {"Authorization": f"Bearer {part({'alg': 'none'})}.bnVsbA."},
    "of another project": {"Authorization": f"Bearer {token(project='another', ecm_login='ada')}"},
    "expired": {"Authorization": f"Bearer {token(ecm_login='ada', exp=int(time.time()) - 60)}"},
    "without an end": {"Authorization": f"Bearer {token(ecm_login='ada', exp=None)}"},
    "without a subject": {"Authorization": f"Bearer {token(ecm_login='ada', sub='')}"},
}


@pytest.mark.parametrize("headers", BAD.values(), ids=BAD)
def test_without_a_valid_token_every_route_says_401_whatever_the_reason(
    api: Api, strangers: Any, headers: dict[str, str]
) -> None:
    api.tell(entry("ada", 1))
    client = strangers(**headers)
    for method, path in ROUTES:
        answer = ask(client, method, path)
        assert answer.status_code == 401, (method, path, answer.text)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json()["error"] in ("no_token", "bad_token")


def test_nobody_s_token_is_403_on_every_route(api: Api, strangers: Any) -> None:
    client = strangers(Authorization=f"Bearer {token(email='who@example.org', email_verified=True)}")
    for method, path in ROUTES:
        assert ask(client, method, path).status_code == 403, (method, path)


@pytest.mark.parametrize(("method", "path"), [r for r in ROUTES if "{id}" in r[1]])
def test_what_is_somebody_elses_answers_exactly_as_what_is_not_there(
    api: Api, method: str, path: str
) -> None:
    (theirs,) = api.tell(entry("ada", 1))
    device = api.register("ada")["id"]
    existing = device if "devices" in path else theirs
    bob = api.of("bob")
    other, absent = ask(bob, method, path, existing), ask(bob, method, path, 987_654)
    assert other.status_code == absent.status_code == 404
    assert other.content == absent.content
    assert set(other.headers) == set(absent.headers)
    assert api.of("ada").get(f"/v1/notices/{theirs}").json()["acknowledgement"] is None
    assert [d["id"] for d in api.of("ada").get("/v1/devices").json()["devices"]] == [device]


def test_lists_have_the_persons_own_and_nothing_else(api: Api) -> None:
    api.tell(entry("ada", 1), entry("bob", 2), entry("ada", 3))
    api.register("ada", "address-of-ada")
    api.register("bob", "address-of-bob")
    assert [n["workspace"] for n in api.of("ada").get("/v1/notices").json()["notices"]] == [3, 1]
    assert [n["workspace"] for n in api.of("bob").get("/v1/notices").json()["notices"]] == [2]
    assert len(api.of("bob").get("/v1/devices").json()["devices"]) == 1


def test_a_verified_address_is_the_one_account_that_has_it(api: Api, strangers: Any) -> None:
    api.know(User("ada", 1, "Ada", email="Ada@Example.org"), User("bob", 2, "Bob", email="bob@example.org"))
    api.tell(entry("ada", 1))
    client = strangers(Authorization=f"Bearer {token(email='ada@example.org', email_verified=True)}")
    assert [n["workspace"] for n in client.get("/v1/notices").json()["notices"]] == [1]


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_address_that_nobody_verified_is_nobodys(api: Api, strangers: Any, verified: object) -> None:
    api.know(User("ada", 1, "Ada", email="ada@example.org"))
    client = strangers(Authorization=f"Bearer {token(email='ada@example.org', email_verified=verified)}")
    assert client.get("/v1/notices").status_code == 403


@pytest.mark.parametrize(
    "lookalike", ["mar\u212a@example.org", "marK@ex\u00e4mple.org", "MARK@EXAMPLE.ORG\u200b"]
)
def test_an_address_that_only_looks_alike_is_nobodys(api: Api, strangers: Any, lookalike: str) -> None:
    api.know(User("mark", 1, "Mark", email="mark@example.org"))
    client = strangers(Authorization=f"Bearer {token(email=lookalike, email_verified=True)}")
    assert client.get("/v1/notices").status_code == 403


def test_a_non_ascii_address_belongs_to_its_owner_as_it_is_written(api: Api, strangers: Any) -> None:
    api.know(User("j", 1, "Jörg", email="jörg@example.org"))
    client = strangers(Authorization=f"Bearer {token(email='jörg@example.org', email_verified=True)}")
    assert client.get("/v1/notices").status_code == 200


def test_an_address_of_a_deleted_account_is_its_successors(api: Api, strangers: Any) -> None:
    api.know(
        User("ada", 1, "Ada", email="legal@example.org", deleted=True),
        User("eve", 2, "Eve", email="legal@example.org"),
    )
    api.tell(entry("ada", 1), entry("eve", 2))
    client = strangers(Authorization=f"Bearer {token(email='legal@example.org', email_verified=True)}")
    assert [n["workspace"] for n in client.get("/v1/notices").json()["notices"]] == [2]


def test_an_address_that_two_accounts_share_is_nobodys(api: Api, strangers: Any) -> None:
    api.know(
        User("ada", 1, "Ada", email="office@example.org"), User("bob", 2, "Bob", email="office@example.org")
    )
    client = strangers(Authorization=f"Bearer {token(email='office@example.org', email_verified=True)}")
    assert client.get("/v1/notices").status_code == 403


def test_a_deleted_account_is_nobodys_by_claim_and_by_address(api: Api, strangers: Any) -> None:
    api.know(User("ada", 1, "Ada", email="ada@example.org", deleted=True))
    assert api.of("ada").get("/v1/notices").status_code == 403
    client = strangers(Authorization=f"Bearer {token(email='ada@example.org', email_verified=True)}")
    assert client.get("/v1/notices").status_code == 403


def test_the_sites_own_claim_decides_before_the_address(api: Api, strangers: Any) -> None:
    api.know(User("ada", 1, "Ada", email="ada@example.org"))
    api.tell(entry("bob", 2))
    both = token(email="ada@example.org", email_verified=True, ecm_login="bob")
    client = strangers(Authorization=f"Bearer {both}")
    assert [n["workspace"] for n in client.get("/v1/notices").json()["notices"]] == [2]


@pytest.mark.parametrize("claim", ["", 7, ["ada"], {"login": "ada"}, None])
def test_a_claim_that_is_no_login_says_nothing(api: Api, strangers: Any, claim: object) -> None:
    client = strangers(Authorization=f"Bearer {token(ecm_login=claim)}")
    assert client.get("/v1/notices").status_code == 403


def test_a_token_in_another_place_than_the_header_is_none(api: Api) -> None:
    raw = bearer("ada")["Authorization"].removeprefix("Bearer ")
    assert api.anyone.get("/v1/notices", params={"access_token": raw}).status_code == 401
    assert api.anyone.get("/v1/notices", headers={"Cookie": f"__session={raw}"}).status_code == 401

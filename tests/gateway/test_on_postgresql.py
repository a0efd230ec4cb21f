"""The gateway over PostgreSQL: every path once, as an app uses them in a day."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.gateway.conftest import Api, entry
from tests.support.id_tokens import token
from tests.support.postgres import fresh
from vigil.compliance.facts import User

pytestmark = pytest.mark.slow


@pytest.fixture
def ledger_url(tmp_path: Path) -> Iterator[str]:
    with fresh("postgresql", tmp_path) as url:
        yield url


def test_a_day_of_an_app(api: Api) -> None:
    api.know(User("ada", 1, "Ada", email="ada@example.org"), User("bob", 2, "Bob", email="bob@example.org"))
    first, second, theirs = api.tell(entry("ada", 1), entry("ada", 2), entry("bob", 3))
    ada = api.of("ada")
    device = ada.post("/v1/devices", json={"address": "token-of-a-phone-1", "platform": "android"}).json()[
        "id"
    ]
    moved = ada.put(
        f"/v1/devices/{device}", json={"address": "token-of-a-phone-2", "platform": "android"}
    ).json()["id"]
    assert [d["id"] for d in ada.get("/v1/devices").json()["devices"]] == [moved] != [device]
    page = ada.get("/v1/notices", params={"limit": 1}).json()
    assert [n["workspace"] for n in page["notices"]] == [2]
    rest = ada.get("/v1/notices", params={"before": page["next"]}).json()
    assert [n["workspace"] for n in rest["notices"]] == [1]
    assert ada.put(f"/v1/notices/{theirs}/acknowledgement").status_code == 404
    wanted = {"quiet": {"from": "22:00", "to": "07:00"}, "zone": "Europe/Rome", "digest": True}
    assert ada.put("/v1/preferences", json=wanted).status_code == 200
    assert ada.get("/v1/preferences").json()["digest"] is True
    seen = [ada.put(f"/v1/notices/{first}/acknowledgement").json() for _ in range(2)]
    assert seen[0] == seen[1], "the first time counts"
    assert ada.delete(f"/v1/devices/{moved}").status_code == 204
    assert ada.get("/v1/devices").json()["devices"] == []
    by_mail = {"Authorization": f"Bearer {token(email='bob@example.org', email_verified=True)}"}
    answer = api.anyone.get("/v1/notices", headers=by_mail).json()
    assert [n["id"] for n in answer["notices"]] == [theirs]
    assert second in [n["id"] for n in ada.get("/v1/notices").json()["notices"]]


def test_of_many_clicks_on_a_link_one_acknowledges(api: Api) -> None:
    (number,) = api.tell(entry("ada", 1))
    assert api.gateway.links is not None
    path = api.gateway.links.link(number).removeprefix("https://vigil.example.org")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: api.anyone.post(path).status_code, range(8)))
    assert sorted(answers) == [200] + [410] * 7
    assert api.of("ada").get(f"/v1/notices/{number}").json()["acknowledgement"] is not None


def test_of_many_who_register_a_new_address_at_once_one_has_it(api: Api) -> None:
    body = {"address": "a-new-phone", "platform": "android"}
    with ThreadPoolExecutor(8) as threads:
        said = list(
            threads.map(
                lambda n: api.of(("bob", "eve")[n % 2]).post("/v1/devices", json=body).status_code, range(8)
            )
        )
    assert sorted(said) == [201] * 4 + [409] * 4

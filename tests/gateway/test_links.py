"""Links of mails: they ask before they act, work once, expire, and open nothing else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tests.gateway.conftest import SECRET, Api, Clock, entry
from vigil.delivery.links import LIFE, BadBase, BadLink, ExpiredLink, Links, WeakSecret
from vigil.ledger.outbox import acknowledgements


def path(api: Api, id: int) -> str:
    assert api.gateway.links is not None
    return api.gateway.links.link(id).removeprefix("https://vigil.example.org")


def seen(api: Api, id: int) -> acknowledgements.Acknowledged | None:
    with api.ledger.read() as connection:
        return acknowledgements.of_notices(connection, [id]).get(id)


def test_opening_a_link_asks_and_changes_nothing_as_scanners_open_it_too(api: Api) -> None:
    (id,) = api.tell(entry("ada", 1))
    for method in ("GET", "HEAD"):
        answer = api.anyone.request(method, path(api, id))
        assert answer.status_code in (200, 405)
    page = api.anyone.get(path(api, id))
    assert page.status_code == 200 and '<form method="post">' in page.text
    assert seen(api, id) is None


def test_a_click_acknowledges_in_the_name_of_the_notices_person(api: Api) -> None:
    (id,) = api.tell(entry("ada", 1))
    assert api.anyone.post(path(api, id)).status_code == 200
    found = seen(api, id)
    assert found is not None
    assert (found.person, found.at, found.how) == ("ada", api.clock(), "link")
    assert api.of("ada").get(f"/v1/notices/{id}").json()["acknowledgement"]["how"] == "link"


def test_a_link_works_once(api: Api) -> None:
    (id,) = api.tell(entry("ada", 1))
    assert api.anyone.post(path(api, id)).status_code == 200
    first = seen(api, id)
    api.clock.move(timedelta(minutes=1))
    assert api.anyone.post(path(api, id)).status_code == 410
    assert api.anyone.get(path(api, id)).status_code == 410
    assert seen(api, id) == first


def test_a_link_of_a_notice_that_the_app_acknowledged_is_used(api: Api) -> None:
    (id,) = api.tell(entry("ada", 1))
    api.of("ada").put(f"/v1/notices/{id}/acknowledgement")
    assert api.anyone.post(path(api, id)).status_code == 410


def test_of_many_clicks_at_once_one_acknowledges(api: Api) -> None:
    (id,) = api.tell(entry("ada", 1))
    link = path(api, id)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.anyone.post(link).status_code, range(16)))
    assert sorted(answers) == [200] + [410] * 15


def test_a_link_expires(api: Api) -> None:
    (id,) = api.tell(entry("ada", 1))
    link = path(api, id)
    api.clock.move(LIFE + timedelta(seconds=2))
    assert api.anyone.get(link).status_code == 410
    assert api.anyone.post(link).status_code == 410
    assert seen(api, id) is None


def test_a_changed_link_is_none(api: Api) -> None:
    one, two = api.tell(entry("ada", 1), entry("bob", 2))
    first, second = path(api, one), path(api, two)
    mixed = "/a/" + second[3:].split(".")[0] + "." + ".".join(first[3:].split(".")[1:])
    for link in (first[:-1], first + "x", mixed, "/a/12", "/a/%00", "/a/" + "x" * 5000, "/a/..%2e"):
        assert api.anyone.post(link).status_code == 404, link
    assert seen(api, one) is None and seen(api, two) is None


def test_a_link_to_a_notice_that_is_not_there_acknowledges_nothing(api: Api) -> None:
    assert api.anyone.get(path(api, 999)).status_code == 404
    assert api.anyone.post(path(api, 999)).status_code == 404
    assert seen(api, 999) is None


def test_a_link_is_no_login(api: Api) -> None:
    (id,) = api.tell(entry("ada", 1))
    token = path(api, id).removeprefix("/a/")
    assert api.anyone.get("/v1/notices", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_the_page_tells_nothing_of_the_notice_and_may_not_be_framed_or_kept(api: Api) -> None:
    (id,) = api.tell(entry("ada", 1))
    page = api.anyone.get(path(api, id))
    assert "Contract" not in page.text and "ada" not in page.text
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store" and page.headers["Referrer-Policy"] == "no-referrer"


def test_the_page_speaks_the_browsers_language(api: Api) -> None:
    (id,) = api.tell(entry("ada", 1))
    page = api.anyone.get(path(api, id), headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"})
    assert 'lang="de"' in page.text and "Ich habe es gesehen" in page.text
    strange = api.anyone.get(path(api, id), headers={"Accept-Language": '"><script>'})
    assert strange.status_code == 200 and "<script>" not in strange.text


def test_without_a_secret_there_is_no_link(opened: Callable[..., Any]) -> None:
    with opened(links=None) as api:
        token = Links("https://vigil.example.org", [SECRET]).token(1)
        assert api.anyone.post(f"/a/{token}").status_code == 404


def test_secrets_can_be_changed_while_old_links_still_work() -> None:
    new = "f" * 32
    old_link = Links("https://x", [SECRET]).token(5)
    assert Links("https://x", [SECRET, new]).read(old_link) == 5
    assert Links("https://x", [new]).read(Links("https://x", [SECRET, new]).token(6)) == 6
    with pytest.raises(BadLink):
        Links("https://x", [new]).read(old_link)


def test_a_link_from_the_future_is_none_and_one_on_its_last_second_works() -> None:
    clock = Clock()
    links = Links("https://x", [SECRET], clock=clock)
    token = links.token(1)
    clock.move(LIFE)
    assert links.read(token) == 1
    clock.move(timedelta(seconds=1))
    with pytest.raises(ExpiredLink):
        links.read(token)
    clock.move(-LIFE - timedelta(hours=1))
    with pytest.raises(BadLink):
        links.read(token)


@pytest.mark.parametrize("secrets", [[], [""], ["short"], [SECRET, "short"]])
def test_a_secret_that_can_be_guessed_is_refused(secrets: list[str]) -> None:
    with pytest.raises(WeakSecret, match="openssl rand"):
        Links("https://x", secrets)


@pytest.mark.parametrize("base", ["javascript:alert(1)", "vigil.example.org", "", "https://"])
def test_links_begin_with_an_address_of_the_web(base: str) -> None:
    with pytest.raises(BadBase, match="begins with https:// or http://"):
        Links(base, [SECRET])

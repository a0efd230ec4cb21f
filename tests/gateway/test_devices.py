"""Devices: registered, refreshed, taken out of use, and never shown with their address."""

from __future__ import annotations

import runpy
from datetime import timedelta

import pytest

from tests.gateway.conftest import Api
from tests.shared import PROJECT
from tests.support.webhooks import hook
from vigil.compliance import channels
from vigil.compliance.channels import CHANNELS, Channel
from vigil.gateway.settings import MOST_DEVICES
from vigil.ledger.people import devices, mailboxes

PHONE = {"address": "token-of-a-phone", "platform": "android"}


def in_use(api: Api, person: str) -> list[tuple[str, str]]:
    with api.ledger.read() as connection:
        return [(d.address, d.platform) for d in devices.of_people(connection, [person]).get(person, [])]


def test_a_registered_device_is_one_that_notices_go_to(api: Api) -> None:
    body = PHONE | {
        "address_kind": "fid",
        "app": "org.example.vigil",
        "language": "de-AT",
        "zone": "Europe/Vienna",
    }
    answer = api.of("ada").post("/v1/devices", json=body)
    assert answer.status_code == 201
    assert {k: v for k, v in answer.json().items() if k not in ("id", "registered_at", "refreshed_at")} == {
        k: v for k, v in body.items() if k != "address"
    }
    assert in_use(api, "ada") == [("token-of-a-phone", "android")]


def test_registering_again_refreshes_and_adds_nothing(api: Api) -> None:
    first = api.register("ada")
    api.clock.move(timedelta(days=3))
    again = api.register("ada", language="it")
    assert again["id"] == first["id"] and again["registered_at"] == first["registered_at"]
    assert again["refreshed_at"] > first["refreshed_at"] and again["language"] == "it"
    assert len(in_use(api, "ada")) == 1


def test_a_phone_whose_person_has_logged_out_is_its_new_persons(api: Api) -> None:
    id = api.register("ada")["id"]
    assert api.of("ada").delete(f"/v1/devices/{id}").status_code == 204
    api.register("bob")
    assert in_use(api, "ada") == []
    assert in_use(api, "bob") == [("token-of-a-phone", "android")]


def test_a_new_address_takes_the_place_of_the_old_one(api: Api) -> None:
    id = api.register("ada")["id"]
    answer = api.of("ada").put(f"/v1/devices/{id}", json=PHONE | {"address": "token-two-of-it"})
    assert answer.status_code == 200 and answer.json()["id"] != id
    assert in_use(api, "ada") == [("token-two-of-it", "android")]
    assert api.of("ada").put(f"/v1/devices/{id}", json=PHONE).status_code == 404


def test_a_refresh_with_the_same_address_keeps_the_number(api: Api) -> None:
    id = api.register("ada")["id"]
    assert api.of("ada").put(f"/v1/devices/{id}", json=PHONE | {"zone": "Europe/Rome"}).json()["id"] == id


def test_an_unregistered_device_gets_nothing_more_and_is_gone_for_its_person(api: Api) -> None:
    id = api.register("ada")["id"]
    ada = api.of("ada")
    assert ada.delete(f"/v1/devices/{id}").status_code == 204
    assert in_use(api, "ada") == []
    assert ada.delete(f"/v1/devices/{id}").status_code == 404
    assert ada.get("/v1/devices").json() == {"devices": []}
    api.register("ada")
    assert len(in_use(api, "ada")) == 1


def test_a_mailbox_is_no_device_that_an_app_may_see_or_remove(api: Api) -> None:
    with api.ledger.write() as connection:
        mailboxes.keep(connection, {"ada": "ada@example.org"}, api.clock())
        (box,) = devices.of_people(connection, ["ada"])["ada"]
    ada = api.of("ada")
    assert ada.get("/v1/devices").json() == {"devices": []}
    assert ada.delete(f"/v1/devices/{box.id}").status_code == 404
    assert ada.post("/v1/devices", json=PHONE | {"address_kind": "email"}).status_code == 422


def test_a_webhook_is_no_device_that_an_app_may_register_see_or_remove(api: Api) -> None:
    url = "https://hooks.example.org/ada"
    with api.ledger.write() as connection:
        devices.register(connection, [hook("ada", url)], api.clock())
        (mine,) = devices.of_people(connection, ["ada"])["ada"]
    ada = api.of("ada")
    assert ada.get("/v1/devices").json() == {"devices": []}
    assert ada.delete(f"/v1/devices/{mine.id}").status_code == 404
    for kind in ({"address_kind": "webhook"}, {"platform": "webhook"}):
        assert ada.post("/v1/devices", json=PHONE | {"address": f"{url}/2"} | kind).status_code == 422
    assert api.of("eve").post("/v1/devices", json=PHONE | {"address": url}).status_code == 409
    assert in_use(api, "ada") == [(url, "webhook")]


def test_a_person_has_so_many_devices_and_not_one_more(api: Api) -> None:
    for n in range(MOST_DEVICES):
        api.register("ada", f"token-number-{n}")
    answer = api.of("ada").post("/v1/devices", json=PHONE)
    assert (answer.status_code, answer.json()["error"]) == (409, "too_many_devices")
    assert len(in_use(api, "ada")) == MOST_DEVICES
    api.register("ada", "token-number-0")  # a refresh is no new one


@pytest.mark.parametrize(
    "wrong",
    [
        {"platform": "windows"},
        {"address": "short"},
        {"address": "x" * 2049},
        {"address": "with a space in it"},
        {"address": "nul\x00in-the-middle"},
        {"address": 12345678},
        {"zone": "Europe/Atlantis"},
        {"language": "de_AT; DROP TABLE"},
        {"app": "a b"},
        {"person": "bob"},
        {"id": 1},
    ],
)
def test_what_is_not_as_the_schema_says_is_refused_and_not_repeated(
    api: Api, wrong: dict[str, object]
) -> None:
    answer = api.of("ada").post("/v1/devices", json=PHONE | wrong)
    assert answer.status_code == 422
    assert answer.json()["faults"][0]["where"] == f"body.{next(iter(wrong))}"
    assert "token-of-a-phone" not in answer.text and "input" not in answer.json()["faults"][0]
    assert in_use(api, "ada") == []


@pytest.mark.parametrize("id", ["0", "-1", "9223372036854775808", "1.5", "one", "1%00"])
def test_a_number_that_is_none_is_refused(api: Api, id: str) -> None:
    assert api.of("ada").delete(f"/v1/devices/{id}").status_code == 422


def test_an_app_may_register_what_the_rows_of_channels_say(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Channel("watch", ("pin",), ("tv",), "the watch", by_app=True)
    monkeypatch.setattr(channels, "CHANNELS", (*CHANNELS, watch))
    model = runpy.run_path(str(PROJECT / "vigil" / "gateway" / "models.py"))["DeviceIn"]
    fields = model.model_json_schema()["properties"]
    assert fields["address_kind"] == {
        **fields["address_kind"],
        "enum": ["token", "fid", "pin"],
        "default": "token",
    }
    assert fields["platform"]["enum"] == ["android", "ios", "web", "tv"]

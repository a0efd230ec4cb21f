"""Knowing the address of somebody's device does not make it one's own: the device has to say so. Over FCM's simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from typing import Any

import httpx
import orjson
import pytest

from tests.gateway.conftest import SECRET, Api, Clock, entry
from vigil.delivery.links import Links
from vigil.delivery.proofs import LIFE, Proofs
from vigil.delivery.push.settings import FcmSettings
from vigil.gateway.proving import AT_ONCE, Prover
from vigil.gateway.settings import MOST_DEVICES, PROOFS
from vigil.ledger.people import devices, registrations
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.people.registrations import Held, Registration
from vigil.sandbox.fcm.local import LocalFcm

NUMBERS = count()


class Site:
    """A gateway that may ask devices, and FCM with ada's phone."""

    def __init__(self, api: Api, fcm: LocalFcm) -> None:
        self.api, self.fcm = api, fcm
        self.phone = f"phone-{next(NUMBERS)}-of-ada"

    def post(self, login: str, address: str = "", **more: Any) -> httpx.Response:
        return self.api.of(login).post(
            "/v1/devices", json={"address": address or self.phone, "platform": "android"} | more
        )

    def owners(self, address: str = "") -> list[str]:
        with self.api.ledger.read() as connection:
            held = devices.of_people(connection, ["ada", "bob", "eve"])
        return [
            person for person, theirs in held.items() for d in theirs if d.address == (address or self.phone)
        ]

    def proofs(self, address: str = "") -> list[str]:
        """What the app on the device was handed, in order."""
        address = address or self.phone
        assert self.fcm.devices.show(address) == (), "a proof is not for people"
        handed = [shown.data for shown in self.fcm.devices.received(address)]
        assert all(data["vigil"] == "device-proof" for data in handed)
        return [data["proof"] for data in handed]


@pytest.fixture(scope="module")
def fcm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFcm]:
    with LocalFcm(tmp_path_factory.mktemp("fcm")) as running:
        yield running


@pytest.fixture
def site(opened: Callable[..., Any], fcm: LocalFcm) -> Iterator[Site]:
    settings = FcmSettings(fcm.project, orjson.loads(fcm.account.read_bytes()), fcm.url)
    clock = Clock()
    with opened(prover=Prover(settings, Proofs([SECRET], clock), clock), clock=clock) as api:
        api.clock = clock
        made = Site(api, fcm)
        fcm.devices.add(made.phone, "android", owner="ada")
        assert made.post("ada").status_code == 201
        yield made


def test_who_only_knows_an_address_does_not_get_its_notices(site: Site) -> None:
    answer = site.post("eve")
    assert answer.status_code == 202 and answer.json()["pending"] == "proof"
    assert "ada" not in answer.text and site.phone not in answer.text
    assert site.owners() == ["ada"]
    assert site.api.of("eve").get("/v1/devices").json() == {"devices": []}


@pytest.mark.parametrize("platform", ["android", "ios", "web"])
def test_a_device_that_brings_the_proof_back_is_its_new_persons(site: Site, platform: str) -> None:
    address = f"another-phone-{platform}"
    site.fcm.devices.add(address, platform, owner="ada")
    site.post("ada", address, platform=platform)
    assert site.post("bob", address, platform=platform).status_code == 202
    (proof,) = site.proofs(address)
    assert site.post("bob", address, platform=platform, proof=proof).status_code == 201
    assert site.owners(address) == ["bob"]


def test_a_device_that_was_offline_gets_the_proof_while_it_is_valid(site: Site) -> None:
    site.fcm.devices.offline(site.phone)
    assert site.post("bob").status_code == 202
    site.fcm.devices.online(site.phone)
    assert site.post("bob", proof=site.proofs()[0]).status_code == 201


def test_a_proof_is_one_persons(site: Site) -> None:
    assert site.post("bob").status_code == 202
    answer = site.post("eve", proof=site.proofs()[0])
    assert (answer.status_code, answer.json()["error"]) == (409, "bad_proof")
    assert site.owners() == ["ada"]


def test_a_proof_is_one_devices(site: Site) -> None:
    site.fcm.devices.add("the-phone-of-eve", "android", owner="eve")
    site.post("bob", "the-phone-of-eve")
    assert site.post("eve", "the-phone-of-eve").status_code == 202
    assert site.post("eve", proof=site.proofs("the-phone-of-eve")[0]).status_code == 409
    assert site.owners() == ["ada"]


def test_a_proof_works_once(site: Site) -> None:
    site.post("bob")
    (first,) = site.proofs()
    assert site.post("bob", proof=first).status_code == 201
    site.api.clock.move(timedelta(seconds=1))
    assert site.post("ada").status_code == 202
    assert site.post("ada", proof=site.proofs()[1]).status_code == 201
    assert site.post("bob", proof=first).status_code == 409
    assert site.owners() == ["ada"]


def test_a_proof_is_worth_nothing_once_the_old_persons_app_has_been_there_again(site: Site) -> None:
    site.post("bob")
    site.api.clock.move(timedelta(seconds=30))
    assert site.post("ada").status_code == 201
    assert site.post("bob", proof=site.proofs()[0]).status_code == 409


def test_a_proof_does_not_live_long(site: Site) -> None:
    site.post("bob")
    site.api.clock.move(LIFE + timedelta(seconds=1))
    assert site.post("bob", proof=site.proofs()[0]).status_code == 409
    assert site.owners() == ["ada"]


@pytest.mark.parametrize("secret", ["another secret of thirty-two bytes", SECRET])
def test_a_proof_that_somebody_else_signed_or_that_is_a_link_is_none(site: Site, secret: str) -> None:
    (notice,) = site.api.tell(entry("eve", 1))
    links = site.api.gateway.links if secret == SECRET else Links("https://x", [secret])
    assert links is not None
    forged = links.token(notice)
    assert site.post("eve", proof=forged).status_code == 409
    assert site.owners() == ["ada"]


def test_a_refresh_with_the_address_of_another_asks_for_a_proof_too(
    site: Site,
) -> None:
    mine = site.post("bob", "the-phone-of-bob").json()["id"]
    body = {"address": site.phone, "platform": "android"}
    bob = site.api.of("bob")
    assert bob.put(f"/v1/devices/{mine}", json=body).status_code == 202
    assert (site.owners(), site.owners("the-phone-of-bob")) == (["ada"], ["bob"])
    proved = bob.put(f"/v1/devices/{mine}", json=body | {"proof": site.proofs()[0]})
    assert proved.status_code == 200
    assert (site.owners(), site.owners("the-phone-of-bob")) == (["bob"], [])


def test_nobody_sends_message_upon_message_to_a_device(site: Site) -> None:
    said = [site.post("eve").status_code for _ in range(PROOFS.burst + 2)]
    assert said == [202] * PROOFS.burst + [429] * 2
    assert len(site.proofs()) == PROOFS.burst
    assert site.post("bob").status_code == 202  # eve keeps nobody from proving what is his


def test_a_device_that_fcm_does_not_know_proves_nothing(site: Site) -> None:
    site.fcm.devices.unregister(site.phone)
    answer = site.post("eve")
    assert (answer.status_code, answer.json()["error"]) == (409, "no_device")
    assert site.owners() == ["ada"]


def test_while_fcm_fails_the_answer_is_to_come_again(site: Site) -> None:
    site.fcm.faults.add("unavailable")
    answer = site.post("bob")
    site.fcm.faults.clear()
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1
    assert site.owners() == ["ada"]


def test_while_fcm_is_slow_those_who_ask_devices_do_not_keep_others_waiting(site: Site) -> None:
    site.fcm.faults.add("slow", seconds=2)
    with ThreadPoolExecutor(AT_ONCE + 3) as threads:
        asked = list(threads.map(lambda n: site.post(f"person {n}").status_code, range(AT_ONCE + 3)))
    site.fcm.faults.clear()
    assert (asked.count(202), asked.count(503)) == (AT_ONCE, 3)


def test_a_person_with_all_devices_does_not_get_one_more_by_proof(site: Site) -> None:
    for n in range(MOST_DEVICES):
        site.api.register("bob", f"token-number-{n}")
    assert site.post("bob").status_code == 202
    assert site.post("bob", proof=site.proofs()[0]).json()["error"] == "too_many_devices"
    assert site.owners() == ["ada"]


def test_without_a_way_to_ask_the_device_an_address_in_use_stays_whose_it_is(api: Api) -> None:
    api.register("ada")
    body = {"address": "token-of-a-phone", "platform": "android"}
    for more in ({}, {"proof": "made-up"}):
        answer = api.of("eve").post("/v1/devices", json=body | more)
        assert answer.status_code == 409
    with api.ledger.read() as connection:
        assert list(devices.of_people(connection, ["ada", "eve"])) == ["ada"]


@pytest.mark.parametrize(("first", "second"), [("token", "fid"), ("fid", "token")])
def test_an_address_in_use_under_one_kind_is_in_use_under_every_kind(
    api: Api, first: str, second: str
) -> None:
    address = f"an-address-{next(NUMBERS)}"
    body = {"address": address, "platform": "android"}
    assert api.of("ada").post("/v1/devices", json=body | {"address_kind": first}).status_code == 201
    assert api.of("eve").post("/v1/devices", json=body | {"address_kind": second}).status_code == 409
    with api.ledger.read() as connection:
        held = devices.of_people(connection, ["ada", "eve"])
    assert [d.address for d in held["ada"]] == [address] and "eve" not in held


def test_whoever_proves_to_hold_a_device_has_it_alone_for_each_address_kind(api: Api) -> None:
    address = f"an-address-{next(NUMBERS)}"
    now = api.clock()
    with api.ledger.write() as connection:
        registrations.register(connection, NewDevice("ada", address, "android"), now)
        eves = NewDevice("eve", address, "android", "fid")
        assert isinstance(registrations.register(connection, eves, now), Held)
        assert isinstance(registrations.register(connection, eves, now, lambda held: True), Registration)
    with api.ledger.read() as connection:
        assert list(devices.of_people(connection, ["ada", "eve"])) == ["eve"]


def test_of_many_who_register_a_new_address_at_once_one_has_it(site: Site) -> None:
    with ThreadPoolExecutor(8) as threads:
        said = list(
            threads.map(lambda n: site.post(("bob", "eve")[n % 2], "a-new-phone").status_code, range(8))
        )
    assert said.count(201) == 4  # one person's first, and that person's refreshes
    assert len(site.owners("a-new-phone")) == 1

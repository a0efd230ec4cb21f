"""The device registry: who can be told where, and what becomes of an address."""

from __future__ import annotations

from tests.support.samples import MINUTE, T0
from vigil.ledger import Ledger
from vigil.ledger.people import devices
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.values import Registered


def register(ledger: Ledger, *some: NewDevice, minute: int = 0) -> None:
    with ledger.write() as connection:
        assert devices.register(connection, some, T0 + minute * MINUTE) == len(some)


def of(ledger: Ledger, *people: str) -> dict[str, list[str]]:
    with ledger.read() as connection:
        return {p: [d.address for d in some] for p, some in devices.of_people(connection, people).items()}


def one(ledger: Ledger, person: str) -> Registered:
    with ledger.read() as connection:
        [device] = devices.of_people(connection, [person])[person]
    return device


def test_a_person_has_the_devices_that_were_registered(ledger: Ledger) -> None:
    register(
        ledger,
        NewDevice("ada", "t1", "android"),
        NewDevice("ada", "t2", "ios"),
        NewDevice("bert", "t3", "web"),
    )
    assert of(ledger, "ada", "bert", "nobody") == {"ada": ["t1", "t2"], "bert": ["t3"]}
    assert of(ledger) == {}


def test_registering_again_refreshes_and_makes_no_second_device(ledger: Ledger) -> None:
    register(ledger, NewDevice("ada", "t1", "android", language="en"))
    before = one(ledger, "ada")
    register(ledger, NewDevice("ada", "t1", "android", language="de", zone="Europe/Berlin"), minute=1)
    after = one(ledger, "ada")
    assert (after.id, after.language, after.zone) == (before.id, "de", "Europe/Berlin")


def test_an_address_that_changes_hands_belongs_to_its_new_person(ledger: Ledger) -> None:
    register(ledger, NewDevice("ada", "t1", "android"))
    register(ledger, NewDevice("bert", "t1", "android"), minute=1)
    assert of(ledger, "ada", "bert") == {"bert": ["t1"]}


def test_the_last_of_two_registrations_in_one_import_counts(ledger: Ledger) -> None:
    register(ledger, NewDevice("ada", "t1", "android"), NewDevice("bert", "t1", "ios"))
    assert of(ledger, "ada", "bert") == {"bert": ["t1"]}


def test_the_same_text_as_a_token_and_as_an_installation_id_are_two_devices(ledger: Ledger) -> None:
    register(ledger, NewDevice("ada", "x", "android"), NewDevice("ada", "x", "android", address_kind="fid"))
    assert of(ledger, "ada") == {"ada": ["x", "x"]}


def test_a_retired_device_is_told_nothing_until_it_registers_again(ledger: Ledger) -> None:
    register(ledger, NewDevice("ada", "t1", "android"), NewDevice("ada", "t2", "ios"))
    gone = next(d.id for d in devices_of(ledger, "ada") if d.address == "t1")
    with ledger.write() as connection:
        devices.retire(connection, [gone], "UNREGISTERED", T0)
    assert of(ledger, "ada") == {"ada": ["t2"]}
    register(ledger, NewDevice("ada", "t1", "android"), minute=1)
    assert of(ledger, "ada") == {"ada": ["t1", "t2"]}


def devices_of(ledger: Ledger, person: str) -> list[Registered]:
    with ledger.read() as connection:
        return devices.of_people(connection, [person])[person]


def test_a_device_registered_again_is_not_retired_for_an_old_reason(ledger: Ledger) -> None:
    register(ledger, NewDevice("ada", "t1", "android"))
    id = one(ledger, "ada").id
    register(ledger, NewDevice("ada", "t1", "android"), minute=2)
    with ledger.write() as connection:
        sent_at = T0 + MINUTE
        devices.retire(connection, [id], "UNREGISTERED", T0 + 3 * MINUTE, unless_refreshed_after=sent_at)
    assert of(ledger, "ada") == {"ada": ["t1"]}


def test_the_first_reason_for_retiring_stays(ledger: Ledger) -> None:
    register(ledger, NewDevice("ada", "t1", "android"))
    id = one(ledger, "ada").id
    with ledger.write() as connection:
        devices.retire(connection, [id], "UNREGISTERED", T0)
        devices.retire(connection, [id], "stale", T0 + MINUTE)
        reason = connection.exec_driver_sql("SELECT retired_reason FROM device").scalar()
    assert reason == "UNREGISTERED"


def test_acceptance_is_noted(ledger: Ledger) -> None:
    register(ledger, NewDevice("ada", "t1", "android"), NewDevice("ada", "t2", "ios"))
    with ledger.write() as connection:
        devices.accepted(
            connection, {one.id for one in devices.of_people(connection, ["ada"])["ada"][:1]}, T0
        )
        devices.accepted(connection, [], T0)
        noted = (
            connection.exec_driver_sql("SELECT address FROM device WHERE last_accepted_at IS NOT NULL")
            .scalars()
            .all()
        )
    assert noted == ["t1"]


def test_people_see_no_address(ledger: Ledger) -> None:
    register(ledger, NewDevice("ada", "tok-secret", "android"))
    device = one(ledger, "ada")
    with ledger.read() as connection:
        assert devices.labels(connection, [device.id]) == {device.id: "ada's android"}
    assert "tok-secret" not in repr(device) + repr(NewDevice("ada", "tok-secret", "android"))

"""A person's own devices, for the person. Every function is bound to the person: devices of other people do not exist for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from vigil.ledger.engine import REGISTRATIONS, in_turn
from vigil.ledger.people import devices
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.tables import DeviceRow, table
from vigil.ledger.values import ADDRESS_KINDS, APP_KINDS

_device = table(DeviceRow)


@dataclass(frozen=True, slots=True)
class Registration:
    """One device, without its address."""

    id: int
    platform: str
    address_kind: str
    app: str
    language: str | None
    zone: str | None
    registered_at: datetime
    refreshed_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """The person who has an address in use, and when that device was last refreshed."""

    id: int
    person: str
    refreshed_at: datetime


Proven = Callable[[Held], bool]


def mine(connection: Connection, person: str) -> list[Registration]:
    """The person's devices in use, oldest first."""
    query = select(_device).where(_belongs(person)).order_by(_device.c.id)
    return [_registration(r) for r in connection.execute(query)]


def count(connection: Connection, person: str) -> int:
    """How many devices the person has in use."""
    return int(connection.execute(select(func.count()).where(_belongs(person))).scalar_one())


def one(connection: Connection, person: str, id: int) -> Registration | None:
    """The person's device with that number; None if there is none, or it belongs to another person."""
    row = connection.execute(select(_device).where(_belongs(person), _device.c.id == id)).first()
    return None if row is None else _registration(row)


def register(
    connection: Connection, device: NewDevice, now: datetime, proven: Proven = lambda held: False
) -> Registration | Held:
    """Add a device or refresh it.

    An address that another person uses stays with that person, and the function returns its holder, unless `proven` says that the
    caller has the device: knowing an address does not prove that.
    """
    in_turn(
        connection, REGISTRATIONS
    )  # of two simultaneous registrations the second sees the result of the first
    others = _held_by_others(connection, device)
    for held in others:
        if not proven(held):
            return held
    devices.register(connection, [device], now)
    where = and_(_device.c.address_kind == device.address_kind, _device.c.address == device.address)
    made = _registration(connection.execute(select(_device).where(where)).one())
    devices.retire(
        connection, [h.id for h in others if h.id != made.id], "its device is another person's now", now
    )
    return made


def _held_by_others(connection: Connection, device: NewDevice) -> list[Held]:
    """The other holders of the address, whatever its declared kind: the same text leads to the same device."""
    where = and_(
        _device.c.address == device.address,
        _device.c.address_kind.in_(ADDRESS_KINDS),
        _device.c.person != device.person,
        _device.c.retired_at.is_(None),
    )
    # Locked: no other transaction refreshes or retires it meanwhile.
    rows = connection.execute(select(_device).where(where).order_by(_device.c.id).with_for_update())
    return [Held(r.id, r.person, r.refreshed_at) for r in rows]


def replace(
    connection: Connection,
    person: str,
    id: int,
    device: NewDevice,
    now: datetime,
    proven: Proven = lambda held: False,
) -> Registration | Held | None:
    """Refresh the person's device `id`, whose address may have changed. None if it does not belong to the person; see `register`.

    With a new address the old row is retired and a new one takes its place: attempts stay with the address that they used.
    """
    if one(connection, person, id) is None:
        return None
    made = register(connection, device, now, proven)
    if isinstance(made, Registration) and made.id != id:
        devices.retire(connection, [id], "its app has another address now", now)
    return made


def retire(connection: Connection, person: str, id: int, now: datetime) -> bool:
    """Retire the person's device. False if it does not belong to the person, or is retired already."""
    values = {"retired_at": now, "retired_reason": "unregistered by the person"}
    where = and_(_belongs(person), _device.c.id == id)
    return connection.execute(update(_device).where(where).values(**values)).rowcount == 1


def _belongs(person: str) -> ColumnElement[bool]:
    own = _device.c.address_kind.in_(APP_KINDS)
    return and_(_device.c.person == person, _device.c.retired_at.is_(None), own)


def _registration(r: object) -> Registration:
    return Registration(
        *(getattr(r, name) for name in Registration.__slots__)  # the columns have the fields' names
    )

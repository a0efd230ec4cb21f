"""The device registry. An address is a secret: it goes to the transport and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from vigil.ledger.engine import chunks
from vigil.ledger.tables import Device, table

_device = table(Device)


@dataclass(frozen=True, slots=True)
class Registered:
    """A device that can be told something."""

    id: int
    person: str
    address: str = field(repr=False)
    address_kind: str
    platform: str
    language: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A registration as an app or an import gives it."""

    person: str
    address: str = field(repr=False)
    platform: str
    address_kind: str = "token"
    app: str = ""
    language: str | None = None
    zone: str | None = None


def register(connection: Connection, devices: Iterable[NewDevice], now: datetime) -> int:
    """Add devices, or refresh those whose address is known: an address that changes hands belongs to its new person."""
    count = 0
    for d in devices:
        fields = {
            "person": d.person,
            "platform": d.platform,
            "app": d.app,
            "language": d.language,
            "zone": d.zone,
        }
        fresh = fields | {"refreshed_at": now, "retired_at": None, "retired_reason": None}
        where = (_device.c.address_kind == d.address_kind) & (_device.c.address == d.address)
        if connection.execute(update(_device).where(where).values(**fresh)).rowcount == 0:
            new = fresh | {"address": d.address, "address_kind": d.address_kind, "registered_at": now}
            connection.execute(insert(_device).values(**new))
        count += 1
    return count


def of_people(connection: Connection, people: Collection[str]) -> dict[str, list[Registered]]:
    """The devices in use, by person."""
    out: dict[str, list[Registered]] = defaultdict(list)
    for some in chunks(sorted(people)):
        query = (
            select(_device)
            .where(_device.c.person.in_(some), _device.c.retired_at.is_(None))
            .order_by(_device.c.id)
        )
        for r in connection.execute(query):
            out[r.person].append(
                Registered(r.id, r.person, r.address, r.address_kind, r.platform, r.language, r.zone)
            )
    return out


def retire(connection: Connection, ids: Collection[int], reason: str, now: datetime) -> None:
    """Take devices out of use. They stay in the table, for `vigil why`."""
    for some in chunks(sorted(ids)):
        where = _device.c.id.in_(some) & _device.c.retired_at.is_(None)
        connection.execute(update(_device).where(where).values(retired_at=now, retired_reason=reason))


def accepted(connection: Connection, ids: Collection[int], now: datetime) -> None:
    """Note that FCM took a message for these devices."""
    for some in chunks(sorted(ids)):
        connection.execute(update(_device).where(_device.c.id.in_(some)).values(last_accepted_at=now))


def labels(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    """What to call devices before people: owner and platform, never the address."""
    out: dict[int, str] = {}
    for some in chunks(sorted(ids)):
        for r in connection.execute(
            select(_device.c.id, _device.c.person, _device.c.platform).where(_device.c.id.in_(some))
        ):
            out[r.id] = f"{r.person}'s {r.platform}"
    return out
